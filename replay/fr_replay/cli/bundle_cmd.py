"""``fr bundle TRACE -o incident.zip``: a trace with its report and proofs, for people who have neither the store nor fr."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from fr_schema.errors import BadInput

from ..bundling.archive import make_bundle
from ..selectors import resolve_trace
from .figures import count_of, size
from .opened import open_for_command
from .options import StoreOption
from .output import say

__all__ = ["bundle"]


def bundle(
    *,
    trace: Annotated[str, typer.Argument(metavar="TRACE", help="Trace id, the beginning of one, or `last`.")],
    output: Annotated[str, typer.Option("--output", "-o", metavar="FILE.zip", help="The zip file to write.")],
    redacted: Annotated[
        bool, typer.Option("--redacted", help="Scan all content again with today's rules; what they find something in is left out.")
    ] = False,
    replay: Annotated[bool, typer.Option("--replay", help="Run the recorded command again, offline, and say how that went.")] = False,
    store: StoreOption = None,
) -> None:
    """What went wrong, in one file that anyone can open, offline and years later?

    A zip with the report (report.html, report.md), the trace's rows and content as Parquet, an inclusion proof of each sealed row, the
    environment and, with --replay, how a replay went. Content is as it was recorded, that is redacted.
    """
    if not output.lower().endswith(".zip"):
        raise BadInput(f"{output} is not the name of a zip file", hint="-o incident.zip")
    folder = os.path.dirname(output)
    if folder and not os.path.isdir(folder):
        raise BadInput(f"there is no folder {folder}", hint=f"mkdir -p {folder}")
    opened = open_for_command(store)
    trace_id = resolve_trace(opened, trace)
    made = make_bundle(opened, trace_id, scan=redacted, replay=replay)
    made.write(output)
    say(
        f"{output}: trace {trace_id}, {count_of(len(made.files), 'file')}, {size(os.path.getsize(output))}; open report.html in any browser"
    )
    say(f"{count_of(made.proved, 'row')} with a proof" + "".join(f"; {number:,} without: {why}" for why, number in made.unproved.items()))
    if made.scanned is not None:
        found = ", ".join(sorted(set(made.left_out.values())))
        say(
            f"{count_of(made.scanned, 'part')} scanned again: " + (f"{len(made.left_out)} left out ({found})" if found else "nothing found")
        )
    if made.replay is not None:
        say(made.replay)
