"""How fast questions are answered when a store is large, beside SQLite and a DuckDB file with the same rows.

    python tests/benchmarks/query_scale.py [--folder DIR] [--calls 200000] [--payload-gb 0.06] [--markdown docs/query-scale.md]
    python tests/benchmarks/query_scale.py --calls 10000000 --payload-gb 3      # an hour of building, 12 GB

The stores are those of ``scale_store.py``, which says what is shortened; they stay in the folder and are used again. Every measurement runs
in a process of its own, which opens the store, asks once (*first*: footers are read) and then asks again (*warm*: median). *Cold* is a
whole ``fr`` process. Pages of the files may be in the system's cache; those of *dropped* were given back before. Peers hold the model calls
and the parts only, in one table each, with an index on trace and time; what they are asked is the same SQL in their words.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
from scale_store import LAST_DAY, Sizes, build

from fr_replay.narrowing import Reads, Span, reads_of, store_within
from fr_replay.questions import find_question, values_of
from fr_replay.reader import StoreReader
from fr_replay.store import open_store

END = LAST_DAY + timedelta(days=1)
ROUNDS = 5
DAY, MONTH = 24, 24 * 30
_COLUMNS = (
    "trace_id, span_id, started_at, duration_ms, status, error_type, provider, model_requested, model_resolved, system_prompt_sha256,"
    " task_id, user_ref, tenant_id, tokens_in, tokens_out, cost_usd"
)


class Question(NamedTuple):
    """What is asked of all: SQL over ``calls`` or ``blobs``, with ``$since`` and ``$until``; ``{hour}`` and ``{like}`` differ by engine."""

    name: str
    hours: int
    budget_ms: float
    sql: str


_WINDOW = "started_at >= $since AND started_at < $until"
QUESTIONS = (
    Question(
        "error rate by model and hour, a day",
        DAY,
        150,
        "SELECT {hour}, model_requested, count(*), sum(CASE WHEN status = 'error' THEN 1 ELSE 0 END) FROM calls"
        f" WHERE {_WINDOW} GROUP BY 1, 2",
    ),
    Question("calls by system prompt, a day", DAY, 150, f"SELECT system_prompt_sha256, count(*) FROM calls WHERE {_WINDOW} GROUP BY 1"),
    Question(
        "costliest 20 traces, a day",
        DAY,
        150,
        f"SELECT trace_id, sum(cost_usd) FROM calls WHERE {_WINDOW} GROUP BY 1 ORDER BY 2 DESC LIMIT 20",
    ),
    Question(
        "costliest 20 traces, 30 days",
        MONTH,
        1500,
        f"SELECT trace_id, sum(cost_usd) FROM calls WHERE {_WINDOW} GROUP BY 1 ORDER BY 2 DESC LIMIT 20",
    ),
    Question(
        "errors by type, 30 days", MONTH, 1500, f"SELECT error_type, count(*) FROM calls WHERE {_WINDOW} AND status = 'error' GROUP BY 1"
    ),
    Question(
        "versions behind each name, 30 days",
        MONTH,
        1500,
        f"SELECT model_requested, model_resolved, count(*), min(started_at) FROM calls WHERE {_WINDOW} GROUP BY 1, 2",
    ),
)
SAVED = (
    *((name, DAY) for name in ("errors", "models", "tools", "retries", "slow", "top-cost", "cost")),
    *((name, MONTH) for name in ("aliases", "heatmap", "cost")),
)
"""Our saved questions, as commands ask them, over a day and over 30 days."""

_ENGINES = {
    "sqlite": {"hour": "started_at / 3600000000"},
    "duckdb": {"hour": "started_at // 3600000000"},
    "fr": {"hour": "date_trunc('hour', started_at)"},
}


# -- what runs in a process of its own


def measured(ask: Callable[[], Any], rounds: int = ROUNDS) -> dict[str, float]:
    """Milliseconds of wall time, first and warm, and of CPU time of a warm one."""
    began = time.perf_counter()
    ask()
    first = time.perf_counter() - began
    walls, cpus = [], []
    for _ in range(rounds):
        wall, cpu = time.perf_counter(), time.process_time()
        ask()
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
    return {
        name: round(1000 * value, 1)
        for name, value in (("first", first), ("warm", statistics.median(walls)), ("cpu", statistics.median(cpus)))
    }


def ask_ours(store: str, what: str) -> dict[str, float]:
    """One of our measurements, by name."""
    opened = open_store(store)
    if what == "id":
        ids = iter(json.loads((Path(store) / "../traces.json").resolve().read_text())[Path(store).name])
        reader = StoreReader(opened)
        return measured(lambda: reader.trace(next(ids)).steps, rounds=10)
    if what == "show":
        ids = iter(json.loads((Path(store) / "../traces.json").resolve().read_text())[Path(store).name])
        reader = StoreReader(opened)
        return measured(lambda: reader.trace(next(ids)).read(), rounds=10)
    if what == "text":
        values = values_of(find_question("find"), (), {}, UTC) | {"since": END - timedelta(hours=DAY), "until": END, "text": needle(store)}
        part = store_within(opened, reads_of(find_question("find").reads, values))
        return measured(lambda: part.rows(find_question("find").sql, values), rounds=3)
    kind, _, rest = what.partition(":")
    if kind == "saved":
        name, _, hours = rest.partition(":")
        question = find_question(name)
        values = values_of(question, (), {}, UTC) | {"since": END - timedelta(hours=int(hours)), "until": END}
        part = store_within(opened, reads_of(question.reads, values))
        return measured(lambda: part.rows(question.sql, values))
    question_of = QUESTIONS[int(rest)]
    since = END - timedelta(hours=question_of.hours)
    part = store_within(opened, Reads((Span(since, END),)))
    sql = question_of.sql.format(**_ENGINES["fr"])
    return measured(lambda: part.rows(sql, {"since": since, "until": END}))


def ask_peer(path: str, engine: str, what: str) -> dict[str, float]:
    """The same of a peer."""
    run: Callable[[str, dict[str, Any]], Any]
    if engine == "sqlite":
        lite = sqlite3.connect(path)
        run = lambda sql, values: lite.execute(sql, values).fetchall()  # noqa: E731 - two of a kind
    else:
        duck = duckdb.connect(path, read_only=True)
        run = lambda sql, values: duck.execute(sql, values).fetchall()  # noqa: E731
    folder = Path(path).parent
    if what == "id":
        ids = iter(next(iter(json.loads((folder / "traces.json").read_text()).values())))
        return measured(
            lambda: run("SELECT * FROM calls WHERE trace_id = $id ORDER BY started_at", {"id": bytes.fromhex(next(ids))}), rounds=10
        )
    if what == "text":
        position = "instr(data, $text)" if engine == "sqlite" else "position($text IN decode(data))"
        window = {"since": _us(END - timedelta(hours=DAY)), "until": _us(END)}
        text: Any = needle(path).encode() if engine == "sqlite" else needle(path)
        sql = f"SELECT count(*) FROM blobs WHERE first_at >= $since AND first_at < $until AND {position} > 0"
        return measured(lambda: run(sql, {**window, "text": text}), rounds=3)
    question = QUESTIONS[int(what.partition(":")[2])]
    values = {"since": _us(END - timedelta(hours=question.hours)), "until": _us(END)}
    return measured(lambda: run(question.sql.format(**_ENGINES[engine]), values))


def needle(path: str) -> str:
    """A text that one part of the newest day has."""
    days = json.loads((Path(path).parent / "sizes.json").read_text())["days"]
    return f"order o-{days - 1}-17:"


def _us(moment: datetime) -> int:
    return int(moment.timestamp() * 1e6)


# -- around it


def apart(*arguments: str) -> dict[str, Any]:
    """A measurement in a child: what it printed, with its peak memory in MB."""
    before = time.perf_counter()
    child = subprocess.run([sys.executable, __file__, "--child", *arguments], capture_output=True, text=True, check=False)
    if child.returncode:
        return {"failed": child.stderr.strip().splitlines()[-1:], "after_s": round(time.perf_counter() - before, 1)}
    found: dict[str, Any] = json.loads(child.stdout)
    return found


def cold(store: str, *command: str, drop: bool = False) -> float:
    """Wall milliseconds of a whole ``fr`` process, the median of five; ``drop``: with the store's pages given back before each."""
    took = []
    for _ in range(ROUNDS):
        if drop:
            give_back(store)
        began = time.perf_counter()
        code = "import sys; from fr_replay.cli.main import main; sys.exit(main())"
        subprocess.run([sys.executable, "-c", code, "--store", store, *command], check=True, stdout=subprocess.DEVNULL)
        took.append(time.perf_counter() - began)
    return round(1000 * statistics.median(took), 1)


