"""The parts of ``fr proxy`` that need no network: routes, headers, refusals, limits, and which trace and lane a request gets."""

import asyncio
import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

from recorder_rig import Rig, bytes_of_store

from fr_replay.proxy.admission import allows_host
from fr_replay.proxy.client_traces import LABEL_HEADERS, ClientTrace, ClientTraces, Named, named_trace
from fr_replay.proxy.load import Load, LoadLimits
from fr_replay.proxy.ordered_places import OrderedPlaces, Stuck
from fr_replay.proxy.passed_headers import HOP_BY_HOP, answer_headers, decoded_headers, request_headers
from fr_replay.proxy.refusals import REFUSALS, Refusal, Refused, error_body
from fr_replay.proxy.routes import ROUTES, Route, Routing, parse_route
from fr_replay.proxy.upstream import failure_of, proxy_of
from fr_schema import providers
from fr_schema.errors import BadInput
from fr_schema.ids import new_trace_id

OWN = new_trace_id()
FOREIGN = "4bf92f3577b34da6a3ce929d0e0e4736"

TARGETS = (
    ("/openai/v1/chat/completions", "https://api.openai.com/v1/chat/completions"),
    ("/openai/v1/x?a=1&b=%2F", "https://api.openai.com/v1/x?a=1&b=%2F"),
    (
        "/gemini/v1beta/models/g-2:generateContent?key=k",
        "https://generativelanguage.googleapis.com/v1beta/models/g-2:generateContent?key=k",
    ),
    ("/anthropic", "https://api.anthropic.com/"),
    ("/anthropic?x=1", "https://api.anthropic.com/?x=1"),
    ("/openai//v1/%2e%2e/x", "https://api.openai.com//v1/%2e%2e/x"),
    ("/own/v1/x", "http://10.0.0.1:9/base/v1/x"),
    ("/nobody/v1", None),
    ("/", None),
    ("/Openai/v1", None),
    ("http://api.openai.com/v1", None),
    ("*", None),
)

REFUSED_ROUTES = (
    "openai",
    "=http://a",
    "a b=http://a",
    "a/b=http://a",
    "x=ftp://a",
    "x=http://",
    "x=http://a:99999",
    "x=http://a b",
    "x=http://u:p@a",
    "x=http://a?b=1",
    "x=http://[",
)

NAMED = (
    ([], Named()),
    ([("X-FR-Trace", "")], Named()),
    ([("X-FR-Trace", OWN)], Named(OWN)),
    ([("x-fr-trace", OWN.upper())], Named(OWN)),
    ([("x-fr-trace", f"{OWN[:8]}-{OWN[8:12]}-{OWN[12:16]}-{OWN[16:20]}-{OWN[20:]}")], Named(OWN)),
    ([("x-fr-trace", FOREIGN)], Named(name=FOREIGN)),
    ([("x-fr-trace", "run 17")], Named(name="run 17")),
    ([("traceparent", f"00-{FOREIGN}-00f067aa0ba902b7-01")], Named(foreign=FOREIGN)),
    ([("traceparent", f"00-{FOREIGN}-00f067aa0ba902b7-01"), ("X-FR-Trace", "mine")], Named(name="mine")),
    ([("traceparent", f"00-{'0' * 32}-00f067aa0ba902b7-01")], Named()),
    ([("traceparent", "nonsense")], Named()),
)

HOSTS = (
    ("127.0.0.1", "127.0.0.1:4141", True),
    ("127.0.0.1", "localhost", True),
    ("127.0.0.1", "[::1]:4141", True),
    ("127.0.0.1", "agent.localhost:1", True),
    ("127.0.0.1", None, True),
    ("127.0.0.1", "evil.example:4141", False),
    ("127.0.0.1", "127.0.0.1.evil.example", False),
    ("localhost", "10.0.0.7:4141", False),
    ("0.0.0.0", "anything.example", True),
)


@pytest.mark.parametrize(("path", "url"), TARGETS)
def test_path_goes_to_its_upstream(path: str, url: str | None) -> None:
    """The route's name is replaced by its upstream, and nothing else of path and query is touched."""
    target = Routing([Route("own", "http://10.0.0.1:9/base")]).target(path)
    assert (target.url if target else None) == url


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
def test_builtin_route_is_https_and_its_provider_is_known(route: Route) -> None:
    """Every upstream but the local one is asked by TLS, and its host is one that the decoders know by name."""
    assert route.upstream.startswith("https://") or route.name == "ollama"
    assert not route.upstream.endswith("/")
    endpoint = providers.classify("POST", f"{route.upstream}/v1/chat/completions")
    assert endpoint is not None
    assert endpoint.provider != "unknown"


def test_own_route_takes_the_place_of_a_builtin_one() -> None:
    """The variable for SDKs stays."""
    route = parse_route("openai=http://127.0.0.1:9/")
    assert route == Route("openai", "http://127.0.0.1:9", "/v1", "OPENAI_BASE_URL")
    target = Routing([route]).target("/openai/v1")
    assert target is not None
    assert target.url == "http://127.0.0.1:9/v1"


