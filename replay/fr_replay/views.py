"""The SQL views: stable names over sealed files and live journals.

Column meanings come from :mod:`fr_schema.columns`; those that a view adds stand beside it.
"""

from __future__ import annotations

import re

from fr_schema.columns import BLOB_COLUMNS, EVENT_COLUMNS

from .fact_views import FACT_VIEWS
from .snapshot_view import SNAPSHOTS
from .view_parts import IDENTITY, OUTCOME, TRUTH, WHOSE, View, pick

__all__ = ["MACROS", "VIEWS", "View", "statements_for", "view_columns"]

_DOCS = {c.name: c.doc for c in EVENT_COLUMNS} | {c.name: c.doc for c in BLOB_COLUMNS if c.name in ("size", "text")}

_MODEL = (
    "provider api_flavor operation api_version server_address transport sdk_name sdk_version"
    " model_requested model_resolved model_resolved_source system_fingerprint response_id provider_request_id"
)
_PARAMS = (
    "params_sent params_echoed params_defaulted params_sha256 temperature top_p seed max_output_tokens reasoning_level"
    " service_tier_requested service_tier_used stream response_format_sha256"
)
_PROMPT = (
    "system_prompt_sha256 system_prompt_blob messages_sha256 message_blobs tools_sha256 tool_names tool_choice request_parts request_bytes"
    " prefix_sha256 prompt_templates prompt_spans retrieved_ids retrieved_spans config flags"
)
_ANSWER = (
    "output_blob reasoning_blob output_sha256 output_tool_calls response_shape_sha256 response_parts response_bytes finish_reason"
    " finish_reason_raw refusal safety"
)
_MONEY = "tokens_in tokens_out tokens_cache_read tokens_cache_write tokens_reasoning usage_raw cost_usd price_source price_version"
_TIMES = "ttft_ms provider_ms ratelimit"
_HTTP = (
    "request_method request_url request_headers http_status http_version response_headers response_end response_encoding"
    " response_wire_parts"
)


_STEP = "row_number() OVER (PARTITION BY trace_id ORDER BY started_at, writer_id, seq)"

