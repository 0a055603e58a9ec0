"""Links between requests and the program's own facts: found in the bytes that were sent, or not claimed."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import fr_recorder as fr
from fr_recorder import recorder
from fr_recorder.request_links import RequestLinks, request_links
from fr_recorder.trace_context import TraceContext, reset_context, set_context
from fr_schema.fold import fold_journal
from fr_schema.rows import RowBuilder

sys.path.insert(0, str(Path(__file__).resolve().parent))

from fact_rig import of_kind, record_facts
from recorder_rig import CHAT_URL, OTHER_TRACE, TRACE, Rig

LONG = 'You are the agent of "Lumen".\nBe brief, é☂😀, and kind.'


@pytest.fixture
def rig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rig]:
    rig = Rig(tmp_path)
    record_facts(rig, monkeypatch)
    yield rig
    request_links.forget()


def body(*messages: Any, ascii_only: bool = True) -> bytes:
    messages_ = [{"role": "user", "content": text} for text in messages]
    return json.dumps({"model": "gpt-4o", "messages": messages_}, ensure_ascii=ascii_only).encode()


def found(links: RequestLinks, sent: bytes) -> list[str]:
    return [label for _, label in links.of_request(TRACE, sent).get("links", {}).get("prompts", ())]


HELD: tuple[tuple[str, str, bool], ...] = (
    # the prompt, what is sent, found
    (LONG, LONG, True),
    (LONG, f"before {LONG} after", True),
    (f"\n {LONG}\n\n", LONG, True),
    (LONG, LONG.replace("kind", "curt"), False),
    ("Hi Bob", "Hi Bob", True),
    ("Hi Bob", "He said: Hi Bob!", False),
    ("   ", "   ", False),
    ("", "", False),
    ("\ud800 half of a pair, and more of it", "\ud800 half of a pair, and more of it", True),
)


@pytest.mark.parametrize("ascii_only", [True, False])
@pytest.mark.parametrize(("text", "sent", "is_held"), HELD)
def test_prompt_is_found_where_its_text_is(text: str, sent: str, is_held: bool, ascii_only: bool) -> None:
    """However the client writes JSON; a short one as a whole string only."""
    links = RequestLinks()
    links.note_prompt(TRACE, "1" * 16, "p@1", text)
    message = json.dumps({"messages": [{"content": sent}]}, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
    assert found(links, message) == (["p@1"] if is_held else [])


def test_call_names_template_and_retrieved_documents(rig: Rig) -> None:
    """The call whose request holds them, its attempts, and no other."""
    system = fr.prompt('You are the agent of "{shop}".\nBe brief, é.', "support", 4, shop="Lumen")
    greeting = fr.prompt("Hi {who}, how are you on this fine day?", who="Ann")
    fr.retrieval(
        "q", [{"id": "d1", "text": "Refunds take fourteen days at most."}, {"id": "d2", "text": "Nothing of this reaches the model."}]
    )
    rig.http(body(system, greeting))
    rig.http(body("see: Refunds take fourteen days at most."))
    rig.http(body("nothing of ours"))
    rows = rig.rows()
    prompts = [row["span_id"].hex() for row in rows if row["kind"] == "prompt"]
    retrieval = of_kind(rig, "retrieval")["span_id"].hex()
    for kind in ("llm_call", "llm_attempt"):
        first, second, third = [row for row in rows if row["kind"] == kind]
        assert (first["prompt_templates"], first["prompt_spans"], first["retrieved_ids"]) == (["support@4", "unnamed"], prompts, None)
        assert (second["prompt_templates"], second["retrieved_ids"], second["retrieved_spans"]) == (None, ["d1"], [retrieval])
        assert (third["prompt_templates"], third["retrieved_ids"]) == (None, None)


def test_prompt_is_looked_for_in_its_own_trace(rig: Rig) -> None:
    """Another trace's request with the same text is not said to come from it."""
    fr.prompt(LONG.replace("{", "{{"), "p")
    rig.http(body(LONG), trace=OTHER_TRACE)
    assert of_kind(rig, "llm_call")["prompt_templates"] is None


def test_hand_made_call_is_linked_too(rig: Rig) -> None:
    """By its arguments."""
    system = fr.prompt("You are a {kind} assistant of this shop.", "support", kind="kind")
    call = rig.begin_tool({"messages": [{"role": "system", "content": system}]}, kind="llm_call", facts={"model": "m", "provider": "acme"})
    call.returned("hello")
    assert of_kind(rig, "llm_call")["prompt_templates"] == ["support"]


def test_configuration_in_force(rig: Rig) -> None:
    """Told outside of any trace it holds everywhere; in a trace, there only, and over the other; the hash is the row's."""
    fr.config("retriever", {"k": 3})
    fr.flags({"a": True, "b": 1})
    token = set_context(TraceContext(OTHER_TRACE))
    try:
        fr.config("retriever", {"k": 4})
        fr.flags({"a": False})
    finally:
        reset_context(token)
    rig.http(body("x"))
    rig.http(body("y"), trace=OTHER_TRACE)
    first, second = [row for row in rig.rows() if row["kind"] == "llm_call"]
    hashes = [row["config_sha256"].hex()[:16] for row in rig.rows() if row["kind"] == "config"]
    assert (first["config"], second["config"]) == ([("retriever", hashes[0])], [("retriever", hashes[1])])
    assert (first["flags"], second["flags"]) == ([("a", "true"), ("b", "1")], [("a", "false"), ("b", "1")])
    assert hashes[0] != hashes[1]