@pytest.mark.parametrize("text", REFUSED_ROUTES)
def test_unusable_route_is_refused(text: str) -> None:
    """One line that names it and says how it is written."""
    with pytest.raises(BadInput) as refused:
        parse_route(text)
    assert refused.value.hint


@pytest.mark.parametrize("name", sorted(HOP_BY_HOP))
def test_connection_header_stays_on_its_connection(name: str) -> None:
    """In both directions, in any case."""
    headers = [(name.title(), "x"), ("Accept", "a")]
    assert request_headers(headers) == [("Accept", "a")]
    assert answer_headers(headers) == [("Accept", "a")]


def test_headers_that_connection_names_are_dropped() -> None:
    """But not those without which the body could not be read."""
    headers = [("Connection", "close, X-Hop"), ("X-Hop", "1"), ("Connection", "content-type"), ("Content-Type", "t"), ("x-hop2", "2")]
    assert answer_headers(headers) == [("Content-Type", "t"), ("x-hop2", "2")]


def test_request_headers_keep_order_case_and_repeats() -> None:
    """Host, length and expectation are made anew; what is meant for the proxy goes no further."""
    headers = [("B", "1"), ("a", "2"), ("B", "3"), ("Host", "h"), ("Content-Length", "4"), ("Expect", "100-continue"), ("X-FR-Trace", "t")]
    assert request_headers(headers) == [("B", "1"), ("a", "2"), ("B", "3")]


def test_header_bytes_become_text() -> None:
    """UTF-8 where they are, else Latin-1."""
    assert decoded_headers([(b"A", "é".encode()), (b"B", b"\xe9")]) == [("A", "é"), ("B", "é")]


@pytest.mark.parametrize("refusal", REFUSALS.values(), ids=lambda row: row.code)
def test_refusal_is_readable_and_says_whether_to_try_again(refusal: Refusal) -> None:
    """A JSON error in the SDKs' shape; what will not get better says so, and has a status that SDKs do not try again."""
    refused = Refused(refusal.code, "no", {"k": 1})
    body = json.loads(error_body(refused))
    assert body["error"] == {"type": f"fr_{refusal.code}", "code": refusal.code, "message": "fr proxy: no"}
    assert body["fr"] == {"k": 1}
    headers = refused.headers()
    assert headers["x-fr-proxy-error"] == refusal.code
    final = refusal.retry_after_s is None
    assert (headers.get("x-should-retry") == "false") == final
    assert not (final and refusal.status in (408, 409, 429, 500, 502, 503, 504))


@pytest.mark.parametrize(("bound", "header", "allowed"), HOSTS)
def test_only_names_of_this_machine_are_answered_on_loopback(bound: str, header: str | None, allowed: bool) -> None:
    """A page that makes its own name point here is not."""
    assert allows_host(bound, header) is allowed


def test_load_refuses_one_stream_too_many() -> None:
    """With 429; and there is room again after one has ended."""
    load = Load(LoadLimits(streams=1))
    with load.taken(), pytest.raises(Refused) as refused, load.taken():
        pass
    assert refused.value.refusal.status == 429
    with load.taken():
        assert load.streams == 1


def test_load_bounds_what_is_held() -> None:
    """One body by 413, all together by 503; an answer is only left out of the record; everything is given back at the end."""
    load = Load(LoadLimits(request_bytes=10, answer_bytes=20, held_bytes=30))
    with load.taken() as held:
        with pytest.raises(Refused) as large:
            held.expect_request(11)
        assert large.value.refusal.status == 413
        held.add_request(10)
        assert held.add_answer(20) is None
        assert "larger than 20" in (held.add_answer(1) or "")
        with pytest.raises(Refused) as full, load.taken():
            pass
        assert full.value.refusal.status == 503
        held.drop_answer()
        assert load.held == 10
    assert load.held == 0


@pytest.mark.parametrize(("headers", "named"), NAMED)
def test_trace_is_named_by_its_headers(headers: list[tuple[str, str]], named: Named) -> None:
    """An id of ours, any other name, or a W3C id."""
    assert named_trace(headers) == named


def test_requests_with_one_name_share_a_trace() -> None:
    """Other names, and none, are other traces; labels are of the request alone."""
    traces = ClientTraces(OWN)
    one, first = traces.choose([("x-fr-trace", "a"), ("X-FR-User", "ann")])
    same, second = traces.choose([("x-fr-trace", "a")])
    other, third = traces.choose([("x-fr-trace", "b")])
    _, none = traces.choose([("accept", "x")])
    assert one is same is not other
    assert first.trace_id == second.trace_id != third.trace_id
    assert none.trace_id == OWN
    assert first.labels == {"tags": {"trace": "a"}, "user": "ann"}
    assert second.labels == {"tags": {"trace": "a"}}
    assert traces.begun == 3


