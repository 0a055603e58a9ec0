"""Seams of agent frameworks: what a hook puts on record, names of pool jobs, telemetry's answers, gRPC's announcements."""

from __future__ import annotations

import functools
import os
import sys
import threading
from contextvars import Context
from types import SimpleNamespace
from typing import Any

import pytest

from fr_recorder import concurrency
from fr_recorder.boundary import ToolCall
from fr_recorder.seams import SEAMS, grpc_calls, mcp_messages, mcp_session, tools_frameworks
from fr_recorder.seams.tools_frameworks import HOOKS, plain
from fr_recorder.standard_streams import _ShownOutput
from fr_replay.engine.tape import Delivery, Event, ProcessTape
from fr_replay.engine.telemetry import Telemetry

TOOL = SimpleNamespace(name="note")
CALLS: dict[str, tuple[tuple[Any, ...], dict[str, Any], Any]] = {
    "langchain": ((TOOL, {"text": "x"}), {}, {"text": "x"}),
    "openai-agents": ((), {"function_tool": TOOL, "context": object(), "arguments": '{"text":"x"}'}, '{"text":"x"}'),
    "pydantic-ai": ((object(), "note", {"text": "x"}, object(), object()), {}, {"text": "x"}),
    "smolagents": ((TOOL,), {"text": "x", "sanitize_inputs_outputs": True}, {"text": "x"}),
    "crewai": ((TOOL,), {"text": "x"}, {"text": "x"}),
    "autogen": ((TOOL, SimpleNamespace(model_dump=lambda: {"text": "x"})), {}, {"text": "x"}),
}


@pytest.mark.parametrize("hook", HOOKS, ids=lambda hook: f"{hook.module}:{hook.path}")
def test_hook_describes_a_call_by_name_and_arguments(hook: Any) -> None:
    """The tool's name and what the model gave it, without the framework's own arguments."""
    args, kwargs, expected = CALLS[hook.framework]
    assert hook.describe(args, kwargs) == ("note", expected)


@pytest.mark.parametrize("module", sorted({hook.module for hook in HOOKS}))
def test_every_hooked_module_is_a_seam(module: str) -> None:
    """A hook whose module nobody waits for would never be installed."""
    assert [seam.installer for seam in SEAMS if seam.module == module] == ["tools_frameworks:install"]


@pytest.mark.parametrize("name", sorted({seam.installer for seam in SEAMS}))
def test_every_installer_is_there(name: str) -> None:
    """The table names functions that exist."""
    import importlib

    module, _, function = name.partition(":")
    assert callable(getattr(importlib.import_module(f"fr_recorder.seams.{module}"), function))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"a": (1, "x", None)}, {"a": [1, "x", None]}),
        (SimpleNamespace(content="said"), "said"),
        (object(), "<builtins.object>"),
        ({"state": object()}, {"state": "<builtins.object>"}),
    ],
)
def test_what_is_no_json_is_named_by_its_class(value: Any, expected: Any) -> None:
    """A framework's own objects hold addresses and clocks; they do not go on record."""
    assert plain(value) == expected


def test_a_hook_of_a_function_that_moved_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The seam says what the library lacks."""
    from types import ModuleType

    from fr_recorder.seams import SeamMissing

    with pytest.raises(SeamMissing, match=r"BaseTool\.run"):
        tools_frameworks.install(ModuleType("langchain_core.tools.base"))


def test_a_program_s_own_module_of_that_name_is_left_alone() -> None:
    """``agents.tool`` may be anybody's."""
    from types import ModuleType

    module = ModuleType("agents.tool")
    module.invoke_function_tool = mark = object()  # type: ignore[attr-defined]
    tools_frameworks.install(module)
    assert module.invoke_function_tool is mark


@pytest.mark.parametrize(
    ("facts", "lane"), [({"framework": "langchain"}, "framework-tool:note"), ({}, "tool:note")], ids=["framework", "decorated"]
)
def test_only_a_body_that_does_not_run_again_is_below_a_tool_lane(facts: dict[str, Any], lane: str) -> None:
    """What is below ``tool:`` is not on the tape."""
    assert ToolCall("tool_call", "note", {}, "unknown", "function", None, facts).body_lane_name == lane


