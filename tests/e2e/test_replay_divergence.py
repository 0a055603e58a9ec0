"""A program that was changed after it was recorded: stopped at the first difference, at the right place, uncatchably."""

import json
import shutil
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from replay_bench import FR, Bench, Run

pytestmark = pytest.mark.e2e

PROGRAM = textwrap.dedent(
    """
    import json, os, sys
    import openai

    client = openai.OpenAI(base_url=os.environ["FR_TEST_UPSTREAM"] + "/v1", api_key="k")
    TOOLS = [{"type": "function", "function": {"name": name, "parameters": {"type": "object"}}} for name in ("search", "book")]

    def ask(messages, **more):
        try:
            answer = client.chat.completions.create(model="gpt-x", temperature=0.5, messages=messages, **more)
        except BaseException as error:
            print("swallowed", type(error).__name__)
            return "An error occurred while running the tool"
        return answer.choices[0].message.content or "(tools)"

    history = [{"role": "system", "content": "You are a careful clerk."}]
    for question in ("first question", "second question", "third question"):
        history.append({"role": "user", "content": question})
        history.append({"role": "assistant", "content": ask(history, tools=TOOLS) + ask(history)})
        print(history[-1]["content"])
    print(ask([{"role": "user", "content": "one more"}]))
    """
)


