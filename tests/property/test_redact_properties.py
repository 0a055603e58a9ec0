"""What holds for every text: idempotent, deterministic, JSON stays JSON, chunks do not matter, both engines agree."""

from __future__ import annotations

import json
from itertools import accumulate
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from fr_recorder.redact import Redactor
from fr_recorder.redact.engine import SEPARATOR, Engine
from fr_recorder.redact.rules import DISABLED_BY_DEFAULT, RULES
from fr_recorder.redact.specimens import fill
from fr_recorder.redact.tokens import TOKEN
from fr_schema.parts import cut_body

REDACTOR = Redactor(bytes(range(32)), "k1")
RE2 = Engine(DISABLED_BY_DEFAULT, "re2")
RE = Engine(DISABLED_BY_DEFAULT, "re")

SPECIMENS = [fill(template) for rule in RULES for template in (*rule.examples, *rule.near_misses)]
TOKENS = ["[[fr:email:k1:abcdefghijklmnop]]", "[[fr:", "[[fr:x:k1:2222222222222222]]"]
FRAGMENTS = [
    *TOKENS,
    *'"\\{}[]:,;=@.-_+ \n\t/&?%0aZé日😀',
    "password",
    "token=",
    "api_key: ",
    "\\n",
    "Bearer ",
    "://",
    "null",
    "1234",
    " is ",
]

specimens = st.integers(0, len(SPECIMENS) - 1).map(lambda number: SPECIMENS[number])
texts = st.lists(st.one_of(specimens, st.sampled_from(FRAGMENTS), st.text(max_size=8)), max_size=8).map("".join)
names = st.one_of(st.sampled_from(["password", "content", "token", "value", "name", "index", "type", "api_key", "a"]), texts)
scalars = st.one_of(texts, st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.booleans(), st.none())
values = st.recursive(
    st.one_of(scalars, st.builds(json.dumps, st.dictionaries(names, scalars, max_size=3))),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(names, inner, max_size=4)),
    max_leaves=12,
)


@settings(deadline=None)
@given(texts)
def test_text_is_redacted_once_and_for_all(text: str) -> None:
    """A second pass finds nothing, and a second call gives the same result."""
    redacted, _ = REDACTOR.text(text, "t")
    assert REDACTOR.text(redacted, "t") == (redacted, [])
    assert REDACTOR.text(text, "t")[0] == redacted


@settings(deadline=None)
@given(values)
def test_value_is_redacted_once_and_for_all(value: Any) -> None:
    """A second pass finds nothing; without hits the very same object comes back."""
    redacted, hits = REDACTOR.value(value, "v")
    assert REDACTOR.value(redacted, "v") == (redacted, [])
    if not hits:
        assert redacted is value


@settings(deadline=None)
@given(values, st.sampled_from([{}, {"indent": 1}, {"separators": (",", ":")}, {"ensure_ascii": False}]))
def test_json_stays_json_with_the_same_content(value: Any, options: dict[str, Any]) -> None:
    """A redacted body decodes to the redacted value, whatever its layout; a clean one is untouched."""
    data = json.dumps(value, **options).encode("utf-8", "surrogatepass")
    result = REDACTOR.body(data, "application/json")
    expected, hits = REDACTOR.value(value, "body")
    assert json.loads(result.data.decode("utf-8", "surrogatepass")) == expected
    assert result.status == ("redacted" if hits else "clean")
    assert hits or result.data is data


@settings(deadline=None)
@given(st.lists(texts, max_size=6), values)
def test_log_probabilities_are_redacted_once_and_for_all(tokens: list[str], value: Any) -> None:
    """Tokens with log probabilities are put together; a second pass finds nothing, and their joint text is what the text gives."""
    rows = [{"token": token, "logprob": -0.5, "bytes": [1], "top_logprobs": [{"token": token, "logprob": -0.5}]} for token in tokens]
    data = json.dumps({"content": rows, "other": value}).encode()
    result = REDACTOR.body(data, "application/json")
    again = REDACTOR.body(result.data, "application/json")
    assert (again.data, again.status) == (result.data, "clean")
    assert "".join(row["token"] for row in json.loads(result.data)["content"]) == REDACTOR.text("".join(tokens), "t")[0]


@settings(deadline=None)
@given(values)
def test_segments_join_to_the_redacted_body(value: Any) -> None:
    """Redacting the segments of a request gives the bytes that redacting it whole gives."""
    text = json.dumps({"model": "m", "messages": [{"role": "user", "content": value}], "extra": value})
    cut = cut_body(text)
    assert cut is not None
    redacted, hits = REDACTOR.segments(cut[0])
    whole = REDACTOR.body(text.encode(), "application/json")
    assert "".join(segment.text for segment in redacted).encode() == whole.data
    assert bool(hits) == (whole.status == "redacted")


@settings(deadline=None)
@given(texts)
def test_no_growth_without_bound(text: str) -> None:
    """Each replacement adds at most the length of one token for at least one replaced character."""
    redacted, hits = REDACTOR.text(text, "t")
    assert len(redacted) <= 4 * len(text) + 80 * sum(hit.count for hit in hits)


@settings(deadline=None)
@given(st.lists(texts, max_size=6))
def test_leaves_scanned_together_are_scanned_apart(leaves: list[str]) -> None:
    """No rule matches across the separator, and the separator is the same boundary as an end of text."""
    leaves = [leaf.replace(SEPARATOR, "") for leaf in leaves]
    joined = RE2.find(SEPARATOR.join(leaves))
    starts = [0, *accumulate(len(leaf) + 1 for leaf in leaves)]
    apart = [
        found._replace(start=found.start + start, end=found.end + start)
        for leaf, start in zip(leaves, starts, strict=False)
        for found in RE2.find(leaf)
    ]
    assert joined == apart
    assert RE2.is_clean(leaves) == (not apart)


