"""Names that tell: JSON fields, headers, URLs, forms, command lines, environment variables."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from fr_recorder.redact import Redactor
from fr_recorder.redact.fields import FIELDS_BY_NAME, FIELDS_BY_SUFFIX, PLAIN_FIELDS, field_of
from fr_recorder.redact.specimens import fill
from fr_recorder.redact.tokens import TOKEN, is_token
from fr_recorder.values import pack, unpack

REDACTOR = Redactor(bytes(range(32)), "k1")
OPAQUE = fill("<alnum:32>")


def tokens_in(value: Any) -> int:
    """How many tokens a JSON value holds."""
    return len(TOKEN.findall(json.dumps(value).encode()))


@pytest.mark.parametrize("name", sorted(FIELDS_BY_NAME))
def test_named_field_is_replaced_at_any_depth(name: str) -> None:
    """A field of the table loses its value wherever it stands."""
    secret = "0301234567" if FIELDS_BY_NAME[name].least_digits else OPAQUE
    value = {"a": [{"b": {name: secret, "other": "kept"}}]}
    redacted, hits = REDACTOR.value(value, "v")
    assert is_token(redacted["a"][0]["b"][name])
    assert redacted["a"][0]["b"]["other"] == "kept"
    assert [(hit.path, hit.count) for hit in hits] == [(f"v.a[].b.{name}", 1)]


@pytest.mark.parametrize("suffix", [suffix for suffix, _ in FIELDS_BY_SUFFIX])
@pytest.mark.parametrize("spelling", ["{}", "my_{}", "My-{}", "x.{}"])
def test_field_is_known_by_the_end_of_its_name(suffix: str, spelling: str) -> None:
    """Prefixes, case and separators do not hide a field."""
    redacted, _ = REDACTOR.value({spelling.format(suffix): OPAQUE}, "v")
    assert tokens_in(redacted) == 1


@pytest.mark.parametrize("name", ["apiKey", "API_KEY", "api-key", "Api Key", "x-api-key", "openaiApiKey"])
def test_spellings_of_a_name_are_one_name(name: str) -> None:
    """Case and separators do not count."""
    field = field_of(name)
    assert field is not None
    assert field.kind == "api_key"


@pytest.mark.parametrize("name", sorted(PLAIN_FIELDS))
def test_plain_field_is_kept(name: str) -> None:
    """Names that end like a secret's but carry none are left alone."""
    assert REDACTOR.value({name: OPAQUE}, "v") == ({name: OPAQUE}, [])


@pytest.mark.parametrize(
    "value",
    [
        {"max_tokens": 4096, "completion_tokens": 12, "tokens": ["a", "b"], "token_type": "bearer", "total_tokens": 3},
        {"next_page_token": OPAQUE, "pageToken": OPAQUE},
        {"token": "hello", "logprob": -0.1, "bytes": [104, 105]},
        {"token": OPAQUE, "logprob": -0.1, "top_logprobs": [{"token": OPAQUE, "logprob": -0.2}]},
        {"type": "object", "properties": {"password": {"type": "string", "description": "the password"}}, "required": ["password"]},
        {"properties": {"api_key": {"anyOf": [{"type": "string"}, {"type": "null"}], "title": "Api Key"}}},
        {"password": None, "secret": "", "api_key": False, "has_password": True},
        {"signature": OPAQUE, "encrypted_content": OPAQUE, "thoughtSignature": OPAQUE, "id": OPAQUE, "prompt_cache_key": OPAQUE},
        {"name": "password", "in": "query"},
        {"name": "temperature", "value": OPAQUE},
        {"author": "joe", "keyboard": "qwerty", "authorized": "yes", "tokenizer": "cl100k", "secretary": "Ann"},
    ],
    ids=lambda value: next(iter(value)),
)
def test_structural_near_miss_is_left_alone(value: dict[str, Any]) -> None:
    """Model fields, JSON schemas, empty values and names that only look alike come back as the same object."""
    redacted, hits = REDACTOR.value(value, "v")
    assert redacted is value
    assert hits == []