def give_back(folder: str) -> None:
    """Ask the system to forget the pages of all files below a folder."""
    for path in (found for found in Path(folder).rglob("*") if found.is_file()):
        descriptor = os.open(path, os.O_RDONLY)
        os.fsync(descriptor)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(descriptor)


def prepared(folder: Path, sizes: Sizes, *, peers: bool) -> dict[str, str]:
    """Stores and peers' files, built where they are not there yet: paths by name."""
    folder.mkdir(parents=True, exist_ok=True)
    os.environ["FR_KEYS"] = str(folder / "keys")
    stores = {"full": sizes, "tenth": sizes._replace(calls=sizes.calls // 10, payload_bytes=sizes.payload_bytes // 10)}
    if (folder / "sizes.json").exists() and json.loads((folder / "sizes.json").read_text()) != sizes._asdict():
        raise SystemExit(f"{folder} holds stores of another size; name another --folder")
    (folder / "sizes.json").write_text(json.dumps(sizes._asdict()))
    traces: dict[str, list[str]] = {}
    for name, size in stores.items():
        if not (folder / f"{name}.built").exists():
            shutil.rmtree(folder / name, ignore_errors=True)
            build(folder / name, size)
            (folder / f"{name}.built").touch()
        days = sorted((folder / name / "events").glob("day=*"))
        files = f"read_parquet('{days[len(days) // 2]}/*.parquet', hive_partitioning = false)"
        sql = f"SELECT DISTINCT trace_id FROM {files} USING SAMPLE 200 ROWS"
        traces[name] = [row[0].hex() for row in duckdb.sql(sql).fetchall()]
    (folder / "traces.json").write_text(json.dumps(traces))
    if peers:
        fill_peers(folder)
    return {name: str(folder / name) for name in (*stores, *(("peer.duckdb", "peer.sqlite") if peers else ()))}


def fill_peers(folder: Path) -> None:
    """A DuckDB file and an SQLite file with the model calls and the parts."""
    if not (folder / "peer.duckdb.built").exists():
        (folder / "peer.duckdb").unlink(missing_ok=True)
        duck = duckdb.connect(str(folder / "peer.duckdb"))
        columns = _COLUMNS.replace("started_at", "epoch_us(started_at) AS started_at")
        events, blobs = (f"read_parquet('{folder}/full/{table}/*/*.parquet', hive_partitioning = false)" for table in ("events", "blobs"))
        duck.execute(f"CREATE TABLE calls AS SELECT {columns} FROM {events} WHERE kind = 'llm_call' ORDER BY trace_id, started_at")
        duck.execute(f"CREATE TABLE blobs AS SELECT blob_id, epoch_us(recorded_at) AS first_at, data FROM {blobs} ORDER BY first_at")
        duck.execute("CREATE INDEX by_trace ON calls (trace_id)")
        duck.close()
        (folder / "peer.duckdb.built").touch()
    if not (folder / "peer.sqlite.built").exists():
        (folder / "peer.sqlite").unlink(missing_ok=True)
        duck = duckdb.connect(str(folder / "peer.duckdb"), read_only=True)
        lite = sqlite3.connect(folder / "peer.sqlite")
        lite.executescript("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF")
        for table in ("calls", "blobs"):
            found = duck.execute(f"SELECT * FROM {table}")
            names = [column[0] for column in found.description or ()]
            lite.execute(f"CREATE TABLE {table} ({', '.join(names)})")
            while rows := found.fetchmany(20_000):
                lite.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * len(names))})", rows)
        lite.executescript(
            "CREATE INDEX by_trace ON calls (trace_id); CREATE INDEX by_time ON calls (started_at); CREATE INDEX b ON blobs (first_at)"
        )
        lite.commit()
        lite.close()
        (folder / "peer.sqlite.built").touch()


