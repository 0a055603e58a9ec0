"""``fr scan``: what today's redaction rules find in a store that earlier ones let through."""

from __future__ import annotations

import os
from datetime import UTC
from typing import Annotated

import typer

from ..capture import policy_of_text, read_policy_file
from ..scanning import scan_store
from .figures import count_of
from .opened import open_for_command
from .options import FormatOption, OutputOption, StoreOption
from .output import say, sink_for, write_rows

__all__ = ["scan"]


def scan(
    *,
    policy: Annotated[
        str | None, typer.Option("--policy", metavar="FILE", help="Scan under this policy; else FR_POLICY, else as fr comes.")
    ] = None,
    store: StoreOption = None,
    format_name: FormatOption = None,
    output: OutputOption = None,
) -> int:
    """Look through a store with today's redaction rules. Names kinds, counts and places, and never a value.

    Looks at all rows, content, live journals and quarantined files. Exit code 1 when something is found, else 0. To have it gone, erase
    the person (fr erase) or expire the content (fr expire): what is sealed is not rewritten.
    """
    path = policy or os.environ.get("FR_POLICY")
    used = read_policy_file(path) if path else policy_of_text("", "default")
    done = scan_store(open_for_command(store), used)
    rows = [tuple(finding) for finding in done.findings]
    write_rows(sink_for(format_name, output, UTC, zone_given=False), ("place", "kind", "values", "rows", "for_example"), rows)
    left = "".join(f"; {count_of(number, 'part')} not looked at: {why}" for why, number in sorted(done.not_looked_at.items()))
    found = count_of(sum(finding.values for finding in done.findings), "value") if rows else "nothing"
    say(f"{found} found in {count_of(done.cells, 'cell')} and {count_of(done.parts, 'part')}{left}")
    return 1 if rows else 0
