"""The pytest plug-in: tests that run under replay of a recorded trace, in a pytest of their own."""

import json
from importlib.metadata import entry_points
from pathlib import Path
from xml.etree import ElementTree

import pytest
from desk_bench import Desk, record_desk

pytestmark = pytest.mark.e2e

TESTS = '''
import asyncio, datetime, time, unittest
import pytest, desk

SUPPORT, SEVERAL = {support!r}, {several!r}

@pytest.mark.fr_trace(SUPPORT)
def test_recorded(fr_run):
    """The production incident, as it was."""
    assert desk.handle(**fr_run.inputs) == fr_run.steps[-1].answer

@pytest.mark.fr_trace(SUPPORT[:12], store="elsewhere/../traces")
def test_by_prefix_and_store(fr_run):
    assert desk.answer(**fr_run.inputs) and fr_run.served == 3

@pytest.mark.fr_trace(SEVERAL)
def test_coroutine_in_the_test(fr_run):
    assert len(asyncio.run(desk.several(**fr_run.inputs))) == 4

@pytest.mark.anyio
@pytest.mark.fr_trace(SEVERAL)
async def test_is_a_coroutine(fr_run):
    assert len(await desk.several(**fr_run.inputs)) == 4

@pytest.fixture
def anyio_backend():
    return "asyncio"

@pytest.mark.fr_trace(SUPPORT)
def test_code_was_changed(fr_run):
    desk.handle(fr_run.inputs["order"], "and now?")

@pytest.mark.fr_trace(SUPPORT)
def test_swallows(fr_run):
    try:
        desk.handle("x", "y")
    except BaseException:
        pass

@pytest.mark.fr_trace(SUPPORT)
def test_asserts(fr_run):
    assert desk.handle(**fr_run.inputs) == "something else"

@pytest.mark.fr_trace(SUPPORT)
def test_leaves_calls_out():
    pass

@pytest.mark.fr_trace(SUPPORT, partial=True)
def test_may_leave_calls_out():
    pass

@pytest.mark.fr_trace(SUPPORT)
class TestOfUnittest(unittest.TestCase):
    def test_has_no_effect(self):
        pass

@pytest.mark.fr_trace("abcdef")
def test_unknown_trace():
    pass

@pytest.mark.fr_trace(SUPPORT, stor="traces")
def test_misspelt_option():
    pass

def test_needs_the_mark(fr_run):
    pass

def test_unmarked():
    assert abs(time.time() - datetime.datetime.now().timestamp()) < 1
'''

PASS = ("test_recorded", "test_by_prefix_and_store", "test_coroutine_in_the_test", "test_is_a_coroutine", "test_may_leave_calls_out")
FAIL = (
    ("test_code_was_changed", "fr: DIVERGED at step 1"),
    ("test_swallows", "fr: DIVERGED at step 1"),
    ("test_asserts", "something else"),
    ("test_leaves_calls_out", "fr: ENDED EARLY: the code ended before its record did; 3 recorded calls not asked for"),
    ("test_has_no_effect", "had no effect"),
    ("test_unknown_trace", "there is no trace abcdef"),
    ("test_misspelt_option", "write @pytest.mark.fr_trace(trace, store=..., partial=...)"),
    ("test_needs_the_mark", "needs @pytest.mark.fr_trace"),
)


def plugin() -> list[str]:
    """What makes pytest load the plug-in where the installed package is older than its entry point."""
    return [] if any(point.name == "fr" for point in entry_points(group="pytest11")) else ["-p", "fr_replay.pytest_plugin"]


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Test name to what went wrong with it, empty for those that passed; all ran in one pytest."""
    desk = record_desk(tmp_path_factory.mktemp("desk"))
    return run_tests(desk, desk.workspace.folder)


def run_tests(desk: Desk, folder: Path) -> dict[str, str]:
    support, several = desk.traces["support"][0], desk.traces["several"][0]
    for trace in (support, several):
        assert desk.fr("extract", trace, "-o", str(folder / "traces")).code == 0
    (folder / "elsewhere").mkdir()
    (folder / "pytest.ini").write_text("[pytest]\nfr_store = traces\naddopts = --strict-markers --strict-config\n")
    (folder / "test_desk.py").write_text(TESTS.format(support=support, several=several))
    done = desk.run("-m", "pytest", *plugin(), "-q", "-p", "no:cacheprovider", "--junitxml", "report.xml", "test_desk.py")
    assert done.code == 1, done.stdout.decode()
    found = {}
    for case in ElementTree.parse(folder / "report.xml").iter("testcase"):
        wrong = [case.find(kind) for kind in ("failure", "error")]
        found[case.get("name") or ""] = "".join((node.get("message") or "") + (node.text or "") for node in wrong if node is not None)
    assert not desk.refunded
    return found


@pytest.mark.parametrize("name", [*PASS, "test_unmarked"])
def test_code_that_is_as_it_was_passes(name: str, outcomes: dict[str, str]) -> None:
    """Plain tests, coroutines, prefixes, relative stores; and tests without the mark are left alone."""
    assert outcomes[name] == ""


@pytest.mark.parametrize(("name", "text"), FAIL)
def test_what_is_wrong_fails_the_test(name: str, text: str, outcomes: dict[str, str]) -> None:
    """A divergence, swallowed or not, an assertion, calls left out, and a mark that cannot work: each says why."""
    assert text in outcomes[name]


def test_a_divergence_is_told_without_frames_of_libraries(outcomes: dict[str, str]) -> None:
    """The failure is the report of fr replay: place, both texts, program line, and nothing else."""
    told = outcomes["test_code_was_changed"]
    assert "- recorded: on 2" in told
    assert "+ replayed: on 2" in told
    assert "program line: " in told
    assert "site-packages" not in told


def test_loading_the_plugin_costs_no_reader() -> None:
    """Every pytest of an environment with fr loads the plug-in: it imports none of the heavy modules."""
    import subprocess
    import sys

    script = (
        "import json, sys, pytest; b = set(sys.modules); import fr_replay.pytest_plugin; print(json.dumps(sorted(set(sys.modules) - b)))"
    )
    loaded = json.loads(subprocess.run([sys.executable, "-c", script], capture_output=True, check=True, timeout=60).stdout)
    assert {name.partition(".")[0] for name in loaded} <= {"fr_replay"}
    assert set(loaded) == {"fr_replay", "fr_replay.pytest_plugin"}