VIEWS: dict[str, View] = {
    "calls": View(
        "one row per model call, with all SDK retries of it inside",
        f"""SELECT {pick("trace_id span_id parent_span_id run_id")}, {_STEP} AS step, {pick(OUTCOME, WHOSE, _MODEL)},
            attempts, served_by, compensations, {pick("retry_cause", "http_status", _PARAMS, _PROMPT, _ANSWER, _MONEY, _TIMES, TRUTH)}
            FROM all_events c ANTI JOIN (
              SELECT trace_id, span_id, attempts FROM all_events WHERE kind = 'llm_call' AND attempts > 1
            ) later ON later.trace_id = c.trace_id AND later.span_id = c.span_id AND later.attempts > c.attempts
            WHERE kind = 'llm_call'""",
        {"step": "number of the call within its trace, from 1: the K of `fr show TRACE K`"},
    ),
    "attempts": View(
        "one row per HTTP exchange with a model's API; retries are rows of their own",
        f"""SELECT {pick(IDENTITY, "call_span_id attempt_no retry_cause backoff_ms", _HTTP, WHOSE, _MODEL, _PARAMS, _PROMPT)},
            {pick(_ANSWER, _MONEY, _TIMES, "lane_seq", TRUTH)} FROM all_events WHERE kind = 'llm_attempt'""",
        {},
    ),
    "tools": View(
        "one row per tool call: as the program made it, or, where that was not recorded, as the conversation shows it",
        f"""SELECT {pick(IDENTITY, "tool_name tool_call_id tool_kind side_effect tool_args_blob tool_result_parts tool_result_bytes")},
            {pick("tool_result_form", WHOSE, TRUTH)} FROM (
              SELECT * FROM all_events WHERE kind = 'tool_call'
              UNION ALL SELECT * FROM all_events t ANTI JOIN (
                SELECT trace_id, tool_name, started_at FROM all_events WHERE kind = 'tool_call'
              ) made ON made.trace_id = t.trace_id AND made.tool_name = t.tool_name AND coalesce(made.started_at <= t.started_at, true)
              WHERE kind = 'tool_seen')""",
        {},
    ),
    "http": View(
        "one row per HTTP exchange that is not a model call",
        f"""SELECT {pick(IDENTITY, _HTTP, "operation server_address transport request_parts request_bytes")},
            {pick("response_parts response_bytes ttft_ms", WHOSE, TRUTH)} FROM all_events WHERE kind = 'http_call'""",
        {},
    ),
    "messages": View(
        "one row per message of each model call, in order, the answer last",
        """SELECT lower(hex(m.trace_id)) AS trace_id, lower(hex(m.span_id)) AS span_id, m.started_at, m.position, m.direction,
            coalesce(m.role, json_extract_string(b.body, '$.role'), json_extract_string(b.body, '$.type')) AS role,
            b.body AS body, lower(hex(m.blob_id)) AS blob_id, m.model_requested, m.session_id
            FROM (
              SELECT trace_id, span_id, started_at, unnest(message_blobs) AS blob_id, generate_subscripts(message_blobs, 1) AS position,
                'input' AS direction, NULL AS role, model_requested, session_id FROM all_events WHERE kind = 'llm_call'
              UNION ALL
              SELECT trace_id, span_id, started_at, output_blob, coalesce(len(message_blobs), 0) + 1, 'output', 'assistant',
                model_requested, session_id FROM all_events WHERE kind = 'llm_call' AND output_blob IS NOT NULL
            ) m LEFT JOIN (
              SELECT blob_id, coalesce(any_value(CASE WHEN text THEN decode(data) END), any_value(locked)) AS body
              FROM all_blobs GROUP BY blob_id
            ) b USING (blob_id)""",
        {
            "position": "place in the conversation, from 1",
            "direction": "input: sent to the model; output: its answer",
            "role": "as the message says; assistant for the answer",
            "body": "the message as sent (JSON), or the answer's text",
            "blob_id": "the stored part",
        },
    ),
    "decisions": View(
        "one row per choice that the program recorded with fr.decision()",
        f"""SELECT {pick("trace_id span_id parent_span_id run_id started_at decision_label decision_blob", WHOSE, TRUTH)}
            FROM all_events WHERE kind = 'decision'""",
        {},
    ),
    "gaps": View(
        "one row per admission of loss",
        """SELECT lower(hex(trace_id)) AS trace_id, started_at, lost_before AS lost, error_message AS reason, writer_id, salvaged
            FROM all_events WHERE kind = 'gap'""",
        {"lost": "how many records are missing; NULL when it cannot be known", "reason": "why"},
    ),
    "blobs": View(
        "one row per stored part",
        """SELECT lower(hex(blob_id)) AS blob_id, any_value(kind) AS kind, any_value(size) AS size, any_value(text) AS text,
            coalesce(any_value(CASE WHEN text THEN decode(data) END), any_value(locked)) AS content, any_value(data) AS data,
            min(recorded_at) AS first_seen
            FROM all_blobs GROUP BY blob_id""",
        {
            "blob_id": "id of the part",
            "kind": "message, system, tool, response, args, result, ...",
            "content": "the content as text; NULL for binary; [erased], [no key] or [expired] where it is not to be had",
            "data": "the content",
            "first_seen": "when it was first stored",
        },
    ),
    "processes": View(
        "one row per recorded Python process",
        f"""SELECT {pick("trace_id run_id started_at ended_at duration_ms status name lane host pid interpreter packages seams")},
            {pick("code_files code_version code_dirty code_diff container service environment region")},
            {pick("writer_id redaction_policy phase")}
            FROM all_events WHERE kind = 'process'""",
        {},
    ),
    "traces": View(
        "one row per trace: a run under `fr record`, or a served request",
        """WITH own AS (SELECT * FROM all_events
              WHERE kind IN ('run', 'span', 'process', 'llm_call', 'tool_call', 'tool_seen', 'http_call', 'gap')
            ), seen AS (SELECT trace_id, count(*) AS tools FROM own t ANTI JOIN (
                SELECT trace_id, tool_name, started_at FROM own WHERE kind = 'tool_call'
              ) made ON made.trace_id = t.trace_id AND made.tool_name = t.tool_name AND coalesce(made.started_at <= t.started_at, true)
              WHERE kind = 'tool_seen' GROUP BY trace_id)
            SELECT lower(hex(trace_id)) AS trace_id, lower(hex(any_value(run_id))) AS run_id,
            coalesce(max(name) FILTER (kind = 'run'),
              arg_min(name, coalesce(started_at, recorded_at)) FILTER (kind = 'span'), max(name) FILTER (kind = 'process'),
              arg_min(name, started_at) FILTER (kind IN ('llm_call', 'tool_call') AND capture_source IN ('otel', 'openinference')))
              AS name,
            min(started_at) AS started_at, max(coalesce(ended_at, started_at)) AS ended_at,
            coalesce(max(duration_ms) FILTER (kind = 'run'),
              (epoch_us(max(coalesce(ended_at, started_at))) - epoch_us(min(started_at))) / 1000.0) AS duration_ms,
            CASE WHEN max(phase) FILTER (kind = 'run') = 'end' THEN max(status) FILTER (kind = 'run')
                 WHEN count(*) FILTER (kind = 'run') > 0 THEN 'open'
                 WHEN count(*) FILTER (kind = 'span' AND parent_span_id IS NULL) > 0
                   THEN max(status) FILTER (kind = 'span' AND parent_span_id IS NULL)
                 WHEN count(*) FILTER (kind = 'llm_call' AND status = 'error') > 0 THEN 'error' ELSE 'ok' END AS status,
            max(exit_code) AS exit_code,
            count(*) FILTER (kind = 'llm_call') AS llm_calls,
            count(*) FILTER (kind = 'llm_call' AND status = 'error') AS llm_errors,
            count(*) FILTER (kind = 'tool_call') + coalesce(any_value(seen.tools), 0) AS tool_calls,
            count(*) FILTER (kind = 'http_call' AND operation IS NULL) AS http_calls,
            sum(tokens_in) FILTER (kind = 'llm_call') AS tokens_in, sum(tokens_out) FILTER (kind = 'llm_call') AS tokens_out,
            sum(cost_usd) FILTER (kind = 'llm_call') AS cost_usd,
            count(*) FILTER (kind = 'llm_call' AND cost_usd IS NULL AND status = 'ok') AS calls_without_cost,
            list(DISTINCT coalesce(model_resolved, model_requested) ORDER BY coalesce(model_resolved, model_requested))
              FILTER (kind = 'llm_call' AND coalesce(model_resolved, model_requested) IS NOT NULL) AS models,
            any_value(session_id) AS session_id, any_value(task_id) AS task_id, any_value(user_ref) AS user_ref,
            any_value(tenant_id) AS tenant_id,
            any_value(agent_name) AS agent_name, any_value(agent_version) AS agent_version, any_value(tags) AS tags,
            any_value(service) AS service,
            any_value(environment) AS environment, any_value(region) AS region, any_value(host) AS host,
            any_value(code_version) AS code_version,
            count(*) FILTER (kind = 'process') AS processes, count(*) FILTER (kind = 'gap') AS gaps,
            count(*) FILTER (kind = 'run') > 0 AS is_run, max(sample_weight) AS sample_weight
            FROM own LEFT JOIN seen USING (trace_id) GROUP BY trace_id
            HAVING count(*) FILTER (kind <> 'process') > 0""",
        {
            "is_run": "the trace is a command under `fr record`, which `fr replay` can run again",
            "sample_weight": "how many traces it stands for, where a policy has dropped others like it; else 1",
            "llm_calls": "model calls",
            "llm_errors": "model calls that failed",
            "tool_calls": "tool calls",
            "http_calls": "other HTTP calls",
            "calls_without_cost": "calls whose price or usage is not known, and which cost_usd leaves out",
            "models": "the versions that ran, or the names asked for where the provider did not say",
            "processes": "recorded Python processes",
            "gaps": "admissions of loss",
            "cost_usd": "sum over calls whose cost is known; NULL when none is",
        },
    ),
    "requests": View(
        "one row per request that was served inside of fr_recorder.middleware",
        f"""SELECT {pick(IDENTITY, "request_method request_route http_status ext_trace_id ext_span_id", WHOSE, TRUTH)}
            FROM all_events WHERE kind = 'span' AND request_method IS NOT NULL""",
        {},
    ),
    **FACT_VIEWS,
    "snapshots": SNAPSHOTS,
    "events": View(
        "every row of the store, with all columns; ids are 16 or 8 raw bytes here",
        "SELECT * FROM all_events",
        {},
    ),
}

