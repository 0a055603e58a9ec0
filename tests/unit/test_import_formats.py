"""Each format that `fr import` reads: what a file tells is in the columns, and what it does not tell is NULL."""

from __future__ import annotations

import base64
import gzip
import json
import sys
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

import fr_replay
from fr_replay.reading import rows_of
from fr_replay.rechecking import recheck_trace
from fr_replay.selectors import store_of_trace
from fr_replay.store import open_store
from fr_schema.errors import BadInput

sys.path.insert(0, str(Path(__file__).resolve().parent))

import import_samples as samples

TIMES = ("started_at", "ended_at", "duration_ms", "ttft_ms", "deliveries")
Rows = dict[str, list[dict[str, Any]]]


def imported(folder: Path, format_name: str, name: str, data: bytes) -> Rows:
    """Rows by kind of what one file becomes, in a store of its own, with the texts of their content."""
    path = folder / name
    path.write_bytes(data)
    store = str(folder / "store")
    fr_replay.import_file(format_name, path, store)
    opened = open_store(store)
    rows = rows_of(
        opened,
        "SELECT *, blob_text(lower(hex(output_blob))) AS output, blob_text(lower(hex(system_prompt_blob))) AS system,"
        " blob_text(lower(hex(tool_args_blob))) AS arguments, text_of(tool_result_parts) AS result, text_of(request_parts) AS request"
        " FROM all_events ORDER BY trace_id, seq",
    )
    opened.close()
    by_kind: Rows = {}
    for row in rows:
        assert row["capture_source"] == "import"
        assert row["pid"] is None and row["host"] is None and row["lane"] is None
        by_kind.setdefault(row["kind"], []).append(row)
    return by_kind


# -- vcr


def test_a_cassette_has_exact_bytes_and_no_times(tmp_path: Path) -> None:
    """Bodies that stand there as text are exact; nothing is made up of when it was, and the price's date is the answer's own."""
    rows = imported(tmp_path, "vcr", "c.yaml", samples.cassette(samples.interaction()))
    call, attempt = rows["llm_call"][0], rows["llm_attempt"][0]
    for row in (call, attempt, rows["span"][0]):
        assert [row[name] for name in TIMES] == [None] * len(TIMES)
    assert (attempt["replay_level"], attempt["replay_missing"]) == ("exact_io", None)
    assert attempt["request"] == json.dumps(samples.REQUEST)
    assert (call["model_requested"], call["model_resolved"], call["model_resolved_source"]) == ("gpt-4o", "gpt-4o-2024-08-06", "body")
    assert (call["tokens_in"], call["tokens_out"], call["finish_reason"], call["output"]) == (10, 2, "stop", "Paris")
    assert call["system"] == "Be brief." and call["provider"] == "openai"
    assert call["cost_usd"] == pytest.approx(10 * 2.5e-6 + 2 * 10e-6)
    assert rows["span"][0]["tags"]["import-format"] == "vcr" and rows["span"][0]["status"] is None


def test_a_price_needs_a_date(tmp_path: Path) -> None:
    """Without a date in headers or body the cost is not known, and the tokens are."""
    undated = {key: value for key, value in samples.CHAT.items() if key != "created"}
    call = imported(tmp_path, "vcr", "c.yaml", samples.cassette(samples.interaction(response=undated)))["llm_call"][0]
    assert (call["tokens_in"], call["cost_usd"], call["price_version"]) == (10, None, None)


def test_retries_of_an_sdk_are_attempts_of_one_call(tmp_path: Path) -> None:
    """A 429 and the same request again are one call with two attempts; a new request is another call."""
    failed = samples.interaction(response={"error": {"message": "slow down"}}, status=429)
    other = samples.interaction(request={**samples.REQUEST, "temperature": 0}, retry=0)
    rows = imported(tmp_path, "vcr", "c.json", samples.cassette(failed, samples.interaction(retry=1), other))
    assert [(row["attempt_no"], row["retry_cause"], row["backoff_ms"]) for row in rows["llm_attempt"]] == [
        (1, None, None),
        (2, "429", None),
        (1, None, None),
    ]
    assert [(row["attempts"], row["served_by"], row["status"]) for row in rows["llm_call"]] == [(2, "retry", "ok"), (1, "primary", "ok")]