def child(arguments: list[str]) -> None:
    """One measurement; prints it."""
    kind, path, *rest = arguments
    found = ask_ours(path, *rest) if kind == "ours" else ask_peer(path, *rest)
    # Not ru_maxrss, which begins with what the parent had.
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    found["mb"] = round(int(status["VmHWM"].split()[0]) / 1024)
    print(json.dumps(found))


def size_of(path: str) -> int:
    """Bytes below a path."""
    root = Path(path)
    return sum(found.stat().st_size for found in (root.rglob("*") if root.is_dir() else (root,)) if found.is_file())


def rounds_of(paths: dict[str, str], *, peers: bool) -> dict[str, Any]:
    """All measurements by question and by who was asked."""
    asked = {
        "calls of a trace, by id": ("id", 30.0),
        "all of a trace, by id": ("show", None),
        **{question.name: (f"sql:{number}", question.budget_ms) for number, question in enumerate(QUESTIONS)},
        "full text, a day": ("text", 1000.0),
        **{
            f"fr {name}, {'a day' if hours == DAY else '30 days'}": (f"saved:{name}:{hours}", 150.0 if hours == DAY else 1500.0)
            for name, hours in SAVED
        },
    }
    found: dict[str, Any] = {}
    for name, (what, budget) in asked.items():
        row: dict[str, Any] = {"budget": budget, "full": apart("ours", paths["full"], what), "tenth": apart("ours", paths["tenth"], what)}
        if peers and not what.startswith(("saved", "show")):
            row["duckdb"] = apart("peer", paths["peer.duckdb"], "duckdb", what)
            row["sqlite"] = apart("peer", paths["peer.sqlite"], "sqlite", what)
        found[name] = row
        print(f"{name}: {row}", file=sys.stderr, flush=True)
    return found


