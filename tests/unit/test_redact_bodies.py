"""Bodies of all formats: what is replaced, what stays byte for byte, and how chunk ends move."""

from __future__ import annotations

import json

import pytest

from fr_recorder.redact import Redactor
from fr_recorder.redact.specimens import fill
from fr_recorder.redact.tokens import TOKEN

REDACTOR = Redactor(bytes(range(32)), "k1")
OPAQUE = fill("<alnum:32>").encode()
PNG = b"\x89PNG\r\n\x1a\n\x00\x00"


def without_tokens(data: bytes) -> bytes:
    """A body with every token written as ``#``."""
    return TOKEN.sub(b"#", data)


@pytest.mark.parametrize(
    ("data", "content_type"),
    [
        (b'{"a": 1, "b": [true, null, "x"]}', "application/json"),
        (b"a=1&b=two", "application/x-www-form-urlencoded"),
        (b"plain text", "text/plain"),
        (b'data: {"a": "b"}\n\ndata: [DONE]\n\n', "text/event-stream"),
        (b'{"a": 1}\n{"a": 2}\n', "application/x-ndjson"),
        (b"", "application/json"),
        (b"", None),
        (b'--b\r\nContent-Disposition: form-data; name="x"\r\n\r\n1\r\n--b--\r\n', "multipart/form-data; boundary=b"),
    ],
)
def test_clean_body_is_the_same_object(data: bytes, content_type: str | None) -> None:
    """Nothing found means nothing touched: the very same bytes object."""
    result = REDACTOR.body(data, content_type, [len(data)])
    assert result.data is data
    assert result == (data, [len(data)], [], "clean")


@pytest.mark.parametrize(
    ("data", "content_type"),
    [
        (PNG, "image/png"),
        (b"RIFF", "audio/wav"),
        (b"%PDF-1.7 joe@x.io", "application/pdf"),
        (PNG, "application/octet-stream"),
        (PNG, None),
        (b"\xff\xfe\x00", None),
    ],
)
def test_binary_is_kept_and_said_to_be_unscanned(data: bytes, content_type: str | None) -> None:
    """Images, sound, documents and what is not text are not looked into."""
    result = REDACTOR.body(data, content_type)
    assert result.status == "unscanned"
    assert result.data is data


@pytest.mark.parametrize(
    ("data", "content_type", "expected"),
    [
        (b'{ "to" : "joe@x.io" ,\n"n": 1.50, "e": 1E5 }', "application/json", b'{ "to" : "#" ,\n"n": 1.50, "e": 1E5 }'),
        (b'{"to": "joe\\u0040x.io"}', "application/vnd.api+json", b'{"to": "#"}'),
        (b'["a\\njoe@x.io"]', "application/json", b'["a\\n#"]'),
        (b'\xef\xbb\xbf{"to": "joe@x.io"}', "application/json", b'\xef\xbb\xbf{"to": "#"}'),
        (b'{"to": "joe@x.io"}', None, b'{"to": "#"}'),
        (b'{"to": "joe@x.io"}', "text/plain", b'{"to": "#"}'),
        (b'{"to": "joe@x.io"}', "application/octet-stream", b'{"to": "#"}'),
        (b'{"password": 1234, "ok": true}', "application/json", b'{"password": "#", "ok": true}'),
        (b'{"a": "joe@x.io", "a": "ann@x.io"}', "application/json", b'{"a": "#", "a": "#"}'),
        (b'"joe@x.io"', "application/json", b'"#"'),
        (b"to joe@x.io\r\n", "text/plain", b"to #\r\n"),
        ("caf\xe9 joe@x.io \xe9".encode("latin-1"), "text/plain; charset=iso-8859-1", b"caf\xe9 # \xe9"),
        (b"caf\xe9 joe@x.io \xe9", "text/plain", b"caf\xe9 # \xe9"),
        (b"caf\xe9 joe@x.io \xe9", "text/plain; charset=no-such-charset", b"caf\xe9 # \xe9"),
        ("größer joe@x.io ß".encode(), "text/html; charset=utf-8", "größer # ß".encode()),
        (b"a=1&password=hun%20ter2&q=hi+joe%40x.io+bye", "application/x-www-form-urlencoded", b"a=1&password=#&q=hi+#+bye"),
        (b"p=%7B%22token%22%3A%22" + OPAQUE + b"%22%7D", "application/x-www-form-urlencoded", b"p=%7B%22token%22:%22#%22%7D"),
        (b"<svg>joe@x.io</svg>", "image/svg+xml", b"<svg>#</svg>"),
        (b"[not json] joe@x.io", None, b"[not json] #"),
    ],
)  # fmt: skip
def test_only_the_secret_is_replaced(data: bytes, content_type: str | None, expected: bytes) -> None:
    """Everything around the secret stays byte for byte: layout, numbers, escapes, encoding."""
    result = REDACTOR.body(data, content_type)
    assert result.status == "redacted"
    assert without_tokens(result.data) == expected
    again = REDACTOR.body(result.data, content_type)
    assert (again.data, again.status) == (result.data, "clean")


def test_form_stays_a_form() -> None:
    """A redacted form parses to the same names, with tokens as values."""
    from urllib.parse import parse_qsl

    result = REDACTOR.body(b"user=joe&password=a%26b%3Dc&x=", "application/x-www-form-urlencoded")
    pairs = parse_qsl(result.data.decode(), keep_blank_values=True)
    assert [name for name, _ in pairs] == ["user", "password", "x"]
    assert TOKEN.fullmatch(pairs[1][1].encode())


