"""Base64 and gzip inside of texts: looked into once, and replaced whole when there is a secret inside."""

from __future__ import annotations

import base64
import gzip
import json
from random import Random

import pytest

from fr_recorder.redact import Redactor
from fr_recorder.redact.encoded import MOST_DECODED
from fr_recorder.redact.specimens import fill
from fr_recorder.redact.tokens import TOKEN, is_token

REDACTOR = Redactor(bytes(range(32)), "k1")
SECRET = f"the key is {fill('gh<=p_><alnum:36>')} and that is that"
HARMLESS = "nothing that anybody would want to keep from a record"


def standard(data: bytes) -> str:
    """Base64."""
    return base64.b64encode(data).decode()


def url_safe(data: bytes) -> str:
    """Base64 in the alphabet for URLs, without padding."""
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def zipped(data: bytes) -> str:
    """Base64 of gzip."""
    return standard(gzip.compress(data, mtime=0))


@pytest.mark.parametrize("write", [standard, url_safe, zipped])
@pytest.mark.parametrize("around", ["{}", "data:text/plain;base64,{}", "x = base64.b64decode('{}')"])
def test_secret_inside_is_found(write: object, around: str) -> None:
    """All of the run goes, what is around it stays, and the rest of a conversation is untouched."""
    text = around.format(write(SECRET.encode()))  # type: ignore[operator]
    redacted, hits = REDACTOR.text(text, "t")
    before, _, after = around.partition("{}")
    assert is_token(redacted.removeprefix(before).removesuffix(after))
    assert [(hit.detector, hit.count) for hit in hits] == [("encoded_secret", 1)]
    assert REDACTOR.text(redacted, "t")[1] == []
    harmless = around.format(write(HARMLESS.encode()))  # type: ignore[operator]
    assert REDACTOR.text(harmless, "t") == (harmless, [])


def test_json_and_gzip_are_known_in_running_text() -> None:
    """By how their Base64 begins."""
    for run in (standard(json.dumps({"password": "hunter2hunter2"}).encode()), zipped(SECRET.encode())):
        redacted, _ = REDACTOR.text(f"the service sent {run}, which failed", "t")
        assert run not in redacted
        assert len(TOKEN.findall(redacted.encode())) == 1


def test_leaf_of_json_and_stream_is_looked_into() -> None:
    """As any other text: in a body, and cut over the events of a stream."""
    run = standard(SECRET.encode())
    body = REDACTOR.body(json.dumps({"input": {"blob": run, "note": "x"}}).encode(), "application/json")
    assert (body.status, run.encode() in body.data) == ("redacted", False)
    events = [{"choices": [{"index": 0, "delta": {"content": run[place : place + 9]}}]} for place in range(0, len(run), 9)]
    stream = REDACTOR.body(b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in events), "text/event-stream")
    assert stream.status == "redacted"
    assert b"encoded_secret" in stream.data


def test_binary_is_not_looked_into() -> None:
    """Images, hashes, ids and random keys are no text; what they hold is left as it is."""
    random = Random(4)
    for length in (24, 40, 600):
        run = standard(random.randbytes(length))
        assert REDACTOR.value({"image": f"data:image/png;base64,{run}", "digest": run}, "v")[1] == []


def test_not_looked_into_twice() -> None:
    """One level of Base64, with gzip in it: as docs/privacy.md says."""
    twice = standard(standard(SECRET.encode()).encode())
    assert REDACTOR.text(twice, "t") == (twice, [])


def test_only_the_beginning_of_a_large_run_is_decoded() -> None:
    """A megabyte; a bomb of gzip grows no further."""
    bomb = zipped(bytes(50 << 20))
    assert REDACTOR.text(bomb, "t")[1] == []
    late = standard(b"x " * MOST_DECODED + SECRET.encode())
    assert REDACTOR.text(late, "t")[1] == []
    early = standard(SECRET.encode() + b" x" * MOST_DECODED)
    assert is_token(REDACTOR.text(early, "t")[0])
