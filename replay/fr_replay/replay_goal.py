"""The step at which a replay is to stop: which recorded exchanges it is made of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from fr_schema.errors import BadInput, NotReplayable

from .store import Store

__all__ = ["find_goal"]


def find_goal(
    store: Store, run: dict[str, Any], rows: Sequence[dict[str, Any]], step: int, is_crossing: Callable[[dict[str, Any]], bool]
) -> dict[str, Any]:
    """The fields of :class:`fr_replay.engine.modes.Goal`; the answer as ids of its parts.

    Args:
        rows: the run's, in the order in which the tape numbers them.
        step: the K of ``fr show TRACE K``.
        is_crossing: True for rows that the replaying program asks for.

    Raises:
        BadInput: the trace has no such step.
        NotReplayable: the step was made where nothing runs in replay, inside a tool.
    """
    trace = run["trace_id"].hex()
    _, found = store.rows("SELECT step, span_id FROM calls WHERE trace_id = ? ORDER BY step", [trace])
    spans = {bytes.fromhex(span): number for number, span in found}
    if step not in spans.values():
        have = f"it has steps 1 to {len(found)}" if len(found) > 1 else "it has step 1 only" if found else "it has no model call"
        raise BadInput(f"the trace has no step {step}", hint=f"{have}; fr show {trace[:12]} lists them")
    numbered = [(number, row, spans.get(row["call_span_id"] or row["span_id"])) for number, row in enumerate(rows) if is_crossing(row)]
    made = sorted(((number, row) for number, row, of in numbered if of == step), key=lambda pair: pair[1]["issue_no"])
    if not made:
        raise NotReplayable(
            f"step {step} was made inside a tool, and tools do not run in replay: their results are handed out",
            hint=f"fr show {trace[:12]} {step} shows it",
        )
    last, row = made[-1]
    return {
        "step": step,
        "steps": len(found),
        "last": last,
        "events": [number for number, _ in made],
        "before": [number for number, _, of in numbered if of is not None and of < step],
        "answer": row["response_parts"] if row["kind"] == "llm_attempt" else row["tool_result_parts"],
    }