def test_wide_encoding_is_written_anew() -> None:
    """In UTF-16 a token is not one byte per character; the text is redacted and encoded as a whole."""
    data = "to joe@x.io ß".encode("utf-16")
    result = REDACTOR.body(data, "text/plain; charset=utf-16", [4, len(data)])
    assert without_tokens(result.data.decode("utf-16").encode()) == "to # ß".encode()
    assert result.chunk_offsets[-1] == len(result.data)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b'{"to": "joe@x.io", "password": "hunter2", "cut": "off', b'{"to": "#", "password": "#", "cut": "off'),
        (b'{"password": "hun', b'{"password": "#'),
        (b'{"a": "x\\njoe@x.io', b'{"a": "x\\n#'),
        (b'{"pin": 1, "password": 1234, ', b'{"pin": 1, "password": "#", '),
        (b'{"a": "joe@x.io\\', b'{"a": "#\\'),
        (b'{"a": tru, "b": "joe@x.io"}', b'{"a": tru, "b": "#"}'),
    ],
)  # fmt: skip
def test_json_cut_off_is_still_redacted(data: bytes, expected: bytes) -> None:
    """A body that ended early cannot be parsed; its literals are decoded one by one and names still tell."""
    result = REDACTOR.body(data, "application/json")
    assert without_tokens(result.data) == expected
    assert REDACTOR.body(result.data, "application/json").data == result.data


@pytest.mark.parametrize("depth", [150, 300, 5000])
def test_nesting_does_not_hide_a_secret(depth: int) -> None:
    """However deep: a document too deep to be walked is read literal by literal."""
    data = b"[" * depth + b'{"password": "hunter2", "to": "joe@x.io"}' + b"]" * depth
    for body in (data, json.dumps({"arguments": data.decode()}).encode()):
        result = REDACTOR.body(body, "application/json")
        assert result.status == "redacted"
        assert b"hunter2" not in result.data
        assert b"joe" not in result.data
        assert all(len(hit.path) < 250 for hit in result.hits)


def test_multipart_parts_are_judged_one_by_one() -> None:
    """Fields by their names, texts by patterns, JSON as JSON; a file stays and makes the body unscanned in part."""
    data = (
        b'--x y\r\nContent-Disposition: form-data; name="password"\r\n\r\nhunter2\r\n'
        b'--x y\r\nContent-Disposition: form-data; name="note"\r\n\r\nmail joe@x.io\r\n'
        b'--x y\r\nContent-Disposition: form-data; name="meta"\r\nContent-Type: application/json\r\n\r\n{"api_key": "k"}\r\n'
        b'--x y\r\nContent-Disposition: form-data; name="f"; filename="a.png"\r\nContent-Type: image/png\r\n\r\n' + PNG + b"\r\n"
        b"--x y--\r\n"
    )
    result = REDACTOR.body(data, 'multipart/form-data; boundary="x y"', [50, len(data)])
    expected = data.replace(b"hunter2", b"#").replace(b"joe@x.io", b"#").replace(b'"k"', b'"#"')
    assert without_tokens(result.data) == expected
    assert result.status == "redacted"
    assert [(hit.path, hit.detector) for hit in result.hits] == [
        ("body.password", "password"),
        ("body.note", "email"),
        ("body.meta.api_key", "api_key"),
        ("body", "unscanned"),
    ]


@pytest.mark.parametrize(
    "data",
    [
        b"no boundary at all joe@x.io",
        b"--b\r\nContent-Disposition: form-data\r\njoe@x.io without an empty line",
        b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\njoe@x.io and no end',
        b"--b\r\n\r\njoe@x.io\r\n--b--",
        b'--b\nContent-Disposition: form-data; name="joe@x.io"\n\nx\n--b--\n',
    ],
)
def test_odd_multipart_does_not_hide_a_secret(data: bytes) -> None:
    """Parts without headers, without end, with bare line feeds, or no parts at all."""
    result = REDACTOR.body(data, "multipart/form-data; boundary=b")
    assert result.status == "redacted"
    assert b"joe@x.io" not in result.data


def test_chunk_ends_move_with_the_bytes() -> None:
    """Ends before a secret stay, ends inside it move behind its token, ends behind it shift."""
    data = b'{"a": "xx joe@example.org yy"}'
    start, end = data.index(b"joe"), data.index(b" yy")
    result = REDACTOR.body(data, "application/json", [3, start, start + 2, end - 1, end, len(data)])
    token = TOKEN.search(result.data)
    assert token is not None
    assert result.chunk_offsets == [3, token.start(), token.end(), token.end(), token.end(), len(result.data)]


def test_hits_name_paths_and_kinds_but_no_values() -> None:
    """The report says where and what kind, with positions in lists left out."""
    result = REDACTOR.body(b'{"m": [{"c": "joe@x.io ann@x.io"}, {"c": "joe@x.io"}], "joe@x.io": {"password": "p"}}', "application/json")
    assert [(hit.detector, hit.count) for hit in result.hits] == [("email", 3), ("email", 1), ("password", 1)]
    assert result.hits[0].path == "body.m[].c"
    assert not any("joe" in hit.path for hit in result.hits)
