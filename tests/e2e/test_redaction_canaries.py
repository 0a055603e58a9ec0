"""Forty kinds of secrets in every place where an agent may have them: not one byte of them is in the store, and replay still works.

Secrets are made at run time (see ``fr_recorder/redact/specimens.py``), each place with secrets of its own, so that a finding names it.
"""

import base64
import gzip
import json
import re
import shutil
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import pyarrow.parquet as pq
import pytest
from recording import PROGRAMS, Workspace

from fr_recorder.redact.specimens import fill
from fr_schema.frames import Frame, read_frames

pytestmark = pytest.mark.e2e


class Canary(NamedTuple):
    """A kind of secret: what stands around it, and a template of it. ``lines`` of its own do not go into a header."""

    kind: str
    around: str
    secret: str
    lines: bool = False


CANARIES = (
    Canary("openai", "{}", "sk-<=proj>-<url64:48>"),
    Canary("anthropic", "key={}", "sk-<=ant>-api03-<url64:93>AA"),
    Canary("openrouter", "{}", "sk-<=or>-v1-<hex:64>"),
    Canary("huggingface", "{}", "hf<=_><alnum:34>"),
    Canary("groq", "{}", "gsk<=_><alnum:52>"),
    Canary("xai", "{}", "xai<=-><alnum:80>"),
    Canary("replicate", "{}", "r8<=_><alnum:37>"),
    Canary("nvidia", "{}", "nvapi<=-><url64:64>"),
    Canary("tavily", "{}", "tvly<=-><alnum:32>"),
    Canary("aws key id", "{}", "AK<=IA><upper:16>"),
    Canary("aws secret", "aws_secret_access_key = {}", "<base64:40>"),
    Canary("google", "{}", "AI<=za><url64:35>"),
    Canary("google oauth", "{}", "ya<=29>.<url64:120>"),
    Canary("azure storage", "AccountName=x;AccountKey={}==;EndpointSuffix=core.windows.net", "<base64:86>"),
    Canary("digitalocean", "{}", "dop<=_v1>_<hex:64>"),
    Canary("databricks", "{}", "dap<=i><hex:32>"),
    Canary("github", "{}", "gh<=p_><alnum:36>"),
    Canary("gitlab", "{}", "gl<=pat>-<url64:20>"),
    Canary("slack", "{}", "xo<=xb>-<digits:12>-<digits:12>-<alnum:24>"),
    Canary("slack webhook", "https://hooks.slack.com/services/{}", "T<upper:8>/B<upper:10>/<alnum:24>"),
    Canary("telegram", "https://api.telegram.org/bot{}/getMe", "<digits:10>:AA<url64:33>"),
    Canary("stripe", "{}", "sk<=_li>ve_<alnum:24>"),
    Canary("npm", "{}", "np<=m_><alnum:36>"),
    Canary("pypi", "{}", "pyp<=i->AgEIcHlwaS5vcmc<url64:120>"),
    Canary("sendgrid", "{}", "S<=G.><url64:22>.<url64:43>"),
    Canary("shopify", "{}", "shp<=at_><hex:32>"),
    Canary("grafana", "{}", "gl<=sa_><alnum:32>_<hex:8>"),
    Canary("linear", "{}", "lin<=_api>_<alnum:40>"),
    Canary("jwt", "{}", "ey<=J><url64:30>.ey<=J><url64:60>.<url64:43>"),
    Canary("private key", "-----BEGIN RSA <=PRIVATE> KEY-----\n{}\n-----END RSA <=PRIVATE> KEY-----", "<base64:64>", lines=True),
    Canary("url password", "postgres://svc:{}@db.internal:5432/p", "<alnum:14>"),
    Canary("query key", "https://x.example/v1?api_key={}&units=m", "<alnum:20>"),
    Canary("password", 'DB_PASSWORD="{}"', "<=horse>-<alnum:9>"),
    Canary("bearer", "Authorization: Bearer {}", "<alnum:40>"),
    Canary("cookie", "Cookie: sessionid={}", "<lower:32>"),
    Canary("option", "tool --api-key {}", "<hex:32>"),
    Canary("email", "mail {} now", "ann.<lower:10>@example.org"),
    Canary("phone", "call +4930{} today", "<digits:8>"),
    Canary("card", "the card {} please", "card"),
    Canary("iban", "IBAN {}", "iban"),
    Canary("ssn", "SSN {}.", "ssn"),
)

