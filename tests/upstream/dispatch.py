"""From a request to the endpoint that answers it: path prefixes, the route tables, the log, latency, and the early faults."""

import asyncio
import json
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import NamedTuple
from weakref import WeakKeyDictionary

import api_anthropic
import api_embeddings
import api_gemini
import api_openai_responses
from aiohttp import web
from api_anthropic import ANTHROPIC_MESSAGES
from api_gemini import GEMINI
from api_openai_chat import MISTRAL_CHAT, OPENAI_CHAT, openai_error
from api_openai_responses import OPENAI_RESPONSES, input_items
from api_tools import TOOL_ROUTES, ToolRequest, json_reply
from canned import CONVERSATION_HEADER, CannedAnswers, NoCannedAnswerError
from delivery import DeliveryOptions, Reply, deliver, plan_delivery, reset_connection, wait_for_hangup
from faults import FAULTS, Fault, FaultCounter, UnknownFaultError, fault_named
from request_log import LoggedRequest
from scripts import SCRIPTS, JsonObject, plan_answer
from wire_api import JSON_TYPE, ApiRequest, WireApi

SERVER_NAME = "fr-scripted-upstream"
FAULT_PREFIX = re.compile(r"/fault/([^/]+)(/.*)")
WITH_PREFIX = re.compile(r"/with/([^/]+)(/.*)")
OPTION_HEADERS = {"x-upstream-encoding": "encoding", "x-upstream-framing": "framing", "x-upstream-latency-ms": "latency_ms"}
HTTP_1_1 = (1, 1)


class WireRoute(NamedTuple):
    """A provider API and where it lives; `user_agent` tells apart two providers that use one path on different hosts."""

    path: re.Pattern[str]
    api: WireApi
    user_agent: str = ""


class CountRoute(NamedTuple):
    """A small JSON endpoint of a provider, with no script behind it."""

    path: re.Pattern[str]
    answer: Callable[[ApiRequest], JsonObject]


WIRE_ROUTES: tuple[WireRoute, ...] = (
    WireRoute(re.compile(r"/mistral/v1/chat/completions"), MISTRAL_CHAT),
    WireRoute(re.compile(r"/v1/chat/completions"), MISTRAL_CHAT, user_agent="mistral-client"),
    WireRoute(re.compile(r"(/v1)?/chat/completions"), OPENAI_CHAT),
    WireRoute(re.compile(r"/v1/responses"), OPENAI_RESPONSES),
    WireRoute(re.compile(r"/v1/messages"), ANTHROPIC_MESSAGES),
    WireRoute(re.compile(r"/v1(alpha|beta)?/models/[^/:]+:(generateContent|streamGenerateContent)"), GEMINI),
)
COUNT_ROUTES: tuple[CountRoute, ...] = (
    CountRoute(re.compile(r"/v1/messages/count_tokens"), api_anthropic.count_tokens),
    CountRoute(re.compile(r"/v1(alpha|beta)?/models/[^/:]+:countTokens"), api_gemini.count_tokens),
    CountRoute(re.compile(r"/v1/responses/input_tokens"), api_openai_responses.count_tokens),
    CountRoute(re.compile(r"/v1/embeddings"), api_embeddings.embed),
)


def about_page() -> str:
    """What GET / says, so that nobody takes this for a model."""
    rows = [f"  {script.name}: {script.description}" for script in SCRIPTS]
    faults = [f"  {fault.name}: {fault.description}" for fault in FAULTS]
    tools = [f"  {route.method} {route.path.pattern}: {route.description}" for route in TOOL_ROUTES]
    return "\n".join(
        [
            f"{SERVER_NAME}: a scripted stand-in for model providers. There is no model behind it; every answer follows a script",
            "and holds a random nonce, so that an equal text can only be a recorded one.",
            "\nScripts ([[script:NAME]] in the last user message):",
            *rows,
            "\nFaults (/fault/NAME/ in front of a path):",
            *faults,
            "\nDelivery (/with/encoding=br,framing=chunked,latency_ms=5/ in front of a path, the query, or x-upstream-* headers)",
            "\nTools:",
            *tools,
            "\nControl: GET /__log, GET /__hits, POST /__reset",
            "",
        ]
    )


