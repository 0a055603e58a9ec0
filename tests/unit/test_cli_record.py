"""`fr record`: the command is unchanged, and the last line on stderr says what there is of it."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from fr_replay.cli.record_cmd import summary_line
from fr_replay.segments import segments_of_run

sys.path.insert(0, str(Path(__file__).resolve().parent))

from cli_stores import FR, environment, planted, run_fr, trace_in

PYTHON = sys.executable
FACTS: dict[str, Any] = {
    "llm_calls": 7,
    "tool_calls": 2,
    "tokens_in": 12_000,
    "tokens_out": 345,
    "cost_usd": 0.0123,
    "calls_without_cost": 0,
    "duration_ms": 3210.0,
    "gaps": 0,
    "llm_errors": 0,
}
TRACE = "01a20964a036768aa934105739c8e1cf"

LINES: tuple[tuple[dict[str, Any], str], ...] = (
    ({}, f"recorded trace {TRACE} · 7 llm calls · 2 tool calls · 12,345 tokens · $0.0123 · 3.2s"),
    ({"llm_calls": 1, "tool_calls": 1}, f"recorded trace {TRACE} · 1 llm call · 1 tool call · 12,345 tokens · $0.0123 · 3.2s"),
    (
        {"tool_calls": 0, "tokens_in": None, "tokens_out": None, "cost_usd": None},
        f"recorded trace {TRACE} · 7 llm calls · 0 tool calls · 3.2s",
    ),
    ({"calls_without_cost": 2}, f"recorded trace {TRACE} · 7 llm calls · 2 tool calls · 12,345 tokens · $0.0123+ · 3.2s"),
    ({"llm_errors": 3, "duration_ms": None}, f"recorded trace {TRACE} · 7 llm calls · 2 tool calls · 12,345 tokens · $0.0123 · 3 failed"),
    (
        {"gaps": 1},
        f"recorded trace {TRACE} · 7 llm calls · 2 tool calls · 12,345 tokens · $0.0123 · 3.2s · 1 gap: fr show 01a20964a036 names them",
    ),
)


@pytest.mark.parametrize(("changes", "line"), LINES)
def test_summary_line(changes: dict[str, Any], line: str) -> None:
    """What is not known, or nothing, is left out; the two counts always stand."""
    assert summary_line(TRACE, {**FACTS, **changes}) == line


def test_last_line_of_a_recorded_agent() -> None:
    """The planted agent: one line, with the counts, the sum and the time."""
    lines = planted().recorded.splitlines()
    assert len(lines) == 1
    pattern = r"fr: recorded trace [0-9a-f]{32} · 7 llm calls · 2 tool calls · 6,600 tokens · \$0\.0210 · [0-9.]+m?s · 1 failed"
    assert re.fullmatch(pattern, lines[0])


def test_record_is_sealed_when_the_command_has_ended() -> None:
    """No journal is left, and the trace lies in Parquet that pyarrow reads without us."""
    import pyarrow.parquet as pq

    found = planted()
    assert segments_of_run(found.store, found.run).journals == []
    tables = [pq.read_table(file) for file in Path(found.store, "events").rglob("*.parquet")]
    kinds = [kind for table in tables for kind in table.filter(_is(table, found.run)).column("kind").to_pylist()]
    assert kinds.count("llm_call") == 7 and kinds.count("run") == 1


def _is(table: Any, trace: str) -> Any:
    import pyarrow as pa
    import pyarrow.compute as pc

    return pc.equal(table.column("trace_id"), pa.scalar(bytes.fromhex(trace), table.schema.field("trace_id").type))


def test_command_is_unchanged(tmp_path: Path) -> None:
    """Standard input and output go through byte for byte, errors come before our line, and the exit code is the command's."""
    script = "import sys; sys.stdout.buffer.write(sys.stdin.buffer.read()[::-1]); sys.stderr.write('own words\\n'); sys.exit(7)"
    ran = subprocess.run(
        [*FR, "record", PYTHON, "-c", script], env=environment(tmp_path), input=b"\x00\xffabc\r\n", capture_output=True, timeout=60
    )
    assert (ran.returncode, ran.stdout) == (7, b"\n\r" + b"cba\xff\x00")
    lines = ran.stderr.decode().splitlines()
    assert lines[0] == "own words" and lines[1].startswith("fr: recorded trace ") and len(lines) == 2


def test_signal_that_ends_the_command_ends_us(tmp_path: Path) -> None:
    """A shell sees the same status as without `fr record`."""
    ran = run_fr("record", "--", PYTHON, "-c", "import os, signal; os.kill(os.getpid(), signal.SIGTERM)", env=environment(tmp_path))
    assert ran.returncode == -signal.SIGTERM
    assert "(the command ended with signal 15)" in ran.stderr


def test_options_behind_the_command_are_its_own(tmp_path: Path) -> None:
    """Without `--` too, and a `--` behind the command stays where it is."""
    script = "import sys; print(sys.argv[1:])"
    for dashes in ((), ("--",)):
        ran = run_fr("record", "--name", "x", *dashes, PYTHON, "-c", script, "--name", "own", "--", "-n", env=environment(tmp_path))
        assert ran.stdout == "['--name', 'own', '--', '-n']\n", ran.stderr