def test_parsed_bodies_are_semantic(tmp_path: Path) -> None:
    """JSON without its bytes is read like any other, and is not called exact."""
    one = samples.interaction()
    del one["request"]["body"], one["response"]["body"]
    one["request"]["parsed_body"], one["response"]["parsed_body"] = samples.REQUEST, samples.CHAT
    rows = imported(tmp_path, "vcr", "c.yaml", samples.cassette(one))
    assert rows["llm_call"][0]["replay_level"] == rows["llm_attempt"][0]["replay_level"] == "semantic"
    assert len(rows["llm_attempt"][0]["replay_missing"]) == 2
    assert rows["llm_call"][0]["output"] == "Paris"


BODIES = (
    ({"string": json.dumps(samples.CHAT)}, {}),
    ({"base64_string": base64.b64encode(json.dumps(samples.CHAT).encode()).decode()}, {}),
    ({"string": json.dumps(samples.CHAT)}, {"Content-Encoding": ["gzip"]}),
)


@pytest.mark.parametrize(("body", "headers"), BODIES, ids=("text", "base64", "text under gzip"))
def test_bodies_in_all_their_forms(tmp_path: Path, body: dict[str, str], headers: dict[str, list[str]]) -> None:
    """The answer is read, whatever the cassette keeps it as; a body that was decoded on the way is told."""
    one = samples.interaction(headers={"Content-Type": ["application/json"], **headers})
    one["response"]["body"] = body
    rows = imported(tmp_path, "vcr", "c.json", samples.cassette(one))
    assert rows["llm_call"][0]["output"] == "Paris"
    assert (rows["llm_attempt"][0]["replay_level"] == "semantic") is bool(headers)


def test_compressed_bodies_are_decoded(tmp_path: Path) -> None:
    """A gzip body in YAML's binary is what was transferred, and is read decoded."""
    packed = base64.b64encode(gzip.compress(json.dumps(samples.CHAT).encode())).decode()
    text = (
        "version: 1\ninteractions:\n- request: {method: POST, uri: 'https://api.openai.com/v1/chat/completions', headers: {}, body: '"
        + json.dumps(samples.REQUEST)
        + "'}\n  response: {status: {code: 200}, headers: {content-encoding: [gzip]}, body: {string: !!binary "
        + packed
        + "}}\n"
    )
    rows = imported(tmp_path, "vcr", "c.yaml", text.encode())
    assert rows["llm_call"][0]["output"] == "Paris" and rows["llm_attempt"][0]["replay_level"] == "exact_io"


def test_secrets_of_a_file_do_not_reach_the_disk(tmp_path: Path) -> None:
    """Headers, bodies, names and tags pass the same redaction as a recording."""
    key = "sk-" + "proj-" + "A1b2C3d4E5f6G7h8I9j0K1l2M3n4"
    one = samples.interaction(request={**samples.REQUEST, "user": "ann@example.com"}, headers={"set-cookie": [f"session={key}"]})
    one["request"]["headers"]["authorization"] = [f"Bearer {key}"]
    imported(tmp_path, "vcr", "c-ann@example.com.yaml", samples.cassette(one))
    stored = b"".join(path.read_bytes() for path in (tmp_path / "store").rglob("*") if path.is_file())
    opened = open_store(str(tmp_path / "store"))
    content = (
        b"".join(row[0] for row in opened.rows("SELECT data FROM all_blobs")[1]) + repr(opened.rows("SELECT * FROM all_events")).encode()
    )
    opened.close()
    for secret in (key.encode(), b"ann@example.com"):
        at = (stored + content).find(secret)
        assert at < 0, (stored + content)[at - 80 : at + 80]
    assert b"[[fr:" in content


def test_an_imported_trace_can_be_checked(tmp_path: Path) -> None:
    """`fr replay` looks at every part of it, and reads the columns again."""
    imported(tmp_path, "vcr", "c.yaml", samples.cassette(samples.interaction()))
    opened = open_store(str(tmp_path / "store"))
    trace = opened.rows("SELECT trace_id FROM traces")[1][0][0]
    found = recheck_trace(store_of_trace(opened, trace), opened, trace)
    opened.close()
    assert (found.requests, found.answers, found.decoded, found.faults, found.by_content) == (1, 1, 1, [], True)


