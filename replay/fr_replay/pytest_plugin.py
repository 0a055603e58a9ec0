"""The pytest plug-in: a recorded trace as a regression test.

::

    @pytest.mark.fr_trace("01a20961", store="tests/traces")
    def test_refund_is_not_doubled(fr_run):
        answer = handle_request(**fr_run.inputs)
        assert "refunded once" in answer

The test function runs under replay of the trace; fixtures run before it, in the live world. A divergence fails the test with the report
of ``fr replay``, also when the code under test has swallowed it. Loaded by every pytest of an environment that has fr, so it imports
nothing until a test is marked.
"""

from __future__ import annotations

import os
from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from .library import Replay

__all__ = ["fr_run", "pytest_addoption", "pytest_configure", "pytest_pyfunc_call", "pytest_runtest_makereport"]

_MARK = "fr_trace"
_INI = "fr_store"


def pytest_addoption(parser: pytest.Parser) -> None:
    """The store that marks without one mean."""
    parser.addini(_INI, "store of the traces in @pytest.mark.fr_trace, relative to the root folder; else FR_STORE", default="")


def pytest_configure(config: pytest.Config) -> None:
    """Make the mark known."""
    config.addinivalue_line(
        "markers", f"{_MARK}(trace, store=None, partial=False): run the test under replay of this recorded trace (flight recorder)"
    )


@pytest.fixture
def fr_run(request: pytest.FixtureRequest) -> Replay:
    """The replay that the test runs under: ``inputs``, ``steps``, ``served``, ``limits``."""
    found = _run_of(request.node)
    if found is None:
        pytest.fail("the fixture fr_run needs @pytest.mark.fr_trace on the test", pytrace=False)
    return found


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, object, object]:
    """Run a marked test's function inside of its replay."""
    run = _run_of(pyfuncitem)
    if run is None:
        return (yield)
    with run:
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A divergence is told as fr replay tells it, without the frames of client libraries; a mark without effect is a failure."""
    report = yield
    if item.get_closest_marker(_MARK) is None:
        return report
    run = item.stash.get(_run_key, None)
    error = call.excinfo.value if call.excinfo is not None else None
    if type(error).__name__ == "Divergence" and type(error).__module__.startswith("fr_replay."):
        report.longrepr = str(error)
    elif call.when == "call" and report.outcome == "passed" and not (run is not None and run.entered):
        report.outcome = "failed"
        report.longrepr = (
            f"@pytest.mark.{_MARK} had no effect: only plain test functions and methods run under replay, not unittest.TestCase"
        )
    if call.when == "teardown" and run is not None:
        # A test that is run once more gets a replay of its own.
        del item.stash[_run_key]
    return report


_run_key: pytest.StashKey[Any] = pytest.StashKey()


def _run_of(item: Any) -> Replay | None:
    """The replay of a marked test, made once; None for other tests. Fails the test for a trace that cannot be replayed."""
    mark = item.get_closest_marker(_MARK)
    if mark is None:
        return None
    if _run_key not in item.stash:
        item.stash[_run_key] = _made(item.config, mark)
    found: Replay = item.stash[_run_key]
    return found


def _made(config: pytest.Config, mark: pytest.Mark) -> Replay:
    from fr_schema.errors import FlightError

    from .library import replay

    options = dict(mark.kwargs)
    store = options.pop("store", None) or config.getini(_INI) or None
    partial = options.pop("partial", False)
    if len(mark.args) != 1 or options:
        pytest.fail(f"write @pytest.mark.{_MARK}(trace, store=..., partial=...), with one trace", pytrace=False)
    try:
        return replay(mark.args[0], os.path.join(config.rootpath, store) if store else None, partial=partial)
    except FlightError as error:
        reason = error.one_line()
    pytest.fail(f"{_MARK}({mark.args[0]!r}): {reason}", pytrace=False)
