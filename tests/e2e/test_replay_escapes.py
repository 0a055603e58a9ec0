"""What a program's own code does while a recorded call is being handed out is held back like everything else."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest
from replay_bench import Bench

pytestmark = pytest.mark.e2e

EFFECTS = textwrap.dedent(
    """
    import contextlib, os, socket, subprocess

    def act():
        if os.environ.get("FR_MODE") != "replay":
            return
        with contextlib.suppress(Exception):
            open("written.txt", "w").close()
        with contextlib.suppress(Exception):
            socket.create_connection(("192.0.2.1", 9), 0.2)
        with contextlib.suppress(Exception):
            os.posix_spawn("/bin/touch", ["touch", "spawned.txt"], os.environ)

    URL = os.environ["FR_TEST_UPSTREAM"] + "/v1/chat/completions"
    ASKED = {"model": "gpt-x", "messages": [{"role": "user", "content": "hello"}]}
    """
)

SITES = {
    "an event hook of httpx": """
        import httpx
        with httpx.Client(event_hooks={"response": [lambda response: act()]}) as client:
            print(client.post(URL, json=ASKED).status_code)
        """,
    "a transport of the program": """
        import httpx
        class Own(httpx.HTTPTransport):
            def handle_request(self, request):
                act()
                return super().handle_request(request)
            def __exit__(self, *raised):
                act()
                super().__exit__(*raised)
        with httpx.Client(transport=Own()) as client:
            print(client.post(URL, json=ASKED).status_code)
        """,
    "an upload that the program makes": """
        import httpx, json
        def upload():
            act()
            yield json.dumps(ASKED).encode()
        print(httpx.post(URL, content=upload(), headers={"content-type": "application/json"}).status_code)
        """,
    "a subclass of the client": """
        import requests
        class Own(requests.adapters.HTTPAdapter):
            def build_response(self, request, response):
                act()
                return super().build_response(request, response)
        session = requests.Session()
        session.mount("http://", Own())
        print(session.post(URL, json=ASKED).status_code)
        """,
    "an argument of a tool that is served": """
        import fr_recorder as fr
        class Odd:
            def __reduce__(self):
                act()
                return (str, ())
            def __repr__(self):
                act()
                return "odd"
        @fr.tool(side_effect="read")
        def look(what): return 1
        print(look(Odd()))
        """,
    "the protocol of a child that is served": """
        import asyncio
        class Own(asyncio.SubprocessProtocol):
            def pipe_data_received(self, number, data): act()
            def process_exited(self): done.set_result(None)
        async def main():
            global done
            loop = asyncio.get_running_loop()
            done = loop.create_future()
            await loop.subprocess_exec(Own, "echo", "hello", stdin=None, stderr=None)
            await done
            await asyncio.sleep(0.05)
        asyncio.run(main())
        print("done")
        """,
}


@pytest.mark.parametrize("site", SITES.values(), ids=list(SITES))
def test_nothing_of_the_program_escapes(tmp_path: Path, site: str) -> None:
    """Exit 87 at the first thing that it tries, though it swallows exceptions; nothing is written, no program started."""
    bench = Bench(tmp_path)
    recorded = bench.record_program(EFFECTS + textwrap.dedent(site))
    assert recorded.code == 0, recorded.stderr
    replayed = bench.replay()
    assert (replayed.code, "written.txt" in replayed.stderr) == (87, True), replayed.stderr
    assert not (tmp_path / "written.txt").exists() and not (tmp_path / "spawned.txt").exists()


@pytest.mark.parametrize(("effect", "said"), [("socket.create", "192.0.2.1:9"), ("os.posix_spawn", "touch spawned.txt")])
def test_neither_by_a_connection_nor_by_a_program(tmp_path: Path, effect: str, said: str) -> None:
    """Each alone, in the task that tells a served child's output."""
    lines = EFFECTS.splitlines()
    kept = [n for n, line in enumerate(lines) if "suppress(Exception)" not in line or effect in lines[n + 1]]
    effects = [lines[n] for n in kept if not (lines[n].startswith("        ") and "return" not in lines[n] and effect not in lines[n])]
    bench = Bench(tmp_path)
    assert bench.record_program("\n".join(effects) + textwrap.dedent(SITES["the protocol of a child that is served"])).code == 0
    replayed = bench.replay()
    assert (replayed.code, said in replayed.stderr) == (87, True), replayed.stderr
    assert not (tmp_path / "spawned.txt").exists()


def test_a_failure_of_the_replay_itself_is_not_the_programs(tmp_path: Path) -> None:
    """An exception of ours would look like one of the client's, which the program catches: exit 87 with the exception's text."""
    bench = Bench(tmp_path)
    program = textwrap.dedent(
        """
        import os, sys, httpx
        engine = sys.modules.get("fr_replay.engine.redacting")
        if engine is not None:
            def broken(*_):
                raise ValueError("the comparison is broken")
            engine.Redacting.request = broken
        try:
            print(httpx.post(os.environ["FR_TEST_UPSTREAM"] + "/v1/chat/completions", json={"model": "gpt-x", "messages": []}).status_code)
        except Exception as error:
            print("the program goes on", error)
        """
    )
    assert bench.record_program(program).code == 0
    replayed = bench.replay()
    assert replayed.code == 87 and b"the program goes on" not in replayed.stdout
    assert "the replay itself failed here: ValueError: the comparison is broken" in replayed.stderr
