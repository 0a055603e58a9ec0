"""The commands of ``fr``, as data. Nothing of a command is imported until it is called by name."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["COMMANDS", "GROUPS", "CommandRow", "command_named"]


class CommandRow(NamedTuple):
    """One command.

    Attributes:
        name: what is typed.
        module: in this package; has a function of that name (``import_`` for ``import``, ``who_saw`` for ``who-saw``) with typer's
            annotations, which returns the exit code or None, and may have ``CONTEXT_SETTINGS`` for its parser.
        help: one line for ``fr --help``.
    """

    name: str
    module: str
    help: str


GROUPS: tuple[tuple[str, tuple[CommandRow, ...]], ...] = (
    (
        "Record and replay",
        (
            CommandRow("record", "record_cmd", "run a command unchanged, and record what it asks of models and tools"),
            CommandRow("proxy", "proxy_cmd", "record a program of any language through its base URL, or serve that record to it"),
            CommandRow("replay", "replay_cmd", "run a recorded command again, offline, and stop at the first difference"),
            CommandRow("reissue", "reissue_cmd", "send a recorded request again, today, some times: which decisions come, and how often"),
            CommandRow("whatif", "whatif_cmd", "run a recorded command with something changed from a step on, live and recorded"),
        ),
    ),
    (
        "Ask",
        (
            CommandRow("ls", "ls_cmd", "list traces, newest first"),
            CommandRow("show", "show_cmd", "read a trace, or one decision in it as the model saw it"),
            CommandRow("diff", "diff_cmd", "compare two traces: the step where they stop being the same run, and how"),
            CommandRow("query", "query_cmd", "ask with SQL, a saved question or filters"),
        ),
    ),
    (
        "Find the cause",
        (
            CommandRow("triage", "triage_cmd", "one screen: what is red against the same length before, since when, what to type next"),
            CommandRow("changes", "changes_cmd", "what changed between two windows, ranked by how well it tells them apart"),
            CommandRow("aliases", "aliases_cmd", "model names that stayed while the version behind them changed"),
            CommandRow("rollout", "rollout_cmd", "who still runs a version or prompt, by tenant, user, region or agent"),
            CommandRow("degraded", "degraded_cmd", "calls served clean, retried, by fallback or not at all, per hour; which rose first"),
            CommandRow("malformed", "malformed_cmd", "who gives answers that cannot be used, since when, and the first of them"),
            CommandRow("prompts", "prompts_cmd", "system prompts in use, from when to when, and by how many calls"),
            CommandRow("diff-prompt", "diff_prompt_cmd", "two system prompts, word by word"),
            CommandRow("who-saw", "who_saw_cmd", "which traces, users and tenants a text, prompt or tool result reached"),
            CommandRow("leaked-after", "leaked_after_cmd", "model calls and effects that came after a control went off"),
            CommandRow("reviews", "reviews_cmd", "decisions of reviewers: how many, how long they took, which are waited for"),
            CommandRow("blast", "blast_cmd", "whom a prompt or a model touched, and which effects cannot be taken back"),
            CommandRow("cost", "cost_cmd", "what costs the most: task, session, user, tenant, model, prompt, trace, hour"),
            CommandRow("heatmap", "heatmap_cmd", "hour by weekday: when calls are slow, failing, costly or many"),
            CommandRow("find", "find_cmd", "where a text occurs; with --effect, which decision made a refund, a mail, a deletion"),
            CommandRow("tail", "tail_cmd", "follow what agents do, as they do it"),
        ),
    ),
    (
        "Keep",
        (
            CommandRow("policy", "policy_cmd", "check a redaction policy, and try it on a file"),
            CommandRow("scan", "scan_cmd", "look through a store with today's redaction rules; kinds, counts and places, never values"),
            CommandRow("seal", "seal_cmd", "turn the journals of ended processes into Parquet files"),
            CommandRow("verify", "verify_cmd", "check that what was sealed is all there, unchanged and signed"),
            CommandRow("collect", "collect_cmd", "take OpenTelemetry's traces and logs over HTTP, from agents in any language"),
            CommandRow("import", "import_cmd", "bring in what other tools recorded: cassettes, logs, sessions, message lists"),
            CommandRow("export", "export_cmd", "write traces for other tools: JSON lines, HAR, ATIF, Parquet"),
            CommandRow("bundle", "bundle_cmd", "one trace as a zip for a postmortem: report, rows, content, proofs"),
            CommandRow("compact", "compact_cmd", "join the many small files of a day into few large ones"),
            CommandRow("expire", "expire_cmd", "take away what the retention policy says is past its time"),
            CommandRow("score", "score_cmd", "say afterwards how good a trace, or a step of it, was"),
            CommandRow("review", "review_cmd", "say afterwards what a reviewer decided about a trace, or a step of it"),
            CommandRow("hold", "hold_cmd", "keep traces from expiry and erasure, or release them"),
            CommandRow("erase", "erase_cmd", "destroy the keys of a person's content, for good"),
            CommandRow("keys", "keys_cmd", "list the scopes that content is under, and rotate their keys"),
            CommandRow("extract", "extract_cmd", "copy one trace into a small store of its own, for tests or a bug report"),
            CommandRow("doctor", "doctor_cmd", "say what an interpreter would record, and how the store is"),
        ),
    ),
)
"""The commands in the order of ``fr --help``, by group."""

COMMANDS: tuple[CommandRow, ...] = tuple(row for _, rows in GROUPS for row in rows)


def command_named(name: str) -> CommandRow | None:
    """The command of that name, or None."""
    return next((row for row in COMMANDS if row.name == name), None)
