"""The SQL views of facts that only the program, or somebody after it, could tell."""

from __future__ import annotations

from fr_schema.fact_rows import FACT_KINDS

from .view_parts import WHOSE, View, pick

__all__ = ["FACT_VIEWS", "FACT_VIEW_COLUMNS"]

_WHERE = "trace_id span_id parent_span_id run_id started_at"
_ABOUT = "about_span_id about_step"
_SAID = "by_ref by_source reason"
_REST = "capture_source redaction_status redactions salvaged writer_id seq record_id"
_PROCESS = "service environment host pid"
_KINDS = ", ".join(f"'{kind}'" for kind in FACT_KINDS)


def _detail(*names: str) -> str:
    """Members of ``detail`` as columns."""
    return ", ".join(f"json_extract_string(detail, '$.{name}') AS \"{name}\"" for name in names)


def _of(kind: str, *columns: str) -> str:
    return f"SELECT {', '.join(columns)} FROM all_events WHERE kind = '{kind}'"


_MORE = {"data": "further facts that the program gave, as JSON"}
_USED = "CAST(json_extract(detail, '$.used_ids') AS VARCHAR[])"
_DATA = "json_extract(detail, '$.data') AS data"

FACT_VIEWS: dict[str, View] = {
    "facts": View(
        "one row per fact that only the program, or somebody after it, could tell: all kinds of them",
        f"""SELECT {pick("kind", _WHERE, "name", _ABOUT)},
            coalesce(fact_value, score_value::VARCHAR, served_by, left(lower(hex(config_sha256)), 16),
              CASE WHEN kind = 'flags' THEN flags::VARCHAR END) AS fact,
            {pick(_SAID, "detail fact_blob before_blob after_blob", WHOSE.replace("name ", "", 1), _REST)}
            FROM all_events WHERE kind IN ({_KINDS})""",
        {"fact": "the one word of it: a score, a verdict, a state, what was done, a version, a hash"},
    ),
    "scores": View(
        "one row per score of fr.score() or `fr score`",
        _of(
            "score",
            pick(_WHERE, "name score_value"),
            "fact_value AS score_label",
            "reason AS comment",
            pick(_ABOUT, "by_ref by_source"),
            _DATA,
            pick(WHOSE.replace("name ", "", 1), _REST),
        ),
        {"comment": "why, in the words of who said so", "score_label": "a score that is a word; true or false"} | _MORE,
    ),
    "reviews": View(
        "one row per decision of a reviewer: fr.review() or `fr review`",
        _of(
            "review",
            pick(_WHERE),
            "fact_value AS verdict",
            pick("tool_name tool_call_id", _SAID),
            "try_cast(json_extract_string(detail, '$.seconds') AS DOUBLE) AS seconds",
            pick(_ABOUT),
            _DATA,
            pick(WHOSE, _REST),
        ),
        {"seconds": "how long the reviewer took", "verdict": "approved, rejected, edited, escalated, ..."} | _MORE,
    ),
    "retrievals": View(
        "one row per search that the program told of with fr.retrieval()",
        f"""SELECT {pick(_WHERE, "name")}, fact_value AS index_id, {_detail("index_version")}, {pick("document_ids")},
            CAST(json_extract(detail, '$.scores') AS DOUBLE[]) AS document_scores, {_USED} AS used_ids,
            coalesce({_USED}, list_filter(document_ids, lambda d: list_contains(coalesce(met.ids, []), d))) AS reached_ids,
            {pick("document_hashes document_blobs")}, lower(hex(fact_blob)) AS query_blob, {_detail("embed_model")},
            try_cast(json_extract_string(detail, '$.seconds') AS DOUBLE) AS seconds, {_DATA}, {pick(WHOSE.replace("name ", "", 1), _REST)}
            FROM (SELECT * FROM all_events WHERE kind = 'retrieval') LEFT JOIN (
              SELECT met_trace, met_span, list(DISTINCT id) AS ids FROM (
                SELECT trace_id AS met_trace, unnest(retrieved_spans) AS met_span, unnest(retrieved_ids) AS id
                FROM all_events WHERE kind = 'llm_call' AND retrieved_ids IS NOT NULL) GROUP BY ALL
            ) met ON met.met_trace = trace_id AND met.met_span = lower(hex(span_id))""",
        {
            "reached_ids": "documents that reached a prompt: as the program said, else those whose text stands in a request of the trace",
            "index_id": "the index that was searched",
            "index_version": "its build or version",
            "document_scores": "their scores; NULL where one has none",
            "used_ids": "documents that reached the prompt, as the program said",
            "query_blob": "what was searched for",
            "embed_model": "what embedded the query",
            "seconds": "how long the search took",
        }
        | _MORE,
    ),
    "templates": View(
        "one row per prompt that fr.prompt() rendered",
        _of(
            "prompt",
            pick(_WHERE, "name"),
            "fact_value AS prompt_version, lower(hex(before_blob)) AS template_blob, lower(hex(after_blob)) AS text_blob",
            "lower(hex(fact_blob)) AS variables_blob",
            pick("code_location", _REST),
        ),
        {
            "prompt_version": "the template's version",
            "template_blob": "the template",
            "text_blob": "the text that it gave",
            "variables_blob": "what was filled in, as JSON",
        },
    ),
    "guardrails": View(
        "one row per check that the program told of with fr.guardrail()",
        _of(
            "guardrail",
            pick(_WHERE, "name"),
            "fact_value AS verdict",
            pick("reason tool_name tool_call_id"),
            _detail("stage"),
            pick("before_blob after_blob", _ABOUT),
            _DATA,
            pick(WHOSE.replace("name ", "", 1), _REST),
        ),
        {"stage": "what was checked: input, output, tool, ...", "verdict": "allowed, blocked, flagged, changed, ..."} | _MORE,
    ),
    "controls": View(
        "one row per change of state of a kill switch, a feature control or a breaker: fr.control()",
        _of(
            "control",
            pick(_WHERE, "name"),
            "fact_value AS control_state",
            _detail("before"),
            pick(_SAID),
            _DATA,
            pick(_PROCESS, _REST),
        ),
        {"before": "the state until then", "control_state": "the state from there on: on, off, canary, open, ..."} | _MORE,
    ),
    "handoffs": View(
        "one row per handing over of the work: fr.handoff()",
        _of(
            "handoff",
            pick(_WHERE),
            "json_extract_string(detail, '$.from') AS given_by",
            "name AS given_to",
            pick("reason"),
            "lower(hex(fact_blob)) AS content_blob",
            _DATA,
            pick(WHOSE.replace("name ", "", 1), _REST),
        ),
        {"given_by": "who had it", "given_to": "who has it now", "content_blob": "what was handed over"} | _MORE,
    ),
    "configs": View(
        "one row per configuration value that the program told of with fr.config()",
        _of("config", pick(_WHERE, "name config_sha256"), "lower(hex(fact_blob)) AS value_blob", pick(_PROCESS, _REST)),
        {"value_blob": "the redacted value"},
    ),
    "compensations": View(
        "one row per answer that was not used as it came, or came from elsewhere: fr.compensated() and fr.fallback()",
        f"""SELECT {pick("kind", _WHERE)}, fact_value AS compensation, {pick("served_by reason")},
            json_extract_string(detail, '$.from') AS instead_of, {pick(_ABOUT, "before_blob after_blob")},
            lower(hex(fact_blob)) AS value_blob, {_DATA}, {pick(WHOSE, _REST)}
            FROM all_events WHERE kind IN ('compensation', 'fallback')""",
        {
            "compensation": "what was done: json_repair, rewrite, ...",
            "instead_of": "what did not serve",
            "value_blob": "what was used instead",
        }
        | _MORE,
    ),
}

