"""Options of ``fr query`` that narrow, group and repeat."""

from __future__ import annotations

from typing import Annotated

import typer

__all__ = ["AgentOption", "ErrorOption", "GroupByOption", "MinCostOption", "PromptHashOption", "TenantOption", "WatchOption"]

AgentOption = Annotated[
    str | None, typer.Option("--agent", metavar="NAME", help="Agent that the application named. * stands for anything.")
]
TenantOption = Annotated[str | None, typer.Option("--tenant", metavar="ID", help="Tenant that the application gave.")]
ErrorOption = Annotated[str | None, typer.Option("--error", metavar="TYPE", help="Exception class or the provider's error code.")]
PromptHashOption = Annotated[
    str | None, typer.Option("--prompt-hash", metavar="HASH", help="System prompt, by the beginning of its hash; fr prompts lists them.")
]
MinCostOption = Annotated[float | None, typer.Option("--min-cost", metavar="USD", min=0, help="Cost, so many dollars or more.")]
GroupByOption = Annotated[
    str | None, typer.Option("--group-by", metavar="COLUMNS", help="A row for each value of these columns (a,b), with counts and sums.")
]
WatchOption = Annotated[
    float | None, typer.Option("--watch", metavar="SECONDS", min=0.5, help="Ask again every so many seconds, until Ctrl-C.")
]