@pytest.fixture(name="recorded", scope="module")
def record_once(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """The program, recorded."""
    bench = Bench(tmp_path_factory.mktemp("divergence"))
    recorded = bench.record_program(PROGRAM)
    assert recorded.code == 0, recorded.stderr
    return bench


@pytest.fixture(name="bench")
def unedited_bench(recorded: Bench) -> Bench:
    """The recorded program as it was recorded, whatever the test before made of it."""
    (recorded.folder / "program.py").write_text(PROGRAM, encoding="utf-8")
    return recorded


def outcome_of(run: Run) -> dict[str, object]:
    """The outcome that --json printed."""
    value: dict[str, object] = json.loads(run.stderr[run.stderr.index("{") :])
    return value


def test_an_unchanged_program_replays_identically(bench: Bench) -> None:
    """No edit, no report."""
    replayed = bench.replay()
    assert replayed.code == 0, replayed.stderr
    assert "DIVERGED" not in replayed.stderr


EDITS = [
    ("one character of the system prompt", "careful clerk.", "careful clerk!", 1, "messages[0].content", "changed"),
    ("the temperature", "temperature=0.5", "temperature=0.6", 1, "temperature", "changed"),
    ("the model", 'model="gpt-x"', 'model="gpt-y"', 1, "model", "changed"),
    ("a tool dropped", '("search", "book")', '("search",)', 1, "tools[1]", "truncated"),
    ("a tool renamed", '"book")', '"buy")', 1, "tools[1].function.name", "changed"),
    ("the second question", '"second question"', '"another question"', 3, "messages[3].content", "changed"),
    (
        "a message inserted",
        'history = [{"role": "system"',
        'history = [{"role": "user", "content": "x"}, {"role": "system"',
        1,
        "messages[0]",
        "inserted",
    ),
    ("a parameter added", "temperature=0.5,", "temperature=0.5, top_p=0.9,", 1, "top_p", "inserted"),
    ("the last prompt", '"one more"', '"no more"', 7, "messages[0].content", "changed"),
]


@pytest.mark.parametrize(("what", "old", "new", "step", "path", "kind"), EDITS, ids=[row[0] for row in EDITS])
def test_an_edit_is_reported_at_its_step_and_path(bench: Bench, what: str, old: str, new: str, step: int, path: str, kind: str) -> None:
    """Exit 86, the first step that differs, the path of the difference, and the changed file as first suspect."""
    bench.edit(old, new)
    replayed = bench.replay("last", "--json")
    assert replayed.code == 86, replayed.stderr
    assert b"swallowed" not in replayed.stdout
    outcome = outcome_of(replayed)
    facts = outcome["facts"]
    assert isinstance(facts, dict)
    assert facts["step"] == step
    assert (facts["differences"][0]["path"], facts["differences"][0]["kind"]) == (path, kind)
    assert "program.py" in str(outcome["suspects"])


def test_the_report_shows_both_sides_and_both_lines(bench: Bench) -> None:
    """What a person reads: step, path, character, recorded and replayed text, and where in the program."""
    bench.edit("careful clerk", "careless clerk")
    text = bench.replay().stderr
    for expected in (
        "DIVERGED at step 1",
        "messages[0].content (system), character 15 of 24",
        "- recorded:",
        "careful",
        "+ replayed:",
        "careless",
        "program.py:10 in ask",
        "exit 86",
    ):
        assert expected in text, text


def test_an_extra_call_is_a_divergence(bench: Bench) -> None:
    """A call that the record does not hold is not served by another one."""
    bench.edit(
        'print(ask([{"role": "user", "content": "one more"}]))',
        'print(ask([{"role": "user", "content": "one more"}]))\nask([{"role": "user", "content": "one more"}])',
    )
    replayed = bench.replay()
    assert replayed.code == 86
    assert "the record does not hold" in replayed.stderr


def test_a_missing_last_call_ends_early(bench: Bench) -> None:
    """Exit 88, and the calls that were not asked for are named."""
    bench.edit('print(ask([{"role": "user", "content": "one more"}]))', "pass")
    replayed = bench.replay()
    assert replayed.code == 88, replayed.stderr
    assert "step 7" in replayed.stderr


def test_swapped_calls_are_reported_at_the_first_of_them(bench: Bench) -> None:
    """Equal in content and number, and still another program."""
    bench.edit("ask(history, tools=TOOLS) + ask(history)", "(lambda a, b: b + a)(ask(history), ask(history, tools=TOOLS))")
    replayed = bench.replay("last", "--json")
    assert replayed.code == 86
    facts = outcome_of(replayed)["facts"]
    assert isinstance(facts, dict)
    assert facts["step"] == 1


def test_another_standard_output_is_a_divergence(bench: Bench) -> None:
    """All requests equal, one printed word not: stopped with the line."""
    bench.edit('print(history[-1]["content"])', 'print("said", history[-1]["content"])')
    replayed = bench.replay()
    assert replayed.code == 86
    assert "at line 1 of the standard output" in replayed.stderr


def test_another_exit_code_is_a_divergence(bench: Bench) -> None:
    """The program does all the same and then exits otherwise."""
    path = bench.folder / "program.py"
    path.write_text(path.read_text() + "\nsys.exit(4)\n")
    replayed = bench.replay()
    assert replayed.code == 86
    assert "exit code 4" in replayed.stderr


def test_replay_reaches_no_host_outside_and_names_the_attempt(tmp_path: Path) -> None:
    """A connection that the record does not hold is refused with exit 87."""
    bench = Bench(tmp_path)
    program = (
        "import os, socket\nif os.path.exists('dial'):\n    socket.create_connection(('203.0.113.9', 443), timeout=5)\nprint('done')\n"
    )
    assert bench.record_program(program).code == 0
    (tmp_path / "dial").write_text("")
    replayed = bench.replay()
    assert replayed.code == 87
    assert "203.0.113.9:443" in replayed.stderr


def test_the_end_of_a_killed_record_is_no_divergence(tmp_path: Path) -> None:
    """The program was killed while it waited for an answer; replay gets as far as the record does, and says so."""
    bench = Bench(tmp_path)
    program = PROGRAM.replace('"one more"}]))', '"one more"}]))\nimport signal, threading\n'
                              'threading.Timer(0.3, lambda: os.kill(os.getpid(), signal.SIGKILL)).start()\n'
                              'url = os.environ["FR_TEST_UPSTREAM"] + "/fault/timeout/v1"\n'
                              'openai.OpenAI(base_url=url, api_key="k").chat.completions.create(\n'
                              '    model="gpt-x", messages=[{"role": "user", "content": "never answered"}])')  # fmt: skip
    recorded = bench.record_program(program)
    assert recorded.code in (-9, 137), recorded.stderr
    replayed = bench.replay()
    assert replayed.code == 0, replayed.stderr
    assert "the record ends here" in replayed.stderr
    assert replayed.stdout == recorded.stdout


def test_a_trace_without_a_command_says_so(tmp_path: Path) -> None:
    """A trace made with fr.init() has no command to run again."""
    bench = Bench(tmp_path)
    program = "import fr_recorder as fr\nfr.init()\nwith fr.trace('request'):\n    fr.decision('done', why='test')\n"
    (tmp_path / "server.py").write_text(program)
    subprocess.run([sys.executable, "server.py"], env=bench.env, cwd=tmp_path, check=True)
    replayed = bench.replay()
    assert replayed.code == 87
    assert "no command on record, so no program was run" in replayed.stderr


def test_a_program_whose_replay_was_killed_ends(tmp_path: Path) -> None:
    """After kill -9 of fr replay its program does not stay behind, waiting for what nobody will hand out."""
    bench = Bench(tmp_path)
    program = """
import os, threading
if os.path.exists("wait"):
    with open("wait", "w") as file:
        file.write(str(os.getpid()))
    threading.Event().wait()
"""
    assert bench.record_program(program).code == 0
    (tmp_path / "wait").write_text("")
    with subprocess.Popen([FR, "replay", "last", "--allow-writes", "."], env=bench.env, cwd=tmp_path) as replay:
        _until(lambda: (tmp_path / "wait").read_text() != "")
        replay.kill()
    left = Path("/proc") / (tmp_path / "wait").read_text()
    _until(lambda: not (left / "exe").exists())


def _until(holds: Callable[[], bool]) -> None:
    ends = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < ends
        time.sleep(0.05)


def test_a_record_with_a_lost_file_is_refused(bench: Bench, tmp_path: Path) -> None:
    """A sealed file of the run has gone: what is left is not replayed as if it were all."""
    store = tmp_path / "store"
    shutil.copytree(bench.folder / "store", store)
    lost = max((store / "events").rglob("*.parquet"), key=lambda path: path.stat().st_size)
    lost.unlink()
    replayed = bench.fr("replay", "last", FR_STORE=str(store))
    assert replayed.code == 87
    assert lost.name in replayed.stderr and "missing" in replayed.stderr and "Traceback" not in replayed.stderr


def test_trace_ids_come_back(tmp_path: Path) -> None:
    """What fr.trace() gave as ids, of the run and of traces of their own, is the same in replay."""
    bench = Bench(tmp_path)
    program = textwrap.dedent(
        """
        import asyncio
        import fr_recorder as fr

        async def serve(number):
            async with fr.trace("request", new=True) as request:
                await asyncio.sleep(0.01 * number)
                with fr.trace("part") as part:
                    assert part.id == request.id
                return request.id

        async def main():
            return await asyncio.gather(*(serve(n) for n in range(3)))

        with fr.trace("whole") as whole:
            print(whole.id)
            with fr.trace("again", new=True) as again:
                print(again.id)
        print(asyncio.run(main()))
        """
    )
    recorded = bench.record_program(program)
    assert recorded.code == 0, recorded.stderr
    trace = recorded.stdout.decode().split()[0]
    replayed = bench.replay(trace)
    assert replayed.code == 0, replayed.stderr
    assert replayed.stdout == recorded.stdout
