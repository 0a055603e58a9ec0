"""Which recorded exchange a request is, and whether it is its turn: the same comparison as in ``fr replay``, without lanes.

A program behind a proxy does not say which of its tasks asks. So a request is matched by what it asks for: it is the first recorded one,
not asked for yet, that is equal to it. What keeps the order strict are places: a request may be made, and a piece of an answer is given,
when all that came before it in the record has happened. A request that comes too early waits for its turn.
"""

from __future__ import annotations

import itertools
from typing import Any

from ..divergence import CanonicalRequest, canonical_http, difference_row, differences, list_lengths, same
from ..replaying import DIVERGED, RECORD_ENDED, UNSUPPORTED
from .ordered_places import OrderedPlaces, Stuck
from .served_trace import Exchange, ServedTrace

__all__ = ["Matching", "Stopped"]

_SHOWN_DIFFERENCES = 6
_LONGEST_SHOWN = 4_000
_MOST_GAP_S = 0.01
"""Between pieces of two answers, so that the program takes them up one after the other as it did; and never longer than it was then."""


class Stopped(Exception):
    """The program does not do what is on record, or the record cannot say.

    Attributes:
        outcome: diverged, record-ended or unsupported.
        facts: what, and the differences, as ``fr replay`` has them.
    """

    def __init__(self, outcome: str, facts: dict[str, Any]) -> None:
        super().__init__(facts["what"])
        self.outcome = outcome
        self.facts = facts


