"""``fr export TRACE…``: traces for other tools."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC
from typing import Annotated

import typer

from fr_schema.errors import BadInput

from ..exporting.otlp_sending import is_endpoint
from ..selectors import resolve_trace
from ..store import Store
from .cells import json_text
from .figures import count_of
from .opened import open_for_command
from .options import StoreOption
from .output import say, sink_for, write_parquet, write_texts

__all__ = ["FORMATS", "export"]

FORMATS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("jsonl", (".jsonl", ".ndjson")),
    ("har", (".har",)),
    ("atif", (".atif", ".atif.json", ".json")),
    ("parquet", (".parquet",)),
    ("otlp", (".otlp", ".otlp.jsonl")),
)
"""Formats, and the endings of file names that choose them; the first format with one that fits."""


def export(
    traces: Annotated[list[str], typer.Argument(metavar="TRACE...", help="Trace ids, beginnings of some, or `last`.")],
    to: Annotated[
        str | None, typer.Option("--to", metavar="FORMAT", help="jsonl, har, atif, parquet or otlp; else by the file's ending.")
    ] = None,
    output: Annotated[str | None, typer.Option("--output", "-o", metavar="FILE", help="Write to a file instead of the terminal.")] = None,
    otlp: Annotated[
        str | None,
        typer.Option(
            "--otlp", metavar="ENDPOINT|FILE", help="Send as OpenTelemetry's spans, such as to http://127.0.0.1:4318, or write them."
        ),
    ] = None,
    content: Annotated[
        bool, typer.Option("--content", help="With OTLP: messages, arguments and results too, not only their hashes.")
    ] = False,
    store: StoreOption = None,
) -> None:
    """Write traces for other tools, redacted as they are recorded.

    jsonl: a line per event, its content in it. har: HTTP exchanges, HAR 1.2. atif: steps of an agent, a JSON object per trace. parquet: the
    rows in FILE, and the content beside it in FILE's name with .blobs. otlp: OpenTelemetry's spans, a request in JSON a line, without
    content unless --content is said.
    """
    if otlp is not None:
        if to not in (None, "otlp") or output is not None:
            raise BadInput("--otlp says where to and in which format", hint="leave --to and --output out")
        to, output = "otlp", None if is_endpoint(otlp) else otlp
    chosen = _format(to, output)
    if content and chosen != "otlp":
        raise BadInput(f"--content is for OTLP; {chosen} always has the content", hint="leave it out")
    opened = open_for_command(store)
    ids = list(dict.fromkeys(resolve_trace(opened, trace) for trace in traces))
    if chosen == "parquet":
        _parquet(opened, ids, output)
    elif otlp is not None and output is None:
        from ..exporting.otlp import export_requests
        from ..exporting.otlp_sending import send_requests

        sent = send_requests(export_requests(opened, ids, content=content), otlp)
        say(f"sent {count_of(sent, 'span')} of {count_of(len(ids), 'trace')} to {otlp}")
    else:
        write_texts(_lines(chosen, opened, ids, content=content), output)
    if output is not None:
        say(f"exported {count_of(len(ids), 'trace')} to {output}")


def _format(to: str | None, output: str | None) -> str:
    names = [name for name, _ in FORMATS]
    if to is None:
        lower = (output or "").lower()
        to = next((name for name, endings in FORMATS if lower.endswith(endings)), None)
        if to is None:
            raise BadInput("it is not said what to export to", hint=f"--to {'|'.join(names)}")
    if to not in names:
        raise BadInput(f"there is no format {to!r} to export to", hint=f"it is one of {', '.join(names)}")
    if to == "parquet" and output is None:
        raise BadInput("Parquet is not for a terminal", hint="name a file with -o FILE.parquet")
    return to


def _lines(chosen: str, opened: Store, ids: Sequence[str], *, content: bool) -> Iterator[str]:
    if chosen == "otlp":
        from ..exporting.otlp import export_requests

        for request in export_requests(opened, ids, content=content):
            yield json_text(request)
    elif chosen == "jsonl":
        from ..exporting.jsonl import export_lines

        for trace_id in ids:
            yield from export_lines(opened, trace_id)
    elif chosen == "har":
        from ..exporting.har import export_har

        yield json_text(export_har(opened, ids), indent=2)
    else:
        from ..exporting.atif import export_trajectory

        for trace_id in ids:
            # A document where there is one, else JSON lines.
            yield json_text(export_trajectory(opened, trace_id), indent=2 if len(ids) == 1 else None)


def _parquet(opened: Store, ids: Sequence[str], output: str | None) -> None:
    from ..exporting.parquet import content_file, export_tables

    assert output is not None
    rows, contents = export_tables(opened, ids)
    write_parquet(sink_for("parquet", output, UTC), rows)
    write_parquet(sink_for("parquet", content_file(output), UTC), contents)