def as_markdown(report: dict[str, Any]) -> str:
    """The report as a page of the documentation."""
    sizes, held = report["sizes"], {name: f"{count / 1e9:.2f}" for name, count in report["bytes"].items()}
    lines = [
        "# Questions at scale",
        "",
        f"Written by `tests/benchmarks/query_scale.py` on {report['machine']}: {sizes['calls']:,} model calls and",
        f"{sizes['payload_bytes'] / 1e9:.2g} GB of payload over {sizes['days']} days, compacted: {held['full']} GB of Parquet.",
        report["load"],
        "",
        "Milliseconds of wall time. *first*: the first time in a process that has the store open; *warm*: after that, the median;",
        "*CPU*: of a warm one, all threads; *10x rows*: CPU over that with a tenth of the rows; *MB*: the process's peak memory.",
        "DuckDB and SQLite hold the calls with 16 columns and the parts, indexed by trace (SQLite also by time), in",
        f"{held.get('peer.duckdb', '?')} and {held.get('peer.sqlite', '?')} GB, and are asked the same, warm. `fr` questions are those of",
        "the commands. *missed*: warm and CPU are above the budget; *busy*: only the wall time is.",
        "",
        "| question | budget | first | warm | CPU | 10x rows | MB | DuckDB file | SQLite |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    lines += [_table_row(name, row) for name, row in report["questions"].items()]
    lines += ["", "| a whole process | budget | ms | pages dropped |", "| --- | ---: | ---: | ---: |"]
    lines += [f"| `{name}` | {row['budget'] or ''} | {row['ms']:,.0f} | {row['dropped']:,.0f} |" for name, row in report["cold"].items()]
    return "\n".join(lines) + "\n"


def _table_row(name: str, row: dict[str, Any]) -> str:
    full, tenth, budget = row["full"], row["tenth"], row["budget"]
    if "failed" in full:
        return f"| {name} | {budget} | failed: {full['failed']} | | | | | | |"
    ratio = f"{full['cpu'] / tenth['cpu']:.1f}" if tenth.get("cpu") else ""
    peers = (_figure(row.get(who, {}).get("warm")) for who in ("duckdb", "sqlite"))
    above = budget is not None and full["warm"] > budget
    missed = "" if not above else " **missed**" if full["cpu"] > budget else " *busy*"
    ours = (_figure(full[key]) for key in ("first", "warm", "cpu"))
    return f"| {name}{missed} | {_figure(budget)} | {' | '.join(ours)} | {ratio} | {full['mb']} | {' | '.join(peers)} |"


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:,.0f}" if value >= 10 else f"{value:.1f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--calls", type=int, default=200_000)
    parser.add_argument("--payload-gb", type=float, default=0.06)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--no-peers", action="store_true")
    parser.add_argument("--markdown", type=Path)
    parser.add_argument("--child", nargs="+")
    options = parser.parse_args()
    if options.child:
        child(options.child)
        return
    with tempfile.TemporaryDirectory() as scratch:
        folder = (options.folder or Path(scratch)).resolve()
        sizes = Sizes(options.calls, int(options.payload_gb * 1e9), options.days)
        paths = prepared(folder, sizes, peers=not options.no_peers)
        before = os.getloadavg()[0]
        report: dict[str, Any] = {
            "sizes": sizes._asdict(),
            "machine": f"{os.cpu_count()} processors, Python {platform.python_version()}, DuckDB {duckdb.__version__}",
            "bytes": {name: size_of(path) for name, path in paths.items()},
            "questions": rounds_of(paths, peers=not options.no_peers),
        }
        trace = json.loads((folder / "traces.json").read_text())["full"][0]
        commands = {"fr show ID": (("show", trace), 300), "fr ls": (("ls",), None), "fr show last": (("show", "last"), None)}
        report["cold"] = {
            name: {"budget": budget, "ms": cold(paths["full"], *command), "dropped": cold(paths["full"], *command, drop=True)}
            for name, (command, budget) in commands.items()
        }
        report["load"] = (
            f"Load of the machine when it began and ended: {before:.1f} and {os.getloadavg()[0]:.1f}; above 0.5 wall times say little."
        )
    print(json.dumps(report, indent=1))
    if options.markdown:
        options.markdown.write_text(as_markdown(report))


if __name__ == "__main__":
    main()
