"""Replay up to a step, at a step, with a prompt there, tolerant of moved calls, in real time, and of many runs at once."""

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

import pytest
from replay_bench import FR, Bench, Run
from terminal import Terminal

pytestmark = pytest.mark.e2e

CLERK = textwrap.dedent(
    """
    import json, os, random, sys
    import openai

    client = openai.OpenAI(base_url=os.environ["FR_TEST_UPSTREAM"] + "/v1", api_key="k", max_retries=2)

    def ask(*texts, **more):
        messages = [{"role": "user", "content": text} for text in texts]
        answer = client.chat.completions.create(model="gpt-x", messages=messages, **more)
        return answer.choices[0].message.content

    first = ask("one")
    print("first", first)
    second = ask("two", first, str(random.random()))
    print("second", second)
    third = ask("three", second, str(random.random()))
    print("third", third)
    """
)

TASKS = textwrap.dedent(
    """
    import asyncio, os
    import openai

    async def main():
        async with openai.AsyncOpenAI(base_url=os.environ["FR_TEST_UPSTREAM"] + "/v1", api_key="k", max_retries=0) as client:
            async def ask(*texts):
                messages = [{"role": "user", "content": text} for text in texts]
                return (await client.chat.completions.create(model="gpt-x", messages=messages)).choices[0].message.content

            async def worker(number):
                first = await ask(f"start {number}")
                return number, first, await ask(f"start {number}", first)

            a = await ask("alpha")
            b = await ask("beta")
            c = await ask("gamma")
            print(a, b, c)
            for row in await asyncio.gather(*(worker(number) for number in range(3))):
                print(row)

    asyncio.run(main())
    """
)