WARNINGS = (
    ((PYTHON, "-I", "-c", "print(1)"), "Python was started with -I, which keeps every recorder out"),
    ((PYTHON, "-c", "print(1)"), "no HTTP client that fr knows"),
    ((PYTHON, "-c", "import httpx; print(1)"), "httpx 0.28.1 were hooked, but no call went through"),
    (("true",), "no Python reported in: true starts none"),
    (("env", "-i", PYTHON, "-c", "print(1)"), "no Python reported in: env starts none"),
    ((PYTHON, "-c", "import sys; sys.exit(3)"), "(the command ended with exit code 3)"),
    ((PYTHON, "-c", "import httpx\ntry: httpx.get('http://127.0.0.1:9/x')\nexcept httpx.HTTPError: print(1)"), "1 HTTP call was seen"),
)


@pytest.mark.parametrize(("argv", "reason"), WARNINGS, ids=[reason[:40] for _, reason in WARNINGS])
def test_empty_record_is_a_warning_with_its_reason(argv: tuple[str, ...], reason: str, tmp_path: Path) -> None:
    """No model call: the last line says so and why, and still names the trace, which is there."""
    env = environment(tmp_path)
    ran = run_fr("record", "--", *argv, env=env)
    last = ran.stderr.splitlines()[-1]
    assert re.match(r"fr: recorded trace [0-9a-f]{32}, but no model call was seen: ", last)
    assert reason in last and last.endswith("fr doctor lists what can be hooked")
    assert trace_in(ran.stderr) in run_fr("ls", env=env).stdout


def test_tool_calls_are_counted_in_the_warning(tmp_path: Path) -> None:
    """Tools without a model are told as what they are."""
    script = "import fr_recorder as fr\n@fr.tool(side_effect='read')\ndef look(): return 1\nlook(); look()"
    ran = run_fr("record", "--", PYTHON, "-c", script, env=environment(tmp_path))
    assert " with 2 tool calls, but no model call was seen: " in ran.stderr


def test_missing_command(tmp_path: Path) -> None:
    """127 and one line, and nothing is recorded."""
    env = environment(tmp_path)
    ran = run_fr("record", "--", "no-such-command-of-ours", env=env)
    assert (ran.returncode, ran.stdout) == (127, "")
    assert ran.stderr == "fr: there is no command 'no-such-command-of-ours' (check the spelling and PATH)\n"


def test_command_that_cannot_be_executed(tmp_path: Path) -> None:
    """126 and one line."""
    script = tmp_path / "agent.py"
    script.write_text("print(1)")
    ran = run_fr("record", "--", str(script), env=environment(tmp_path))
    assert ran.returncode == 126
    assert ran.stderr.startswith(f"fr: {script} is not executable") and ran.stderr.count("\n") == 1


def test_store_that_cannot_be_used_does_not_stop_the_command(tmp_path: Path) -> None:
    """The command runs unrecorded, says so, and its exit code stays."""
    (tmp_path / "store").write_text("a file")
    ran = run_fr("record", "--", PYTHON, "-c", "print('ran'); raise SystemExit(5)", env=environment(tmp_path))
    assert (ran.returncode, ran.stdout) == (5, "ran\n")
    assert ran.stderr.startswith("fr: not recording: ") and ran.stderr.count("\n") == 1


def test_sealing_that_fails_loses_nothing(tmp_path: Path) -> None:
    """When Parquet cannot be written the journals stay, one line says so, and the next command finds the trace."""
    env = environment(tmp_path)
    events = tmp_path / "store" / "events"
    script = f"import shutil; shutil.rmtree({str(events)!r}); open({str(events)!r}, 'w').close(); print('ran')"
    ran = run_fr("record", "--name", "kept", "--", PYTHON, "-c", script, env=env)
    assert ran.returncode == 0
    last = ran.stderr.splitlines()[-1]
    assert "could not be sealed yet" in last
    os.unlink(events)
    assert trace_in(ran.stderr.replace(";", " ")) in run_fr("ls", "--name", "kept", env=env).stdout


def test_summary_is_right_when_another_command_sealed_first(tmp_path: Path) -> None:
    """`fr ls` running at the same time takes journals; the last line counts what is in them all the same."""
    env = environment(tmp_path)
    script = (
        "import subprocess, sys\nimport fr_recorder as fr\n"
        "if len(sys.argv) > 1:\n    with fr.llm_call(model='m') as call: call.respond('x')\n"
        "else:\n    subprocess.run([sys.executable, __file__, 'child'])\n"
        f"    subprocess.run({list(FR)!r} + ['ls'], stdout=subprocess.DEVNULL)\n"
    )
    (tmp_path / "agent.py").write_text(script)
    ran = run_fr("record", "--", PYTHON, str(tmp_path / "agent.py"), env=env)
    assert " · 1 llm call · " in ran.stderr.splitlines()[-1], ran.stderr


def test_reader_of_stderr_that_leaves_changes_nothing(tmp_path: Path) -> None:
    """The exit code is the command's even when nobody hears our last line."""
    reader, writer = os.pipe()
    os.close(reader)
    ran = subprocess.run([*FR, "record", PYTHON, "-c", "raise SystemExit(4)"], env=environment(tmp_path), stderr=writer, timeout=60)
    os.close(writer)
    assert ran.returncode == 4
