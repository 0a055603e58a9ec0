"""200 real runs of an airline agent, recorded with the real openai SDK, compared with their source, and replayed without a server.

    python tests/e2e/tau_bench_runs.py [--runs N] [--processes P] [--alone A] [--work DIR] [--data FILE]

The source is a trajectories file of tau-bench, which the repository does not hold (``../shared/data`` beside it). A local server gives
the very answers of each run; ``programs/tau_bench_agent.py`` plays the user and the tools. Then the server is stopped, the store sealed
and read with pyarrow alone, and every message, answer, tool input and tool result is compared byte for byte with the trajectories, and
every request with the bytes that the server got. At last each process is replayed, with the tools' results out of reach. Figures are
counted on the way; the exit code is 1 at the first difference, which is printed.

:mod:`tau_bench_check` does the comparing, and says what it takes for equal where redaction replaced something.
"""

import argparse
import json
import re
import socket
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    sys.path.append(str(Path(__file__).resolve().parents[1] / "upstream"))

from canned import CONVERSATION_HEADER, conversations_from_tau_bench, write_conversations
from plain_parquet import PlainStore
from replay_bench import Bench
from request_log import LoggedRequest
from scripted_upstream import ScriptedUpstream
from tau_bench_check import Comparison, DifferenceError, JsonObject, Process, RecordCheck, Recorded, expect

DATA = Path(__file__).resolve().parents[2] / "../shared/data/tau-bench-airline-gpt-4o.json"
AGENT = Path(__file__).resolve().parent / "programs" / "tau_bench_agent.py"


# -- recording


def name_of(run: JsonObject) -> str:
    """The name that the server's canned answers know a run by."""
    return f"task-{run['task_id']}-trial-{run['trial']}"


def write_sides(runs: Sequence[JsonObject], folder: Path) -> None:
    """Write what the agent needs: what users say in one file, what tools return in another; neither holds an answer of the model."""
    conversations = []
    results = {}
    for run in runs:
        of_role: defaultdict[str, list[Any]] = defaultdict(list)
        for message in run["traj"]:
            of_role[message["role"]].append(message["content"])
        (system,) = of_role["system"]
        conversations.append({"name": name_of(run), "system": system, "turns": of_role["user"], "answers": len(of_role["assistant"])})
        results[name_of(run)] = of_role["tool"]
    (folder / "conversations.json").write_text(json.dumps(conversations), encoding="utf-8")
    (folder / "results.json").write_text(json.dumps(results), encoding="utf-8")


def shared_out(names: Sequence[str], processes: int, alone: int) -> list[tuple[str, ...]]:
    """The runs of each process: the first ``alone`` runs have one each, the others are dealt out to ``processes``."""
    together = names[alone:]
    groups = [(name,) for name in names[:alone]]
    return [*groups, *(tuple(together[i::processes]) for i in range(min(processes, len(together))))]


def record(runs: Sequence[JsonObject], folder: Path, processes: int, alone: int) -> Recorded:
    """Record every run, then stop the server. Raises DifferenceError when a process fails."""
    bench = Bench(folder)
    write_sides(runs, folder)
    conversations = conversations_from_tau_bench(runs)
    write_conversations(conversations, folder / "answers.json")
    recorded: list[Process] = []
    with ScriptedUpstream(canned=folder / "answers.json") as upstream:
        for names in shared_out([name_of(run) for run in runs], processes, alone):
            argv = [sys.executable, str(AGENT), "conversations.json", "results.json", *names]
            done = bench.fr("record", "--", *argv, FR_TEST_UPSTREAM=upstream.url)
            expect(done.code, 0, f"the exit code of {names}: {done.stderr}")
            trace = re.findall(r"^fr: recorded trace ([0-9a-f]{32})", done.stderr, re.MULTILINE)
            expect(len(trace), 1, f"traces named by {names}: {done.stderr}")
            recorded.append(Process(names, trace[0], done.stdout))
        log = upstream.requests
        port = upstream.port
    requests: defaultdict[str, list[LoggedRequest]] = defaultdict(list)
    for logged in log:
        requests[logged.header(CONVERSATION_HEADER) or ""].append(logged)
    bodies = {c.name: [answer.body.encode() for answer in c.answers] for c in conversations}
    return Recorded(bench, {name_of(run): run["traj"] for run in runs}, bodies, recorded, dict(requests), port)


# -- checks and replays


def check_record(recorded: Recorded) -> tuple[RecordCheck, Counter[str]]:
    """Seal the store, read it with pyarrow alone, and compare it with the source. Raises DifferenceError."""
    sealed = recorded.bench.fr("seal")
    expect(sealed.code, 0, f"fr seal: {sealed.stderr}")
    check = RecordCheck(recorded, PlainStore(recorded.store), Comparison(recorded.bench.folder / "keys"))
    try:
        return check, check.everything()
    except (AssertionError, KeyError) as error:
        raise DifferenceError(f"the sealed files do not hold together: {error!r}") from error


