"""Whatever goes wrong inside, content that was not redacted is not handed back."""

from __future__ import annotations

import subprocess
import sys
import traceback
from collections.abc import Callable
from typing import Any

import pytest

from fr_recorder.redact import RedactionFailed, Redactor
from fr_recorder.redact.checks import CHECKS
from fr_recorder.redact.engine import Engine
from fr_schema.parts import Segment

SECRET = "joe@example.org"


class Broken:
    """Stands for an engine that fails, with the content in its message."""

    name = "re2"
    rules = ()

    def find(self, text: str) -> list[Any]:
        raise RuntimeError(f"cannot scan {text}")

    def is_clean(self, leaves: list[str]) -> bool:
        raise RuntimeError(f"cannot scan {leaves}")


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> Redactor:
    """A redactor whose engine raises on every text."""
    monkeypatch.setattr("fr_recorder.redact.redactor.engine_for", lambda disabled, own, process: Broken())
    return Redactor(bytes(range(32)), "k1")


CALLS: dict[str, Callable[[Redactor], Any]] = {
    "text": lambda redactor: redactor.text(SECRET, "t"),
    "value": lambda redactor: redactor.value({"a": SECRET}, "v"),
    "segments": lambda redactor: redactor.segments([Segment("value", f'"{SECRET}"', "a", SECRET)]),
    "headers": lambda redactor: redactor.headers([("from", SECRET)]),
    "url": lambda redactor: redactor.url(f"https://h.example/?q={SECRET}"),
    "argv": lambda redactor: redactor.argv(["mail", SECRET]),
    "env": lambda redactor: redactor.env("MAIL", SECRET),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())
def test_failure_raises_without_content(broken: Redactor, call: Callable[[Redactor], Any]) -> None:
    """The error names its class; neither its message nor its chain holds the content."""
    with pytest.raises(RedactionFailed) as caught:
        call(broken)
    assert str(caught.value) == "RuntimeError"
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    assert SECRET not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    ("data", "content_type"),
    [
        (b'{"a": "joe@example.org"}', "application/json"),
        (b'{"a": "joe', "application/json"),
        (b'data: {"a": "joe@example.org"}\n\n', "text/event-stream"),
        (b"a=joe@example.org", "application/x-www-form-urlencoded"),
        (b"joe@example.org", "text/plain"),
        (b"joe@example.org", None),
        (b"--b\r\n\r\njoe@example.org\r\n--b--", "multipart/mixed; boundary=b"),
    ],
)
def test_failed_body_has_no_content(broken: Redactor, data: bytes, content_type: str | None) -> None:
    """The status says so, the data are empty, the chunk ends fit them."""
    result = broken.body(data, content_type, [3, len(data)])
    assert result.status == "failed"
    assert result.data == b""
    assert result.chunk_offsets == [0, 0]
    assert [hit.detector for hit in result.hits] == ["failed:RuntimeError"]


def test_failed_stream_has_no_content(broken: Redactor) -> None:
    """A scanner never raises into the caller; the failure shows at the end."""
    scanner = broken.stream("text/event-stream")
    scanner.feed(b'data: {"a": "joe@example.org"}\n\n')
    assert scanner.finish([10]).status == "failed"
    assert scanner.finish([10]).data == b""


def test_rule_that_raises_fails_the_body(monkeypatch: pytest.MonkeyPatch) -> None:
    """One broken check is enough: nothing is guessed."""

    def explode(buffer: bytes | bytearray, start: int, end: int) -> bool:
        raise ZeroDivisionError

    monkeypatch.setitem(CHECKS, "email", explode)
    monkeypatch.setattr("fr_recorder.redact.redactor.engine_for", lambda disabled, own, process: Engine(disabled))
    redactor = Redactor(bytes(range(32)), "k1")
    assert redactor.body(b"joe@example.org", "text/plain").status == "failed"
    assert redactor.body(b"no address", "text/plain").status == "clean"


def test_binary_needs_no_engine(broken: Redactor) -> None:
    """What is not looked into cannot fail."""
    assert broken.body(b"\x89PNG\x00", "image/png").status == "unscanned"


def test_forked_child_has_an_engine_of_its_own() -> None:
    """Locks inside of the parent's engine may be held for ever in a child, so the child does not touch it."""
    code = (
        "import os; from fr_recorder.redact import Redactor; redactor = Redactor(bytes(32), 'k1')\n"
        "before = redactor.text('mail joe@example.org', 't'); parents = redactor._leaves.engine\n"
        "child = os.fork()\n"
        "same = redactor._leaves.engine is parents\n"
        "ok = redactor.text('mail joe@example.org', 't') == before and same == bool(child)\n"
        "os._exit(0 if ok and (not child or os.waitpid(child, 0)[1] == 0) else 1)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_import_is_light() -> None:
    """Importing redaction loads neither re2 nor anything that the agent's start must not pay for; making a redactor does neither."""
    code = (
        "import sys; from fr_recorder.redact import Redactor; Redactor(bytes(32), 'k1')\n"
        "print(sorted({'re2', 'pyarrow', 'duckdb', 'numpy', 'typer', 'rich', 'zstandard', 'xxhash', 'urllib.parse'} & set(sys.modules)))"
    )
    result = subprocess.run(
        [sys.executable, "-S", "-c", f"import sys; sys.path[:] = {sys.path!r}\n{code}"], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "[]"


def test_missing_re2_falls_back_and_says_so() -> None:
    """Without google-re2 the same rules run on ``re``, and the policy id names it."""
    code = (
        "import sys; sys.modules['re2'] = None\n"
        "from fr_recorder.redact import Redactor; redactor = Redactor(bytes(32), 'k1')\n"
        "print(redactor.policy_id, redactor.text('mail joe@example.org', 't')[0])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    policy, _, text = result.stdout.strip().partition(" ")
    with_re2 = Redactor(bytes(32), "k1")
    assert policy == with_re2.policy_id.replace(":re2:", ":re:")
    assert text == with_re2.text("mail joe@example.org", "t")[0]
