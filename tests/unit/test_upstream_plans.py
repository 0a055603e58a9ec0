"""The pure parts of the scripted upstream: what it plans to answer, how it cuts and encodes, and canned answers."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import httpx
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "upstream"))

import canned
import scripts
from delivery import Reply, chosen_encoding, cut_oddly, encoded_parts
from dispatch import split_prefixes
from faults import FaultCounter, UnknownFaultError, fault_named
from scripted_upstream import ScriptedUpstream

TAU_BENCH = Path(__file__).resolve().parents[2] / "../shared/data/tau-bench-airline-gpt-4o.json"
CITY_SCHEMA: dict[str, Any] = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}


def conversation(question: str, tools: int = 0, rounds: int = 0) -> scripts.Conversation:
    """A conversation with `tools` offered tools and `rounds` finished rounds of tool use."""
    offered = tuple(scripts.OfferedTool(f"tool{n}", CITY_SCHEMA) for n in range(tools))
    return scripts.Conversation("m", question, offered, rounds, "", 100)


@pytest.mark.parametrize("script", scripts.SCRIPTS, ids=lambda script: script.name)
def test_script_asks_for_its_rounds_of_tools_and_then_answers(script: scripts.Script) -> None:
    """Each row makes its calls, round by round, and ends with its finish and text."""
    question = f"[[script:{script.name}]]"
    for round_number, calls in enumerate(script.tool_rounds):
        answer = scripts.plan_answer(conversation(question, tools=1, rounds=round_number), prefix_was_seen=False)
        assert (len(answer.calls), answer.finish, answer.text) == (calls, "tool_calls", "")
    answer = scripts.plan_answer(conversation(question, tools=1, rounds=len(script.tool_rounds)), prefix_was_seen=False)
    assert (answer.calls, answer.finish) == ((), script.finish)
    assert bool(answer.thinking) == bool(script.thinking)
    assert answer.nonce in answer.text or script.name in ("empty", "in-turn")


def test_every_answer_has_a_nonce_of_its_own() -> None:
    """Equal requests never get equal answers."""
    asked = conversation("same")
    assert len({scripts.plan_answer(asked, prefix_was_seen=False).text for _ in range(200)}) == 200


def test_parallel_calls_go_round_the_offered_tools() -> None:
    """With two tools, the default script calls each once; with one, it calls it with two different arguments."""
    both = scripts.plan_answer(conversation("q", tools=2), prefix_was_seen=False).calls
    one = scripts.plan_answer(conversation("q", tools=1), prefix_was_seen=False).calls
    assert [call.name for call in both] == ["tool0", "tool1"]
    assert [call.arguments for call in one] == [{"city": "Paris"}, {"city": "Oslo"}]


def test_misspelt_script_is_an_error() -> None:
    """A marker that names no row is refused, with the names there are."""
    with pytest.raises(scripts.UnknownScriptError, match="three-turns"):
        scripts.chosen_script("[[script:thre-turns]]")


def test_only_calls_after_the_last_question_count_as_rounds() -> None:
    """Parallel calls are one round, and a new question starts again."""
    turns = [scripts.Turn(kind) for kind in ("user", "call", "result", "user", "call", "call", "result", "result", "call", "result")]
    reduced = scripts.conversation_from_turns("m", turns, [], cacheable_prefix="", prompt_bytes=1)
    assert reduced.round_number == 2


@pytest.mark.parametrize("text", ["", "one", " leading and  double ", "é☂😀 line\nbreak\n\n", "   "])
def test_text_pieces_join_to_the_text(text: str) -> None:
    """Cutting a text into deltas loses nothing."""
    assert "".join(scripts.text_pieces(text)) == text
    assert "".join(scripts.text_pieces(text, words_each=3)) == text


@pytest.mark.parametrize(
    ("schema", "first", "second"),
    [
        ({"type": "integer"}, 1, 2),
        ({"type": "NUMBER"}, 0.5, 1.5),
        ({"type": "boolean"}, True, False),
        ({"enum": ["a", "b"]}, "a", "b"),
        ({"type": "array", "items": {"type": "integer"}}, [1], [2]),
        ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, 1, 2),
        (
            {"type": "object", "properties": {"city": {"type": "string"}, "n": {"type": "integer"}}, "required": ["city"]},
            {"city": "Paris"},
            None,
        ),
        ({}, "field-00ff", "field-00ff"),
    ],
)
def test_sample_values_fit_their_schema(schema: dict[str, Any], first: Any, second: Any) -> None:
    """Tool arguments are made from the schema that the request offers."""
    assert scripts.sample_value("field", schema, 0, "00ff") == first
    if second is not None:
        assert scripts.sample_value("field", schema, 1, "00ff") == second


# Faults and delivery


def test_counts_are_kept_for_each_path_and_body() -> None:
    """Other requests do not use up a count."""
    counter, fault = FaultCounter(), fault_named("503x1")
    assert counter.strikes(fault, "/a", b"1") and counter.strikes(fault, "/a", b"2") and counter.strikes(fault, "/b", b"1")
    assert not counter.strikes(fault, "/a", b"1")
    assert counter.strikes(fault, "/a", b"1")


def test_prefixes_come_off_the_path_in_any_order() -> None:
    """Faults and delivery options may both stand in front of a path."""
    path, fault, options = split_prefixes("/with/encoding=br,framing=chunked/fault/slow/v1/x")
    assert (path, fault and fault.name, options) == ("/v1/x", "slow", {"encoding": "br", "framing": "chunked"})
    with pytest.raises(UnknownFaultError, match="429x2"):
        split_prefixes("/fault/nix/v1/x")


# Delivery


@pytest.mark.parametrize(
    ("accept", "mode", "expected"),
    [("gzip, br", "zstd", "identity"), ("gzip;q=0, br", "gzip", "identity"), ("", "auto", "identity"), ("br;q=0.5", "br", "br")],
)
def test_no_encoding_is_sent_that_the_client_does_not_accept(accept: str, mode: str, expected: str) -> None:
    """The server's mode never overrides accept-encoding."""
    assert chosen_encoding(mode, accept, Reply(200, "text/plain", [b"x" * 500])) == expected