CHANNELS = (
    *("prompt", "system prompt", "tool schema", "schema default", "call arguments", "tool message", "tool argument", "argument tuple"),
    *("tool result", "tool object", "tool tuple", "tool bytes", "tool keys", "tool item", "exception", "exception note", "exception cause"),
    *("span exception", "answer", "streamed answer", "streamed arguments", "error answer", "request header", "answer header", "query text"),
    *(
        "form text",
        "multipart text",
        "file",
        "upload",
        "ndjson",
        "text body",
        "gzip body",
        "json body",
        "decision",
        "decision label",
        "tag",
    ),
    *(
        "tag name",
        "session",
        "task",
        "tenant",
        "agent",
        "trace name",
        "manual",
        "manual system",
        "manual result",
        "manual answer",
        "stdout",
    ),
    *("stdin", "argument list", "variable", "run name", "bytes inside"),
)
ONE_LINE = frozenset(("request header", "answer header", "run name", "tool keys", "ndjson", "argument list", "variable", "stdout"))

NAMED = (
    *(
        "result field",
        "exception attribute",
        "argument",
        "argument field",
        "bearer",
        "key header",
        "cookie",
        "tool message",
        "url password",
    ),
    *("query", "form field", "multipart field", "unanswered query", "user", "decision field", "manual field", "option", "option pair"),
    *("secret variable", "variable url", "answer cookie", "answer field"),
)
"""Values that nothing but the name beside them gives away."""


SHORTEST_FORM = 8


def secret_of(canary: Canary, variant: int) -> str:
    """The secret itself, another one for each variant."""
    digits = fill("<digits:9>", variant + 1)
    if canary.secret == "card":
        number = "51051" + digits + fill("<digits:6>", variant + 1)[:1]
        doubled = [int(d) * 2 if n % 2 == 0 else int(d) for n, d in enumerate(number)]
        return number + str(-sum(d - 9 if d > 9 else d for d in doubled) % 10)
    if canary.secret == "iban":
        account = "50010517" + digits + "0"
        return f"DE{98 - int(account + '131400') % 97:02d}{account}"
    if canary.secret == "ssn":
        return f"219-{10 + int(digits[:2]) % 89}-{1000 + int(digits[2:6]) % 8999}"
    return fill(canary.secret, variant)


def planted() -> tuple[dict[str, str], dict[str, str], dict[str, str]]:
    """The texts by channel, the named values, and what must not be found: secret to its place."""
    texts, needles = {}, {}
    for number, channel in enumerate(CHANNELS):
        lines = []
        for canary in CANARIES:
            if canary.lines and channel in ONE_LINE:
                continue
            secret = secret_of(canary, number)
            needles[secret] = f"{canary.kind} in {channel}"
            lines.append(fill(canary.around).format(secret))
        texts[channel] = ("; " if channel in ONE_LINE - {"tool keys", "ndjson", "stdout"} else "\n").join(lines)
    named = {name: fill("open-<alnum:14>", number) for number, name in enumerate(NAMED)}
    return texts, named, needles | {value: f"the named value {name}" for name, value in named.items()}


TEXTS, VALUES, NEEDLES = planted()


