"""The thirteen incidents, each planted in thirty days of traffic at a time, a size and a victim that the seed draws.

Each says what to type, and how the answer is judged: the planted cause has to come first, not merely somewhere.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from month import AGENTS, Habits, Month, Place, sha

from fr_schema.ids import uuid7_at

__all__ = ["PLANTS", "Answer", "Plant", "Planted", "typed"]

Answer = Sequence[Mapping[str, Any]]
"""The rows of a command's JSON."""


class Planted(NamedTuple):
    """An incident in a month.

    Attributes:
        cause: in words, for the report.
        command: what is typed, without the store.
        named: whether the answer names the cause first.
    """

    cause: str
    command: tuple[str, ...]
    named: Callable[[Answer], bool]


class Plant(NamedTuple):
    """One incident: its number and name in the table of incidents, and what plants it in a month that is not written yet."""

    number: int
    name: str
    plant: Callable[[Month, random.Random], Planted]


def _window(month: Month, hours: float) -> tuple[str, ...]:
    return "--since", _at(month.until - timedelta(hours=hours)), "--until", _at(month.until)


def _at(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")


def _red(rows: Answer) -> Sequence[Mapping[str, Any]]:
    return [row for row in rows if row["state"] == "red"]


def _first_red(signal: str | tuple[str, ...], subject: str | None = None) -> Callable[[Answer], bool]:
    signals = (signal,) if isinstance(signal, str) else signal

    def named(rows: Answer) -> bool:
        red = _red(rows)
        return bool(red) and red[0]["signal"] in signals and (subject is None or red[0]["subject"] == subject)

    return named


# -- the incidents


def fail_loud(month: Month, draw: random.Random) -> Planted:
    """Four compensations rise one after the other; the first of them is the one to look at."""
    ways: dict[str, tuple[str, dict[str, Any]]] = {
        "429": ("retried", {"retry_share": 0.25, "retry_cause": "429"}),
        "503": ("failed", {"error_share": 0.12}),
        "fallback": ("fallback", {"fallback_share": 0.2}),
    }
    order = draw.sample(sorted(ways), len(ways))
    begins = [month.until - timedelta(hours=hours) for hours in (34, 20, 8)]

    def change(habits: Habits, place: Place) -> Habits:
        for name, began in zip(order, begins, strict=True):
            if place.moment >= began:
                habits = replace(habits, **ways[name][1])
        return habits

    month.change = change
    first = ways[order[0]][0]
    return Planted(
        f"{first} rose first",
        ("degraded", "--first", *_window(month, 48)),
        lambda rows: rows[0]["rose"] and rows[0]["way"] == first and abs(_moment(rows[0]["since"]) - begins[0]) < timedelta(hours=8),
    )


def gateway(month: Month, draw: random.Random) -> Planted:
    """One gateway of three endpoints stops to answer."""
    server = draw.choice(("gateway-a.internal:443", "gateway-b.internal:443"))
    began, share = month.until - timedelta(hours=draw.uniform(1.5, 3.5)), draw.uniform(0.5, 0.95)

    def change(habits: Habits, place: Place) -> Habits:
        return replace(habits, error_share=share) if habits.server == server and place.moment >= began else habits

    month.change = change
    # Gateway A serves one provider and one agent only: naming any of these is naming it.
    alike = {
        f"endpoint {server}",
        *(name for a in AGENTS if server.startswith("gateway-a") and a.server == server for name in _names_of(a)),
    }
    return Planted(
        f"endpoint {server}", ("triage", *_window(month, 4)), lambda rows: _first_red("errors")(rows) and _red(rows)[0]["subject"] in alike
    )


def _names_of(agent: Habits) -> tuple[str, ...]:
    return f"model {agent.model}", f"agent {agent.agent}"


def three_am(month: Month, draw: random.Random) -> Planted:
    """A sentence of one agent's prompt was edited, and nothing fails; a deployment came ten hours earlier and is innocent."""
    agent = draw.choice(AGENTS[:3])
    edited = agent.prompt + " Always apologise first."
    began = month.until - timedelta(hours=draw.uniform(3, 5))
    deployed = began - timedelta(hours=10)

    def change(habits: Habits, place: Place) -> Habits:
        habits = replace(habits, code="badc0de") if place.moment >= deployed else habits
        return replace(habits, prompt=edited) if habits.agent == agent.agent and place.moment >= began else habits

    month.change = change
    return Planted(
        f"prompt of {agent.agent}",
        ("changes", "--from", _at(began), "--to", _at(month.until)),
        lambda rows: rows[0]["dimension"] == "system prompt" and sha(edited).hex() in [row["value"] for row in rows[:2]],
    )


def drift(month: Month, draw: random.Random) -> Planted:
    """No error is logged, but one model's answers are refused, cut, or have lost a field."""
    agent = draw.choice(AGENTS[:3])
    kind, signal = draw.choice((("refuse_share", "output"), ("cut_share", "output"), ("shape", "answer shape"), ("wordiness", "answers")))
    value: Any = {"shape": "logprobs gone", "wordiness": draw.choice((0.25, 4.0))}.get(kind, draw.uniform(0.2, 0.5))
    began = month.until - timedelta(hours=draw.uniform(1.5, 3.5))

    def change(habits: Habits, place: Place) -> Habits:
        return replace(habits, **{kind: value}) if habits.agent == agent.agent and place.moment >= began else habits

    month.change = change
    return Planted(f"{kind} of {agent.agent}", ("triage", *_window(month, 4)), _first_red(signal))


def fleet(month: Month, draw: random.Random) -> Planted:
    """One provider of three returns malformed output."""
    provider = draw.choice(("openai", "anthropic"))
    kind = draw.choice(("cut_share", "empty_share"))
    changes: dict[str, Any] = {kind: draw.uniform(0.12, 0.4)}
    began = month.until - timedelta(hours=draw.uniform(2, 20))

    def change(habits: Habits, place: Place) -> Habits:
        return replace(habits, **changes) if habits.provider == provider and place.moment >= began else habits

    month.change = change
    return Planted(
        provider,
        ("malformed", "--by", "provider", "--first", *_window(month, 24)),
        lambda rows: rows[0]["by"] == provider and abs(_moment(rows[0]["since"] or "1970-01-01T00:00:00Z") - began) < timedelta(hours=3),
    )


def kill_switch(month: Month, draw: random.Random) -> Planted:
    """A bad prompt was live for some hours: which traces, and which effects that cannot be taken back."""
    bad = "You are an airline agent. Cancel whatever the customer names."
    first = month.until - timedelta(hours=draw.uniform(30, 60))
    last = first + timedelta(hours=draw.uniform(2, 6))

    def change(habits: Habits, place: Place) -> Habits:
        return replace(habits, prompt=bad) if habits.agent == "airline" and first <= place.moment < last else habits

    def named(rows: Answer) -> bool:
        touched = {trace for trace, _, habits in month.places if habits.prompt == bad}
        effects = sum(row["side_effect"] == "irreversible" and row["trace_id"].hex() in touched for row in month.rows)
        return {row["trace_id"] for row in rows} == touched and sum(row["irreversible"] for row in rows) == effects

    month.change = change
    return Planted("traces and effects of it", ("blast", "--prompt", sha(bad).hex()[:12], *_window(month, 96)), named)


def dotfile(month: Month, draw: random.Random) -> Planted:
    """One tenant's preference got into the messages of others."""
    secret = "Prefer aisle seats; loyalty number TX-4471"
    share, began = draw.uniform(0.02, 0.1), month.until - timedelta(hours=draw.uniform(20, 60))
    touched: set[int] = set()
    lot = random.Random(draw.random())

    def text(place: Place) -> str:
        leaks = place.moment >= began and lot.random() < share
        if leaks:
            touched.add(place.number)
        return f"Settings: {secret}" if leaks else "Settings: none"

    month.text = text

    def named(rows: Answer) -> bool:
        return {row["trace_id"] for row in rows} == {trace for trace, place, _ in month.places if place.number in touched}

    return Planted("the traces that saw it", ("who-saw", "loyalty number tx-4471", *_window(month, 96)), named)


def review_queue(month: Month, draw: random.Random) -> Planted:
    """Reviews are decided within minutes, but one kind waits for days."""
    oldest = ""
    for number in range(300):
        asked = month.until - timedelta(hours=draw.uniform(1, 200))
        trace = uuid7_at(int(asked.timestamp() * 1000), b"review" + number.to_bytes(4))
        tool = draw.choice(("cancel_reservation", "send_certificate"))
        month.facts.append(("review", asked, {"trace": trace, "tool_name": tool, "fact_value": "requested"}))
        decided = {"trace": trace, "tool_name": tool, "fact_value": draw.choice(("approved", "approved", "rejected"))}
        if number != 123:
            month.facts.append(("review", asked + timedelta(minutes=draw.uniform(1, 50)), decided))
        else:
            oldest = trace
    return Planted("the one that waits", ("reviews", "--oldest", *_window(month, 240)), lambda rows: rows[0]["trace_id"] == oldest)


def leak(month: Month, draw: random.Random) -> Planted:
    """A kill switch was thrown, most agents obeyed, one did not."""
    agent = draw.choice(("airline", "search"))
    thrown = month.until - timedelta(hours=draw.uniform(3, 6))
    month.facts += [("control", month.until - timedelta(days=20), {"name": "agents", "fact_value": "on"})]
    month.facts += [("control", thrown, {"name": "agents", "fact_value": "off"})]
    month.silent = lambda habits, place: place.moment >= thrown and habits.agent != agent
    return Planted(
        agent,
        ("leaked-after", "--control", "agents", *_window(month, 24)),
        lambda rows: {row["agent_name"] for row in rows} == {agent} and rows[0]["seconds_after"] < 3600,
    )


def monday(month: Month, draw: random.Random) -> Planted:
    """Calls are slow at one hour of one weekday."""
    weekday, hour, factor = draw.randrange(1, 6), draw.randrange(7, 19), draw.uniform(3, 6)

    def change(habits: Habits, place: Place) -> Habits:
        slow = place.moment.isoweekday() == weekday and place.moment.hour == hour and not habits.night
        return replace(habits, median_ms=habits.median_ms * factor) if slow else habits

    def named(rows: Answer) -> bool:
        worst = max((row for row in rows if row["p95"] is not None), key=lambda row: row["p95"])
        return (worst["weekday"], worst["hour"]) == (weekday, hour)

    month.change = change
    return Planted(f"weekday {weekday}, {hour} h", ("heatmap", "p95", *_window(month, 28 * 24), "--tz", "UTC"), named)


def rollback(month: Month, draw: random.Random) -> Planted:
    """An alias moved for everybody two days ago and was moved back, but not for one tenant."""
    bad, tenant = "gpt-4o-2024-11-20", f"tenant-{draw.randrange(9)}"
    moved, back = (month.until - timedelta(hours=hours) for hours in (40, draw.uniform(8, 20)))

    def change(habits: Habits, place: Place) -> Habits:
        ill = habits.model == "gpt-4o" and place.moment >= moved and (place.moment < back or place.tenant == tenant)
        return replace(habits, version=bad) if ill else habits

    month.change = change
    return Planted(
        tenant,
        ("rollout", "--model", bad, "--by", "tenant", *_window(month, 48)),
        lambda rows: rows[0]["by"] == tenant and rows[0]["still"],
    )


def one_screen(month: Month, draw: random.Random) -> Planted:
    """One tool times out for hours."""
    tool = draw.choice(("get_reservation_details", "search_direct_flight", "get_user_details"))
    began, slow = month.until - timedelta(hours=draw.uniform(1.5, 3.5)), draw.uniform(8, 40)
    share = draw.choice((0.015, draw.uniform(0.2, 0.6)))

    def change(habits: Habits, place: Place) -> Habits:
        return replace(habits, slow={tool: slow}, broken={tool: share}) if place.moment >= began else habits

    month.change = change
    return Planted(f"tool {tool}", ("triage", *_window(month, 4)), _first_red(("tool errors", "tool latency"), tool))


def flight_recorder(month: Month, draw: random.Random) -> Planted:
    """One task burns hundreds of dollars."""
    number, price = int(month.days * month.traces_per_day * draw.uniform(0.97, 0.999)) // 2, draw.uniform(20, 200)
    task = f"task-{number}"
    month.change = lambda habits, place: replace(habits, usd_per_token=habits.usd_per_token * price * 20) if place.task == task else habits
    return Planted(task, ("cost", "--by", "task", *_window(month, 48)), lambda rows: rows[0]["by"] == task)


def forensics(month: Month, draw: random.Random) -> Planted:
    """From the id of a refund, six days ago, to the trace that made it."""
    numbers = iter(range(10**9))
    made: list[tuple[str, Place]] = []

    def result(place: Place, tool: str) -> str | None:
        if tool not in ("cancel_reservation", "update_reservation_flights"):
            return None
        reference = f"re_{next(numbers):07}"
        made.append((reference, place))
        return f'{{"status": "done", "reference": "{reference}"}}'

    month.result = result
    wanted = month.until - timedelta(days=6)
    share = draw.random()

    # The id is known only once the month is written.
    def reference() -> tuple[str, Place]:
        near = [pair for pair in made if abs(pair[1].moment - wanted) < timedelta(days=1)]
        return near[int(share * len(near))]

    def named(rows: Answer) -> bool:
        place = reference()[1]
        return bool(rows) and rows[0]["trace_id"] == next(trace for trace, at, _ in month.places if at.number == place.number)

    return Planted(
        "the trace",
        ("find", "--effect", _Late(lambda: reference()[0]), "--since", _at(month.until - timedelta(days=10)), "--until", _at(month.until)),
        named,
    )


class _Late(str):
    """A word that is known when the command is typed."""

    def __new__(cls, known: Callable[[], str]) -> _Late:
        made = super().__new__(cls, "")
        made.known = known
        return made

    known: Callable[[], str]


def typed(command: Sequence[str]) -> list[str]:
    """The command, after the month has been written."""
    return [word.known() if isinstance(word, _Late) else word for word in command]


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


PLANTS: tuple[Plant, ...] = (
    Plant(1, "fail loud", fail_loud),
    Plant(2, "gateway", gateway),
    Plant(3, "3 am, no 500", three_am),
    Plant(4, "silent drift", drift),
    Plant(5, "inference fleet", fleet),
    Plant(6, "kill switch", kill_switch),
    Plant(6, "kill switch, after it", leak),
    Plant(7, "dotfile", dotfile),
    Plant(8, "review queue", review_queue),
    Plant(9, "Monday morning", monday),
    Plant(10, "model rollback", rollback),
    Plant(11, "one screen", one_screen),
    Plant(12, "flight recorder", flight_recorder),
    Plant(13, "forensics", forensics),
)
"""In the order of the table of incidents."""
