"""The benchmarks' own arithmetic, text and report, and that each measure runs, with sizes at which it measures nothing."""

import http.client
import itertools
import json
import random
import subprocess
import sys
import time
import zlib
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "benchmarks"))

import arithmetic
import budgets
import machine
import report
import workload
from processes import BenchmarkFailed, Upstream, cell_place, run_cell
from recorders.adapter import AGAIN, BASELINE, RECORDERS, installed

RUNNER = Path(report.__file__).with_name("run.py")
MEASURES = (
    "startup",
    "live_call",
    "canned",
    "conversation",
    "survival",
    "replay_speed",
    "replay_outcomes",
    "replay_big",
    "clock",
    "store_load",
)


# -- arithmetic


def test_median_of_medians_takes_rounds_before_calls() -> None:
    """A slow round counts once, however many calls it has."""
    assert arithmetic.median_of_medians([[1, 2, 3], [10, 20, 30, 40, 50], [4, 5, 6]]) == 5


@pytest.mark.parametrize(("share", "expected"), [(0.5, 50), (0.99, 99), (1.0, 100), (0.0, 1)])
def test_percentile_is_the_nearest_rank_over_all_rounds(share: float, expected: float) -> None:
    """Calls of all rounds are pooled; no value is interpolated."""
    rounds = [list(range(1, 51)), list(range(51, 101))]
    assert arithmetic.pooled_percentile(rounds, share) == expected


def test_percentile_of_nothing_is_refused() -> None:
    """No call is no figure, rather than 0."""
    with pytest.raises(ValueError, match="no call"):
        arithmetic.pooled_percentile([[], []], 0.99)


def test_what_is_added_is_compared_within_a_round() -> None:
    """A machine that slows down between rounds must not be charged to the recorder."""
    baseline = [[100.0, 100.0], [200.0, 200.0], [300.0, 300.0]]
    recorder = [[110.0], [211.0], [309.0]]
    assert arithmetic.added_median(recorder, [baseline]) == 10
    assert arithmetic.added_median(recorder, [baseline, baseline]) == 10


def test_baselines_are_pooled() -> None:
    """With two baselines, the median over the calls of both is what is subtracted."""
    assert arithmetic.added_median([[10.0]], [[[1.0, 1.0, 1.0]], [[5.0]]]) == 9


def test_noise_is_the_worst_round() -> None:
    """Noise is stated as the largest difference that was seen, not an average."""
    assert arithmetic.noise([[10.0], [20.0]], [[11.0], [14.0]]) == 6


@pytest.mark.parametrize(("value", "base", "expected"), [(10, 5, 2), (10, 0, None), (10, -1, None)])
def test_ratio_to_nothing_is_none(value: float, base: float, expected: float | None) -> None:
    """An added time within the noise may be negative; a ratio to it says nothing."""
    assert arithmetic.ratio(value, base) == expected


def test_share_of_others_leaves_out_idle_time_and_our_own() -> None:
    """Of 10 s on the machine, 6 busy and 4 of those ours, others had a fifth."""
    before = machine.MachineTime(100.0, 50.0, 1.0)
    assert machine.share_of_others(before, machine.MachineTime(110.0, 56.0, 5.0)) == pytest.approx(0.2)
    assert machine.share_of_others(before, before) == 0


# -- text


def test_requests_are_the_same_for_a_seed_and_fresh_for_a_number() -> None:
    """Rounds can be repeated, and no two calls share a text that could be stored once."""
    first, again, other = workload.chat_request("s", 1), workload.chat_request("s", 1), workload.chat_request("s", 2)
    assert first == again
    texts = [message["content"] for request in (first, other) for message in request["messages"]]
    assert len(set(texts)) == len(texts) == 40
    assert 29_000 < len(json.dumps(first, ensure_ascii=False).encode()) < 33_000


def test_a_conversation_only_grows() -> None:
    """Each turn's messages begin with all of the turn before."""
    requests = workload.growing_conversation("s", 5, messages_per_turn=2, characters=750)
    assert [len(request["messages"]) for request in requests] == [2, 4, 6, 8, 10]
    for before, after in itertools.pairwise(requests):
        assert after["messages"][: len(before["messages"])] == before["messages"]
    assert all(len(message["content"]) == 750 for message in requests[-1]["messages"])


def test_text_compresses_like_real_conversations() -> None:
    """Text of random letters, or one word repeated, would decide the storage figures by itself."""
    text = workload.text(random.Random(1), 150_000).encode()
    assert 3.4 < len(text) / len(zlib.compress(text, 6)) < 4.6


def test_a_call_is_on_record_only_with_both_marks() -> None:
    """A question without its answer is not a recorded call, and a call in two pieces is one call."""
    pieces = [b"ask-000001 x ask-000002 y", b"answer-000001 nonce", b"ask-000001 answer-000001 answer-000003"]
    assert workload.calls_marked(pieces) == 1


# -- report


def _section(**facts: float) -> report.Section:
    return report.Section("x", "A title", "How.", ("recorder", "µs"), [["none", "1"], ["a|b", "2"]], ["A note."], facts)