@pytest.mark.parametrize(
    ("value", "replaced"),
    [
        ({"password": 123456}, 1),
        ({"cvv": 123, "amount": 5}, 1),
        ({"api_keys": ["a"], "secrets": ["one", "two"]}, 2),
        ({"client_secret": {"value": "ek_short", "expires_at": 1715000000, "type": "temporary"}}, 1),
        ({"password": {"S": "hunter2"}}, 1),
        ({"name": "DB_PASSWORD", "value": "hunter2"}, 1),
        ([{"key": "api_key", "value": "abc"}, {"key": "region", "value": "eu"}], 1),
        ({"properties": {"password": {"type": "string", "default": "hunter2", "examples": ["letmein"], "description": "kept"}}}, 2),
        ({"headers": {"Authorization": "Bearer abc", "Cookie": "a=b", "Accept": "x"}}, 2),
        ({"card": 4111111111111111, "ordinary": 4111111111111112}, 1),
        ({"authorization": "Basic YTpi"}, 1),
        ({"token": OPAQUE}, 1),
    ],
)
def test_structural_secret_is_replaced(value: Any, replaced: int) -> None:
    """Numbers, lists, wrapped values, name/value pairs, schema defaults."""
    redacted, hits = REDACTOR.value(value, "v")
    assert tokens_in(redacted) == replaced
    assert sum(hit.count for hit in hits) == replaced
    assert REDACTOR.value(redacted, "v") == (redacted, [])


@pytest.mark.parametrize("value", [("one-A1", "two-B2"), b"three-C3", bytearray(b"four-D4"), {"five-E5"}, {"v": ("six-F6",)}], ids=repr)
def test_typed_value_under_a_telling_name_keeps_its_type(value: Any) -> None:
    """Typed JSON of a tool's result loses its content and can be handed out in replay all the same."""
    packed = pack({"password": value, "kept": (1,)})
    redacted, hits = REDACTOR.value(json.loads(packed.data), "result")
    text = json.dumps(redacted)
    assert not re.search("(one|two|three|four|five|six)-", text) and hits
    back = unpack(packed.form, text)
    assert type(back["password"]) is type(value) and len(back["password"]) and back["kept"] == (1,)


def test_bytes_inside_of_a_value_are_looked_into() -> None:
    """What is text among them is stored as text, and not in base64, where no pattern would find anything."""
    key = fill("gh<=p_><alnum:36>")
    packed = pack({"body": f"key {key}".encode(), "noise": b"\xff\x00"})
    redacted, hits = REDACTOR.value(json.loads(packed.data), "result")
    assert [hit.detector for hit in hits] == ["github_token"]
    back = unpack(packed.form, json.dumps(redacted))
    assert back["body"].startswith(b"key [[fr:github_token:") and back["noise"] == b"\xff\x00"


def test_scheme_before_a_credential_stays() -> None:
    """``Bearer`` and ``Basic`` are kept, so that a reader sees how the call was authorised."""
    redacted, _ = REDACTOR.value({"authorization": "Bearer abc", "proxy_authorization": "Basic YTpi"}, "v")
    assert redacted["authorization"].startswith("Bearer [[fr:access_token:")
    assert redacted["proxy_authorization"].startswith("Basic [[fr:basic_credentials:")


def test_key_has_one_token_in_header_field_text_and_form() -> None:
    """A value that a rule knows has the same token wherever it is met."""
    key = fill("sk-<=proj>-<alnum:48>")
    in_header = REDACTOR.headers([("Authorization", f"Bearer {key}")])[0][0][1].removeprefix("Bearer ")
    in_field = REDACTOR.value({"api_key": key}, "v")[0]["api_key"]
    in_text = REDACTOR.text(f"key: {key} end", "t")[0].removeprefix("key: ").removesuffix(" end")
    in_url = REDACTOR.url(f"https://x.example/?api_key={key}")[0].partition("=")[2]
    in_form = REDACTOR.body(f"api_key={key}".encode(), "application/x-www-form-urlencoded").data.decode().partition("=")[2]
    in_environment = REDACTOR.env("OPENAI_API_KEY", key)[0]
    assert is_token(in_header)
    assert {in_header, in_field, in_text, in_url, in_form, in_environment} == {in_header}


