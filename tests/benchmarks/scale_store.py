"""A compacted store of many calls over many days, written quickly: the product's schema, Parquet settings, row groups, files and manifests.

Shortened against a store that was really recorded: rows are made by SQL and not by sealing journals, so leaf hashes are random bytes and
``fr verify`` would refuse them; a trace is a span, ten calls with one attempt each, and three tool calls; a call names two or three parts
and not its whole conversation; text is sentences of a pool, 2 KB a part. Everything that readers look at (ids, order, statistics, bloom
filters, dictionaries, sizes of columns) is as in a recorded and compacted store.
"""
# ruff: noqa: E501 - rows of SQL

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import pyarrow as pa

from fr_recorder.parquet_files import schema_of
from fr_recorder.store import open_store as make_store
from fr_replay.rewriting import DayRewrite
from fr_schema.layout import BLOBS, EVENTS

__all__ = ["CALLS_PER_TRACE", "LAST_DAY", "Sizes", "blob_sql", "build", "trace_sql"]

LAST_DAY = datetime(2026, 10, 30, tzinfo=UTC)
"""The newest day of every store: fixed, so that the same rows come out each time."""

CALLS_PER_TRACE = 10
BLOB_BYTES = 2_048
_BATCH_TRACES = 5_000
_BATCH_BLOBS = 8_192
_PROMPTS = 5
_WORDS = 4_000
_SENTENCES = 20_000