def _work() -> None:
    """A job."""


@pytest.mark.parametrize(
    ("function", "args"),
    [(_work, ()), (Context().run, (_work,)), (functools.partial(Context().run, _work), ()), (Context().run, (Context().run, _work))],
    ids=["itself", "in a context", "in a partial", "twice"],
)
def test_a_job_is_named_by_what_runs_in_its_context(function: Any, args: tuple[Any, ...]) -> None:
    """Frameworks hand every job to a pool as ``context.run``."""
    assert concurrency._name_of_job(function, args) == "_work"


def _reported(lane: str, status: int) -> Event:
    places = [Delivery(1, 0, 0, 0), Delivery(2, 0, 0, 0)]
    request = {"method": "POST", "url": "https://api.smith.langchain.com/runs/batch", "headers": []}
    answer = {"status": status, "headers": [], "http_version": "HTTP/1.1", "sent": True, "content": [], "error": None}
    return Event(7, None, "http", lane, 0, 1, request, [], places, "eof", answer, {"required": False, "ordered": False})


def test_telemetry_gets_the_recorded_answer_and_then_an_empty_one() -> None:
    """However many reports there are now, none is compared and none stops the replay."""
    telemetry = Telemetry(ProcessTape("p0", telemetry=[_reported("p0", 202)]))
    statuses = []
    for _ in range(2):
        event = telemetry.answer("p0", "POST", "https://api.smith.langchain.com/runs/batch?x=1")
        assert event is not None
        statuses.append(event.answer["status"])
    assert statuses == [202, 200]
    assert telemetry.answer("p0", "POST", "https://api.openai.com/v1/chat/completions") is None


def test_bytes_of_several_threads_are_shown_as_they_are_written() -> None:
    """Without a buffer above, the record's order is still the descriptor's."""
    read_end, write_end = os.pipe()
    shown: list[bytes] = []
    stream = _ShownOutput(write_end, shown.append)
    threads = [threading.Thread(target=lambda n=n: [stream.write(b"%d" % n) for _ in range(400)]) for n in range(4)]
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(before)
    os.close(write_end)
    with os.fdopen(read_end, "rb") as file:
        assert file.read() == b"".join(shown)


@pytest.mark.parametrize(
    ("target", "announced"),
    [
        ("model.invalid:443", ("model.invalid", 443)),
        ("dns:///model.invalid:8080", ("model.invalid", 8080)),
        ("ipv4:10.0.0.1:50051", ("10.0.0.1", 50051)),
        ("[2001:db8::1]:443", ("2001:db8::1", 443)),
        ("unix:/run/x.sock", None),
    ],
)
def test_grpc_says_where_it_connects(target: str, announced: tuple[str, int] | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """The guards hear of a connection that no audit hook of Python sees."""
    heard: list[Any] = []
    monkeypatch.setattr(sys, "audit", lambda event, *args: heard.append((event, args[1])))
    grpc_calls._announce(target)
    monkeypatch.undo()
    assert heard == ([("socket.connect", announced)] if announced else [])


@pytest.mark.parametrize(
    ("method", "params", "name"),
    [
        ("tools/call", {"name": "note", "arguments": {}}, "note"),
        ("resources/read", {"uri": "memo://x"}, "memo://x"),
        ("tools/list", None, "tools/list"),
    ],
)
def test_an_mcp_request_is_a_tool_call(method: str, params: Any, name: str) -> None:
    """Named by what it is about, with everything that was sent as arguments."""
    call = mcp_session._call("server", method, params)
    assert (call.name, call.tool_kind, call.arguments["params"]) == (name, "mcp", params)
    assert set(mcp_messages.HANDLERS) == {"sampling/createMessage", "elicitation/create", "roots/list", "notifications/message"}
