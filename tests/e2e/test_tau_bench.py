"""Real runs of an airline agent: every byte of them is on record, each replays identically, and a difference does not go unnoticed."""

from collections import Counter
from dataclasses import replace
from typing import Any, NamedTuple

import pytest
from tau_bench_check import Comparison, DifferenceError, RecordCheck, Recorded
from tau_bench_runs import DATA, check_printed, check_record, is_closed, load_runs, name_of, record, replay_all

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(not DATA.exists(), reason="the tau-bench trajectories are not there: ../shared/data beside the repository"),
]

RUNS = slice(25, 37)
"""Among them runs whose tool messages are the same bytes, after calls with other arguments."""

PROCESSES = 2
ALONE = 1


class Checked(NamedTuple):
    """A record of real runs that was found equal to its source, and what was counted on the way."""

    recorded: Recorded
    check: RecordCheck
    counts: Counter[str]


@pytest.fixture(scope="module")
def checked(tmp_path_factory: pytest.TempPathFactory) -> Checked:
    """The first runs of the file, recorded and compared once for all tests here."""
    recorded = record(load_runs(DATA, RUNS), tmp_path_factory.mktemp("tau-bench"), PROCESSES, ALONE)
    return Checked(recorded, *check_record(recorded))


def test_every_message_and_tool_result_of_real_runs_is_on_record(checked: Checked) -> None:
    """As many runs, messages, calls and tool results were compared as the source holds, with the server gone."""
    runs = load_runs(DATA, RUNS)
    messages = [message for run in runs for message in run["traj"]]
    roles = Counter(message["role"] for message in messages)
    wanted = {
        "runs": len(runs),
        "messages of the runs": len(messages),
        "model calls": roles["assistant"],
        "tool calls asked for": roles["tool"],
        "tool inputs": roles["tool"],
        "tool results": roles["tool"],
    }
    assert {what: checked.counts[what] for what in wanted} == wanted
    assert {kind for kind, _ in checked.check.comparison.replaced} == {"email"}
    assert check_printed(checked.recorded) == roles["assistant"]
    assert is_closed(checked.recorded.port)


def changed_text(place: str, runs: dict[str, list[dict[str, Any]]]) -> None:
    """Change one character of the source: in the first message of a role, or in the arguments of the first tool call."""
    messages = [message for run in runs.values() for message in run]
    if place == "arguments":
        function = next(message for message in messages if message.get("tool_calls"))["tool_calls"][0]["function"]
        function["arguments"] = function["arguments"].replace("_", "-", 1)
        return
    message = next(message for message in messages if message["role"] == place and message["content"])
    message["content"] = message["content"][:-1] + "~"


@pytest.mark.parametrize("place", ["system", "user", "assistant", "tool", "arguments"])
def test_one_other_character_in_the_source_is_found(place: str, checked: Checked) -> None:
    """The comparison fails when a record does not say what the source says."""
    runs = {name_of(run): run["traj"] for run in load_runs(DATA, RUNS)}
    changed_text(place, runs)
    other = replace(checked.recorded, runs=runs)
    with pytest.raises(DifferenceError, match="found"):
        RecordCheck(other, checked.check.store, Comparison(other.bench.folder / "keys")).everything()


@pytest.mark.parametrize(
    ("found", "wanted"),
    [
        (b"to {ann} now", b"to bob@example.com now"),
        (b"to {ann} now", b"to ann@example.com  now"),
        (b"to {ann} now", b"to ann@example.com now."),
        (b"to {ann}", b"to ann@example.com now"),
        (b"{ann} and {ann}", b"ann@example.com and bob@example.com"),
        (b"to ann@example.com now", b"to {ann} now"),
    ],
)
def test_a_token_stands_for_its_own_value_and_nothing_else(found: bytes, wanted: bytes, checked: Checked) -> None:
    """Bytes around tokens must be equal, and a token must be the hash of exactly what it replaced."""
    comparison = Comparison(checked.recorded.bench.folder / "keys")
    token = comparison.token("email", "ann@example.com").encode()
    comparison.same(b"<" + token + b"|" + token + b">", b"<ann@example.com|Ann@Example.com>", "equal but for tokens")
    with pytest.raises(DifferenceError):
        comparison.same(found.replace(b"{ann}", token), wanted.replace(b"{ann}", token), "different")


def test_real_runs_replay_identically_with_the_server_stopped(checked: Checked) -> None:
    """Every process prints the same bytes, though the answers and the tools' results are no longer to be had."""
    identical, output = replay_all(checked.recorded)
    assert identical == len(checked.recorded.processes) == PROCESSES + ALONE
    assert output == sum(len(process.stdout) for process in checked.recorded.processes) > 0
    assert not (checked.recorded.bench.folder / "results.json").exists()