class Sizes(NamedTuple):
    """How large a store is: calls and bytes of payload over all days."""

    calls: int
    payload_bytes: int
    days: int = 30

    @property
    def traces_per_day(self) -> int:
        return max(1, self.calls // self.days // CALLS_PER_TRACE)

    @property
    def blobs_per_day(self) -> int:
        return max(_PROMPTS + 1, self.payload_bytes // BLOB_BYTES // self.days)

    def day(self, number: int) -> datetime:
        """The day of a number, from 0, the oldest."""
        return LAST_DAY - timedelta(days=self.days - 1 - number)


def trace_sql(day: str, trace: str) -> str:
    """SQL of a trace's id as hex: its time, then what looks random; ``day`` and ``trace`` are SQL of numbers, ``step_ms`` in scope."""
    made = f"(day_ms + {trace} * step_ms)"
    random_part = f"sha256('trace' || {day} || '-' || {trace})"
    return f"(printf('%012x', {made}::BIGINT) || '7' || substr({random_part}, 1, 3) || '8' || substr({random_part}, 4, 15))"


def blob_sql(day: str, number: str) -> str:
    """SQL of a stored part's id, 32 bytes."""
    return f"unhex(sha256('blob' || {day} || '-' || {number}))"


_EVENTS = f"""
WITH numbers AS (
  SELECT $day AS day, $day_ms AS day_ms, $step_ms AS step_ms, range AS c, range // {CALLS_PER_TRACE} AS t, range % {CALLS_PER_TRACE} AS k,
    hash(range * 31 + $day) AS h FROM range($first, $last)
), ids AS (
  SELECT *, {trace_sql("day", "t")} AS trace_hex, sha256('span' || day || '-' || c) AS span_hex,
    -- The parts of a trace: so many that all parts of the day are named by some trace.
    (t * ($blobs - {_PROMPTS})) // $traces + {_PROMPTS} AS part,
    greatest(1, ((t + 1) * ($blobs - {_PROMPTS})) // $traces - (t * ($blobs - {_PROMPTS})) // $traces) AS parts,
    h % 100 = 0 AS failed, hash(h) AS h2, hash(h + 1) AS h3,
    make_timestamptz(((day_ms + t * step_ms) * 1000 + k * 2000000 + h % 900000)::BIGINT) AS moment FROM numbers
), kinds AS (
  SELECT i.*, r.kind, r.n FROM ids i, (VALUES ('span', 0), ('llm_call', 1), ('llm_attempt', 2), ('tool_call', 3)) r(kind, n)
  WHERE (r.n <> 0 OR i.k = 0) AND (r.n <> 3 OR i.k < 3)
)
SELECT 1 AS schema_version, unhex(substr(sha256('record' || day || '-' || c || kind), 1, 32)) AS record_id, kind, 'end' AS phase,
  unhex(trace_hex) AS trace_id, unhex(CASE WHEN n = 0 THEN sha256('root' || trace_hex)[:16] WHEN n = 1 THEN span_hex[:16]
    WHEN n = 2 THEN span_hex[17:32] ELSE span_hex[33:48] END) AS span_id,
  unhex(CASE n WHEN 0 THEN NULL WHEN 2 THEN span_hex[:16] ELSE sha256('root' || trace_hex)[:16] END) AS parent_span_id,
  c * 4 + n AS seq, 'host-' || day || '-' || t % 8 AS writer_id, moment + to_milliseconds(h % 3000) AS recorded_at, moment AS started_at,
  moment + to_milliseconds(200 + h2 % 4000) AS ended_at, 200 + h2 % 4000 + (h3 % 1000) / 1000.0 AS duration_ms,
  if(n = 0, 'support', NULL) AS name, 's-' || day || '-' || t AS session_id, 't-' || day || '-' || t // 5 AS task_id,
  sha256('user' || t % 5000)[:32] AS user_ref, 'tenant-' || t % 40 AS tenant_id, 'agent-' || t % 5 AS agent_name, '1.' || day // 7 AS agent_version,
  MAP {{'plan': if(t % 4 = 0, 'pro', 'free')}} AS tags, 'support' AS service, 'prod' AS environment, if(t % 2 = 0, 'eu-west-1', 'us-east-1') AS region,
  'host-' || t % 8 AS host, 4000 + t % 8 AS pid, sha256('code' || day // 5)[:40] AS code_version, false AS code_dirty,
  'agent.py:' || 40 + k || ' in answer' AS code_location, if(n = 2, 'wire', 'sdk') AS capture_source, 'exact_io' AS replay_level,
  'p0/trace#' || t AS lane, if(n > 1, k * 2 + n - 2, NULL) AS lane_seq, if(n > 1, c * 2 + n, NULL) AS issue_no,
  if(n = 2, '[[0,' || h2 % 900000 || ',0],[0,' || h3 % 4000 || ',' || 300 + h % 3000 || ']]', NULL) AS deliveries, false AS salvaged,
  CASE WHEN n = 0 OR NOT failed THEN 'ok' ELSE 'error' END AS status, if(failed AND n > 0, 'RateLimitError', NULL) AS error_type,
  if(failed AND n > 0, 'Rate limit reached for requests, try again in ' || h % 60 || ' s', NULL) AS error_message,
  if(n IN (1, 2), (['openai', 'anthropic', 'gemini'])[t % 3 + 1], NULL) AS provider,
  if(n IN (1, 2), (['openai.chat', 'anthropic.messages', 'gemini'])[t % 3 + 1], NULL) AS api_flavor, if(n IN (1, 2), 'chat', NULL) AS operation,
  if(n IN (1, 2), (['api.openai.com', 'api.anthropic.com', 'generativelanguage.googleapis.com'])[t % 3 + 1], NULL) AS server_address,
  if(n = 2, 'httpx2', NULL) AS transport, if(n IN (1, 2), (['openai', 'anthropic', 'google-genai'])[t % 3 + 1], NULL) AS sdk_name,
  if(n IN (1, 2), '3.' || day // 10, NULL) AS sdk_version, if(n IN (1, 2), (['gpt-4o', 'claude-sonnet', 'gemini-flash'])[t % 3 + 1], NULL) AS model_requested,
  if(n IN (1, 2) AND NOT failed, (['gpt-4o-2026-0', 'claude-sonnet-', 'gemini-flash-'])[t % 3 + 1] || if(day < 15, '5', '9'), NULL) AS model_resolved,
  if(n IN (1, 2), if(failed, 'unknown', 'body'), NULL) AS model_resolved_source,
  if(n IN (1, 2) AND NOT failed, 'resp_' || sha256('r' || day || '-' || c)[:24], NULL) AS response_id,
  if(n = 2, 'req_' || sha256('q' || day || '-' || c)[:24], NULL) AS provider_request_id,
  if(n IN (1, 2), '{{"model":"' || (['gpt-4o', 'claude-sonnet', 'gemini-flash'])[t % 3 + 1] || '","temperature":0.' || t % 5 || '}}', NULL) AS params_sent,
  if(n IN (1, 2), unhex(sha256('params' || t % 15)), NULL) AS params_sha256, if(n IN (1, 2), (t % 5) / 10.0, NULL) AS temperature,
  if(n IN (1, 2), unhex(sha256('prompt' || t % 5 || if(day < 20, '', 'new'))), NULL) AS system_prompt_sha256,
  if(n IN (1, 2), {blob_sql("day", "(t % 5)")}, NULL) AS system_prompt_blob,
  if(n IN (1, 2), [{blob_sql("day", "part")}, {blob_sql("day", "(part + k % parts)")}], NULL) AS message_blobs,
  if(n IN (1, 2), unhex(sha256('tools' || t % 5)), NULL) AS tools_sha256, if(n IN (1, 2), ['look_up_order', 'refund', 'send_mail'], NULL) AS tool_names,
  if(n = 2, [{blob_sql("day", "(t % 5)")}, {blob_sql("day", "part")}], NULL) AS request_parts, if(n IN (1, 2), 2000 + h % 30000, NULL) AS request_bytes,
  if(n = 2, '[["content-type","application/json"],["user-agent","sdk/3"]]', NULL) AS request_headers, if(n = 2, 'POST', NULL) AS request_method,
  if(n = 2, 'https://api.example.com/v1/chat', NULL) AS request_url, if(n = 2, if(failed, 429, 200), NULL) AS http_status,
  if(n = 2, '[["x-request-id","req_' || sha256('q' || day || '-' || c)[:24] || '"],["content-type","application/json"]]', NULL) AS response_headers,
  if(n = 2, [{blob_sql("day", "(part + k % parts)")}], NULL) AS response_parts, if(n = 2, 300 + h % 3000, NULL) AS response_bytes,
  if(n IN (1, 2) AND NOT failed, {blob_sql("day", "(part + k % parts)")}, NULL) AS output_blob,
  if(n IN (1, 2) AND NOT failed, unhex(sha256('out' || c % 9000)), NULL) AS output_sha256,
  if(n IN (1, 2) AND NOT failed, if(k < 3, 'tool_calls', 'stop'), NULL) AS finish_reason,
  if(n IN (1, 2) AND NOT failed, '{{"input_tokens":' || 500 + h % 8000 || ',"output_tokens":' || 20 + h2 % 900 || '}}', NULL) AS usage_raw,
  if(n IN (1, 2) AND NOT failed, 500 + h % 8000, NULL) AS tokens_in, if(n IN (1, 2) AND NOT failed, 20 + h2 % 900, NULL) AS tokens_out,
  if(n IN (1, 2) AND NOT failed, (500 + h % 8000) * 2.5e-6 + (20 + h2 % 900) * 1e-5, NULL) AS cost_usd,
  if(n IN (1, 2), 'genai-prices', NULL) AS price_source, if(n = 2, 90.0 + h2 % 900, NULL) AS ttft_ms,
  if(n = 2, unhex(span_hex[:16]), NULL) AS call_span_id, if(n = 2, 1, NULL) AS attempt_no, if(n = 1, 1 + (h % 50 = 0)::INT, NULL) AS attempts,
  if(n = 1, if(h % 50 = 0, 'retry', 'primary'), NULL) AS served_by, if(n = 3, (['look_up_order', 'refund', 'send_mail'])[k + 1], NULL) AS tool_name,
  if(n = 3, 'function', NULL) AS tool_kind, if(n = 3, (['read', 'irreversible', 'write'])[k + 1], NULL) AS side_effect,
  if(n = 3, {blob_sql("day", "part")}, NULL) AS tool_args_blob, if(n = 3, [{blob_sql("day", "part")}], NULL) AS tool_result_parts,
  if(n = 3, 40 + h % 900, NULL) AS tool_result_bytes, if(n = 3, 'json', NULL) AS tool_result_form, 'policy-1' AS redaction_policy, 'clean' AS redaction_status,
  'all' AS sample_rule, 1.0 AS sample_weight, 'host-' || day || '-' || t % 8 || '-000000' AS segment, c * 4 + n AS segment_index,
  unhex(sha256('leaf' || c || kind)[:8]) AS leaf_hash
FROM kinds ORDER BY trace_hex, seq
"""


def build(folder: Path, sizes: Sizes) -> str:
    """Write a store, a day at a time; returns its path."""
    store = make_store(str(folder)).path
    sentences = _sentences()
    connection = duckdb.connect(":memory:")
    connection.execute("SET TimeZone = 'UTC'")
    for number in range(sizes.days):
        day = sizes.day(number)
        rewrite = DayRewrite(store, day.strftime("%Y-%m-%d"), "compaction")
        per_trace = 2 * CALLS_PER_TRACE + 4
        rewrite.write(EVENTS, _event_batches(connection, sizes, number), sizes.traces_per_day * per_trace)
        rewrite.write(BLOBS, _blob_batches(connection, sizes, number, sentences), sizes.blobs_per_day)
        rewrite.commit([])
        rewrite.clear()
    connection.close()
    return store


def _placed(sizes: Sizes, number: int) -> dict[str, Any]:
    """What the SQL is told of a day."""
    return {"day": number, "day_ms": int(sizes.day(number).timestamp() * 1000), "step_ms": max(1, 86_400_000 // (sizes.traces_per_day + 1))}


def _event_batches(connection: duckdb.DuckDBPyConnection, sizes: Sizes, number: int) -> Any:
    calls = sizes.traces_per_day * CALLS_PER_TRACE
    size = _BATCH_TRACES * CALLS_PER_TRACE
    for first in range(0, calls, size):
        told = {**_placed(sizes, number), "blobs": sizes.blobs_per_day, "traces": sizes.traces_per_day}
        told |= {"first": first, "last": min(first + size, calls)}
        yield _whole(connection.sql(_EVENTS, params=told).to_arrow_table(), EVENTS)


def _blob_batches(connection: duckdb.DuckDBPyConnection, sizes: Sizes, number: int, sentences: list[bytes]) -> Any:
    """The parts of a day, in the order of their first trace; prompts first."""
    chance = random.Random(number)
    blobs, own = sizes.blobs_per_day, sizes.blobs_per_day - _PROMPTS
    sql = f"""WITH parts AS (SELECT $day AS day, $day_ms AS day_ms, $step_ms AS step_ms, range AS b,
        -- The trace whose share of the day's parts this one is in.
        CASE WHEN range < {_PROMPTS} THEN range ELSE least(((range - {_PROMPTS} + 1) * $traces - 1) // {own}, $traces - 1) END AS t FROM range($blobs))
      SELECT b, {blob_sql("day", "b")} AS blob_id, if(b < {_PROMPTS}, 'system', 'message') AS kind, 'host-' || day || '-' || t % 8 AS writer_id,
        unhex({trace_sql("day", "t")}) AS first_trace_id, make_timestamptz(((day_ms + t * step_ms) * 1000)::BIGINT) AS recorded_at, true AS text,
        'none' AS codec, 'none' AS cipher, 'host-' || day || '-' || t % 8 || '-000000' AS segment, b AS segment_index,
        unhex(sha256('leaf' || b)[:8]) AS leaf_hash FROM parts ORDER BY first_trace_id, blob_id"""
    told = {**_placed(sizes, number), "blobs": blobs, "traces": sizes.traces_per_day}
    found = connection.sql(sql, params=told).to_arrow_table()
    for start in range(0, found.num_rows, _BATCH_BLOBS):
        some = found.slice(start, _BATCH_BLOBS)
        data = [
            b'{"role":"user","content":"order o-%d-%d: %s"}' % (number, b, b" ".join(chance.choices(sentences, k=BLOB_BYTES // 100)))
            for b in some.column("b").to_pylist()
        ]
        with_data = some.append_column("data", pa.array(data, pa.binary())).append_column("size", pa.array([len(text) for text in data]))
        yield _whole(with_data.drop_columns(["b"]), BLOBS)


def _whole(found: Any, table: str) -> Any:
    """The rows with all columns of the table, of their types: what was not made is NULL."""
    schema = schema_of(table)
    names = set(found.schema.names)
    unknown = names - set(schema.names)
    if unknown:
        raise ValueError(f"{table} has no column {min(unknown)}")
    columns = [
        found.column(field.name).cast(field.type) if field.name in names else pa.nulls(found.num_rows, field.type) for field in schema
    ]
    return pa.Table.from_arrays(columns, schema=schema)


def _sentences() -> list[bytes]:
    """Sentences of about 100 bytes from a vocabulary that is used as unevenly as a language's."""
    chance = random.Random(7)
    words = ["".join(chance.choices("etaoinshrdlucmfwypvbgk", k=chance.randrange(2, 11))) for _ in range(_WORDS)]
    weights = [1 / (rank + 1) for rank in range(_WORDS)]
    return [" ".join(chance.choices(words, weights, k=16)).encode()[:100] for _ in range(_SENTENCES)]