class _Handler(BaseHTTPRequestHandler):
    """Answers with planted secrets. No model."""

    protocol_version = "HTTP/1.1"
    server: "SecretServer"

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path == "/gzip":
            self._send(gzip.compress(TEXTS["gzip body"].encode()), {"content-encoding": "gzip"}, "text/plain")
        elif path == "/json":
            self._send(json.dumps({"refresh_token": VALUES["answer field"], "note": TEXTS["json body"]}).encode())
        elif path == "/status":
            self._send(TEXTS["error answer"].encode(), {}, "text/html", 403)
        elif path == "/look":
            shutil.copytree(self.server.store, self.server.seen)
            self._send(b"looked", {}, "text/plain")
        else:
            self._send(TEXTS["text body"].encode(), {}, "text/plain; charset=utf-8")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"])).decode("utf-8", "replace")
        if not self.path.startswith("/v1/"):
            self._send(b"thanks", {}, "text/plain")
            return
        said = json.loads(body)["messages"][-1]["content"]
        if said == "streamed":
            self._stream()
        elif said == "refused":
            self._send(json.dumps({"error": {"message": TEXTS["error answer"], "type": "x"}}).encode(), {}, status=400)
        else:
            message = {"role": "assistant", "content": TEXTS["answer"]}
            choices = [{"index": 0, "finish_reason": "stop", "message": message}]
            answer = {"id": "c", "object": "chat.completion", "model": "gpt-x", "choices": choices}
            self._send(json.dumps(answer, ensure_ascii=False).encode())

    def _stream(self) -> None:
        """Text and tool arguments in pieces of seven characters, which cut every secret."""
        text, arguments = TEXTS["streamed answer"], json.dumps({"note": TEXTS["streamed arguments"]})
        deltas: list[dict[str, Any]] = [{"content": text[n : n + 7]} for n in range(0, len(text), 7)]
        deltas.append({"tool_calls": [{"index": 0, "id": "c", "type": "function", "function": {"name": "take", "arguments": ""}}]})
        deltas += [{"tool_calls": [{"index": 0, "function": {"arguments": arguments[n : n + 7]}}]} for n in range(0, len(arguments), 7)]
        chunks = [{"id": "c", "object": "chat.completion.chunk", "model": "gpt-x", "choices": [{"index": 0, "delta": d}]} for d in deltas]
        body = b"".join(b"data: " + json.dumps(chunk).encode() + b"\n\n" for chunk in chunks) + b"data: [DONE]\n\n"
        self._send(body, {}, "text/event-stream")

    def _send(self, body: bytes, headers: dict[str, str] | None = None, kind: str = "application/json", status: int = 200) -> None:
        self.send_response(status)
        cookie = f"session={VALUES['answer cookie']}; Path=/"
        shown = {"content-type": kind, "content-length": str(len(body)), "set-cookie": cookie, "x-note": TEXTS["answer header"]}
        for name, value in (shown | (headers or {})).items():
            self.send_header(name, value)
        self.end_headers()
        for start in range(0, len(body), 1000):
            self.wfile.write(body[start : start + 1000])

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""


