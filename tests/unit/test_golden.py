"""Stores of every format version ever written are read as they always were; and today's recorder still writes that format.

The files are made by ``tests/golden/make.py``, whose docstring says when they may be made anew: never after a release.
"""

from __future__ import annotations

import json
import re
import shutil
import struct
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import xxhash
import zstandard

from fr_replay.store import open_store
from fr_schema.arrow_types import BLOBS_SCHEMA, EVENTS_SCHEMA, arrow_type
from fr_schema.columns import BLOB_COLUMNS, EVENT_COLUMNS
from fr_schema.fold import Blob, fold_journal
from fr_schema.rows import RowBuilder
from fr_schema.version import FORMAT_VERSION

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "golden"))

import fixed_run
import make

GOLDEN = Path(__file__).resolve().parents[1] / "golden"

VERSIONS = sorted(GOLDEN.glob("format-*"))
CURRENT = GOLDEN / f"format-{FORMAT_VERSION}"
TABLES = {"events": EVENT_COLUMNS, "blobs": BLOB_COLUMNS}
SCHEMAS = {"events": EVENTS_SCHEMA, "blobs": BLOBS_SCHEMA}

every_version = pytest.mark.parametrize("version", VERSIONS, ids=lambda path: path.name)


@cache
def expected(version: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((version / "expected.json").read_text(encoding="utf-8"))
    return found


def shown(rows: list[dict[str, Any]], version: Path, table: str) -> list[dict[str, Any]]:
    """Rows of any reader, as ``expected.json`` has them: columns that are younger than the files are left out."""
    return make.in_order([make.cells(row, expected(version)["columns"][table]) for row in rows], table)


def journals(version: Path) -> list[Path]:
    return sorted((version / "live").glob("journal/*/*.frj"))


def rows_of_journals(paths: list[Path]) -> dict[str, list[dict[str, Any]]]:
    """What today's row builder makes of journal files of one writer."""
    folded = [fold_journal(path.read_bytes()) for path in paths]
    assert [one.damage for one in folded] == [[] for _ in paths]
    blobs: dict[bytes, Blob] = {}
    found: dict[str, list[dict[str, Any]]] = {"events": [], "blobs": []}
    for one in folded:
        blobs.update(one.blobs)
        builder = RowBuilder(one, blobs.get)
        found["events"] += builder.event_rows()
        found["blobs"] += builder.blob_rows()
    return {table: pa.Table.from_pylist(rows, schema=SCHEMAS[table]).to_pylist() for table, rows in found.items()}


# -- reading what was written once


def test_every_version_up_to_today_s_has_golden_files() -> None:
    """One folder each, none of a version that this code does not know, no file above 120 kB."""
    assert [path.name for path in VERSIONS] == [f"format-{number}" for number in range(1, FORMAT_VERSION + 1)]
    assert {path.name: expected(path)["format"] for path in VERSIONS} == {f"format-{n}": n for n in range(1, FORMAT_VERSION + 1)}
    assert [path for path in GOLDEN.rglob("*") if path.is_file() and path.stat().st_size > 120_000] == []


@every_version
@pytest.mark.parametrize("table", TABLES)
def test_golden_journal_gives_the_golden_rows(version: Path, table: str) -> None:
    """Every cell of every row, content included."""
    assert shown(rows_of_journals(journals(version))[table], version, table) == expected(version)[table]


@every_version
@pytest.mark.parametrize("state", ["live", "sealed"])
@pytest.mark.parametrize("table", TABLES)
def test_golden_store_is_read_as_it_always_was(version: Path, state: str, table: str, tmp_path: Path) -> None:
    """By today's reader, which seals the journals first."""
    shutil.copytree(version / state, tmp_path / "store")
    store = open_store(str(tmp_path / "store"))
    names, rows = store.rows(f"SELECT * FROM all_{table}")
    assert store.notes == []
    store.close()
    assert shown([dict(zip(names, row, strict=True)) for row in rows], version, table) == expected(version)[table]
    assert not list((tmp_path / "store").glob("journal/*/*.frj"))


@every_version
@pytest.mark.parametrize("table", TABLES)
def test_golden_parquet_is_read_by_plain_pyarrow(version: Path, table: str) -> None:
    """With no code of ours: the documented columns with their types, and the rows."""
    files = sorted((version / "sealed").glob(f"{table}/day=*/*.parquet"))
    assert len(files) == 3
    for file in files:
        schema = pq.read_schema(file)
        types = {field.name: field.type for field in schema}
        assert types == {name: arrow_type(kind) for name, kind in expected(version)["columns"][table].items()}
        assert schema.metadata[b"fr.format_version"] == str(expected(version)["format"]).encode()
    assert shown(make.sealed_rows(version / "sealed", table), version, table) == expected(version)[table]


DUCKDB_TYPES = {
    "int": "BIGINT",
    "float": "DOUBLE",
    "bool": "BOOLEAN",
    "ts": "TIMESTAMP WITH TIME ZONE",
    "map": "MAP(VARCHAR, VARCHAR)",
    "redaction": "STRUCT(path VARCHAR, detector VARCHAR, count INTEGER)",
    **dict.fromkeys(("text", "term", "json"), "VARCHAR"),
    **dict.fromkeys(("id16", "id8", "sha", "bytes"), "BLOB"),
}


@every_version
@pytest.mark.parametrize("table", TABLES)
def test_golden_parquet_is_read_by_plain_duckdb(version: Path, table: str) -> None:
    """The same, as the format document shows it."""
    connection = duckdb.connect(":memory:")
    connection.execute("SET TimeZone = 'UTC'")
    source = f"read_parquet('{version}/sealed/{table}/*/*.parquet', hive_partitioning = false)"
    described = {row[0]: row[1].replace('"', "") for row in connection.execute(f"DESCRIBE FROM {source}").fetchall()}
    columns: dict[str, str] = expected(version)["columns"][table]
    documented = {
        name: DUCKDB_TYPES[kind.removeprefix("list:")] + ("[]" if kind.startswith("list:") else "") for name, kind in columns.items()
    }
    assert described == documented
    cursor = connection.execute(f"FROM {source}")
    names = [column[0] for column in cursor.description]
    assert shown([dict(zip(names, row, strict=True)) for row in cursor.fetchall()], version, table) == expected(version)[table]


@every_version
def test_columns_are_never_dropped_or_retyped(version: Path) -> None:
    """Columns may be added; of those that ever were, each is there today, with its type."""
    today = {table: {column.name: column.type for column in columns} for table, columns in TABLES.items()}
    for table, columns in expected(version)["columns"].items():
        assert {name: today[table].get(name) for name in columns} == columns


@every_version
def test_torn_journal_gives_all_but_its_last_frame(version: Path) -> None:
    """A kill in the middle of a write: no row is changed or invented for it, and the damage is told."""
    whole, torn = journals(version)[0].read_bytes(), (version / "torn.frj").read_bytes()
    assert whole.startswith(torn)
    before, after = fold_journal(whole), fold_journal(torn)
    assert [damage.reason for damage in after.damage] == ["the file ends inside a frame"]
    assert before.closed is not None and after.closed is None
    lost = set(before.spans) - set(after.spans)
    assert set(after.blobs) <= set(before.blobs) and lost == set()
    for name, span in after.spans.items():
        assert (span.begin, span.end, span.request_parts, span.salvaged) == (
            before.spans[name].begin,
            before.spans[name].end,
            before.spans[name].request_parts,
            False,
        )
    rows = RowBuilder(after).event_rows()
    assert [row["lost_before"] for row in rows if row["kind"] == "gap"] == [3, None]
    still_open = [row["span_id"].hex() for row in rows if row["phase"] == "begin" and row["kind"] in ("llm_attempt", "span")]
    assert len(still_open) == 2


# -- by the format document alone


def documented_dictionary(number: int) -> Any:
    """A dictionary of the journal as the document prints it: JSON strings, to be joined."""
    text = (Path(__file__).resolve().parents[2] / "schema" / "FORMAT.md").read_text(encoding="utf-8")
    printed = re.search(rf"^Dictionary {number}: (\d+) bytes.*?```\n(.*?)\n```", text, re.MULTILINE | re.DOTALL)
    assert printed is not None
    content = "".join(json.loads(line) for line in printed[2].splitlines()).encode()
    assert len(content) == int(printed[1])
    return zstandard.ZstdCompressionDict(content, dict_type=zstandard.DICT_TYPE_RAWCONTENT)


def frames_of(data: bytes) -> Iterator[bytes]:
    """Payloads of the frames of a whole journal, as section *Journal* of the document describes them."""
    position, number = 0, 0
    while position < len(data):
        magic, length, flags, kind, _, seq, checksum = struct.unpack_from("<4sIIHHQQ", data, position)
        payload = data[position + 32 : position + 32 + length]
        assert (magic, kind, seq, len(payload)) == (b"FRJ1", 1, number, length)
        assert xxhash.xxh3_64_intdigest(data[position : position + 24] + payload) == checksum
        dictionary = documented_dictionary(flags >> 8) if flags >> 8 else None
        yield zstandard.ZstdDecompressor(dict_data=dictionary).decompress(payload) if flags & 1 else payload
        position, number = position + 32 + length, number + 1


def records_of(data: bytes) -> Iterator[tuple[int, Any]]:
    """Type and content of the records: JSON of an event; id, trace, kind and content of a blob."""
    for payload in frames_of(data):
        position = 0
        while position < len(payload):
            kind, length = struct.unpack_from("<BI", payload, position)
            body = payload[position + 5 : position + 5 + length]
            yield (
                kind,
                json.loads(body) if kind == 1 else (body[:32], body[32:48], body[49 : 49 + body[48]].decode(), body[49 + body[48] :]),
            )
            position += 5 + length


@every_version
def test_golden_journal_is_as_the_document_says(version: Path) -> None:
    """Read without our code: whole frames, blobs before the events that need them, every kind of event, part lists as differences."""
    blobs: dict[str, bytes] = {}
    seen = []
    for path in journals(version):
        for kind, content in records_of(path.read_bytes()):
            if kind == 2:
                blobs[content[0].hex()] = content[3]
                continue
            seen.append(content)
            named = [part for key in ("body", "new", "rbody", "args", "result", "data", "wire") for part in content.get(key) or ()]
            assert set(named) <= set(blobs)
    assert {event["t"] for event in seen} == {"header", "program", "begin", "end", "point", "reads", "output", "gap", "close"}
    assert [event["n"] for event in seen] == list(range(len(seen)))
    assert {event["kind"] for event in seen if event["t"] == "begin"} == {"run", "span", "http", "tool_call"}
    grown = [event for event in seen if event.get("keep")]
    assert grown and all(event["base"] and event["new"] for event in grown)
    assert [event["of"] for event in seen if "of" in event]


def test_the_record_says_what_was_done() -> None:
    """Not only what it said before: the requests, answers and results that the run is made of."""
    content = {row["blob_id"]: bytes.fromhex(row["data"]) for row in expected(CURRENT)["blobs"]}

    def joined(row: dict[str, Any], column: str) -> bytes:
        return b"".join(content[part] for part in row[column])

    rows = sorted(expected(CURRENT)["events"], key=lambda row: (row["seq"], row["kind"]))
    attempts = [row for row in rows if row["kind"] == "llm_attempt"]
    requests = [json.loads(joined(row, "request_parts")) for row in attempts]
    assert [len(request["messages"]) for request in requests] == [2, 4, 4, 4, 2, 2, 1, 3]
    assert requests[1]["messages"][3] == fixed_run.MESSAGES[3] and "[[fr:email:" in requests[0]["messages"][1]["content"]
    assert joined(attempts[1], "response_parts") == b"".join(fixed_run.events("Done", " ☂", " é😀"))
    assert joined(attempts[3], "response_parts") == fixed_run.ANSWER
    assert joined(attempts[3], "response_wire_parts").startswith(b"\x1f\x8b")
    assert [(row["attempt_no"], row.get("retry_cause")) for row in attempts][2:4] == [(1, None), (2, "429")]
    assert [row["phase"] for row in attempts] == ["end"] * 7 + ["begin"]
    tools = {row["tool_name"]: row for row in rows if row["kind"] == "tool_call"}
    assert joined(tools["snapshot"], "tool_result_parts") == bytes(range(256))
    assert json.loads(joined(tools["items"], "tool_result_parts")) == [["text", "one"], ["json", '{"two":2}'], ["json", "null"]]
    arguments = json.loads(content[tools["refund"]["tool_args_blob"]])
    assert arguments["amounts"] == {"$fr": "tuple", "v": [1, 2.5]}
    assert arguments["raw"] == [{"$fr": "bytes", "text": "text"}, {"$fr": "bytes", "v": "/w=="}]
    assert tools["lookup"]["error_type"] == "builtins.LookupError"
    outputs = {row["nd_source"]: joined(row, "nd_value_parts") for row in rows if row["kind"] == "output"}
    assert outputs == {"stdout": b"first line\nsecond \xff line\n", "stdin": b"yes\n"}
    assert not [row for row in expected(CURRENT)["blobs"] if b"shop.example" in bytes.fromhex(row["data"])]


# -- writing


def test_today_s_recorder_writes_what_readers_of_the_version_know(tmp_path: Path) -> None:
    """The golden run recorded again: the same blobs, and events with the same values; what a later writer adds stands beside them."""
    with fixed_run.fixed_world():
        rig = fixed_run.record_into(tmp_path)
    for path, golden in zip(rig.files(), journals(CURRENT), strict=True):
        written, known = list(records_of(path.read_bytes())), list(records_of(golden.read_bytes()))
        assert [kind for kind, _ in written] == [kind for kind, _ in known]
        for (kind, now), (_, then) in zip(written, known, strict=True):
            assert (now if kind == 2 else {key: now.get(key) for key in then}) == then