def split_prefixes(path: str) -> tuple[str, Fault | None, dict[str, str]]:
    """Take `/fault/NAME` and `/with/key=value,…` off the front of a path. Raises UnknownFaultError."""
    fault: Fault | None = None
    options: dict[str, str] = {}
    while True:
        if found := FAULT_PREFIX.fullmatch(path):
            fault, path = fault_named(found[1]), found[2]
        elif found := WITH_PREFIX.fullmatch(path):
            options.update(dict(pair.partition("=")[::2] for pair in found[1].split(",")))
            path = found[2]
        else:
            return path, fault, options


@dataclass
class Upstream:
    """The server's state and its one handler. Create and use it in one event loop."""

    options: DeliveryOptions = field(default_factory=DeliveryOptions)
    latency_ms: float = 0.0
    piece_pause_ms: float = 1.0
    seed: int | None = None
    canned: CannedAnswers | None = None

    def __post_init__(self) -> None:
        self._random = Random(self.seed)
        self._log: list[LoggedRequest] = []
        self._faults = FaultCounter()
        self._cached_prefixes: set[str] = set()
        self._stored_responses: dict[str, list[JsonObject]] = {}
        self._connections: WeakKeyDictionary[asyncio.Transport, int] = WeakKeyDictionary()
        self._connection_count = 0
        self._answers = 0

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer any request, control endpoints included."""
        return self._control(request) or await self._answer(request)

    def _control(self, request: web.Request) -> web.Response | None:
        headers = {"server": SERVER_NAME}
        if request.path == "/" and request.method == "GET":
            return web.Response(text=about_page(), headers=headers)
        if request.path == "/__log":
            return web.json_response([logged.to_json() for logged in self._log], headers=headers)
        if request.path == "/__hits":
            return web.json_response(len(self._log), headers=headers)
        if request.path == "/__reset" and request.method == "POST":
            for state in (self._log, self._faults, self._cached_prefixes, self._stored_responses):
                state.clear()
            if self.canned is not None:
                self.canned.clear()
            self._answers = 0
            return web.json_response({"reset": True}, headers=headers)
        return None

    def _connection_number(self, request: web.Request) -> int:
        transport = request.transport
        if transport is None:
            return 0
        number = self._connections.get(transport)
        if number is None:
            self._connection_count += 1
            number = self._connections[transport] = self._connection_count
        return number

    async def _read_and_log(self, request: web.Request) -> LoggedRequest:
        """Read the whole body and log the request; one whose body breaks off is logged as incomplete, and the error goes on."""
        body = bytearray()
        complete = False
        headers = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in request.raw_headers)
        connection = self._connection_number(request)
        try:
            async for piece in request.content.iter_any():
                body += piece
            complete = True
        finally:
            number = len(self._log) + 1
            logged = LoggedRequest(number, connection, request.method, request.raw_path, headers, bytes(body), complete)
            self._log.append(logged)
        return logged

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        logged = await self._read_and_log(request)
        raw_path, _, _ = request.raw_path.partition("?")
        try:
            path, fault, prefix_options = split_prefixes(raw_path)
            options = self.options.updated(prefix_options).updated(dict(request.query))
            options = options.updated({key: request.headers[name] for name, key in OPTION_HEADERS.items() if name in request.headers})
        except (UnknownFaultError, ValueError) as error:
            return await self._send(request, logged, json_reply({"error": str(error)}, 400), self.options, None)
        latency_ms = self.latency_ms if options.latency_ms is None else options.latency_ms
        await asyncio.sleep(latency_ms / 1000 * self._random.uniform(0.2, 1.8))
        if fault is not None and not self._faults.strikes(fault, logged.target, logged.body):
            fault = None
        if fault is not None and fault.kind in {"timeout", "reset"}:
            if fault.kind == "reset":
                reset_connection(request)
            await wait_for_hangup()
        reply = self._reply(request, path, logged, fault)
        return await self._send(request, logged, reply, options, fault)

    async def _send(
        self, request: web.Request, logged: LoggedRequest, reply: Reply, options: DeliveryOptions, fault: Fault | None
    ) -> web.StreamResponse:
        reply.headers.update({"server": SERVER_NAME, "x-upstream-connection": str(logged.connection)})
        if request.version < HTTP_1_1:
            options = options._replace(framing="length")
        accept = request.headers.get("accept-encoding", "")
        plan = plan_delivery(reply, options, accept, fault, random=self._random, pause_s=self.piece_pause_ms / 1000)
        return await deliver(request, reply, plan, fault)

    def _reply(self, request: web.Request, path: str, logged: LoggedRequest, fault: Fault | None) -> Reply:
        if request.method == "POST":
            user_agent = request.headers.get("user-agent", "")
            for route in WIRE_ROUTES:
                if route.path.fullmatch(path) and user_agent.startswith(route.user_agent):
                    return self._wire_reply(request, route.api, path, logged, fault)
            for count_route in COUNT_ROUTES:
                if count_route.path.fullmatch(path):
                    return self._count_reply(request, count_route, path, logged, fault)
        if fault is not None and fault.kind == "status":
            return json_reply(openai_error(fault.status, fault.description, secrets.token_hex(4)), fault.status, _retry_headers(fault))
        headers = {name.lower(): value for name, value in logged.headers}
        for tool_route in TOOL_ROUTES:
            found = tool_route.path.fullmatch(path)
            if found and tool_route.method == request.method:
                query = dict(request.query)
                return tool_route.answer(ToolRequest(request.method, path, found.groups(), query, headers, logged.body))
        return json_reply({"error": f"{SERVER_NAME} has no {request.method} {path}"}, 404)

    def _wire_reply(self, request: web.Request, api: WireApi, path: str, logged: LoggedRequest, fault: Fault | None) -> Reply:
        """The reply of a provider API: scripted, canned, or an error in the provider's own form."""
        nonce = secrets.token_hex(4)
        headers = {api.request_id_header: f"req_{nonce}", **api.headers}
        if fault is not None and fault.kind == "status":
            error = api.error(fault.status, fault.description, nonce)
            return json_reply(error, fault.status, {**headers, **_retry_headers(fault)})
        try:
            asked = ApiRequest(path, dict(request.query), json.loads(logged.body))
            if self.canned is not None and api is OPENAI_CHAT:
                written = self.canned.body_for(asked.body["messages"], request.headers.get(CONVERSATION_HEADER))
                body: JsonObject = json.loads(written)
            else:
                body = self._scripted_body(api, asked)
                written = json.dumps(body, ensure_ascii=False)
            streamed = api.is_streamed(asked)
        except NoCannedAnswerError as error:
            return json_reply(api.error(404, str(error), nonce), 404, headers)
        except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
            return json_reply(api.error(400, f"bad request: {type(error).__name__} {error}", nonce), 400, headers)
        if not streamed:
            return Reply(200, JSON_TYPE, [written.encode()], headers)
        events = api.events(asked, body)
        if fault is not None and fault.kind == "error-sse":
            events = [*events[: len(events) // 2], api.error_event("scripted failure in mid-stream")]
        is_array = api is GEMINI and asked.query.get("alt") != "sse"
        return Reply(200, JSON_TYPE if is_array else api.stream_type, events, headers, streamed=True)

    def _scripted_body(self, api: WireApi, asked: ApiRequest) -> JsonObject:
        """Plan and write one answer; keeps what a later request may refer to (cached prefixes, stored responses)."""
        previous = asked.body.get("previous_response_id") if api is OPENAI_RESPONSES else None
        read_as = asked
        if api is OPENAI_RESPONSES:
            history = [] if previous is None else self._stored_responses[previous]
            read_as = asked._replace(body={**asked.body, "input": [*history, *input_items(asked.body)]})
        conversation = api.read(read_as)
        seen = conversation.cacheable_prefix in self._cached_prefixes
        answer = plan_answer(conversation, prefix_was_seen=seen, turn=self._answers)
        self._answers += 1
        self._cached_prefixes.add(conversation.cacheable_prefix)
        body = api.write(asked, answer)
        if api is OPENAI_RESPONSES and body["store"]:
            self._stored_responses[body["id"]] = [*read_as.body["input"], *body["output"]]
        return body

    def _count_reply(self, request: web.Request, route: CountRoute, path: str, logged: LoggedRequest, fault: Fault | None) -> Reply:
        nonce = secrets.token_hex(4)
        headers = {"x-request-id": f"req_{nonce}"}
        if fault is not None and fault.kind == "status":
            error = openai_error(fault.status, fault.description, nonce)
            return json_reply(error, fault.status, {**headers, **_retry_headers(fault)})
        try:
            return json_reply(route.answer(ApiRequest(path, dict(request.query), json.loads(logged.body))), 200, headers)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            return json_reply(openai_error(400, f"bad request: {type(error).__name__} {error}", nonce), 400, headers)


def _retry_headers(fault: Fault) -> dict[str, str]:
    return {"retry-after-ms": str(fault.retry_after_ms)} if fault.retry_after_ms else {}
