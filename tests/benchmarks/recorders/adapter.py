"""What a recorder has to do here, and the table of those that are measured."""

from __future__ import annotations

import gzip
import importlib
import importlib.util
import os
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, Protocol

from workload import Request

__all__ = ["AGAIN", "BASELINE", "RECORDERS", "Adapter", "Answer", "Place", "RecorderRow", "adapter_of", "installed", "row_of"]

Answer = dict[str, Any]
"""A decoded chat completion."""

BASELINE = "none"
AGAIN = "none, repeated"
"""The baseline measured a second time in each round: the difference is the machine's noise."""


class Place(NamedTuple):
    """Where one cell records: a folder of its own, the collector's URL, and the folder with what the collector was sent."""

    folder: str
    collector: str
    uploads: str


class Adapter(Protocol):
    """One recorder, driven through its public API with its defaults."""

    def start(self, place: Place) -> None:
        """Import and initialise it in this process."""

    def live(self, request: Request, ask: Callable[[], Answer]) -> Answer:
        """Make an HTTP call, recorded the way the recorder offers for HTTP clients or, where it has none, by hand."""

    def by_hand(self, request: Request, ask: Callable[[], Answer]) -> Answer:
        """Make a call that only its manual API can see; request and answer are recorded in full."""

    def flush(self) -> None:
        """Finish all that has been recorded so far."""

    def pieces(self, place: Place) -> Iterator[bytes]:
        """Everything that is on record, after the process has ended, with transport compression undone."""

    def stored_bytes(self, place: Place) -> int:
        """Bytes written to disk, or sent to the collector, by a process that has ended."""


class RecorderRow(NamedTuple):
    """One row of the table.

    Attributes:
        name: as the report says it.
        module: its adapter, a module in this folder with a function ``make``.
        needs: the import names that it cannot run without.
        distribution: whose version the report states; None for what is written here.
        how: how it is driven.
    """

    name: str
    module: str
    needs: tuple[str, ...]
    distribution: str | None
    how: str


RECORDERS = (
    RecorderRow(BASELINE, "none", (), None, "no recorder"),
    RecorderRow("jsonl", "jsonl", (), None, "the control: one json.dumps and one O_APPEND write per call, nothing redacted, no fsync"),
    RecorderRow(
        "otel",
        "otel",
        ("opentelemetry.sdk", "opentelemetry.exporter.otlp.proto.http"),
        "opentelemetry-sdk",
        "a span per call, messages as one JSON attribute (gen_ai.input.messages), batch processor, OTLP over HTTP, defaults",
    ),
    RecorderRow("langfuse", "langfuse", ("langfuse",), "langfuse", "a generation per call with input and output, defaults"),
    RecorderRow("reeltime", "reeltime", ("reeltime",), "reeltime", 'reeltime.install(); manual: record_event("llm", request, answer)'),
    RecorderRow("fr", "fr", (), "fr-flight-recorder", "fr_recorder.init(); manual: fr.llm_call() with run(); defaults, redaction on"),
    RecorderRow(AGAIN, "none", (), None, "the baseline again, for the noise"),
)


def row_of(name: str) -> RecorderRow:
    """The row of a recorder. Raises KeyError."""
    return {row.name: row for row in RECORDERS}[name]


def installed(row: RecorderRow) -> bool:
    """True when this interpreter has what the recorder needs."""
    for name in row.needs:
        try:
            if importlib.util.find_spec(name) is None:
                return False
        except ModuleNotFoundError:
            return False
    return True


def adapter_of(name: str) -> Adapter:
    """The adapter of a recorder. Raises KeyError for a name that is not in the table."""
    adapter: Adapter = importlib.import_module(f"recorders.{row_of(name).module}").make()
    return adapter


def files_below(folder: str) -> Iterator[str]:
    """Every file in a folder and its subfolders, in order of name."""
    for parent, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            yield os.path.join(parent, name)


def folder_bytes(folder: str) -> int:
    """The size of all files in a folder and its subfolders."""
    return sum(os.path.getsize(path) for path in files_below(folder))


def file_pieces(folder: str) -> Iterator[bytes]:
    """The content of each file in a folder, those named ``.gz`` decompressed."""
    for path in files_below(folder):
        with open(path, "rb") as file:
            data = file.read()
        yield gzip.decompress(data) if path.endswith(".gz") else data