@pytest.mark.parametrize("encoding", ["gzip", "br", "zstd"])
def test_each_compressed_event_can_be_decoded_when_it_has_arrived(encoding: str) -> None:
    """Parts of a stream are flushed one by one."""
    decode: dict[str, Callable[[], Callable[[bytes], bytes]]] = {
        "gzip": lambda: __import__("zlib").decompressobj(wbits=31).decompress,
        "br": lambda: __import__("brotli").Decompressor().process,
        "zstd": lambda: __import__("zstandard").ZstdDecompressor().decompressobj().decompress,
    }
    parts = [f"data: {n} é☂😀\n\n".encode() for n in range(5)]
    decoder = decode[encoding]()
    assert [decoder(written) for written in encoded_parts(parts, encoding)] == parts


@pytest.mark.parametrize("seed", range(20))
def test_pieces_are_cut_inside_events_and_inside_characters(seed: int) -> None:
    """Joined they are the data, and a border lies inside a UTF-8 sequence."""
    data = "".join(f"data: {n} é☂😀\n\n" for n in range(20)).encode()
    pieces = cut_oddly(data, Random(seed))
    assert b"".join(pieces) == data and all(pieces)
    assert any(piece[0] & 0xC0 == 0x80 for piece in pieces)
    assert any(not piece.endswith(b"\n\n") for piece in pieces)


# Canned answers

DIALOGUE: list[dict[str, Any]] = [
    {"role": "system", "content": "s"},
    {"role": "user", "content": "q ☂"},
    {"role": "assistant", "content": None, "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}]},
    {"role": "tool", "tool_call_id": "c1", "content": "r", "name": "f"},
    {"role": "assistant", "content": "done é"},
]


def test_canned_answers_follow_the_conversation_so_far() -> None:
    """Each assistant message is served after exactly the messages before it, whatever else the SDK adds to them."""
    answers = canned.CannedAnswers([canned.conversation_from_messages("one", DIALOGUE, "m")])
    first = json.loads(answers.body_for(DIALOGUE[:2]))["choices"][0]
    resent = [{**message, "refusal": None, "annotations": []} for message in DIALOGUE[:4]]
    second = json.loads(answers.body_for(resent))["choices"][0]
    assert (first["finish_reason"], first["message"]["tool_calls"]) == ("tool_calls", DIALOGUE[2]["tool_calls"])
    assert (second["finish_reason"], second["message"]["content"]) == ("stop", "done é")
    with pytest.raises(canned.NoCannedAnswerError, match="2 messages"):
        answers.body_for([DIALOGUE[0], {"role": "user", "content": "another"}])


def test_conversations_that_part_after_equal_messages_are_kept_apart() -> None:
    """By name when the request gives one, else in recorded order, over and over."""
    other = [*DIALOGUE[:4], {"role": "assistant", "content": "other"}]
    answers = canned.CannedAnswers([canned.conversation_from_messages(name, said, "m") for name, said in (("a", DIALOGUE), ("b", other))])

    def said(name: str | None) -> str:
        return str(json.loads(answers.body_for(DIALOGUE[:4], name))["choices"][0]["message"]["content"])

    assert [said(None) for _ in range(4)] == ["done é", "other", "done é", "other"]
    assert [said("b"), said("b"), said("a")] == ["other", "other", "done é"]


def test_canned_mode_serves_real_runs_byte_for_byte(tmp_path: Path) -> None:
    """Runs of the tau-bench file come back through the server as recorded, whole and streamed."""
    if not TAU_BENCH.exists():
        pytest.skip("the shared data folder is not beside the repository")
    runs = json.loads(TAU_BENCH.read_text(encoding="utf-8"))
    conversations = canned.conversations_from_tau_bench(runs)
    path = tmp_path / "answers.json"
    canned.write_conversations(conversations, path)
    assert len(conversations) == len(runs)
    loaded = canned.CannedAnswers.load(path)
    with ScriptedUpstream(canned=path) as running, httpx.Client(base_url=running.url) as client:
        for number, (run, known) in enumerate(zip(runs, conversations, strict=True)):
            positions = [n for n, message in enumerate(run["traj"]) if message["role"] == "assistant"]
            for position, answer in zip(positions, known.answers, strict=True):
                said = run["traj"][:position]
                served = json.loads(loaded.body_for(said, known.name))["choices"][0]["message"]
                assert {key: served.get(key) for key in run["traj"][position]} == run["traj"][position]
                if number < 3:
                    assert client.post("/v1/chat/completions", json={"model": "gpt-4o", "messages": said}).text == answer.body
        streamed = client.post("/v1/chat/completions", json={"model": "m", "messages": runs[0]["traj"][:2], "stream": True})
        assert streamed.text.endswith("data: [DONE]\n\n")
        unknown = {"model": "m", "messages": [{"role": "user", "content": "never said"}]}
        assert client.post("/v1/chat/completions", json=unknown).status_code == 404
