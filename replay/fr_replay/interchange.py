"""``fr_replay.import_file`` and ``fr_replay.export``: the library's form of ``fr import`` and ``fr export``."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

from fr_schema.errors import BadInput

from .capture import chosen_store
from .exporting.atif import export_trajectory
from .exporting.har import export_har
from .exporting.jsonl import export_lines
from .exporting.otlp import export_requests
from .exporting.parquet import export_tables
from .importing.files import Imported, Importer
from .selectors import resolve_trace
from .store import open_store

__all__ = ["EXPORTS", "export", "import_file"]

EXPORTS = ("jsonl", "har", "atif", "parquet", "otlp")


def import_file(
    format_name: str, path: str | os.PathLike[str], store: str | os.PathLike[str] | None = None, *, again: bool = False
) -> list[Imported]:
    """Import one file; its traces, those included that were there before.

    Args:
        format_name: vcr, openai-messages, claude-code, inspect, openai-agents or otlp.
        store: path of the store, which is made if it is not there; else ``FR_STORE``, else ``./.flightrecorder``.
        again: import it also if it was imported before.

    Raises BadInput when the file cannot be read as that format; the traces before what is wrong with it are imported. OSError.
    """
    importer = Importer(chosen_store(os.fspath(store) if store is not None else None))
    found: list[Imported] = []
    failed: BadInput | None = None
    for _, imported in importer.import_files(format_name, [os.fspath(path)], again=again):
        if isinstance(imported, BadInput):
            failed = imported
        else:
            found.append(imported)
    if failed is not None:
        raise failed
    return found


def export(traces: str | Iterable[str], to: str, store: str | os.PathLike[str] | None = None, *, content: bool = False) -> Any:
    """Traces in another form.

    Args:
        traces: ids, beginnings of some, or ``last``.
        to: ``jsonl`` gives a list of mappings, one per event; ``har`` a mapping; ``atif`` a list of mappings, one per trace;
            ``parquet`` two ``pyarrow.Table``, rows and content; ``otlp`` a list of export requests in OTLP's JSON.
        content: of ``otlp``: messages, arguments and results too; the other forms always have them.

    Raises FlightError.
    """
    import json

    if to not in EXPORTS:
        raise BadInput(f"there is no format {to!r} to export to", hint=f"it is one of {', '.join(EXPORTS)}")
    opened = open_store(os.fspath(store) if store is not None else None)
    try:
        ids = [resolve_trace(opened, trace) for trace in ([traces] if isinstance(traces, str) else traces)]
        if to == "jsonl":
            return [json.loads(line) for trace_id in ids for line in export_lines(opened, trace_id)]
        if to == "har":
            return export_har(opened, ids)
        if to == "otlp":
            return list(export_requests(opened, ids, content=content))
        return export_tables(opened, ids) if to == "parquet" else [export_trajectory(opened, trace_id) for trace_id in ids]
    finally:
        opened.close()