@settings(deadline=None)
@given(texts)
def test_both_engines_find_the_same(text: str) -> None:
    """The fallback engine is not another policy in disguise."""
    assert RE2.find(text) == RE.find(text)


@settings(deadline=None)
@given(texts)
def test_what_is_clean_has_nothing_to_find(text: str) -> None:
    """The first pass never overlooks what the second would find."""
    assert RE2.is_clean([text]) == (RE2.find(text) == [])


@settings(deadline=None)
@given(texts, st.lists(st.integers(min_value=0, max_value=40), min_size=1, max_size=12))
def test_stream_joins_to_the_redacted_text(text: str, sizes: list[int]) -> None:
    """However a text is cut into deltas, the redacted deltas join to the redacted text."""
    pieces, rest = [], text
    for size in sizes:
        pieces.append(rest[:size])
        rest = rest[size:]
    pieces.append(rest)
    body = b"".join(b"data: " + json.dumps({"choices": [{"index": 0, "delta": {"content": piece}}]}).encode() + b"\n\n" for piece in pieces)
    result = REDACTOR.body(body, "text/event-stream")
    joined = "".join(json.loads(line[6:])["choices"][0]["delta"]["content"] for line in result.data.splitlines() if line)
    assert joined == REDACTOR.text(text, "t")[0]


@settings(deadline=None)
@given(
    st.lists(texts, max_size=5),
    st.lists(st.integers(min_value=1, max_value=30), min_size=1, max_size=8),
    st.sampled_from(["text/event-stream", "application/x-ndjson", "application/json", "text/plain", None]),
)
def test_transfer_chunks_do_not_matter(pieces: list[str], sizes: list[int], content_type: str | None) -> None:
    """Fed in chunks of any size, the result is that of the whole body; chunk ends stay in order and end at the end."""
    body = b"".join(b"data: " + json.dumps({"delta": piece}).encode("utf-8", "surrogatepass") + b"\n\n" for piece in pieces)
    scanner = REDACTOR.stream(content_type)
    ends: list[int] = []
    position = 0
    while position < len(body):
        size = sizes[len(ends) % len(sizes)]
        scanner.feed(body[position : position + size])
        position = min(position + size, len(body))
        ends.append(position)
    result = scanner.finish(ends)
    assert result == REDACTOR.body(body, content_type, ends)
    assert result.chunk_offsets == sorted(result.chunk_offsets)
    assert not ends or result.chunk_offsets[-1] == len(result.data)


@settings(deadline=None)
@given(
    st.binary(max_size=200),
    st.sampled_from([None, "application/json", "text/plain", "multipart/form-data; boundary=b", "text/event-stream"]),
)
def test_no_bytes_make_it_fail(data: bytes, content_type: str | None) -> None:
    """Garbage is scanned as well as it can be, never a reason to lose the record."""
    result = REDACTOR.body(data, content_type, [len(data)])
    assert result.status in ("clean", "redacted", "unscanned")
    assert result.chunk_offsets == [len(result.data)]


@settings(deadline=None)
@given(st.dictionaries(names, texts, max_size=4))
def test_form_is_redacted_once_and_for_all(fields: dict[str, str]) -> None:
    """A redacted form parses to the redacted pairs, and a second pass changes nothing."""
    from urllib.parse import parse_qsl, urlencode

    fields = {key.encode("utf-8", "ignore").decode(): value.encode("utf-8", "ignore").decode() for key, value in fields.items()}
    data = urlencode(fields).encode()
    result = REDACTOR.body(data, "application/x-www-form-urlencoded")
    again = REDACTOR.body(result.data, "application/x-www-form-urlencoded")
    assert (again.data, again.status) == (result.data, "clean")
    assert len(parse_qsl(result.data.decode(), keep_blank_values=True)) == len(fields)


@settings(deadline=None)
@given(texts)
def test_url_is_redacted_once_and_for_all(text: str) -> None:
    """A second pass over a URL finds nothing."""
    redacted, _ = REDACTOR.url(f"https://h.example/{text}")
    assert REDACTOR.url(redacted) == (redacted, [])


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(["Authorization", "Cookie", "Set-Cookie", "X-Api-Key", "X-Token", "From", "Location"]), texts), max_size=4
    )
)
def test_headers_are_redacted_once_and_for_all(headers: list[tuple[str, str]]) -> None:
    """A second pass over headers finds nothing; names stay."""
    redacted, _ = REDACTOR.headers(headers)
    assert REDACTOR.headers(redacted) == (redacted, [])
    assert [name for name, _ in redacted] == [name for name, _ in headers]


@settings(deadline=None)
@given(st.lists(texts, max_size=6))
def test_command_line_is_redacted_once_and_for_all(argv: list[str]) -> None:
    """A second pass over a command line finds nothing."""
    redacted, _ = REDACTOR.argv(argv)
    assert REDACTOR.argv(redacted) == (redacted, [])


@settings(deadline=None)
@given(texts, specimens)
def test_found_secret_is_gone(text: str, example: str) -> None:
    """What the engine finds does not stand in the redacted text any more, outside of tokens."""
    whole = f"{text} {example} "
    redacted, _ = REDACTOR.text(whole, "t")
    rest = TOKEN.sub(b"\0", redacted.encode("utf-8", "surrogatepass"))
    for found in RE2.find(whole):
        if len(found.value) >= 16 and whole.count(found.value) == 1:
            assert found.value.encode("utf-8", "surrogatepass") not in rest
