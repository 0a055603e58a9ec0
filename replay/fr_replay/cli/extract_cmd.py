"""``fr extract TRACE -o DIR``: copy one trace into a small store of its own."""

from __future__ import annotations

from typing import Annotated

import typer

from ..extracting import extract_trace
from ..selectors import resolve_trace
from .figures import count_of
from .opened import open_for_command
from .options import StoreOption
from .output import say, write_text

__all__ = ["extract"]


def extract(
    trace: Annotated[str, typer.Argument(metavar="TRACE", help="Trace id, the beginning of one (4 characters or more), or `last`.")],
    output: Annotated[str, typer.Option("--output", "-o", metavar="DIR", help="The store to copy it into; made if it is not there.")],
    store: StoreOption = None,
) -> None:
    """Copy one trace, with all that its replay needs, into a store of its own: for a repository's tests, or a bug report.

    What was redacted stays redacted. The keys are not copied: where the trace has redacted values, replay needs them (FR_KEYS).
    """
    opened = open_for_command(store)
    trace_id = resolve_trace(opened, trace)
    done = extract_trace(opened, trace_id, output)
    events, parts = count_of(done.events, "event"), count_of(done.blobs, "part")
    write_text(f"{trace_id}\t{output}\t{events}, {parts} of content, {done.size:,} bytes")
    if done.redacted:
        say("some of its values are redacted; to compare them in replay, the store's key must be in FR_KEYS or the default key folder")