@pytest.mark.parametrize(("header", "label"), LABEL_HEADERS.items())
def test_label_header_becomes_its_label(header: str, label: str) -> None:
    """One header for each."""
    _, within = ClientTraces(OWN).choose([(header.upper(), "v")])
    assert within.labels == {label: "v"}


def _attempt(body: bytes, *, failed: bool, end_at: int = 0) -> Any:
    return SimpleNamespace(method="POST", url="u", body=body, failed=failed, end_at=end_at)


def _trace() -> ClientTrace:
    return ClientTraces(OWN).choose([("x-fr-trace", "t")])[0]


def test_requests_one_after_the_other_share_a_lane() -> None:
    """And those at once have lanes of their own."""
    trace = _trace()
    first = trace.take_lane("POST", "u", b"1")
    beside = trace.take_lane("POST", "u", b"2")
    assert first.path != beside.path
    trace.give_back(first)
    assert trace.take_lane("POST", "u", b"3") is first


def test_retry_gets_the_lane_of_the_request_that_failed() -> None:
    """Though others failed beside it, and others were made meanwhile."""
    trace = _trace()
    lanes = [trace.take_lane("POST", "u", body) for body in (b"1", b"2")]
    for lane, body in zip(lanes, (b"1", b"2"), strict=True):
        lane.last_attempt = _attempt(body, failed=True, end_at=10**30)
        trace.give_back(lane)
    assert trace.take_lane("POST", "u", b"3") not in lanes
    assert trace.take_lane("POST", "u", b"1") is lanes[0]
    assert trace.take_lane("POST", "u", b"2") is lanes[1]


def test_lane_of_a_failure_that_nobody_repeats_is_used_again() -> None:
    """After two minutes; and that of a success at once, without keeping its bodies."""
    trace = _trace()
    lane = trace.take_lane("POST", "u", b"1")
    lane.last_attempt = _attempt(b"1", failed=True, end_at=1)
    trace.give_back(lane)
    assert trace.take_lane("POST", "u", b"2") is lane
    lane.last_attempt = _attempt(b"2", failed=False)
    trace.give_back(lane)
    assert lane.last_attempt is None


def test_places_are_reached_in_their_order() -> None:
    """Whoever comes early waits."""

    async def run() -> list[int]:
        places, seen = OrderedPlaces(4, 5.0), []

        async def pass_one(place: int) -> None:
            await places.reach(place)
            seen.append(place)
            places.passed((place,))

        await asyncio.gather(*(pass_one(place) for place in (3, 1, 0, 2)))
        return seen

    assert asyncio.run(run()) == [0, 1, 2, 3]


def test_place_that_is_never_passed_is_named() -> None:
    """After the patience is over, and not while something moves."""

    async def run() -> int:
        places = OrderedPlaces(3, 0.05)
        places.passed((0,))
        with pytest.raises(Stuck) as stuck:
            await places.reach(2)
        return stuck.value.place

    assert asyncio.run(run()) == 1


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("builtins.TimeoutError", "upstream-timeout"),
        ("aiohttp.client_exceptions.SocketTimeoutError", "upstream-timeout"),
        ("aiohttp.client_exceptions.ClientConnectorError", "upstream-unreachable"),
        ("", "upstream-unreachable"),
    ],
)
def test_failure_of_the_upstream_has_its_refusal(name: str, code: str) -> None:
    """By the class alone, so that a replay answers the same."""
    assert failure_of(name)[0] == code


def test_answer_too_large_to_keep_is_left_out_and_said_so(tmp_path: Path) -> None:
    """Status, headers, times and how it ended stay on record; the body is missing with its reason, and so is exact replay."""
    rig = Rig(tmp_path)
    crossing = rig.begin_http()
    crossing.answered(200, [("content-type", "application/json"), ("set-cookie", "session=planted")], "HTTP/1.1")
    crossing.chunk(b'{"planted": ')
    crossing.leave_out("the answer is larger than 10 bytes")
    crossing.finish("eof")
    [row] = [row for row in rig.rows() if row["kind"] == "llm_attempt"]
    assert (row["http_status"], row["response_end"], row["response_parts"], row["response_bytes"]) == (200, "eof", None, None)
    assert (row["replay_level"], row["redaction_status"]) == ("none", "failed")
    assert "not stored: the answer is larger than 10 bytes" in str(row["redactions"])
    assert "planted" not in row["response_headers"]
    assert b"planted" not in bytes_of_store(rig.store).replace(b"sk-planted", b"")


def test_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """But not for what NO_PROXY names, and not for this machine."""
    monkeypatch.setenv("https_proxy", "gate.example:3128")
    monkeypatch.setenv("no_proxy", "inside.example")
    assert proxy_of("https://api.openai.com/v1") == "http://gate.example:3128"
    assert proxy_of("https://inside.example/v1") is None
    assert proxy_of("https://localhost:8080/v1") is None