class SecretServer(ThreadingHTTPServer):
    """The server; ``/look`` copies the ``store`` as it is at that moment to ``seen``."""

    daemon_threads = True

    def __init__(self, store: Path, seen: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.store, self.seen = store, seen
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Recorded(NamedTuple):
    """The recorded run: its workspace, what ``fr record`` and the program said, and the store as it was in the middle of the run."""

    workspace: Workspace
    stdout: bytes
    stderr: bytes
    seen: Path


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    """One run with everything planted; its server is gone."""
    workspace = Workspace(tmp_path_factory.mktemp("canaries"))
    workspace.write("planted.json", json.dumps({"text": TEXTS, "named": VALUES}))
    seen = workspace.folder / "seen"
    server = SecretServer(workspace.store, seen)
    env = {"FR_TEST_UPSTREAM": server.url, "FR_ENV": "FR_TEST_*,PLANTED_*", "OPENAI_API_KEY": VALUES["secret variable"]}
    env |= {"PLANTED_NOTE": TEXTS["variable"], "PLANTED_URL": f"redis://svc:{VALUES['variable url']}@cache:6379/0"}
    options = ["--password", VALUES["option"], f"--api-key={VALUES['option pair']}", TEXTS["argument list"]]
    command = ("record", "--name", TEXTS["run name"], "--", sys.executable, str(PROGRAMS / "canaries.py"), *options)
    done = workspace.fr(*command, stdin=TEXTS["stdin"].encode(), env=env)
    server.shutdown()
    server.server_close()
    assert done.code == 0, done.stderr.decode()
    return Recorded(workspace, done.stdout, done.stderr, seen)


def forms_of(secret: str) -> Iterator[bytes]:
    """A secret as it may be written: plain, in JSON, in a URL, and inside of base64 at any of three offsets."""
    plain = secret.encode()
    yield plain
    yield json.dumps(secret)[1:-1].replace("/", "\\/").encode()
    yield quote(secret, safe="").encode()
    for offset in range(3):
        encoded = base64.b64encode(bytes(offset) + plain)
        # The first and last group depend on the neighbours; what is left of a short secret may be anywhere by chance.
        whole = encoded[4 if offset else 0 : -4]
        if len(whole) >= SHORTEST_FORM:
            yield whole


def found_in(haystack: bytes) -> list[str]:
    """The places of the secrets that some bytes hold."""
    return sorted({place for secret, place in NEEDLES.items() if any(form in haystack for form in forms_of(secret))})


def cells_of(value: Any) -> Iterator[bytes]:
    """The bytes of a cell, and of what is inside it."""
    if isinstance(value, bytes):
        yield value
    elif isinstance(value, str):
        yield value.encode("utf-8", "surrogatepass")
    elif isinstance(value, dict):
        for pair in value.items():
            yield from cells_of(pair)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from cells_of(inner)


def everything_in(store: Path) -> tuple[bytes, int, int]:
    """Every byte of every file, frames and columns decompressed; how many frames, and how many cells that was."""
    pieces, frames, cells = [], 0, 0
    for path in sorted(path for path in store.rglob("*") if path.is_file()):
        data = path.read_bytes()
        pieces.append(data)
        if path.suffix == ".frj":
            payloads = [frame.payload for frame in read_frames(data) if isinstance(frame, Frame)]
            frames += len(payloads)
            pieces += payloads
        elif path.suffix == ".parquet":
            for row in pq.read_table(path, partitioning=None).to_pylist():
                values = list(cells_of(row))
                cells += len(values)
                pieces += values
    return b"\n".join(pieces), frames, cells


def test_canaries_are_what_they_are_meant_to_be() -> None:
    """Forty kinds, each secret of its own; the search finds each in every form, and nothing in other text."""
    assert len(CANARIES) >= 40 and len(CHANNELS) >= 40
    assert len(NEEDLES) == len(NAMED) + sum(not (c.lines and channel in ONE_LINE) for c in CANARIES for channel in CHANNELS)
    assert min(map(len, NEEDLES)) >= SHORTEST_FORM
    assert found_in(b"nothing planted here") == []
    for write in (
        str.encode,
        lambda secret: base64.b64encode(b"xy" + secret.encode() + b"z"),
        lambda secret: quote(secret, safe="").encode(),
    ):
        assert found_in(b" and ".join(map(write, NEEDLES))) == sorted(NEEDLES.values())


def test_no_secret_is_in_the_journal(recorded: Recorded) -> None:
    """In the middle of the run, when nothing is sealed: neither in the files nor in what their frames expand to."""
    haystack, frames, _ = everything_in(recorded.seen)
    assert frames > 20 and b"[[fr:github_token:" in haystack
    assert found_in(haystack) == []


def test_no_secret_is_in_the_sealed_store(recorded: Recorded) -> None:
    """Neither in the files nor in any cell of any column; of each kind there are tokens instead."""
    haystack, _, cells = everything_in(recorded.workspace.store)
    assert cells > 1000 and not list(recorded.workspace.store.glob("journal/*/*"))
    assert found_in(haystack) == []
    kinds = set(re.findall(rb"\[\[fr:([a-z0-9_]+):k[0-9a-z]+:", haystack))
    assert len(kinds) >= 35, kinds


def test_nothing_of_the_recorder_s_own_says_a_secret(recorded: Recorded) -> None:
    """Its lines on stderr, and what ``fr`` shows."""
    said = b"\n".join(line for line in recorded.stderr.splitlines() if line.startswith(b"fr: "))
    assert found_in(said) == []
    for command in (
        ("ls",),
        ("show", "last", "--full"),
        ("show", "last", "1", "--json"),
        ("query", "SELECT * FROM events", "--format", "json"),
    ):
        shown = recorded.workspace.fr(*command)
        assert shown.code == 0, shown.stderr.decode()
        assert found_in(shown.stdout + shown.stderr) == []


def test_the_run_replays_identically(recorded: Recorded) -> None:
    """With the server gone and every secret of the answers a token: requests are compared as tokens."""
    replayed = recorded.workspace.fr("replay", "last", env={"PLANTED_NOTE": "another"})
    assert replayed.code == 0, replayed.stderr.decode()
    assert b"replay identical" in replayed.stderr
    assert len(replayed.stdout.splitlines()) == len(recorded.stdout.splitlines())