_NEWEST = "started_at DESC, trace_id, span_id"

FACT_VIEW_COLUMNS: dict[str, tuple[str, str]] = {
    "requests": ("trace_id, name, http_status, status, started_at, duration_ms, request_route, session_id, user_ref", _NEWEST),
    "facts": ("trace_id, kind, name, fact, started_at, about_step, by_source, reason, code_location", _NEWEST),
    "scores": ("trace_id, name, score_value, score_label, started_at, comment, by_source, by_ref, about_step", _NEWEST),
    "reviews": ("trace_id, verdict, tool_name, started_at, seconds, reason, by_source, by_ref, about_step", _NEWEST),
    "retrievals": ("trace_id, index_id, index_version, started_at, document_ids, document_scores, reached_ids, query_blob", _NEWEST),
    "templates": ("trace_id, name, prompt_version, started_at, text_blob, code_location", _NEWEST),
    "guardrails": ("trace_id, name, verdict, stage, started_at, reason, tool_name", _NEWEST),
    "controls": ('name, control_state, "before", started_at, reason, by_source, by_ref, trace_id', _NEWEST.replace("span_id", "record_id")),
    "handoffs": ("trace_id, given_by, given_to, started_at, reason, content_blob", _NEWEST),
    "configs": ("name, config_sha256, started_at, value_blob, host, pid, trace_id", _NEWEST),
    "compensations": ("trace_id, kind, compensation, served_by, started_at, reason, instead_of, about_span_id", _NEWEST),
}
"""What a question by filters shows of these views, the most important column first, and in which order of rows."""