def check_printed(recorded: Recorded) -> int:
    """What the processes printed is every answer of their runs, in order. Returns the number of answers."""
    printed = 0
    for process in recorded.processes:
        wanted = [[name, message] for name in process.names for message in recorded.runs[name] if message["role"] == "assistant"]
        lines = [json.loads(line) for line in process.stdout.decode().splitlines()]
        expect(len(lines), len(wanted), f"{process.names}: answers printed")
        for number, (line, answer) in enumerate(zip(lines, wanted, strict=True), 1):
            expect(line, answer, f"{process.names}: answer {number} as printed")
            printed += 1
    return printed


def is_closed(port: int) -> bool:
    """Whether nothing listens on the port."""
    with socket.socket() as probe:
        probe.settimeout(5)
        return probe.connect_ex(("127.0.0.1", port)) != 0


def replay_all(recorded: Recorded) -> tuple[int, int]:
    """Replay every process with the server stopped and the tools' results gone; returns replays and bytes of output that were identical.

    Raises DifferenceError.
    """
    for gone in ("results.json", "answers.json"):
        (recorded.bench.folder / gone).unlink()
    identical = output = 0
    for process in recorded.processes:
        expect(is_closed(recorded.port), True, "the server's port is closed")
        replayed = recorded.bench.fr("replay", process.trace)
        expect(replayed.code, 0, f"replay of {process.names}: {replayed.stderr}")
        expect("replay identical" in replayed.stderr, True, f"the word of fr on {process.names}: {replayed.stderr}")
        if replayed.stdout != process.stdout:
            raise DifferenceError(f"replay of {process.names} printed something else")
        identical += 1
        output += len(replayed.stdout)
    expect(is_closed(recorded.port), True, "the server's port is closed")
    return identical, output


# -- the program


def load_runs(data: Path, which: slice) -> list[JsonObject]:
    """Some runs of a trajectories file. Raises OSError, ValueError."""
    runs: list[JsonObject] = json.loads(data.read_text(encoding="utf-8"))
    return runs[which]


def size_of(folder: Path) -> int:
    """Bytes of all files below a folder."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def work_through(runs: Sequence[JsonObject], folder: Path, processes: int, alone: int) -> None:
    """Record, check and replay, and print the counts. Raises DifferenceError."""
    marks = [time.monotonic()]
    recorded = record(runs, folder, processes, alone)
    printed = check_printed(recorded)
    marks.append(time.monotonic())
    check, counts = check_record(recorded)
    marks.append(time.monotonic())
    for what, count in sorted(counts.items()):
        print(f"{what}: {count:,}")
    print(f"answers printed: {printed:,}")
    for kind, values in Counter(kind for kind, _ in check.comparison.replaced).items():
        print(f"distinct values that stand as tokens: {values:,} of kind {kind}")
    requests = [logged for of_run in recorded.requests.values() for logged in of_run]
    carried = sum(len(logged.body) for logged in requests) + sum(len(body) for of_run in recorded.bodies.values() for body in of_run)
    print(f"bytes sent and answered, uncompressed: {carried:,}")
    print(f"sealed store: {size_of(recorded.store):,} bytes")
    identical, output = replay_all(recorded)
    marks.append(time.monotonic())
    print(f"replays identical, server stopped: {identical} of {len(recorded.processes)} processes, {output:,} bytes of output")
    took = [after - before for before, after in pairwise(marks)]
    print("seconds: recording {:.1f}, sealing and checking {:.1f}, replaying {:.1f}".format(*took))


def main() -> int:
    """The command line; exit code 1 at the first difference."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=None, help="how many runs; all without it")
    parser.add_argument("--processes", type=int, default=20, help="processes that share the runs")
    parser.add_argument("--alone", type=int, default=4, help="runs that have a process, and its trace, to themselves")
    parser.add_argument("--work", type=Path, default=None, help="folder to work in and leave behind; must not hold a store")
    parser.add_argument("--data", type=Path, default=DATA, help="trajectories file of tau-bench")
    given = parser.parse_args()
    if not given.data.exists():
        parser.error(f"there are no trajectories at {given.data}")
    runs = load_runs(given.data, slice(given.runs))
    try:
        if given.work is not None:
            given.work.mkdir(parents=True, exist_ok=True)
            work_through(runs, given.work.resolve(), given.processes, given.alone)
        else:
            with tempfile.TemporaryDirectory(prefix="tau-bench-") as folder:
                work_through(runs, Path(folder), given.processes, given.alone)
    except DifferenceError as difference:
        print(f"DIFFERENT: {difference}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