def test_first_import_into_a_store_that_is_to_be_encrypted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`FR_ENCRYPT` holds for the first content of a store as for all that follows: no word of it is in the clear, and it opens."""
    monkeypatch.setenv("TEST_KEK", "ab" * 32)
    monkeypatch.setenv("FR_ENCRYPT", "env:TEST_KEK")
    monkeypatch.setenv("FR_KEYS", str(tmp_path / "keys"))
    imported(tmp_path, "vcr", "c.yaml", samples.cassette(samples.interaction()))
    opened = open_store(str(tmp_path / "store"))
    assert b"Capital of France" in b"".join(row[0] for row in opened.rows("SELECT data FROM all_blobs")[1])
    opened.close()
    files = sorted((tmp_path / "store" / "blobs").rglob("*.parquet"))
    ciphers = {cell for file in files for cell in pq.read_table(file, columns=["cipher"]).column("cipher").to_pylist()}
    assert files and ciphers == {"aes-256-gcm"}


def test_samples_of_grpc_are_read(tmp_path: Path) -> None:
    """xAI's messages: tokens of reasoning come on top, tools that xAI ran itself are not asked of the agent."""
    ran = {"id": "c0", "type": "TOOL_CALL_TYPE_CODE_EXECUTION_TOOL", "function": {"name": "code_execution", "arguments": "{}"}}
    asked = {"id": "c1", "type": "TOOL_CALL_TYPE_CLIENT_SIDE_TOOL", "function": {"name": "look", "arguments": "{}"}}
    response = {
        "id": "r",
        "model": "grok-3",
        "created": "2026-01-29T21:33:15.522327026Z",
        "outputs": [{"finish_reason": "REASON_TOOL_CALLS", "message": {"role": "ROLE_ASSISTANT", "tool_calls": [ran, asked]}}],
        "usage": {"prompt_tokens": 10, "completion_tokens": 5, "reasoning_tokens": 7, "cached_prompt_text_tokens": 4},
        "settings": {"temperature": 0.7},
    }
    request = {"model": "grok-3-fast", "messages": [{"role": "ROLE_USER", "content": [{"text": "Hi"}]}]}
    one = {"request_sample": {"json": request}, "response_sample": {"json": response}}
    call = imported(tmp_path, "vcr", "c.xai.yaml", samples.cassette(one))["llm_call"][0]
    assert (call["provider"], call["api_flavor"], call["model_resolved"]) == ("xai", "xai.grpc", "grok-3")
    assert (call["tokens_in"], call["tokens_out"], call["tokens_reasoning"], call["tokens_cache_read"]) == (10, 12, 7, 4)
    assert [one["name"] for one in json.loads(call["output_tool_calls"])] == ["look"]
    assert (call["finish_reason"], call["finish_reason_raw"], call["params_echoed"]) == (
        "tool_calls",
        "REASON_TOOL_CALLS",
        '{"temperature":0.7}',
    )


# -- the others


def test_messages_of_a_tau_bench_run(tmp_path: Path) -> None:
    """Each answer is a call; model, usage, parameters and times are not in the file."""
    rows = imported(tmp_path, "openai-messages", "runs.json", json.dumps([samples.TAU_RUN, samples.TAU_RUN]).encode())
    calls = rows["llm_call"][:2]
    assert len(rows["llm_call"]) == 4 and "llm_attempt" not in rows
    assert [call["output"] for call in calls] == [None, "Cancelled."]
    assert len(calls[1]["message_blobs"]) == 4 and calls[0]["system"] == "Policy"
    absent = (
        "model_requested",
        "model_resolved",
        "provider",
        "params_sent",
        "params_defaulted",
        "temperature",
        "tokens_in",
        "finish_reason",
    )
    for call in calls:
        assert [call[name] for name in (*absent, *TIMES, "attempts", "served_by", "http_status", "request_url", "cost_usd")] == [None] * 18
        assert call["replay_level"] == "semantic" and call["model_resolved_source"] == "unknown"
    assert [(row["tool_name"], row["result"]) for row in rows["tool_seen"][:1]] == [("cancel", "done")]
    assert rows["span"][0]["task_id"] == "7" and rows["span"][0]["tags"]["reward"] == "1.0"


MESSAGE_FILES = (
    ("list.json", json.dumps(samples.TAU_RUN["traj"]).encode(), 1),
    ("object.json", json.dumps({"messages": samples.TAU_RUN["traj"], "model": "gpt-4o"}).encode(), 1),
    ("lines.jsonl", samples.json_lines([{"messages": samples.TAU_RUN["traj"]}, samples.TAU_RUN]), 2),
    ("lines.txt", samples.json_lines([{"messages": samples.TAU_RUN["traj"]}, samples.TAU_RUN]), 2),
)