@pytest.fixture(name="clerks", scope="module")
def record_clerk(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    bench = Bench(tmp_path_factory.mktemp("clerk"))
    recorded = bench.record_program(CLERK)
    assert recorded.code == 0, recorded.stderr
    return bench


@pytest.fixture(name="clerk")
def unedited_clerk(clerks: Bench) -> Bench:
    (clerks.folder / "program.py").write_text(CLERK, encoding="utf-8")
    return clerks


@pytest.fixture(name="task_runs", scope="module")
def record_tasks(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    bench = Bench(tmp_path_factory.mktemp("tasks"))
    recorded = bench.record_program(TASKS)
    assert recorded.code == 0, recorded.stderr
    return bench


@pytest.fixture(name="tasks")
def unedited_tasks(task_runs: Bench) -> Bench:
    (task_runs.folder / "program.py").write_text(TASKS, encoding="utf-8")
    return task_runs


def outcome_of(run: Run) -> dict[str, Any]:
    """The outcome that --json printed on stderr."""
    value: dict[str, Any] = json.loads(run.stderr[run.stderr.index("{") :])
    return value


# -- up to a step, and at a step


def test_to_replays_to_the_step_and_stops_before_the_next(clerk: Bench) -> None:
    """What the program did with the answer is on stdout; the next request is not made."""
    replayed = clerk.replay("last", "--to", "2")
    assert replayed.code == 0, replayed.stderr
    assert [line.split()[0] for line in replayed.stdout.decode().splitlines()] == ["first", "second"]
    assert "replayed to step 2 of 3, all identical" in replayed.stderr


def test_to_does_not_look_behind_the_step(clerk: Bench) -> None:
    """A change of a later prompt, or a program that now ends there, is no difference; at the step itself it is one."""
    clerk.edit('"three"', '"THREE"')
    assert clerk.replay("last", "--to", "2").code == 0
    assert clerk.replay("last", "--to", "3").code == 86
    clerk.edit("third = ask", "sys.exit(5)\nthird = ask")
    ended = clerk.replay("last", "--to", "2")
    assert ended.code == 0, ended.stderr
    assert "replayed to step 2 of 3, all identical" in ended.stderr
    assert clerk.replay("last", "--to", "3").code == 88


def test_to_compares_the_output_so_far(clerk: Bench) -> None:
    """Equal requests and another line on stdout before the step: diverged, with line and character."""
    clerk.edit('print("second", second)', 'print("secund", second)')
    assert clerk.replay("last", "--to", "1").code == 0
    replayed = clerk.replay("last", "--to", "2")
    assert replayed.code == 86
    assert "at line 2 of the standard output, character 4" in replayed.stderr


def test_step_checks_the_request_and_shows_the_decision(clerk: Bench) -> None:
    """Stdout is the program's up to there; what the model saw and answered is on stderr, as fr show has it."""
    replayed = clerk.replay("last", "--step", "2")
    assert replayed.code == 0, replayed.stderr
    assert [line.split()[0] for line in replayed.stdout.decode().splitlines()] == ["first"]
    assert "step 2 of 3: the request is the recorded one, byte for byte" in replayed.stderr
    shown = clerk.fr("show", "last", "2").stdout.decode()
    assert shown.strip() in replayed.stderr


def test_step_as_json_has_the_decision(clerk: Bench) -> None:
    """The same, for machines."""
    outcome = outcome_of(clerk.replay("last", "--step", "3", "--json"))
    assert (outcome["outcome"], outcome["exit"], outcome["facts"]["step"], outcome["facts"]["exact"]) == ("reached", 0, 3, True)
    assert outcome["decision"]["step"] == 3


def test_step_tells_equal_content_from_equal_bytes(clerk: Bench) -> None:
    """The same JSON in another order of keys is the same request, and not byte for byte."""
    clerk.edit('{"role": "user", "content": text}', '{"content": text, "role": "user"}')
    replayed = clerk.replay("last", "--step", "1")
    assert replayed.code == 0, replayed.stderr
    assert "in other bytes" in replayed.stderr and "byte for byte" not in replayed.stderr


def test_step_stops_at_an_earlier_difference(clerk: Bench) -> None:
    """A step is not reached past a difference."""
    clerk.edit('"two"', '"2"')
    replayed = clerk.replay("last", "--step", "3")
    assert replayed.code == 86
    assert "DIVERGED at step 2" in replayed.stderr


def test_retried_step_is_reached_with_its_last_attempt(tmp_path: Path) -> None:
    """The SDK was answered 503 twice: step 1 is three exchanges, and --to 1 and --step 1 go through all of them."""
    bench = Bench(tmp_path)
    source = CLERK.replace('+ "/v1", api_key', '+ "/fault/503x2/v1", api_key')
    assert bench.record_program(source).code == 0
    before = outcome_of(bench.replay("last", "--step", "1", "--json"))
    after = outcome_of(bench.replay("last", "--to", "1", "--json"))
    assert (before["outcome"], after["outcome"]) == ("reached", "reached")
    assert after["served"] - before["served"] == 1
    assert before["served"] >= 2


def test_a_step_inside_a_tool_cannot_be_reached(tmp_path: Path) -> None:
    """Tools do not run in replay: exit 87, and where to look instead."""
    bench = Bench(tmp_path)
    source = CLERK.replace("def ask", "import fr_recorder as fr\n\n@fr.tool(side_effect='none')\ndef ask")
    assert bench.record_program(source).code == 0
    replayed = bench.replay("last", "--step", "2")
    assert replayed.code == 87
    assert "made inside a tool" in replayed.stderr and replayed.stdout == b""


def test_to_in_tasks_waits_for_all_steps_before_it(tasks: Bench) -> None:
    """Step 6 is one of three that ran at once: all requests up to it were made when the replay stops."""
    outcome = outcome_of(tasks.replay("last", "--to", "6", "--json"))
    assert (outcome["outcome"], outcome["facts"]["not_seen"]) == ("reached", [])


BAD_USE = (
    (("last", "--to", "9"), "the trace has no step 9 (it has steps 1 to 3;"),
    (("last", "--to", "1", "--step", "2"), "--to and --step do not go together"),
    (("last", "--break", "1"), "there is no terminal"),
    (("last", "--where", "true"), "add --all"),
    (("--all", "--step", "1"), "--step does not go with --all"),
    (("--all", "--name", "nobody"), "there is no recorded run"),
    (("--all", "--where", "no_such_column = 1"), "no_such_column"),
)


@pytest.mark.parametrize(("argv", "said"), BAD_USE, ids=[" ".join(row[0]) for row in BAD_USE])
def test_bad_use_is_told(clerk: Bench, argv: tuple[str, ...], said: str) -> None:
    """Exit 2, one line, and nothing runs. A session of its own has no terminal."""
    done = subprocess.run(
        [FR, "replay", *argv], env=clerk.env, cwd=clerk.folder, capture_output=True, start_new_session=True, stdin=subprocess.DEVNULL
    )
    assert (done.returncode, done.stdout) == (2, b""), done.stderr
    assert said in done.stderr.decode()
    assert len(done.stderr.splitlines()) == 1


def test_steps_of_a_killed_run_can_be_reached(tmp_path: Path) -> None:
    """Its standard output was lost with it, which is no difference; the step whose answer never came can be looked at too."""
    bench = Bench(tmp_path)
    source = CLERK.replace('third = ask("three"', 'print("waits", flush=True)\nclient.base_url = str(client.base_url).replace("/v1", '
                           '"/fault/timeout/v1")\nimport signal, threading\n'
                           'threading.Timer(0.5, lambda: os.kill(os.getpid(), signal.SIGKILL)).start()\nthird = ask("three"')  # fmt: skip
    assert bench.record_program(source).code in (-9, 137)
    outcomes = [outcome_of(bench.replay("last", "--json", *argv)) for argv in (("--to", "1"), ("--step", "2"), ("--step", "3"))]
    assert [(outcome["outcome"], outcome["exit"]) for outcome in outcomes] == [("reached", 0)] * 3
    assert outcomes[2]["facts"]["not_seen"] == []


# -- the prompt


def test_break_opens_a_prompt_in_the_frame_and_goes_on(clerk: Bench) -> None:
    """Locals, request and answer are at hand; looking at the clock, drawing and printing there changes nothing of the replay."""
    with Terminal([FR, "replay", "last", "--break", "2"], clerk.env, clerk.folder) as terminal:
        terminal.wait_for(b">>> ")
        assert b"step 2 of 3, at program.py:9 in ask" in terminal.shown
        terminal.type(b'print("texts are", texts[0], len(texts))\n')
        terminal.wait_for(b"texts are two 3")
        terminal.type(b'[m["content"] for m in request["messages"]][0] + "!"\n')
        terminal.wait_for(b"'two!'")
        terminal.type(b'answer["choices"][0]["message"]["content"].split()[1]\n')
        terminal.wait_for(b"'answer'")
        terminal.type(b"import time; (random.random() < 2, time.time() > 0, frame.f_code.co_name)\n")
        terminal.wait_for(b"(True, True, 'ask')")
        terminal.type(b"\x03")
        terminal.wait_for(b"KeyboardInterrupt")
        time.sleep(1.5)
        terminal.type(b"1 / 0\n")
        terminal.wait_for(b"ZeroDivisionError")
        terminal.type(b"\x04")
        assert terminal.finish() == 0, terminal.shown
    assert b"replay identical" in terminal.shown
    assert b"third" in terminal.shown


def test_break_in_a_task_holds_the_others(tasks: Bench) -> None:
    """While the prompt is open nothing else is told to stand still, and all tasks go on afterwards."""
    with Terminal([FR, "replay", "last", "--break", "4"], tasks.env, tasks.folder) as terminal:
        terminal.wait_for(b">>> ")
        time.sleep(2)
        terminal.type(b"number_of = len(request['messages']); number_of * 1000\n")
        terminal.wait_for(b"1000")
        terminal.type(b"exit()\n")
        assert terminal.finish() == 0, terminal.shown
    assert b"replay identical" in terminal.shown


# -- tolerant


def test_an_unchanged_program_has_no_moved_calls(tasks: Bench) -> None:
    """Tolerance changes nothing where nothing has moved."""
    replayed = tasks.replay("last", "--tolerant")
    assert replayed.code == 0, replayed.stderr
    assert "replay identical ·" in replayed.stderr


SWAPPED = ('a = await ask("alpha")\n        b = await ask("beta")', 'b = await ask("beta")\n        a = await ask("alpha")')
MOVES = (
    ("swapped calls", *SWAPPED, 2),
    ("a renamed task", "async def worker", "async def job", 6),
    ("a call in a task of its own", 'c = await ask("gamma")', 'c = await asyncio.create_task(ask("gamma"))', 1),
)


@pytest.mark.parametrize(("what", "old", "new", "count"), MOVES, ids=[row[0] for row in MOVES])
def test_moved_calls_are_served_counted_and_listed(tasks: Bench, what: str, old: str, new: str, count: int) -> None:
    """Strictly it is a divergence; tolerantly identical, but for the moved calls, each of them named."""
    tasks.edit(old, new)
    if "job" in new:
        tasks.edit("*(worker(number)", "*(job(number)")
    assert tasks.replay().code == 86, what
    replayed = tasks.replay("last", "--tolerant")
    assert replayed.code == 0, replayed.stderr
    noun = "moved call" if count == 1 else "moved calls"
    assert f"replay identical except for {count} {noun} ·" in replayed.stderr
    assert replayed.stderr.count("  moved: step ") == count
    outcome = outcome_of(tasks.replay("last", "--tolerant", "--json"))
    assert (outcome["outcome"], len(outcome["facts"]["moved"])) == ("identical-but-moved", count)


def test_tolerance_does_not_accept_another_output(tasks: Bench) -> None:
    """Calls swapped and their answers printed the other way round: 86."""
    tasks.edit(*SWAPPED)
    tasks.edit("print(a, b, c)", "print(b, a, c)")
    replayed = tasks.replay("last", "--tolerant")
    assert replayed.code == 86
    assert "the standard output is not" in replayed.stderr and "moved: step" in replayed.stderr


def test_a_call_left_out_is_named_in_a_tolerant_replay(tasks: Bench) -> None:
    """Exit 88 and the call; those behind it in its lane have not all moved because of it."""
    tasks.edit('a = await ask("alpha")', 'a = "x"')
    tasks.edit("print(a, b, c)", "print(end='')")
    outcome = outcome_of(tasks.replay("last", "--tolerant", "--json"))
    assert (outcome["exit"], [row["step"] for row in outcome["facts"]["unused"]], len(outcome["facts"]["moved"])) == (88, [1], 1)


def test_a_changed_call_is_no_moved_call(tasks: Bench) -> None:
    """A request that nothing on record equals stops as it does strictly, at its step."""
    tasks.edit('"beta"', '"beto"')
    replayed = tasks.replay("last", "--tolerant")
    assert replayed.code == 86
    assert "DIVERGED at step 2" in replayed.stderr and "character 4 of 4" in replayed.stderr


def test_equal_calls_with_different_answers_are_not_guessed(tmp_path: Path) -> None:
    """Three workers begin with the same question: once renamed, nobody can say whose answer is whose."""
    bench = Bench(tmp_path)
    source = TASKS.replace('f"start {number}"', '"start"')
    assert bench.record_program(source).code == 0
    (tmp_path / "program.py").write_text(source.replace("worker(", "job("))
    replayed = bench.replay("last", "--tolerant")
    assert replayed.code == 86
    assert "3 are equal to it and were answered differently" in replayed.stderr


def test_equal_calls_behind_a_moved_one_are_not_guessed(tmp_path: Path) -> None:
    """The same question before and after another one; that one moved to the front, and the place tells nothing any more."""
    bench = Bench(tmp_path)
    asks = '    a = ask("same")\n    b = ask("other")\n    c = ask("same")\n'
    source = CLERK[: CLERK.index("first =")] + f"def main():\n{asks}    print(len({{a, b, c}}))\n\nmain()\n"
    assert bench.record_program(source).code == 0
    moved = source.replace(asks, '    b = ask("other")\n    a = ask("same")\n    c = ask("same")\n')
    (tmp_path / "program.py").write_text(moved)
    replayed = bench.replay("last", "--tolerant")
    assert replayed.code == 86
    assert "2 are equal to it and were answered differently" in replayed.stderr


# -- real time

SLOW = textwrap.dedent(
    """
    import asyncio, os, time
    import openai

    began = time.monotonic()
    time.sleep(0.4)
    client = openai.OpenAI(base_url=os.environ["FR_TEST_UPSTREAM"] + "/v1", api_key="k")
    messages = [{"role": "user", "content": "hello"}]
    for chunk in client.chat.completions.create(model="gpt-x", messages=messages, stream=True):
        pass

    async def main():
        async with openai.AsyncOpenAI(base_url=os.environ["FR_TEST_UPSTREAM"] + "/v1", api_key="k") as slow:
            async def ask(number):
                await asyncio.sleep(0.3 * number)
                return await slow.chat.completions.create(model="gpt-x", messages=[{"role": "user", "content": f"{number}"}])
            await asyncio.gather(*(ask(number) for number in range(3)))

    asyncio.run(main())
    print(time.monotonic() - began)
    """
)


def test_realtime_restores_the_recorded_delays(tmp_path: Path) -> None:
    """Without it the run takes no longer than its work; with it, answers, chunks and sleeps take their time again."""
    bench = Bench(tmp_path)
    (tmp_path / "program.py").write_text(SLOW, encoding="utf-8")
    recorded = bench.record(sys.executable, "program.py", latency_ms=1000)
    assert recorded.code == 0, recorded.stderr
    fast, slow = (outcome_of(bench.replay("last", "--json", *more)) for more in ((), ("--realtime",)))
    assert (fast["outcome"], slow["outcome"]) == ("identical", "identical"), slow
    # Asleep 0.4 s, answered after 1 s, and the last of three tasks answered 1 s after it has slept 0.6 s.
    assert slow["seconds"] >= 2.9
    assert fast["seconds"] < slow["seconds"]


# -- many


@pytest.fixture(name="fleet", scope="module")
def record_fleet(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """Three runs of three programs."""
    bench = Bench(tmp_path_factory.mktemp("fleet"))
    for name in ("good", "changed", "shorter"):
        assert bench.record_program(CLERK.replace('"one"', f'"{name}"'), name=f"{name}.py").code == 0
    (bench.folder / "changed.py").write_text(CLERK.replace('"one"', '"chnged"'))
    (bench.folder / "shorter.py").write_text(CLERK.replace('"one"', '"shorter"').replace("third = ask", "sys.exit()\nthird = ask"))
    return bench


def test_many_runs_are_replayed_with_a_line_each_and_a_table(fleet: Bench) -> None:
    """The programs' output is not shown; the exit code is that of the divergence."""
    replayed = fleet.fr("replay", "--all", "-j", "2")
    assert replayed.code == 86, replayed.stderr
    text = replayed.stdout.decode()
    lines = text.splitlines()
    assert "first " not in text and "Traceback" not in replayed.stderr
    assert any("identical" in line and "good.py" in line for line in lines)
    assert any(
        "diverged" in line and "changed.py" in line and "step 1: the request differs at messages[0].content" in line for line in lines
    )
    assert any("ended early" in line and "shorter.py" in line and "1 recorded call not asked for" in line for line in lines)
    table = text[text.index("outcome ") :].splitlines()
    assert [line.split("  ")[0] for line in table[1:4]] == ["identical", "diverged", "ended early"]


WORST = (("*good.py", 0), ("*shorter.py", 88), ("*changed.py", 86))


@pytest.mark.parametrize(("name", "code"), WORST, ids=[row[0] for row in WORST])
def test_many_exit_code_is_that_of_the_chosen(fleet: Bench, name: str, code: int) -> None:
    """--name chooses, and the others do not count."""
    replayed = fleet.fr("replay", "--all", "--name", name, "--json")
    found = json.loads(replayed.stdout)
    assert (replayed.code, found["exit"], len(found["runs"])) == (code, code, 1)


def test_many_are_chosen_with_sql_and_time(fleet: Bench) -> None:
    """--where and --since hold together."""
    found = json.loads(
        fleet.fr("replay", "--all", "--since", "1h", "--where", "name LIKE '%good%' OR name LIKE '%shorter%'", "--json").stdout
    )
    assert sorted(row["name"].split()[-1] for row in found["runs"]) == ["good.py", "shorter.py"]


def test_a_run_that_cannot_be_replayed_does_not_end_the_others(fleet: Bench, tmp_path: Path) -> None:
    """The folder of one run is gone: it is told, and the exit code is 87 when nothing worse happened."""
    bench = Bench(tmp_path)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    for folder in (tmp_path, elsewhere):
        (folder / "program.py").write_text("print('nothing asked')\n")
        command = [FR, "record", "--", sys.executable, "program.py"]
        subprocess.run(command, env=bench.env, cwd=folder, check=True, capture_output=True)
    (elsewhere / "program.py").unlink()
    elsewhere.rmdir()
    replayed = bench.fr("replay", "--all")
    assert replayed.code == 87, replayed.stderr
    text = replayed.stdout.decode()
    assert "identical" in text and "not replayable" in text and "does not exist here" in text


def test_many_show_a_bar_on_a_terminal(fleet: Bench) -> None:
    """While it runs, how many are done; gone at the end."""
    with Terminal([FR, "replay", "--all", "--name", "*good.py"], fleet.env, fleet.folder) as terminal:
        assert terminal.finish() == 0, terminal.shown
    assert b"0/1" in terminal.shown
    assert b"identical" in terminal.shown


def test_interrupt_ends_all_programs(tmp_path: Path) -> None:
    """Ctrl-C while two programs run: exit 130, and neither stays behind."""
    bench = Bench(tmp_path)
    source = "import os, sys, threading\nif os.path.exists('hold'):\n    os.open(sys.argv[1], os.O_RDONLY)\n    threading.Event().wait()\n"
    (tmp_path / "program.py").write_text(source)
    for name in ("one", "two"):
        os.mkfifo(tmp_path / name)
        command = [FR, "record", "--", sys.executable, "program.py", name]
        subprocess.run(command, env=bench.env, cwd=tmp_path, check=True, capture_output=True)
    (tmp_path / "hold").write_text("")
    with subprocess.Popen([FR, "replay", "--all", "-j", "2"], env=bench.env, cwd=tmp_path, stderr=subprocess.PIPE) as many:
        # Opening the other end waits until the program has opened its own: both run.
        ends = [os.open(tmp_path / name, os.O_WRONLY) for name in ("one", "two")]
        many.send_signal(signal.SIGINT)
        assert many.wait(20) == 130, many.stderr
    for end in ends:
        with pytest.raises(BrokenPipeError):
            # Nobody reads any more: the program has ended.
            _write_until_broken(end)
        os.close(end)


def _write_until_broken(descriptor: int) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        os.write(descriptor, b".")
        time.sleep(0.05)