def test_same_password_has_one_token_in_json_text_and_url() -> None:
    """A password known by its name only is linked across places too."""
    in_field = REDACTOR.value({"password": "hunter2!x"}, "v")[0]["password"]
    in_text = REDACTOR.text("password=hunter2!x", "t")[0].partition("=")[2]
    in_url = REDACTOR.url("https://joe:hunter2!x@h.example/")[0].removeprefix("https://joe:").removesuffix("@h.example/")
    assert in_field == in_text == in_url


@pytest.mark.parametrize(
    ("value", "marked"),
    [
        ({"joe@x.io": 1}, 1),
        ({"a": {"user joe@x.io": {"b": 1}}}, 1),
        ({"joe@x.io": 1, "JOE@X.IO": 2}, 2),
    ],
)
def test_keys_are_redacted_and_no_member_is_lost(value: dict[str, Any], marked: int) -> None:
    """Secrets in keys are replaced; keys that become equal are numbered."""
    redacted, hits = REDACTOR.value(value, "v")
    assert tokens_in(redacted) == marked
    assert len(redacted) == len(value)
    assert "joe" not in json.dumps(redacted).lower()
    assert all("joe" not in hit.path for hit in hits)


def test_json_within_strings_is_looked_into() -> None:
    """JSON in a string of JSON in a string: names tell at both depths, and the strings stay JSON."""
    inner = json.dumps({"secret": 'deep"er', "note": "kept"})
    value = {"arguments": json.dumps({"password": "hunter2", "inner": inner}, indent=2)}
    redacted, hits = REDACTOR.value(value, "v")
    arguments = json.loads(redacted["arguments"])
    assert is_token(arguments["password"])
    assert is_token(json.loads(arguments["inner"])["secret"])
    assert json.loads(arguments["inner"])["note"] == "kept"
    assert redacted["arguments"].startswith('{\n  "password"'), "only the literal is replaced, the layout stays"
    assert [hit.path for hit in hits] == ["v.arguments.password", "v.arguments.inner.secret"]


def test_member_named_twice_in_nested_json_is_not_overlooked() -> None:
    """Decoding would hide the first of two members with one name; both are replaced."""
    redacted, _ = REDACTOR.text('{"password": "hunter2", "password": 1, "note": "joe@x.io", "note": "x"}', "t")
    assert "hunter2" not in redacted
    assert "joe" not in redacted
    assert redacted.count("[[fr:password:") == 2


@pytest.mark.parametrize("value", [b"bytes", {"a": {1, 2}}, object()], ids=["bytes", "set", "object"])
def test_value_that_is_not_json_is_refused(value: Any) -> None:
    """What cannot be looked into is not handed back."""
    from fr_recorder.redact import RedactionFailed

    with pytest.raises(RedactionFailed, match="TypeError"):
        REDACTOR.value(value, "v")


def test_tuples_count_as_lists() -> None:
    """Arguments of a call come as tuples and leave as tuples."""
    assert REDACTOR.value(("a", 1), "v") == (("a", 1), [])
    redacted, _ = REDACTOR.value(("joe@x.io", 1), "v")
    assert isinstance(redacted, tuple)
    assert is_token(redacted[0])


@pytest.mark.parametrize(
    "name",
    [
        "Authorization",
        "proxy-authorization",
        "X-Api-Key",
        "api-key",
        "x-goog-api-key",
        "X-Amz-Security-Token",
        "PRIVATE-TOKEN",
        "X-Auth-Token",
        "x-vault-token",
        "DD-APPLICATION-KEY",
        "Ocp-Apim-Subscription-Key",
        "X-Hub-Signature-256",
        "X-Client-Secret",
        "x-password",
        "X-CSRF-Token",
        "xapikey",
        "X-Shopify-Access-Token",
        "stripe-signature",
    ],
)
def test_telling_header_is_replaced(name: str) -> None:
    """Any value goes, however harmless it looks; the name stays."""
    redacted, hits = REDACTOR.headers([(name, "plain")])
    assert redacted[0][0] == name
    assert is_token(redacted[0][1])
    assert [hit.path for hit in hits] == [f"headers.{name.lower()}"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("openai-organization", "org-abc"),
        ("anthropic-ratelimit-input-tokens-remaining", "4000"),
        ("x-ratelimit-limit-tokens", "30000"),
        ("Idempotency-Key", "5b7e0a8c-6b0e-4d43-9d3b-2f1f0f6c1c11"),
        ("mcp-session-id", "1868a90c"),
        ("x-request-id", "req_011CQ"),
        ("cf-ray", "8a1b2c3d4e5f-FRA"),
        ("content-type", "application/json"),
        ("www-authenticate", 'Bearer realm="x"'),
        ("access-control-allow-credentials", "true"),
        ("user-agent", "OpenAI/Python 3.1.0"),
        ("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
    ],
)
def test_plain_header_is_kept(name: str, value: str) -> None:
    """What is wanted in the record stays, names with ``token`` or ``key`` in them included."""
    assert REDACTOR.headers([(name, value)]) == ([(name, value)], [])


