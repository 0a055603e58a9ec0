"""``fr proxy --replay``: the program gets what it got, in the order in which it got it, or a readable error; never a made-up answer."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Iterator

import httpx
import pyarrow.parquet as pq
import pytest
from proxied import Proxy
from recording import PROGRAMS, Finished, Workspace
from scripted_upstream import ScriptedUpstream

pytestmark = pytest.mark.e2e

AGENT = str(PROGRAMS / "proxied_agent.py")


def message(content: str, **more: object) -> dict[str, object]:
    """A chat request."""
    return {"model": "gpt-4o", "messages": [{"role": "user", "content": content}], **more}


class Recorded:
    """An agent's run through a recording proxy, and what it printed."""

    def __init__(self, workspace: Workspace, upstream: ScriptedUpstream) -> None:
        self.workspace = workspace
        self.upstream = upstream
        with Proxy(workspace, upstream.url) as proxy:
            self.ran = self.agent(proxy)
            assert self.ran.code == 0, self.ran.stderr
            assert proxy.stop().code == 0
        self.trace = workspace.rows("SELECT trace_id FROM traces WHERE llm_calls > 0")[0]["trace_id"]

    def agent(self, proxy: Proxy, *arguments: str) -> Finished:
        """Run the agent through a proxy; it knows of no recorder."""
        return self.workspace.bare(sys.executable, AGENT, *arguments, env={"OPENAI_BASE_URL": proxy.base})

    def replaying(self, *options: str) -> Proxy:
        """A proxy that serves the record."""
        return Proxy(self.workspace, self.upstream.url, "--replay", self.trace, "--wait", "2", *options)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory, _session_upstream: ScriptedUpstream) -> Recorded:
    """Recorded once for all tests of this module, which only read it."""
    return Recorded(Workspace(tmp_path_factory.mktemp("replayed")), _session_upstream)


Asked = tuple[int, bytes, str]
"""Status, body as far as it came, and the class of what broke it off."""

ECHOED = message("[[script:echo]] write to ann.planted@example.com")


def ask(proxy: Proxy, body: dict[str, object], fault: str = "", trace: str = "none") -> Asked:
    """One request, and what came of it."""
    came, failed = b"", ""
    with httpx.stream("POST", f"{proxy.url}/openai{fault}/v1/chat/completions", json=body, headers={"x-fr-trace": trace}) as answer:
        try:
            for chunk in answer.iter_bytes():
                came += chunk
        except httpx.HTTPError as error:
            failed = type(error).__name__
    return answer.status_code, came, failed


class Several:
    """One recording with a trace for each test: what was answered in it, and its id."""

    def __init__(self, workspace: Workspace, upstream: ScriptedUpstream) -> None:
        self.workspace = workspace
        self.upstream = upstream
        self.answers: dict[str, list[Asked]] = {}
        with Proxy(workspace, upstream.url) as proxy:
            self.answers["pair"] = [ask(proxy, message(text), trace="pair") for text in ("one", "two")]
            self.answers["equal"] = [ask(proxy, message("again"), trace="equal") for _ in range(3)]
            self.answers["redacted"] = [ask(proxy, ECHOED, trace="redacted")]
            for fault in ("truncate", "reset"):
                self.answers[fault] = [ask(proxy, message("x"), f"/fault/{fault}", trace=fault)]
            assert proxy.stop().code == 0
        rows = workspace.rows("SELECT trace_id, tags FROM traces WHERE llm_calls > 0")
        self.traces = {dict(row["tags"])["trace"]: row["trace_id"] for row in rows}

    def replaying(self, name: str, wait: str = "5") -> Proxy:
        """A proxy that serves one of them."""
        return Proxy(self.workspace, self.upstream.url, "--replay", self.traces[name], "--wait", wait)


@pytest.fixture(scope="module")
def several(tmp_path_factory: pytest.TempPathFactory, _session_upstream: ScriptedUpstream) -> Several:
    """Recorded once."""
    return Several(Workspace(tmp_path_factory.mktemp("several")), _session_upstream)


def test_agent_gets_the_same_again_without_the_upstream(recorded: Recorded, upstream: ScriptedUpstream) -> None:
    """Answers, streams, the retry and the error, six at once: the same output, and nobody is asked."""
    with recorded.replaying() as proxy:
        again = recorded.agent(proxy)
        ended = proxy.stop()
    assert (again.code, again.stdout) == (0, recorded.ran.stdout), again.stderr
    assert (ended.code, upstream.hits) == (0, 0)
    assert "fr: requests identical · 12 requests of 12 served" in ended.stderr.decode()