def test_requests_of_no_model_have_no_links(rig: Rig) -> None:
    """What a tool asks was made under the same flags, which is not said of it."""
    fr.flags({"a": True})
    rig.http(b"{}", url="https://tools.example/x")
    assert of_kind(rig, "http_call")["flags"] is None


def test_texts_are_forgotten_in_the_end() -> None:
    """After enough requests without them, or when there are too many: memory is bounded, and what is forgotten is not claimed."""
    links = RequestLinks()
    links.note_prompt(TRACE, "1" * 16, "p", LONG)
    for _ in range(64):
        assert found(links, b"{}") == []
    assert found(links, body(LONG)) == ["p"]
    for _ in range(65):
        found(links, b"{}")
    assert found(links, body(LONG)) == []
    for number in range(300):
        links.note_prompt(TRACE, "1" * 16, str(number), f"{LONG} {number}")
    assert len(links._traces[TRACE].texts) == 256
    links.note_prompt(TRACE, "1" * 16, "large", "x" * (5 << 20))
    assert len(links._traces[TRACE].texts) == 1
    for number in range(600):
        links.note_prompt(f"{number:032x}", "1" * 16, "p", LONG)
    assert len(links._traces) == 512


def test_child_of_a_fork_inherits_what_is_in_force(rig: Rig, tmp_path: Path) -> None:
    """Also what the parent's writer has not come to; the parent alone writes the rows."""
    fr.flags({"early": True})

    class Waiting:
        """The writer of the parent is busy."""

        new_span_id = rig.new_span_id

        def put_begin(self, fact: Any, size: int) -> None:
            """Nothing happens to it before the fork."""

    running: Any = recorder._recorder
    running.writer = Waiting()
    fr.flags({"late": True})
    system = fr.prompt("You are a {kind} assistant of this shop.", "support", kind="kind")
    child = os.fork()
    if child == 0:
        code = 1
        try:
            request_links.begin_child()
            own = Rig(tmp_path / "child", writer="w00000000002-aaaaaa-8-00000002")
            own.http(body(system), url=CHAT_URL)
            own.close()
            code = 0
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    (journal,) = Path(tmp_path, "child", "store", "journal").rglob("*.frj")
    rows = RowBuilder(fold_journal(journal.read_bytes())).event_rows()
    (call,) = [row for row in rows if row["kind"] == "llm_call"]
    assert (call["flags"], call["prompt_templates"]) == ([("early", "true"), ("late", "true")], ["support"])
    assert [row for row in rows if row["kind"] in ("flags", "prompt")] == []


def test_an_element_first_stored_as_something_else_is_still_one(rig: Rig) -> None:
    """A tool's result that is a message, byte for byte: the request's messages are read all the same."""
    message = {"role": "assistant", "content": "x" * 40}
    sent = json.dumps({"model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}, message]}, separators=(",", ":")).encode()
    rig.tool({"a": 1}, message)
    rig.http(sent)
    fr.memory("write", "m", {"role": "user", "content": "remembered, and then sent"})
    again = {"model": "gpt-4o", "messages": [{"role": "user", "content": "remembered, and then sent"}]}
    rig.http(json.dumps(again, separators=(",", ":")).encode())
    first, second = [row for row in rig.rows() if row["kind"] == "llm_call"]
    assert (len(first["message_hashes"]), len(first["message_blobs"] or ())) == (2, 2)
    assert (len(second["message_hashes"]), len(second["message_blobs"] or ())) == (1, 1)


def test_prefix_hash_tells_what_stands_before_the_conversation(rig: Rig) -> None:
    """Tools in their order and the system prompt; not what is said then, nor parameters. NULL without either."""

    def ask(system: str | None, tools: list[str], said: str, **more: Any) -> None:
        messages = ([{"role": "system", "content": system}] if system else []) + [{"role": "user", "content": said}]
        offered = [{"type": "function", "function": {"name": name, "parameters": {}}} for name in tools]
        rig.http(json.dumps({"model": "gpt-4o", "messages": messages, **({"tools": offered} if tools else {}), **more}).encode())

    ask("be brief", ["a", "b"], "one")
    ask("be brief", ["a", "b"], "two", temperature=1)
    ask("be brief", ["b", "a"], "one")
    ask("be long", ["a", "b"], "one")
    ask(None, ["a", "b"], "one")
    ask(None, [], "one")
    hashes = [row["prefix_sha256"] for row in rig.rows() if row["kind"] == "llm_call"]
    assert hashes[0] == hashes[1] and hashes[5] is None
    assert len(set(hashes[1:])) == 5