def test_cookies_lose_their_values_and_keep_names_and_attributes() -> None:
    """Which cookies there were is worth knowing; in Set-Cookie the attributes stay."""
    redacted, _ = REDACTOR.headers([("Cookie", "sid=abc; theme=dark"), ("Set-Cookie", "sid=abc; Path=/; HttpOnly"), ("cookie", "opaque")])
    cookie, set_cookie, bare = (value for _, value in redacted)
    first, second = cookie.split("; ")
    assert first.startswith("sid=[[fr:cookie:")
    assert second.startswith("theme=[[fr:cookie:")
    assert set_cookie.startswith("sid=[[fr:cookie:")
    assert set_cookie.endswith("; Path=/; HttpOnly")
    assert is_token(bare)


def test_other_header_is_scanned_for_patterns() -> None:
    """A secret in an ordinary header is found."""
    redacted, _ = REDACTOR.headers([("from", "joe@x.io"), ("location", "https://h.example/?access_token=abcdefgh&x=1")])
    assert is_token(redacted[0][1])
    assert redacted[1][1].startswith("https://h.example/?access_token=[[fr:access_token:")
    assert redacted[1][1].endswith("&x=1")


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://joe:pw@h.example:8443/x?y=1", "https://joe:{password}@h.example:8443/x?y=1"),
        ("postgres://svc:p%40ss@db/x", "postgres://svc:{password}@db/x"),
        ("https://h.example/?api_key=abc&q=cats", "https://h.example/?api_key={api_key}&q=cats"),
        ("https://h.example/?q=joe%40x.io", "https://h.example/?q={email}"),
        ("https://h.example/cb#access_token=abc&state=1", "https://h.example/cb#access_token={access_token}&state=1"),
        ("https://h.example/?client%5Fsecret=abc", "https://h.example/?client%5Fsecret={secret}"),
        ("/relative?sig=abc", "/relative?sig={signature}"),
        (
            "https://h.example/b?X-Amz-Signature=ab12&X-Amz-Date=20240515T000000Z",
            "https://h.example/b?X-Amz-Signature={signature}&X-Amz-Date=20240515T000000Z",
        ),
        ("https://api.telegram.org/bot123456789:{telegram}/getMe", "https://api.telegram.org/bot{telegram_bot_token}/getMe"),
    ],
)
def test_url_loses_only_its_secrets(url: str, expected: str) -> None:
    """The rest of the URL keeps its spelling, character by character."""
    redacted, _ = REDACTOR.url(url.replace("{telegram}", "AA" + fill("<alnum:33>")))
    for kind in ("password", "api_key", "email", "access_token", "secret", "signature", "telegram_bot_token"):
        pattern = TOKEN.pattern.decode().replace("[a-z][a-z0-9_]{1,39}", kind)
        redacted = __import__("re").sub(pattern, f"{{{kind}}}", redacted)
    assert redacted == expected


@pytest.mark.parametrize(
    "url",
    [
        "https://api.openai.com/v1/chat/completions",
        "https://h.example/?key=name&token=next&code=404&page_token=abc&session=morning",
        "http://localhost:8080/users/@joe",
        "wss://h.example/?model=gpt-4o-realtime",
        "",
    ],
)
def test_url_without_secrets_is_the_same_object(url: str) -> None:
    """Parameters with harmless values stay although their names may carry secrets."""
    redacted, hits = REDACTOR.url(url)
    assert redacted is url
    assert hits == []