def test_edited_prompt_is_answered_with_the_difference(recorded: Recorded, upstream: ScriptedUpstream) -> None:
    """An error status that SDKs do not try again, and the difference in words; the verdict names it, and nothing is asked upstream."""
    with recorded.replaying() as proxy:
        again = recorded.agent(proxy, ", please")
        first = httpx.post(f"{proxy.base}/chat/completions", json=message("streamed to nobody"))
        ended = proxy.stop()
    assert again.code == 1
    assert b"replay diverged at step 1: the request differs at messages[0].content" in again.stderr
    told = first.json()["fr"]
    assert first.status_code == 422
    assert told["trace"] == recorded.trace
    assert told["differences"][0]["replayed"].endswith(", please")
    assert (ended.code, upstream.hits) == (86, 0)
    assert "DIVERGED at step 1" in ended.stderr.decode()


def test_program_that_stops_early_has_not_been_replayed(recorded: Recorded) -> None:
    """Exit code 88, and the first request that was not asked for."""
    with recorded.replaying() as proxy:
        ended = proxy.stop()
    assert ended.code == 88
    assert "12 recorded calls not asked for" in ended.stderr.decode()


def test_request_that_comes_too_early_waits_for_its_turn(several: Several) -> None:
    """Two that were made one after the other, now at once and the second first: both are answered. Alone the second is refused."""

    async def both(base: str) -> list[int]:
        async with httpx.AsyncClient(timeout=20) as client:
            second = asyncio.create_task(client.post(f"{base}/chat/completions", json=message("two")))
            await asyncio.sleep(0.2)
            first = await client.post(f"{base}/chat/completions", json=message("one"))
            return [first.status_code, (await second).status_code]

    with several.replaying("pair") as proxy:
        assert asyncio.run(both(proxy.base)) == [200, 200]
        assert proxy.stop().code == 0
    with several.replaying("pair", wait="0.3") as proxy:
        alone = httpx.post(f"{proxy.base}/chat/completions", json=message("two"), timeout=20)
        assert proxy.stop().code == 86
    assert alone.status_code == 422
    assert "before which the record has POST" in alone.json()["error"]["message"]


def test_equal_requests_are_answered_in_their_order(several: Several) -> None:
    """The same question three times, answered differently each time; a fourth is not in the record."""
    with several.replaying("equal") as proxy:
        after = [ask(proxy, message("again")) for _ in range(3)]
        fourth = httpx.post(f"{proxy.base}/chat/completions", json=message("again"))
    assert after == several.answers["equal"]
    assert len(set(after)) == 3
    assert (fourth.status_code, fourth.json()["error"]["code"]) == (422, "diverged")
    assert "does not hold" in fourth.json()["error"]["message"]


@pytest.mark.parametrize(("fault", "status"), [("truncate", 200), ("reset", 502)])
def test_failure_comes_again_as_it_came(several: Several, fault: str, status: int) -> None:
    """A body that broke off breaks off there; where no answer came, the proxy's own answer is the same."""
    with several.replaying(fault) as proxy:
        after = ask(proxy, message("x"), f"/fault/{fault}")
        assert proxy.stop().code == 0
    assert [after] == several.answers[fault]
    assert after[0] == status


def test_record_of_a_killed_proxy_says_where_it_ends(workspace: Workspace, upstream: ScriptedUpstream) -> None:
    """What was answered is served; a request whose answer is not on record gets an error, and none that is made up."""
    with Proxy(workspace, upstream.url) as proxy:
        assert httpx.post(f"{proxy.base}/chat/completions", json=message("answered")).status_code == 200
        with pytest.raises(httpx.ReadTimeout):
            httpx.post(f"{proxy.url}/openai/fault/timeout/v1/chat/completions", json=message("never"), timeout=0.5)
        with httpx.stream("POST", f"{proxy.url}/openai/fault/hang-mid/v1/chat/completions", json=message("half", stream=True)) as answer:
            pieces = answer.iter_raw()
            next(pieces)
            # By then the request is on record, whatever else the machine does.
            time.sleep(1.0)
            proxy.kill()
    with Proxy(workspace, upstream.url, "--replay", "last", "--wait", "2") as proxy:
        assert httpx.post(f"{proxy.base}/chat/completions", json=message("answered")).status_code == 200
        with pytest.raises(httpx.ReadTimeout):
            httpx.post(f"{proxy.url}/openai/fault/timeout/v1/chat/completions", json=message("never"), timeout=0.5)
        last = httpx.post(f"{proxy.url}/openai/fault/hang-mid/v1/chat/completions", json=message("half", stream=True))
    assert (last.status_code, last.json()["error"]["code"]) == (422, "record-ended"), last.text


