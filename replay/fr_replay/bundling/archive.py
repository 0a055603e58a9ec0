"""Making a bundle: gather, prove, scan, write. pyarrow is imported inside."""

from __future__ import annotations

import hashlib
import io
import json
import os
import threading
import zipfile
from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

from fr_schema.errors import BadInput, FlightError
from fr_schema.ids import day_of_trace

from ..capture import Redactor, keys_of_store, policy_in_force, read_format
from ..cli.cells import json_text, json_value
from ..cli.figures import count_of
from ..cli.replay_report import as_mapping, report_lines
from ..decision import read_decision
from ..engine.modes import STRICT
from ..exporting.parquet import export_tables
from ..exporting.trace_content import ids_in, trace_rows
from ..integrity.proofs import Prover
from ..reading import Row, open_trace, read_trace
from ..replay_many import part_of_run
from ..replaying import replay_trace
from ..store import Store
from ..tape_writer import NOTHING_MORE
from ..trace_record import is_of_a_command
from .incident import Findings, incident_report
from .markdown import report_as_markdown
from .page import report_as_html

__all__ = ["Bundle", "make_bundle"]

_MOST_PROOFS = 1_000
_MOST_STEPS = 500
_ZIP_DATE = (1980, 1, 1, 0, 0, 0)
"""The same trace makes the same bytes, whenever it is bundled."""


class Bundle(NamedTuple):
    """What a bundle holds.

    Attributes:
        files: content by name.
        proved, unproved: how many rows have a proof in it, and why others have none, with their number.
        left_out: hex ids of parts that the scan found something in, with what it was.
        scanned: how many parts were scanned again; None when that was not asked for.
        replay: how the replay went, in words; None when there was none.
    """

    files: dict[str, bytes]
    proved: int
    unproved: dict[str, int]
    left_out: dict[str, str]
    scanned: int | None
    replay: str | None

    def write(self, path: str) -> None:
        """Write it as a zip file, which appears whole or not at all. Raises OSError."""
        temporary = f"{path}.{os.getpid()}.tmp"
        try:
            with zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive:
                for name, data in self.files.items():
                    archive.writestr(zipfile.ZipInfo(name, _ZIP_DATE), data, zipfile.ZIP_DEFLATED)
            os.replace(temporary, path)
        finally:
            if os.path.exists(temporary):
                os.unlink(temporary)


def make_bundle(store: Store, trace_id: str, *, scan: bool = False, replay: bool = False) -> Bundle:
    """The bundle of one trace, redacted as it was recorded.

    Args:
        scan: scan all content once more with today's rules, and leave out each part in which they find something.
        replay: run the recorded command again, offline, and report how that went.

    Raises FlightError, OSError.
    """
    near, contents = open_trace(store, trace_id)
    reading = read_trace(near, contents)
    decisions = [read_decision(near, contents, row["step"]) for row in reading.steps[:_MOST_STEPS]]
    rows = trace_rows(store, trace_id)
    left_out, scanned = _scanned(store, rows) if scan else ({}, None)
    events, content = export_tables(store, [trace_id])
    files = {
        "trace/events.parquet": _parquet(events),
        "trace/content.parquet": _parquet(_without(content, left_out)),
        "environment.json": _json({"run": reading.run, "processes": reading.processes, "trace": reading.trace}),
    }
    proofs, unproved = _proofs(store, trace_id, rows)
    files |= proofs
    outcome, told = _replayed(store, trace_id) if replay else (None, _how_to_replay(store, trace_id))
    if outcome is not None:
        files["replay.json"] = _json(outcome)
    findings = Findings(
        integrity=_integrity(len(proofs), unproved),
        redaction=_redaction(rows, left_out, scanned),
        replay=told,
        files=tuple((name, len(data), hashlib.sha256(data).hexdigest()) for name, data in files.items() if not name.startswith("proofs/")),
        left_out=left_out,
    )
    if len(reading.steps) > _MOST_STEPS:
        left = len(reading.steps) - _MOST_STEPS
        findings = findings._replace(
            redaction=(*findings.redaction, f"!The last {count_of(left, 'model call')} are in the Parquet files only.")
        )
    report = incident_report(reading, decisions, findings)
    pages = {"report.html": report_as_html(report).encode(), "report.md": report_as_markdown(report).encode("utf-8", "backslashreplace")}
    return Bundle(pages | files, len(proofs), unproved, left_out, scanned, told[0] if outcome is not None else None)


# -- proofs


def _proofs(store: Store, trace_id: str, rows: Sequence[Row]) -> tuple[dict[str, bytes], dict[str, int]]:
    """Inclusion proofs by file name, and why some rows have none, with their number."""
    unproved: Counter[str] = Counter()
    proofs: dict[str, bytes] = {}
    ids = [row["record_id"].hex() for row in rows] + sorted(part.hex() for part in ids_in(rows))
    prover = Prover(store.path, day_of_trace(trace_id))
    for record in ids[:_MOST_PROOFS]:
        try:
            proofs[f"proofs/{record}.json"] = json.dumps(prover.prove(record), indent=1, ensure_ascii=False).encode()
        except FlightError as error:
            unproved[str(error).replace(record, "it")] += 1
    if len(ids) > _MOST_PROOFS:
        unproved[f"only the first {_MOST_PROOFS:,} rows are proved in a bundle"] += len(ids) - _MOST_PROOFS
    return proofs, dict(unproved)


