"""`fr show` on the planted store: a trace, and its decisions as the model saw them."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from fr_replay.cli.main import main

sys.path.insert(0, str(Path(__file__).resolve().parent))

from cli_stores import LONG_ANSWER, SYSTEM_PROMPT, Planted, planted, run_fr


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Planted:
    """The planted store, in this process's environment."""
    found = planted()
    for name, value in found.env.items():
        if name.startswith("FR_") or name == "TZ":
            monkeypatch.setenv(name, value)
    return found


def _text(capsys: pytest.CaptureFixture[str], *argv: str) -> str:
    assert main(["show", *argv]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    return captured.out


def _json(capsys: pytest.CaptureFixture[str], *argv: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(_text(capsys, *argv, "--json"))
    return found


def test_trace_shows_what_ran(store: Planted, capsys: pytest.CaptureFixture[str]) -> None:
    """The header has the command, where, when, how it ended, what it did, and whether it can be replayed."""
    text = _text(capsys, store.run)
    assert text.startswith(f"trace {store.run}  planted  ok\n")
    for part in (
        "agent.py",
        "exit code 0",
        "7 llm calls (1 failed) · 2 tool calls · 1 other HTTP call",
        "$0.0210",
        "exchanges on record exactly",
    ):
        assert part in text


def test_trace_lists_steps_tools_calls_and_decisions(store: Planted, capsys: pytest.CaptureFixture[str]) -> None:
    """Each kind of thing that happened has its table, with the planted facts in its rows."""
    lines = _text(capsys, store.run).splitlines()
    rows = (
        ("gpt-4o -> gpt-4o-2024-08-06", '→ refund(order="o-1", cents=1200)'),
        ("gpt-4o -> gpt-4o-2024-11-20", "[[moved]]"),
        ("error", "server_error: it broke"),
        ("irreversible", 'refund(order="o-1", cents=1200)', "refunded 1200 for o-1"),
        ("read", "error", "KeyError"),
        ("200", "GET http://", "/weather?city=Oslo"),
        ("escalate", "order not found", "agent.py"),
    )
    for parts in rows:
        assert any(all(part in line for part in parts) for line in lines), parts
    assert [line for line in lines if line and not line.startswith(" ")][1:-1] == [
        "steps",
        "tools",
        "other HTTP calls",
        "decisions of the program",
    ]


def test_control_characters_of_an_answer_are_written_out(store: Planted, capsys: pytest.CaptureFixture[str]) -> None:
    """What a model answered cannot steer the terminal, in the list or in the step."""
    for text in (_text(capsys, store.run), _text(capsys, store.run, "7", "--full")):
        assert "\x1b" not in text and "\x07" not in text and "\\x1b[31mred\\x07 text" in text


def test_step_shows_what_the_model_saw_in_its_order(store: Planted, capsys: pytest.CaptureFixture[str]) -> None:
    """Parameters, system prompt with its hash, tools, messages, answer: in this order, each whole."""
    text = _text(capsys, store.run, "1")
    parts = (
        f"step 1 of 7  trace {store.run}  ok",
        "gpt-4o -> gpt-4o-2024-08-06 (named in the answer)",
        "openai · openai.chat",
        "1,000 in · 100 out",
        "agent.py:",
        "temperature=0.2",
        "sha256 ",
        "(equal hash, equal prompt)",
        SYSTEM_PROMPT,
        "tools offered: 1",
        "refund(order, cents, note?)",
        "messages: 2",
        "the system prompt above",
        "[[tool]] refund o-1",
        "finish reason tool_calls",
        '→ refund(order="o-1", cents=1200)',
        "irreversible ok",
        "refunded 1200 for o-1",
    )
    places = [text.find(part) for part in parts]
    assert -1 not in places, parts[places.index(-1)]
    assert places == sorted(places)


def test_tool_result_in_the_conversation_names_its_call(store: Planted, capsys: pytest.CaptureFixture[str]) -> None:
    """A result stands with the call that it answers."""
    assert '  4 tool\n    result of refund(order="o-1", cents=1200)\n      refunded 1200 for o-1\n' in _text(capsys, store.run, "2")


def test_long_answer_is_folded_unless_full(store: Planted, capsys: pytest.CaptureFixture[str]) -> None:
    """Head, a count, tail; with --full and --json every character."""
    text = _text(capsys, store.run, "2")
    assert "HEAD of the long answer" in text and "TAIL of the long answer" in text and "characters folded, --full shows them" in text
    assert "line 200 of it" not in text
    assert "line 200 of it" in _text(capsys, store.run, "2", "--full")
    assert _json(capsys, store.run, "2")["answer"]["text"] == LONG_ANSWER


def test_retried_step_shows_its_attempts(store: Planted, capsys: pytest.CaptureFixture[str]) -> None:
    """Status, cause and back-off of each attempt."""
    lines = _text(capsys, store.run, "3").splitlines()
    start = lines.index("attempts")
    assert "429" in lines[start + 2] and "slow down" in lines[start + 2]
    assert "200" in lines[start + 3] and "429" in lines[start + 3]


def test_failed_step_shows_its_error(store: Planted, capsys: pytest.CaptureFixture[str]) -> None:
    """The provider's own words stand where the answer would."""
    text = _text(capsys, store.run, "4")
    assert text.index("\nanswer") < text.index("server_error: it broke")


def test_step_without_an_answer_says_so(store: Planted, capsys: pytest.CaptureFixture[str]) -> None:
    """A killed process leaves the question, and words in the answer's place."""
    text = _text(capsys, store.killed, "1")
    assert "[[hang]]" in text
    assert text.rstrip().endswith("no answer on record: the process was killed or still runs")
    assert "ended by signal 9" in _text(capsys, store.killed)
    assert _json(capsys, store.killed, "1")["answer"] is None


def test_secrets_stay_redacted_and_are_counted(store: Planted, capsys: pytest.CaptureFixture[str]) -> None:
    """The token stands where the card number was."""
    text = _text(capsys, store.run, "7", "--full")
    assert "1 payment_card" in text and "4111" not in text and "[[fr:payment_card:" in text


def test_hand_made_call_is_shown_like_any_other(store: Planted, capsys: pytest.CaptureFixture[str]) -> None:
    """A client that no seam sees gives model, system prompt, messages and answer too."""
    assert store.run
    rows = main(["ls", "--name", "handmade", "--format", "json"])
    (row,) = json.loads(capsys.readouterr().out)
    assert rows == 0
    text = _text(capsys, row["trace_id"], "1")
    for part in ("m-large -> m-large-7 (named by the program)", "acme", "temperature=0.5", "Be kind.", "hello you", "5 in · 2 out"):
        assert part in text


DECISION_KEYS = (
    *(
        "trace_id",
        "span_id",
        "step",
        "steps",
        "call",
        "model",
        "params",
        "system_prompt",
        "messages",
        "request_body",
        "tools",
        "answer",
        "usage",
    ),
    *("timing", "attempts"),
    *("served_by", "compensations", "links", "facts"),
)


def test_json_of_a_step_is_complete_with_stable_keys(store: Planted, capsys: pytest.CaptureFixture[str]) -> None:
    """The keys, and under them what was planted, parsed."""
    found = _json(capsys, store.run, "2")
    assert tuple(found) == DECISION_KEYS
    assert found["model"]["model_requested"] == "gpt-4o" and found["model"]["model_resolved"] == "gpt-4o-2024-08-06"
    assert found["system_prompt"]["text"] == SYSTEM_PROMPT and len(found["system_prompt"]["sha256"]) == 64
    roles = [(message["position"], message["role"]) for message in found["messages"]]
    assert roles == [(1, "system"), (2, "user"), (3, "assistant"), (4, "tool"), (5, "user")]
    assert found["messages"][3]["content"] == {"role": "tool", "tool_call_id": "call_1", "content": "refunded 1200 for o-1"}
    assert found["messages"][2]["tool_calls"] == [{"id": "call_1", "name": "refund", "arguments": '{"order": "o-1", "cents": 1200}'}]
    assert found["tools"]["definitions"][0]["schema"]["required"] == ["order", "cents"]
    assert found["usage"]["raw"]["prompt_tokens"] == 1000
    assert found["timing"]["chunks"] == 1 and found["attempts"][0]["http_status"] == 200
    first = _json(capsys, store.run, "1")
    assert first["params"]["sent"]["temperature"] == 0.2
    (asked,) = first["answer"]["tool_calls"]
    assert asked["arguments"] == {"order": "o-1", "cents": 1200} and asked["result"] == "refunded 1200 for o-1"
    assert asked["made"]["side_effect"] == "irreversible" and asked["made"]["status"] == "ok"


def test_json_of_a_trace_has_all_its_parts(store: Planted, capsys: pytest.CaptureFixture[str]) -> None:
    """Rows of the views under stable keys."""
    found = _json(capsys, store.run)
    assert tuple(found) == ("trace", "run", "replay", "steps", "tools", "http", "decisions", "facts", "spans", "processes", "gaps")
    assert [step["step"] for step in found["steps"]] == [1, 2, 3, 4, 5, 6, 7]
    assert found["run"]["exit_code"] == 0 and found["run"]["argv"][-1].endswith("agent.py")
    assert found["replay"] == {"exchanges": 11, "not_exact": {}}
    assert [tool["tool_name"] for tool in found["tools"]] == ["refund", "lookup"]


BAD = (
    (("RUN", "8"), "the trace has no step 8 (it has steps 1 to 7; fr show TRACE lists them)"),
    (("KILLED", "2"), "the trace has no step 2 (it has step 1 only; fr show TRACE lists them)"),
)


@pytest.mark.parametrize(("argv", "message"), BAD)
def test_step_that_is_not_there(argv: tuple[str, str], message: str, store: Planted, capsys: pytest.CaptureFixture[str]) -> None:
    """The steps that there are are named."""
    trace = {"RUN": store.run, "KILLED": store.killed}[argv[0]]
    assert main(["show", trace, argv[1]]) == 2
    assert capsys.readouterr().err == f"fr: {message}\n"


def test_output_goes_to_a_file(store: Planted, tmp_path: Path) -> None:
    """-o writes the plain text, and nothing to stdout."""
    ran = run_fr("show", store.run, "-o", str(tmp_path / "trace.txt"), env=store.env)
    assert (ran.returncode, ran.stdout) == (0, "")
    assert (tmp_path / "trace.txt").read_text().startswith(f"trace {store.run}")