def test_command_line_loses_its_secrets() -> None:
    """Options with and without ``=``, user and password, headers, assignments, URLs; everything else stays."""
    argv = [
        "curl", "-u", "joe:pw", "-H", "Authorization: Bearer x", "-H", "Accept: y", "--api-key=abc", "--password", "hunter2",
        "API_KEY=abc", "https://u:p@h.example", "--verbose", "-o", "out.txt", "--max-tokens=100", "PATH=/bin",
    ]  # fmt: skip
    redacted, hits = REDACTOR.argv(argv)
    changed = [position for position, (old, new) in enumerate(zip(argv, redacted, strict=True)) if old != new]
    assert changed == [2, 4, 7, 9, 10, 11]
    assert redacted[2].startswith("joe:[[fr:password:")
    assert redacted[4].startswith("Authorization: Bearer [[fr:access_token:")
    assert sum(hit.count for hit in hits) == len(changed)
    assert REDACTOR.argv(redacted) == (redacted, [])


def test_password_glued_to_a_mysql_option_is_replaced() -> None:
    """``-p`` takes the password without a space in the MySQL clients, and is an ordinary option elsewhere."""
    assert REDACTOR.argv(["/usr/bin/mysqldump", "-phunter2"])[0][1].startswith("-p[[fr:password:")
    assert REDACTOR.argv(["python", "-phunter2"])[0][1] == "-phunter2"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OPENAI_API_KEY", "x"),
        ("AWS_SECRET_ACCESS_KEY", "x"),
        ("DB_PASS", "x"),
        ("GITHUB_TOKEN", "short"),
        ("LANGFUSE_SECRET_KEY", "x"),
        ("PGPASSWORD", "x"),
        ("SESSION_COOKIE", "x"),
        ("BASIC_AUTH", "u:p"),
    ],
)
def test_telling_variable_is_replaced(name: str, value: str) -> None:
    """Any value goes under such a name."""
    assert is_token(REDACTOR.env(name, value)[0])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PATH", "/usr/bin:/bin"),
        ("PWD", "/home/joe"),
        ("GOOGLE_APPLICATION_CREDENTIALS", "/etc/gcp/key.json"),
        ("SSH_AUTH_SOCK", "/tmp/ssh-1/agent"),
        ("TOKENIZERS_PARALLELISM", "false"),
        ("MAX_TOKENS", "4096"),
        ("KEYBOARD", "us"),
        ("USE_AUTH", "true"),
        ("LANG", "en_US.UTF-8"),
    ],
)
def test_plain_variable_is_kept(name: str, value: str) -> None:
    """Paths, numbers, switches and names that only look alike stay."""
    assert REDACTOR.env(name, value) == (value, [])


def test_address_in_a_variable_keeps_all_but_the_password() -> None:
    """A database address stays legible."""
    redacted, hits = REDACTOR.env("DATABASE_URL", "postgres://svc:hunter2@db.internal:5432/app")
    assert redacted.startswith("postgres://svc:[[fr:password:")
    assert redacted.endswith("@db.internal:5432/app")
    assert [hit.path for hit in hits] == ["env.DATABASE_URL.password"]


@pytest.mark.parametrize(
    ("header", "kind"),
    [
        ((b"Cookie", b"session=open-abc"), "cookie"),
        ((b"Cookie", b"cookie", b"session=open-abc"), "cookie"),
        ([b"X-Api-Key", b"open-abc"], "api_key"),
    ],
    ids=str,
)
def test_raw_header_in_a_packed_value_is_replaced(header: Any, kind: str) -> None:
    """An exception of a client holds the request, and that its headers as pairs or triples of bytes."""
    value = pack({"request": {"headers": [(b"accept", b"*/*"), header]}})
    redacted, hits = REDACTOR.value(json.loads(value.data), "error")
    assert "open-abc" not in json.dumps(redacted) and "*/*" in json.dumps(redacted)
    assert [hit.detector for hit in hits] == [kind]
    back = unpack(value.form, json.dumps(redacted))
    assert back["request"]["headers"][1][:-1] == header[:-1] and type(back["request"]["headers"][1]) is type(header)


def test_words_in_a_list_are_no_headers() -> None:
    """Only bytes are: a list of words may begin with one of them."""
    for value in (["cookie", "cake"], ["token", "key", "name"], [["authorization", "needed"]], [(1, 2)], [{"a": 1}, 2]):
        assert REDACTOR.value(value, "v") == (value, [])