def _integrity(proved: int, unproved: dict[str, int]) -> tuple[str, ...]:
    sentences = []
    if proved:
        sentences.append(
            f"{count_of(proved, 'row')} of this trace, events and stored parts, can be shown to be what was sealed: proofs/ has an"
            " inclusion proof for each, with its manifest and signature. docs/check_proof.py of the project checks one without the store"
            " and without fr. A proof says that the row was not changed after it was sealed; it does not say that it was true."
        )
    sentences += [f"!{count_of(number, 'row')} not proved: {why}." for why, number in unproved.items()]
    return tuple(sentences or ["!Nothing of this trace was sealed yet, so nothing is proved."])


# -- redaction


def _redaction(rows: Sequence[Row], left_out: dict[str, str], scanned: int | None) -> tuple[str, ...]:
    """What was redacted when it was recorded, and what a scan found since."""
    replaced: Counter[str] = Counter()
    for row in rows:
        for hit in row["redactions"] or ():
            replaced[hit["detector"]] += hit["count"]
    status = Counter(row["redaction_status"] for row in rows)
    policies = sorted({row["redaction_policy"] for row in rows})
    kinds = ", ".join(f"{name} {count:,}" for name, count in sorted(replaced.items())) or "nothing had to be replaced"
    sentences = [
        f"Content was redacted before it was first written, under {', '.join(policies)}. Replaced: {kinds}.",
        f"Rows: {', '.join(f'{count:,} {name}' for name, count in sorted(status.items()))}.",
    ]
    if status.get("unscanned"):
        sentences.append("!Binary content is not scanned by any rule.")
    if scanned is None:
        sentences.append("It was not scanned again for this bundle; fr bundle --redacted does so.")
    else:
        found = f"{count_of(len(left_out), 'part')} left out" if left_out else "nothing was found"
        sentences.append(
            f"{count_of(scanned, 'part')} of text scanned again for this bundle with today's rules: {found}. Names of people, and"
            " whatever else has no shape that a rule can know, are not found by rules."
        )
        sentences += [f"!{part[:16]} left out: {why}" for part, why in left_out.items()]
    return tuple(sentences)


def _scanned(store: Store, rows: Sequence[Row]) -> tuple[dict[str, str], int]:
    """Parts in which today's rules find something, with what; and how many were scanned. Content without its key is not in the bundle."""
    keys = keys_of_store(read_format(store.path).store_id, create=False)
    if keys is None:
        raise BadInput(
            "the scan needs the key of this store, to know its own tokens", hint="set FR_KEYS to where it lies, or leave --redacted away"
        )
    redactor = Redactor(keys.redaction, keys.key_id, policy=policy_in_force(store.path))
    found: dict[str, str] = {}
    count = 0
    for part, stored in store.blobs(ids_in(rows)).items():
        if stored.data is None:
            continue
        try:
            text = stored.data.decode()
        except UnicodeDecodeError:
            continue
        count += 1
        _, hits = redactor.text(text, "content")
        if hits:
            found[part.hex()] = ", ".join(sorted({hit.detector for hit in hits}))
    return found, count


def _without(content: Any, left_out: dict[str, str]) -> Any:
    """The content without the parts that were left out."""
    if not left_out:
        return content
    import pyarrow as pa

    return content.filter(pa.array([part.hex() not in left_out for part in content.column("blob_id").to_pylist()], pa.bool_()))


# -- replay


def _replayed(store: Store, trace_id: str) -> tuple[dict[str, Any] | None, tuple[str, ...]]:
    """The outcome, and its report; a trace that cannot be replayed has the reason."""
    if not is_of_a_command(store, trace_id):
        return None, _how_to_replay(store, trace_id)
    near = part_of_run(store, trace_id)
    try:
        outcome = replay_trace(near, trace_id, NOTHING_MORE, STRICT, aside=threading.Event())
    except FlightError as error:
        return {"outcome": "unsupported", "facts": {"what": error.one_line()}}, (f"Not replayed: {error.one_line()}",)
    finally:
        near.close()
    return as_mapping(outcome), tuple(line.text.removeprefix("fr: ") for line in report_lines(outcome) if line.text)


def _how_to_replay(store: Store, trace_id: str) -> tuple[str, ...]:
    if is_of_a_command(store, trace_id):
        return (f"Not replayed for this bundle. fr replay {trace_id} runs it again, offline; fr bundle --replay says here how it went.",)
    return ("Not a command under fr record, so there is nothing to run again; fr replay checks what is stored of it.",)


# -- files


def _parquet(table: Any) -> bytes:
    import pyarrow.parquet as pq

    sink = io.BytesIO()
    pq.write_table(table, sink, compression="zstd")
    return sink.getvalue()


def _json(value: Any) -> bytes:
    return (json_text(json_value(value, None), indent=2) + "\n").encode("utf-8", "surrogatepass")