@pytest.mark.parametrize(
    ("value", "at_most", "expected"),
    [(5, True, "MET"), (6, True, "MISSED"), (5, False, "MET"), (4, False, "MISSED"), (None, True, "NOT_MEASURED")],
)
def test_a_figure_equal_to_the_limit_meets_the_budget(value: float | None, at_most: bool, expected: str) -> None:
    """Budgets are limits that may be reached; what was not measured is neither met nor missed."""
    budget = budgets.Budget("fact", "what", 5, "µs", "because", at_most=at_most)
    assert budgets.judge(budget, value).name == expected


@pytest.mark.parametrize("budget", budgets.BUDGETS, ids=lambda budget: budget.fact)
def test_a_missed_budget_says_by_how_much_and_why(budget: budgets.Budget) -> None:
    """The obstacle of a budget is shown when it is missed, and only then."""
    beyond = budget.limit * 3 if budget.at_most else budget.limit / 2
    missed = report.as_text([], [_section(**{budget.fact: beyond})])
    met = report.as_text([], [_section(**{budget.fact: budget.limit})])
    assert f"missed by {report.amount(abs(beyond - budget.limit), budget.digits)}" in missed
    unwrapped = " ".join(missed.split())
    assert " ".join(budget.obstacle.split()) in unwrapped
    assert "missed" not in met.partition("verdict")[2].partition("\n\n")[0]
    assert " ".join(budget.obstacle.split()) not in " ".join(met.split())


def test_both_forms_of_the_report_hold_the_same_figures() -> None:
    """Markdown escapes what would break its tables."""
    text, markdown = report.as_text(["About."], [_section()]), report.as_markdown(["About."], [_section()])
    for piece in ("A title", "How.", "A note.", "not measured"):
        assert piece in text
        assert piece in markdown
    assert "| a\\|b | 2 |" in markdown


# -- server and cells


def test_the_server_answers_after_its_latency_and_names_the_question() -> None:
    """The stand-in model waits, answers the last mark of the request, and gives each answer a nonce of its own."""
    body = json.dumps({"messages": [{"role": "user", "content": "ask-000003"}, {"role": "user", "content": "ask-000007 x"}]})
    contents = []
    with Upstream(latency_ms=30, answer_characters=200) as upstream:
        connection = http.client.HTTPConnection(upstream.url.removeprefix("http://"), timeout=10)
        for _ in range(2):
            started = time.perf_counter()
            connection.request("POST", "/v1/chat/completions", body)
            contents.append(json.loads(connection.getresponse().read())["choices"][0]["message"]["content"])
            assert time.perf_counter() - started >= 0.03
        connection.close()
    assert all(content.startswith("answer-000007 ") and len(content) == 200 for content in contents)
    assert contents[0] != contents[1]


def test_uploads_are_kept_as_they_came(tmp_path: Path) -> None:
    """What a recorder sends is counted in bytes of the wire, so it must not be decoded or cut."""
    with Upstream(keep=str(tmp_path)) as upstream:
        connection = http.client.HTTPConnection(upstream.url.removeprefix("http://"), timeout=10)
        for body, headers in ((b"\x00plain" * 50_000, {}), (b"not really gzip", {"content-encoding": "gzip"})):
            connection.request("POST", "/v1/traces", body, headers)
            assert connection.getresponse().read() == b"{}"
        connection.close()
    kept = sorted(tmp_path.iterdir())
    assert [path.suffix for path in kept] == [".raw", ".gz"]
    assert [path.read_bytes() for path in kept] == [b"\x00plain" * 50_000, b"not really gzip"]


def test_a_cell_that_fails_is_named(tmp_path: Path) -> None:
    """A recorder that cannot run must not look like one that costs nothing."""
    with cell_place(str(tmp_path)) as place, pytest.raises(BenchmarkFailed, match=r"live_call with none ended with exit code 1: .*url"):
        run_cell("live_call", "none", place, {})


def test_a_cell_that_should_be_killed_and_lives_is_a_failure(tmp_path: Path) -> None:
    """Survival means nothing when the process was not killed."""
    arguments = {"seed": "s", "calls": 1}
    with cell_place(str(tmp_path)) as place, pytest.raises(BenchmarkFailed, match="exit code 0"):
        run_cell("canned", "none", place, arguments, killed=True)


def test_every_measure_runs(tmp_path: Path) -> None:
    """The whole runner, with tiny sizes; a peer that is not installed is said to be so, and is no failure."""
    markdown = tmp_path / "report.md"
    command = [sys.executable, str(RUNNER), "--quick", "--markdown", str(markdown)]
    ended = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=150)
    assert ended.returncode == 0, ended.stderr
    assert tuple(dict.fromkeys(line.split()[1].rstrip(":") for line in ended.stderr.splitlines())) == MEASURES
    written = markdown.read_text()
    for section in (
        "Start-up",
        "A live call",
        "A growing conversation",
        "Back to back",
        "A conversation on disk",
        "After kill -9",
        "Replay",
    ):
        assert f"## {section}" in written
    missing = [row.name for row in RECORDERS if not installed(row)]
    assert (report.NOT_INSTALLED in written) == bool(missing)
    assert "| fr | 5 of 5 |" in written
    rows = [line for line in written.splitlines() if line.startswith((f"| {AGAIN} |", f"| {BASELINE} |"))]
    assert len(rows) == 6
    assert "the figures mean nothing" in ended.stdout
    assert "not measured |" not in written.partition("## Start-up")[0]
