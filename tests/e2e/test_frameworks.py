"""Agents of every framework in every mode: recorded, the servers stopped, replayed byte for byte. What is not covered stops by name.

Plain and gzip answers take turns here; `make matrix` runs both for each, and the frameworks that take long to install.
"""

from pathlib import Path

import pytest
from framework_cells import ENCODINGS, FRAMEWORKS, MATRIX, Framework, interpreter_of, run_cell
from replay_bench import Bench

pytestmark = [pytest.mark.e2e, pytest.mark.sdk_pins]

RACES = {("smolagents", "parallel"): "its threads print without order between their calls, so the output may differ, which is said"}

RUNS = [
    pytest.param(framework, argument, ENCODINGS[number % 2], id=f"{framework.name}-{argument}")
    for framework in MATRIX
    if framework.program.parent == FRAMEWORKS
    for number, argument in enumerate(framework.modes.values())
]

WEBSOCKET = """
from websockets.sync.client import connect
try:
    connect("ws://model.invalid:8765/realtime", open_timeout=5)
except Exception as error:
    print(type(error).__name__)
"""
GRPC = """
import grpc
try:
    grpc.insecure_channel("model.invalid:8765").unary_unary("/model.Chat/Ask", request_serializer=bytes)(b"hi", timeout=2)
except Exception as error:
    print(type(error).__name__)
"""
NOT_COVERED = (("websockets", "frameworks", WEBSOCKET), ("grpc", "crews", GRPC))


def _python(group: str) -> str:
    python = interpreter_of(group)
    if python is None:
        pytest.skip(f"FR_{group.upper()}_PYTHON names no interpreter; `make e2e` and `make matrix` make them")
    return python


@pytest.mark.parametrize(("framework", "argument", "encoding"), RUNS)
def test_framework_replays_identically(framework: Framework, argument: str, encoding: str, tmp_path: Path) -> None:
    """Standard output, exit code, requests and written files are those of the recording."""
    cell = run_cell(tmp_path, _python(framework.group), framework, argument, encoding)
    allowed = ("identical", "stopped") if (framework.name, argument) in RACES else ("identical",)
    assert cell.outcome in allowed, f"{cell.detail}\n{cell.replayed.stderr}"


@pytest.mark.parametrize(("group", "program"), [row[1:] for row in NOT_COVERED], ids=[row[0] for row in NOT_COVERED])
def test_what_is_not_covered_stops_with_its_name(group: str, program: str, tmp_path: Path) -> None:
    """A websocket and a gRPC call are not on record; replay stops at them and names where they go."""
    bench = Bench(tmp_path)
    (tmp_path / "program.py").write_text(program, encoding="utf-8")
    recorded = bench.fr("record", "--", _python(group), "program.py")
    assert recorded.code == 0, recorded.stderr
    replayed = bench.replay()
    assert replayed.code == 87, replayed.stderr
    assert "model.invalid" in replayed.stderr
    assert "the record has nothing for it" in replayed.stderr


@pytest.mark.parametrize("group", ["frameworks", "crews"])
@pytest.mark.parametrize(("arguments", "code"), [((), 0), (("listen",), 86)], ids=["no handler", "handler"])
def test_what_an_mcp_server_sends_by_itself_stops_where_the_program_handles_it(
    group: str, arguments: tuple[str, ...], code: int, tmp_path: Path
) -> None:
    """Without a handler the replay is identical, though the server was recorded itself; with one it stops and names the message."""
    bench = Bench(tmp_path)
    recorded = bench.fr("record", "--", _python(group), str(FRAMEWORKS / "mcp_progress_agent.py"), *arguments)
    assert recorded.code == 0, recorded.stderr
    replayed = bench.replay()
    assert replayed.code == code, replayed.stderr
    assert ("message from the MCP server: notifications/progress" in replayed.stderr) == bool(arguments), replayed.stderr