@pytest.mark.parametrize(("name", "data", "traces"), MESSAGE_FILES, ids=[row[0] for row in MESSAGE_FILES])
def test_lists_of_messages_in_all_their_forms(tmp_path: Path, name: str, data: bytes, traces: int) -> None:
    """A list, an object with one, a list of runs, lines."""
    rows = imported(tmp_path, "openai-messages", name, data)
    assert len(rows["span"]) == traces and len(rows["llm_call"]) == 2 * traces


def test_a_session_of_claude_code(tmp_path: Path) -> None:
    """An answer on several lines is one call; results of tools that ran side by side are both shown to the next one."""
    rows = imported(tmp_path, "claude-code", "s.jsonl", samples.json_lines(samples.claude_session()))
    first, second = rows["llm_call"]
    assert (first["model_resolved"], first["model_requested"], first["provider"]) == ("claude-sonnet-4-5-20250929", None, "anthropic")
    assert (first["tokens_in"], first["tokens_out"], first["tokens_cache_read"], first["tokens_cache_write"]) == (125, 30, 100, 20)
    assert (first["finish_reason"], second["finish_reason"], second["output"]) == ("tool_calls", "stop", "Same.")
    assert [call["name"] for call in json.loads(first["output_tool_calls"])] == ["Read", "Read"]
    assert (first["response_id"], first["provider_request_id"], second["provider_request_id"]) == ("msg_01A", "req_1", "req_2")
    assert first["started_at"] is None and first["ended_at"] is not None and first["temperature"] is None
    messages = json.loads(second["request"])["messages"]
    assert [message["role"] for message in messages] == ["user", "assistant", "user"]
    assert [block["tool_use_id"] for block in messages[2]["content"]] == ["toolu_1", "toolu_2"]
    assert [(row["tool_call_id"], row["status"], row["result"], row["error_message"]) for row in rows["tool_call"]] == [
        ("toolu_1", "ok", "A", None),
        ("toolu_2", "error", None, "B"),
    ]
    span = rows["span"][0]
    assert (span["agent_name"], span["agent_version"], span["duration_ms"]) == ("claude-code", "2.1.0", 8000.0)


INSPECT_FILES = (
    ("log.eval", samples.inspect_archive(zstd=False)),
    ("zstd.eval", samples.inspect_archive(zstd=True)),
    ("log.json", json.dumps({"version": 2, "eval": samples.INSPECT_EVAL, "samples": [samples.inspect_sample()]}).encode()),
)


@pytest.mark.parametrize(("name", "data"), INSPECT_FILES, ids=[row[0] for row in INSPECT_FILES])
def test_a_log_of_inspect(tmp_path: Path, name: str, data: bytes) -> None:
    """Pools and attachments are put in place; the provider's own JSON is read where there is some, else Inspect's."""
    rows = imported(tmp_path, "inspect", name, data)
    raw, own, failed = rows["llm_call"]
    assert (raw["provider"], raw["model_resolved"], raw["model_resolved_source"], raw["tokens_in"]) == (
        "openai",
        "gpt-4o-2024-08-06",
        "body",
        50,
    )
    assert (raw["attempts"], raw["served_by"], raw["duration_ms"], raw["temperature"], raw["system"]) == (
        3,
        "retry",
        2000.0,
        0.5,
        "Be nice",
    )
    assert json.loads(raw["request"])["messages"][1]["content"].startswith("What is 1+1?") and "extra_headers" not in raw["request"]
    assert (own["provider"], own["model_requested"], own["model_resolved"], own["max_output_tokens"]) == (None, "model", None, 100)
    assert (own["tokens_in"], own["tokens_out"], own["tokens_cache_read"]) == (60, 5, 20)
    assert (own["finish_reason"], own["finish_reason_raw"], own["output"], own["attempts"]) == ("length", "max_tokens", "2", None)
    assert (failed["status"], failed["error_message"], failed["started_at"], failed["replay_level"]) == (
        "error",
        "connection refused",
        None,
        "none",
    )
    assert [(row["tool_name"], row["tool_call_id"], row["result"], row["duration_ms"]) for row in rows["tool_call"]] == [
        ("add", "c1", "2", 1000.0)
    ]
    span = rows["span"][0]
    assert (span["name"], span["task_id"], span["session_id"], span["tags"]["score-match"]) == ("sums q1 #2", "q1", "run1", "C")
    assert (span["status"], span["duration_ms"]) == ("ok", 6000.0)