class Matching:
    """Serves one trace, once. Used by one event loop.

    Args:
        patience_s: how long a request, or an answer, waits for what came before it in the record while nothing moves.

    Attributes:
        served: requests that were recognised and answered.
        ambiguous: requests that several recorded ones, on their way at once and answered differently, are equal to.
        left_early: answers that the program did not read to where it had read them in the record.
        stopped: the first stop; every later request is stopped by it again.
    """

    def __init__(self, trace: ServedTrace, patience_s: float) -> None:
        self.trace = trace
        self._places = OrderedPlaces(sum(1 + len(exchange.given_at) for exchange in trace.exchanges), patience_s)
        self.served = 0
        self.ambiguous = 0
        self.left_early = 0
        self.stopped: Stopped | None = None

    async def ask(self, method: str, url: str, headers: list[tuple[str, str]], body: bytes) -> Exchange:
        """The recorded exchange of a request, when its turn has come. Raises Stopped."""
        self._go_on()
        clean = self.trace.redacting.request(method, url, headers, body)
        now = canonical_http(method, *clean)
        exchange = self._equal_to(now)
        if exchange is None:
            raise self.stop(DIVERGED, self._difference(now))
        exchange.asked = True
        try:
            await self._reach(exchange.asked_at, exchange)
        except BaseException:
            # Who hung up while waiting may ask again.
            exchange.asked = self.stopped is not None
            raise
        self._places.passed((exchange.asked_at,))
        missing = exchange.event.facts.get("missing")
        if not exchange.given_at:
            what = "the record ends here: the answer to this request is not on record"
            raise self.stop(RECORD_ENDED, {"what": what, **self._facts(exchange)})
        if missing:
            raise self.stop(UNSUPPORTED, {"what": f"the record lacks its {missing}", **self._facts(exchange)})
        self.served += 1
        return exchange

    async def give(self, exchange: Exchange, number: int) -> None:
        """Wait until this piece of an answer may be given: 0 is the head, the last is the end. Raises Stopped."""
        self._go_on()
        place = exchange.given_at[number]
        await self._reach(place, exchange)
        gap_s = self.trace.gaps_s[place]
        if gap_s:
            await self._places.rest(min(gap_s, _MOST_GAP_S))
            self._go_on()

    def given(self, exchange: Exchange, number: int) -> None:
        """This piece was given."""
        self._places.passed((exchange.given_at[number],))
        exchange.is_over = exchange.is_over or number == len(exchange.given_at) - 1

    def left(self, exchange: Exchange, *, as_recorded: bool) -> None:
        """The program has closed the connection: nothing more of this answer is given."""
        if not exchange.is_over:
            exchange.is_over = True
            self.left_early += not as_recorded
            self._places.passed(exchange.given_at)

    def unasked(self) -> list[Exchange]:
        """Recorded exchanges that the program has not asked for."""
        return [exchange for exchange in self.trace.exchanges if not exchange.asked]

    def stop(self, outcome: str, facts: dict[str, Any]) -> Stopped:
        """Nothing more is served."""
        if self.stopped is None:
            self.stopped = Stopped(outcome, {**facts, "served": self.served, "recorded": len(self.trace.exchanges)})
            self._places.release_all()
        return self.stopped

    def _go_on(self) -> None:
        if self.stopped is not None:
            raise self.stopped

    async def _reach(self, place: int, exchange: Exchange) -> None:
        try:
            await self._places.reach(place)
        except Stuck as stuck:
            raise self.stop(DIVERGED, self._out_of_turn(exchange, stuck.place)) from stuck
        self._go_on()

    def _equal_to(self, now: CanonicalRequest) -> Exchange | None:
        """The first recorded request that is equal, and not asked for yet; counts those that could as well be another."""
        tape = self.trace.tape
        found = [exchange for exchange in self.trace.exchanges if not exchange.asked and same(exchange.canonical(tape), now)]
        if len(found) > 1 and self._could_be(found[0], found[1]) and self._answer_of(found[0]) != self._answer_of(found[1]):
            self.ambiguous += 1
        return found[0] if found else None

    def _could_be(self, first: Exchange, second: Exchange) -> bool:
        """True for two that were on their way at once."""
        return not first.given_at or second.asked_at < first.given_at[-1]

    def _answer_of(self, exchange: Exchange) -> Any:
        answer = exchange.event.answer
        return exchange.event.end, answer["status"], self.trace.tape.content(answer["content"])

    # -- saying what is wrong

    def _facts(self, exchange: Exchange | None) -> dict[str, Any]:
        event = exchange.event if exchange is not None else None
        return {
            "step": event.step if event else None,
            "lane_path": event.lane if event else None,
            "request": event.request if event else None,
            "redaction": self.trace.redacting.describe(event),
        }

    def _difference(self, now: CanonicalRequest) -> dict[str, Any]:
        """The facts of a request that is not on record: what the record has next, and how the two differ."""
        unasked = self.unasked()
        expected = next((one for one in unasked if one.canonical(self.trace.tape).target == now.target), None) or next(iter(unasked), None)
        if expected is None:
            what = f"the program asks for something that the record does not hold: {now.target}; all its requests have been answered"
            return {"what": what, "differences": [], **self._facts(None)}
        reason = self.trace.redacting.why_incomparable(expected.event)
        if reason is not None:
            return {"what": reason, "differences": [], **self._facts(expected)}
        before = expected.canonical(self.trace.tape)
        if before.target != now.target:
            what = f"the program asks for {now.target}, where the record has {before.target}"
            return {"what": what, "differences": [], **self._facts(expected)}
        found = list(differences(before, now))
        rows = [difference_row(one, _LONGEST_SHOWN) for one in itertools.islice(found, _SHOWN_DIFFERENCES)]
        more = {"differences": rows, "total": len(found), "lengths": list_lengths(before, now)}
        return {"what": "the request differs", **more, **self._facts(expected)}

    def _out_of_turn(self, exchange: Exchange, head: int) -> dict[str, Any]:
        """The facts of something whose turn does not come."""
        first = next((one for one in self.trace.exchanges if head in (one.asked_at, *one.given_at)), None)
        asked = f"{exchange.event.request['method']} {exchange.event.request['url']}"
        if first is None or first is exchange:
            what = f"the turn of {asked} does not come"
        elif not first.asked:
            step = f" (step {first.event.step})" if first.event.step else ""
            request = first.event.request
            what = f"the program waits for {asked}, before which the record has {request['method']} {request['url']}{step}"
        else:
            what = f"the program waits for {asked}, before which it had read, or given up, the answer to {first.event.request['url']}"
        return {"what": what, "differences": [], **self._facts(first or exchange)}