def test_replay_says_what_a_proxied_trace_allows(recorded: Recorded) -> None:
    """fr replay runs no program and claims none: it checks the record, says why, and names what serves it."""
    checked = recorded.workspace.fr("replay", recorded.trace)
    told = json.loads(recorded.workspace.fr("replay", recorded.trace, "--json").stderr)
    assert checked.code == 87
    said = checked.stderr.decode()
    assert "came through fr proxy, from a program that fr did not start" in said
    assert f"fr proxy --replay {recorded.trace}" in said
    assert "--handler" not in said
    assert (told["outcome"], told["handler"], told["proxy"]) == ("checked", False, True)


def test_redacted_answer_is_served_with_tokens_and_says_so(several: Several) -> None:
    """What was replaced in the record cannot be given back; the program gets the token, and the verdict tells."""
    with several.replaying("redacted") as proxy:
        _, body, _ = ask(proxy, ECHOED)
        ended = proxy.stop()
    assert "[[fr:email:" in json.loads(body)["choices"][0]["message"]["content"]
    assert ended.code == 0
    assert "1 of them hold tokens in place of redacted values" in ended.stderr.decode()


def test_trace_that_a_seam_recorded_is_served(workspace: Workspace, upstream: ScriptedUpstream) -> None:
    """A program recorded by fr record, asked again by one that is not."""
    source = (
        "import os, httpx\n"
        "url = os.environ['FR_TEST_UPSTREAM'] + '/v1/chat/completions'\n"
        "for n in range(2):\n"
        "    print(httpx.post(url, json={'model': 'gpt-4o', 'messages': [{'role': 'user', 'content': f'seam {n}'}]}).text)\n"
    )
    run = workspace.python(source, env={"FR_TEST_UPSTREAM": upstream.url})
    assert run.code == 0, run.stderr
    upstream.reset()
    with Proxy(workspace, upstream.url, "--replay", run.trace, "--wait", "2") as proxy:
        texts = [httpx.post(f"{proxy.base}/chat/completions", json=message(f"seam {n}")).text for n in range(2)]
        assert proxy.stop().code == 0
    assert "\n".join(texts) + "\n" == run.stdout.decode()
    assert upstream.hits == 0


@pytest.fixture(scope="module")
def _no_exchanges(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    workspace = Workspace(tmp_path_factory.mktemp("silent"))
    assert workspace.python("print(1)").code == 0
    yield workspace


def test_trace_without_requests_is_refused(_no_exchanges: Workspace) -> None:
    """One line, exit code 87."""
    done = _no_exchanges.fr("proxy", "--port", "0", "--replay", "last")
    assert done.code == 87
    assert "holds no HTTP exchange that could be served" in done.said[0]


def test_an_encrypted_record_is_served_to_who_has_the_key(
    workspace: Workspace, upstream: ScriptedUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing of the conversation is in clear on disk; the same agent gets the same from it; a wrong key gets one line and no answer."""
    monkeypatch.setenv("KEK", "ab" * 32)
    workspace.env |= {"KEK": "ab" * 32, "FR_ENCRYPT": "env:KEK"}
    recorded = Recorded(workspace, upstream)
    everything = b"".join(path.read_bytes() for path in workspace.store.rglob("*") if path.is_file())
    tables = [pq.read_table(path, partitioning=None) for path in workspace.store.rglob("*.parquet")]
    everything += repr([table.to_pylist() for table in tables]).encode()
    assert b"gpt-4o" in everything and b"the weather" not in everything and b"parallel" not in everything
    with recorded.replaying() as proxy:
        assert recorded.agent(proxy).stdout == recorded.ran.stdout
        assert proxy.stop().code == 0
    workspace.env["KEK"] = "cd" * 32
    refused = workspace.fr("proxy", "--port", "0", "--replay", recorded.trace)
    assert refused.code == 87 and refused.stdout == b""
    assert b"wrapped with the key" in refused.stderr and b"Traceback" not in refused.stderr, refused.stderr
