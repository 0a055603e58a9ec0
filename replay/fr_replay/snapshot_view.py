"""The SQL view of what agents worked with: prompts, tool sets, parameters, answer schemas and configuration, each by its hash."""

from __future__ import annotations

from .view_parts import View

__all__ = ["SNAPSHOTS"]

_OF_CALLS: tuple[tuple[str, str, str, str], ...] = (
    ("system prompt", "system_prompt_sha256", "lower(hex(any_value(system_prompt_blob)))", "NULL"),
    ("tools", "tools_sha256", "NULL", "array_to_string(any_value(tool_names), ', ')"),
    ("parameters", "params_sha256", "NULL", "any_value(params_sent)"),
    ("answer schema", "response_format_sha256", "NULL", "NULL"),
)
"""Kinds that model calls name: the hash, the stored part, and words."""

_SEEN = "min(started_at) AS first_seen, max(started_at) AS last_seen, round(sum(sample_weight))::BIGINT AS calls"


def _of_calls(kind: str, column: str, blob: str, detail: str) -> str:
    return (
        f"SELECT '{kind}' AS kind, lower(hex({column})) AS sha256, {blob} AS blob_id, {detail} AS detail, {_SEEN}"
        f" FROM asked WHERE {column} IS NOT NULL GROUP BY {column}"
    )


SNAPSHOTS = View(
    "one row per system prompt, set of tools, set of parameters, answer schema and configuration value that was in use",
    f"""WITH asked AS (
          SELECT * FROM all_events WHERE kind = 'llm_call'
          QUALIFY row_number() OVER (PARTITION BY trace_id, span_id ORDER BY attempts DESC NULLS LAST) = 1)
        {" UNION ALL ".join(_of_calls(*row) for row in _OF_CALLS)}
        UNION ALL SELECT 'configuration', lower(hex(config_sha256)), lower(hex(any_value(fact_blob))), name, min(started_at),
          max(started_at), NULL
        FROM all_events WHERE kind = 'config' AND config_sha256 IS NOT NULL GROUP BY config_sha256, name""",
    {
        "kind": "system prompt, tools, parameters, answer schema or configuration",
        "sha256": "its hash, as the calls have it",
        "blob_id": "the stored part with its text, for blob_text(); NULL where it has none of its own",
        "detail": "names of the tools, the parameters as sent, the configuration's name",
        "first_seen": "when the first call with it began; of a configuration: when it was first told",
        "last_seen": "when the last one began",
        "calls": "model calls with it, by what they stand for; NULL for a configuration",
    },
)