AGENT_FILES = (
    ("t.jsonl", samples.json_lines(samples.agents_items())),
    ("t.json", json.dumps(samples.agents_items()).encode()),
    ("batch.json", json.dumps({"data": samples.agents_items()}).encode()),
)


@pytest.mark.parametrize(("name", "data"), AGENT_FILES, ids=[row[0] for row in AGENT_FILES])
def test_traces_of_the_agents_sdk(tmp_path: Path, name: str, data: bytes) -> None:
    """Spans come in the order of their ends, and are put in that of their beginnings; a response span tells only id and usage."""
    rows = imported(tmp_path, "openai-agents", name, data)
    generation, response = rows["llm_call"]
    assert (generation["provider"], generation["model_requested"], generation["model_resolved"]) == ("openai", "gpt-x", None)
    assert (generation["tokens_in"], generation["tokens_out"], generation["tokens_cache_read"], generation["agent_name"]) == (
        9,
        4,
        3,
        "Weather",
    )
    assert (generation["temperature"], generation["finish_reason"], generation["duration_ms"]) == (0.25, None, 1000.0)
    assert (response["response_id"], response["tokens_in"], response["replay_level"], response["request"]) == ("resp_1", 9, "none", None)
    assert response["request_parts"] is None and response["message_blobs"] is None
    assert [(row["tool_name"], row["result"]) for row in rows["tool_call"]] == [("look", "sunny")]
    assert [row["decision_label"] for row in rows["decision"]] == ["handoff"]
    span = rows["span"][0]
    assert (span["name"], span["session_id"], span["tags"]["plan"], span["ext_trace_id"]) == (
        "weather",
        "g1",
        "pro",
        bytes.fromhex("ab" * 16),
    )


BAD_FILES = (
    ("vcr", "a.yaml", b"just text", "is no cassette"),
    ("vcr", "a.yaml", b"a: [", "is not YAML"),
    ("vcr", "a.yaml", b"\xff\xfe", "is not UTF-8"),
    ("vcr", "a.json", b"{", "is not JSON"),
    ("vcr", "a.json", b"[]", "before vcrpy 1.0"),
    ("vcr", "a.yaml", b"interactions: [1]", "interaction 1 is int"),
    ("vcr", "a.yaml", b"interactions: [{request: {method: GET, uri: u}, response: {status: {code: x}}}]", "its status is 'x'"),
    ("vcr", "a.yaml", b"interactions: &a [*a]", "unfolds into more than"),
    ("openai-messages", "a.json", b"[]", "holds no conversation"),
    ("openai-messages", "a.json", b'[{"messages": []}]', "conversation 1 has no messages"),
    ("claude-code", "a.jsonl", b'{"type": "summary"}\n', "holds no line of a session"),
    ("claude-code", "a.jsonl", b'{"type": 1}\nnonsense\n{}\n', "line 2 is not JSON"),
    ("inspect", "a.eval", b"PK\x03\x04nonsense", "is a damaged ZIP"),
    ("inspect", "a.json", b"{}", "is no Inspect log"),
    ("openai-agents", "a.json", b'{"object": "span"}', "item 1 has object 'span'"),
    ("openai-agents", "a.json", b"[1]", "item 1 is int"),
)


@pytest.mark.parametrize(("format_name", "name", "data", "says"), BAD_FILES, ids=[f"{row[0]}: {row[3]}" for row in BAD_FILES])
def test_bad_files_are_named_with_what_is_wrong(tmp_path: Path, format_name: str, name: str, data: bytes, says: str) -> None:
    """One line: the file, and the value in it."""
    with pytest.raises(BadInput) as raised:
        imported(tmp_path, format_name, name, data)
    assert str(tmp_path / name) in str(raised.value) and says in str(raised.value)


def test_files_that_unfold_are_refused(tmp_path: Path) -> None:
    """Aliases of aliases would be gigabytes once written out."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    with pytest.raises(BadInput, match="unfolds into more than"):
        imported(tmp_path, "vcr", "bomb.yaml", "\n".join(lines).encode())