MACROS = {
    "text_of": (
        "text_of(parts): the text of a list of stored parts, such as request_parts or tool_result_parts",
        """CREATE MACRO text_of(parts) AS (
             SELECT string_agg(b.body, '' ORDER BY p.position) FROM (
               SELECT unnest(parts) AS id, generate_subscripts(parts, 1) AS position
             ) p JOIN (
               SELECT blob_id, coalesce(any_value(decode(data)), any_value(locked)) AS body FROM all_blobs WHERE text GROUP BY blob_id
             ) b ON b.blob_id = p.id)""",
    ),
    "blob_text": (
        "blob_text(id): the text of one stored part, such as system_prompt_blob, output_blob or tool_args_blob",
        """CREATE MACRO blob_text(id) AS (
             SELECT coalesce(any_value(decode(data)), any_value(locked)) FROM all_blobs WHERE text AND blob_id = unhex(id))""",
    ),
    "hex_id": ("hex_id(id): an id of the events view as hex text", "CREATE MACRO hex_id(id) AS lower(hex(id))"),
}
"""Functions for queries: what they do, and the statement that makes them."""


_NAMED = re.compile(r"\w+")
_BASES = ("all_events", "all_blobs")
_AS_STORED = ("stored_events", "stored_blobs")
_CATALOGUES = frozenset(("show", "information_schema", "duckdb_views", "duckdb_tables", "duckdb_columns", "sqlite_master", "pg_catalog"))


def statements_for(sql: str | None = None) -> list[tuple[str, str | None]]:
    """What must be made before some SQL can run: names with the statements that make them, in order; for None all there is.

    ``all_events`` and ``all_blobs`` come without a statement: the store makes them. SQL that asks what tables there are gets all.
    """
    made = {name: statement for name, (_, statement) in MACROS.items()}
    made |= {name: f"CREATE VIEW {name} AS {view.sql}" for name, view in VIEWS.items()}
    named = set(_NAMED.findall(sql.lower())) if sql is not None else _CATALOGUES
    wanted = [*made, *_BASES] if named & _CATALOGUES else [name for name in (*made, *_BASES) if name in named]
    statements = [(name, made[name]) for name in wanted if name in made]
    words = set(wanted).union(*(_NAMED.findall(statement) for _, statement in statements))
    return [*((base, None) for base in (*_BASES, *_AS_STORED) if base in (words if base in _BASES else named)), *statements]


def view_columns(name: str, column: str) -> str:
    """What a column of a view means."""
    return VIEWS[name].extra.get(column) or _DOCS.get(column, "")
