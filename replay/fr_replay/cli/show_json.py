"""``fr show --json``: everything, nothing folded, under keys that stay. Pure."""

from __future__ import annotations

import json
from typing import Any

from fr_replay.decision import AskedTool, Decision
from fr_replay.messages import Message, parsed
from fr_replay.reading import Row, TraceReading

__all__ = ["decision_object", "trace_object"]

_CALL = (
    *(
        "started_at",
        "ended_at",
        "duration_ms",
        "status",
        "phase",
        "error_type",
        "error_message",
        "session_id",
        "task_id",
        "user_ref",
        "tenant_id",
    ),
    *(
        "agent_name",
        "agent_version",
        "tags",
        "service",
        "environment",
        "region",
        "host",
        "pid",
        "code_version",
        "code_dirty",
        "code_location",
    ),
    *("lane", "capture_source", "replay_level", "replay_missing", "redaction_status", "redactions", "redaction_policy"),
)
_MODEL = (
    *("provider", "api_flavor", "operation", "api_version", "server_address", "transport", "sdk_name", "sdk_version", "model_requested"),
    *("model_resolved", "model_resolved_source", "system_fingerprint", "response_id", "provider_request_id"),
)
_LINKS = ("prompt_templates", "prompt_spans", "retrieved_ids", "retrieved_spans", "config", "flags", "prefix_sha256")
_USAGE = (
    *(
        "tokens_in",
        "tokens_out",
        "tokens_cache_read",
        "tokens_cache_write",
        "tokens_reasoning",
        "cost_usd",
        "price_source",
        "price_version",
    ),
)
_ATTEMPT = (
    *(
        "attempt_no",
        "started_at",
        "ended_at",
        "duration_ms",
        "status",
        "http_status",
        "response_end",
        "retry_cause",
        "backoff_ms",
        "ttft_ms",
    ),
    *("provider_ms", "chunks", "request_method", "request_url", "request_bytes", "response_bytes", "error_type", "error_message"),
)
_MADE = (
    "started_at",
    "duration_ms",
    "status",
    "side_effect",
    "error_type",
    "error_message",
    "tool_result_bytes",
    "tool_result_form",
    "code_location",
)


def trace_object(reading: TraceReading) -> dict[str, Any]:
    """A whole trace: the rows of the views, with the first words of contents."""
    return {
        "trace": reading.trace,
        "run": reading.run,
        "replay": {"exchanges": reading.exchanges, "not_exact": reading.not_exact},
        "steps": reading.steps,
        "tools": reading.tools,
        "http": reading.http,
        "decisions": reading.decisions,
        "facts": reading.facts,
        "spans": reading.spans,
        "processes": reading.processes,
        "gaps": reading.gaps,
    }


def decision_object(decision: Decision) -> dict[str, Any]:
    """One decision, with every content in full."""
    call = decision.call
    return {
        "trace_id": call["trace_id"],
        "span_id": call["span_id"],
        "step": decision.step,
        "steps": decision.steps,
        "call": _picked(call, _CALL),
        "model": _picked(call, _MODEL),
        "params": {
            "sent": _json(call["params_sent"]),
            "echoed": _json(call["params_echoed"]),
            "defaulted": _json(call["params_defaulted"]),
            "sha256": call["params_sha256"],
            "tool_choice": _json(call["tool_choice"]),
            "stream": call["stream"],
        },
        "system_prompt": None
        if call["system_prompt_sha256"] is None
        else {"sha256": call["system_prompt_sha256"], "text": decision.system_prompt},
        "messages": [_message(message) for message in decision.messages],
        "request_body": decision.request_body,
        "tools": {"sha256": call["tools_sha256"], "definitions": [vars_of(tool) for tool in decision.tools]},
        "answer": _answer(decision),
        "usage": {**_picked(call, _USAGE), "raw": _json(call["usage_raw"])},
        "timing": {
            "duration_ms": call["duration_ms"],
            "ttft_ms": call["ttft_ms"],
            "provider_ms": call["provider_ms"],
            "chunks": decision.attempts[-1]["chunks"] if decision.attempts else None,
        },
        "attempts": [_picked(row, _ATTEMPT) for row in decision.attempts],
        "served_by": call["served_by"],
        "compensations": call["compensations"],
        "links": _picked(call, _LINKS),
        "facts": decision.facts,
    }


def _picked(row: Row, columns: tuple[str, ...]) -> dict[str, Any]:
    return {column: row[column] for column in columns}


def vars_of(tool: Any) -> dict[str, Any]:
    """A tool definition as an object."""
    return {"name": tool.name, "description": tool.description, "schema": tool.schema}


def _json(text: str | None) -> Any:
    return None if text is None else json.loads(text)


def _message(message: Message) -> dict[str, Any]:
    """The message parsed; as text too when it is not JSON."""
    return {
        "position": message.position,
        "role": message.role,
        "content": message.content,
        "raw": message.raw if message.content is None else None,
        "tool_calls": [call._asdict() for call in message.calls],
        "tool_results": [result._asdict() for result in message.results],
        "blob_id": message.blob_id,
    }


def _answer(decision: Decision) -> dict[str, Any] | None:
    """None while no answer is on record."""
    call = decision.call
    if call["phase"] == "begin":
        return None
    return {
        "text": decision.output,
        "reasoning": decision.reasoning,
        "tool_calls": [_asked(asked) for asked in decision.asked],
        "finish_reason": call["finish_reason"],
        "finish_reason_raw": call["finish_reason_raw"],
        "refusal": call["refusal"],
        "safety": _json(call["safety"]),
    }


def _asked(asked: AskedTool) -> dict[str, Any]:
    value = parsed(asked.arguments)
    return {
        "id": asked.id,
        "name": asked.name,
        "arguments": value,
        "raw": asked.arguments if value is None else None,
        "result": asked.result,
        "failed": asked.failed,
        "made": None if asked.made is None else _picked(asked.made, _MADE),
    }
