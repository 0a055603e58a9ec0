"""Making a recorded request whole: today's credentials, redacted parts, another base URL, and what it is estimated to cost."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from fr_replay.credentials import CREDENTIALS, Credential, with_credentials
from fr_replay.reissue import RecordedRequest, at_base, estimated_cost, filled_body, tokens_in
from fr_schema.errors import BadInput
from fr_schema.providers.hosts import HOSTS

TOKEN = "[[fr:api_key:k1:aaaabbbbccccdddd]]"
EMAIL = "[[fr:email:k1:aaaabbbbccccdddd]]"
OTHER_EMAIL = "[[fr:email:k1:eeeeffffgggghhhh]]"
HOST_OF = {row.provider: row.domain for row in reversed(HOSTS)} | {"bedrock": "bedrock-runtime.eu-west-1.amazonaws.com"}


@pytest.mark.parametrize("row", CREDENTIALS, ids=lambda row: f"{row.provider}-{row.name}")
def test_credential_goes_where_the_record_has_a_token(row: Credential) -> None:
    """Each row, with each of its variables, in the header or query parameter that the recorded request used."""
    for variable in row.variables:
        in_query = row.place == "query"
        url = f"https://{HOST_OF[row.provider]}/v1/chat" + (f"?alt=sse&{row.name}={TOKEN}" if in_query else "")
        headers = [("content-type", "application/json")] + ([] if in_query else [(row.name.title(), TOKEN)])
        prepared = with_credentials(url, headers, {variable: "se/cret"}, None)
        if in_query:
            assert prepared.url.endswith(f"?alt=sse&{row.name}=se%2Fcret")
            assert prepared.headers == headers
        else:
            assert prepared.headers == [("content-type", "application/json"), (row.name.title(), f"{row.prefix}se/cret")]
        assert len(prepared.used) == 1
        assert variable in prepared.used[0]
        assert "cret" not in prepared.used[0]


def test_every_provider_of_the_table_is_a_known_one() -> None:
    """A row for a provider that no host belongs to could never be used."""
    assert {row.provider for row in CREDENTIALS} <= {row.provider for row in HOSTS}


def test_a_key_goes_to_no_unknown_host_by_itself() -> None:
    """Not even when the variable is set; a named variable goes there."""
    environment = {"OPENAI_API_KEY": "sk-1", "MINE": "m-1"}
    headers = [("Authorization", TOKEN), ("x-mine", TOKEN)]
    with pytest.raises(BadInput, match="no known provider's host"):
        with_credentials("https://gateway.example/v1/chat/completions", headers, environment, None)
    prepared = with_credentials("https://gateway.example/v1/chat/completions", headers, environment, "MINE")
    assert prepared.headers == [("Authorization", "Bearer m-1"), ("x-mine", "m-1")]


def test_a_missing_variable_is_named() -> None:
    """The message says which to set; AWS signatures say that they are not made anew."""
    with pytest.raises(BadInput, match="OPENAI_API_KEY is not set"):
        with_credentials("https://api.openai.com/v1/responses", [("authorization", TOKEN)], {}, None)
    with pytest.raises(BadInput, match="NOPE is not set"):
        with_credentials("https://api.openai.com/v1/responses", [("authorization", TOKEN)], {}, "NOPE")
    with pytest.raises(BadInput, match="not signed anew"):
        with_credentials(f"https://{HOST_OF['bedrock']}/model/m/converse", [("Authorization", TOKEN)], {}, None)


def test_headers_of_the_old_connection_and_cookies_stay_behind() -> None:
    """What the record lacks and nobody can fill in is left out, and said; an AWS signature goes whole."""
    sent = [("Host", "api.openai.com"), ("Content-Length", "3"), ("Cookie", f"a={TOKEN}"), ("openai-beta", "x")]
    prepared = with_credentials("https://api.openai.com/v1/responses", sent, {}, None)
    assert (prepared.headers, prepared.left_out) == ([("openai-beta", "x")], ["Cookie"])
    signed = [("Authorization", TOKEN), ("X-Amz-Date", "20260101T000000Z"), ("X-Amz-Security-Token", TOKEN)]
    again = with_credentials(f"https://{HOST_OF['bedrock']}/model/m/converse", signed, {"AWS_BEARER_TOKEN_BEDROCK": "b"}, None)
    assert again.headers == [("Authorization", "Bearer b")]
    assert sorted(again.left_out) == ["X-Amz-Date", "X-Amz-Security-Token"]


# -- redacted parts


def body_with(text: str) -> bytes:
    """A request body with this text in it."""
    return json.dumps({"messages": [{"role": "user", "content": text}]}, ensure_ascii=False).encode()


def text_in(body: bytes) -> Any:
    """The text of such a body."""
    return json.loads(body)["messages"][0]["content"]


@pytest.mark.parametrize("name", [EMAIL, "aaaabbbbccccdddd", "email"])
def test_a_token_is_named_whole_or_in_short(name: str) -> None:
    """By the token, by its last part, or by its kind; it is replaced wherever it stands."""
    body = filled_body(body_with(f"é {EMAIL} and {EMAIL}"), {name: "ann@example.org"})
    assert text_in(body) == "é ann@example.org and ann@example.org"
    assert tokens_in(body) == []


@pytest.mark.parametrize("name", ["email", "phone", "aaaa"])
def test_a_name_that_fits_none_or_several_is_refused(name: str) -> None:
    """Nothing is filled in by guess."""
    with pytest.raises(BadInput, match="of the redacted parts"):
        filled_body(body_with(f"{EMAIL} {OTHER_EMAIL}"), {name: "x"})


def test_a_value_is_escaped_as_the_text_around_it() -> None:
    """Quotes and line breaks stay inside of the text."""
    value = 'a "quoted"\nline\\'
    assert text_in(filled_body(body_with(f"<{EMAIL}>"), {EMAIL: value})) == f"<{value}>"


def test_a_value_that_would_break_json_inside_of_a_text_is_refused() -> None:
    """Arguments of an earlier tool call are JSON in a text of JSON: one escape is too few there."""
    body = body_with(json.dumps({"to": EMAIL}))
    assert json.loads(text_in(filled_body(body, {EMAIL: "ann@example.org"}))) == {"to": "ann@example.org"}
    with pytest.raises(BadInput, match="inside of a JSON text"):
        filled_body(body, {EMAIL: 'a"b'})


def test_a_body_without_tokens_is_left_byte_for_byte() -> None:
    """Also one that is no UTF-8."""
    for body in (b"\xff\x00[[fr:", b'{"a" : 1e0}', b""):
        assert filled_body(body, {}) == body


def test_another_base_keeps_path_and_query() -> None:
    """Its own path stands in front."""
    url = "https://api.openai.com/v1/responses?a=1"
    assert at_base(url, None) == url
    assert at_base(url, "http://127.0.0.1:8000/with/x/") == "http://127.0.0.1:8000/with/x/v1/responses?a=1"
    with pytest.raises(BadInput, match="no http or https URL"):
        at_base(url, "127.0.0.1:8000")


# -- the estimate


def request_of(**columns: Any) -> RecordedRequest:
    """A recorded request to OpenAI with these columns."""
    unknown = dict.fromkeys(("tokens_cache_read", "tokens_cache_write", "usage_raw", "service_tier_used", "model_resolved"))
    call = {**unknown, "provider": "openai", "model_requested": "gpt-4o", "tokens_in": 1_000_000, "tokens_out": 100_000, **columns}
    return RecordedRequest("0" * 32, 1, "0" * 16, call, "POST", "https://api.openai.com/v1/chat/completions", [], b"{}", None)


def test_an_answer_is_estimated_at_the_recorded_tokens() -> None:
    """A million tokens in at $2.50 and a tenth of one out at $10 (OpenAI's list for gpt-4o, in the pinned price table)."""
    assert estimated_cost(request_of(), None, datetime(2026, 1, 1, tzinfo=UTC)) == pytest.approx(3.5)


@pytest.mark.parametrize(
    ("columns", "base"),
    [
        ({"tokens_in": None}, None),
        ({"model_requested": "no-such-model"}, None),
        ({"provider": "unknown"}, None),
        ({}, "http://127.0.0.1:1"),
    ],
)
def test_an_unknown_price_is_no_price(columns: dict[str, Any], base: str | None) -> None:
    """Without tokens, price or provider, and at another host, nothing is estimated."""
    assert estimated_cost(request_of(**columns), base, datetime(2026, 1, 1, tzinfo=UTC)) is None
