"""The same answer, plain and streamed, gives the same columns, and they are the right ones; cut streams stay true."""

import dataclasses
import sys
from pathlib import Path
from typing import Any

import pytest

from fr_schema.providers import Decoded, Exchange, decode

sys.path.insert(0, str(Path(__file__).resolve().parent))

from provider_samples_chat import CHAT_SAMPLES, MESSAGE_ITEM, RESPONSES_EVENTS, RESPONSES_PLAIN, Sample
from provider_samples_others import OTHER_SAMPLES
from provider_wire import named_events

SAMPLES = CHAT_SAMPLES + OTHER_SAMPLES
FORM_COLUMNS = {"stream", "params_sent"}

by_name = pytest.mark.parametrize("sample", SAMPLES, ids=[sample.name for sample in SAMPLES])


def _decoded(exchange: Exchange) -> Decoded:
    decoded = decode(exchange)
    assert decoded is not None
    return decoded


def _columns(decoded: Decoded) -> dict[str, Any]:
    return {field.name: getattr(decoded, field.name) for field in dataclasses.fields(decoded)}


@by_name
def test_plain_answer_gives_the_expected_columns(sample: Sample) -> None:
    """Every column named by the sample has the sample's value, and the answer counts as understood."""
    columns = _columns(_decoded(sample.plain))
    assert {name: columns[name] for name in sample.columns} == sample.columns
    assert columns["understood"] is True


@by_name
def test_streamed_answer_gives_the_same_columns_as_the_plain_one(sample: Sample) -> None:
    """All columns but those about streaming itself are equal, the assembled answer included."""
    plain, streamed = _columns(_decoded(sample.plain)), _columns(_decoded(sample.streamed))
    different = {name for name in plain if plain[name] != streamed[name]}
    assert different <= FORM_COLUMNS, {name: (plain[name], streamed[name]) for name in different - FORM_COLUMNS}
    assert streamed["stream"] is True


@by_name
def test_content_is_not_among_the_parameters(sample: Sample) -> None:
    """No message, prompt or tool of the request is found in params_sent."""
    text = str(_decoded(sample.plain).params_sent)
    assert not any(word in text for word in ("Be brief", "Weather?", "'tools'", "'messages'", "'contents'", "'system'", "'prompt'"))


@by_name
def test_stream_cut_off_anywhere_never_says_more_than_the_whole(sample: Sample) -> None:
    """Cut at every 7th byte, text is a beginning of the whole text, and no column contradicts the whole answer."""
    whole = _decoded(sample.streamed)
    body = sample.streamed.response_body
    for end in range(0, len(body), 7):
        cut = _decoded(dataclasses.replace(sample.streamed, response_body=body[:end], complete=False))
        assert (whole.output_text or "").startswith(cut.output_text or "")
        assert (whole.reasoning_text or "").startswith(cut.reasoning_text or "")
        assert cut.model_resolved in (None, whole.model_resolved)
        assert cut.tokens_out in (None, whole.tokens_out)
        assert cut.tokens_in in (None, whole.tokens_in)
        assert cut.finish_reason in (None, whole.finish_reason, "stop")
        assert cut.response_id in (None, whole.response_id)
        assert cut.error_type is None
        assert [call.name for call in cut.tool_calls] == [call.name for call in whole.tool_calls][: len(cut.tool_calls)]


@by_name
def test_request_alone_is_decoded_when_no_answer_came(sample: Sample) -> None:
    """Without an answer the request's columns stand, and nothing is said about what ran."""
    decoded = _decoded(dataclasses.replace(sample.plain, status=None, response_headers=(), response_body=b"", complete=False))
    whole = _decoded(sample.plain)
    assert decoded.understood
    assert (decoded.model_requested, decoded.system_prompt, decoded.tools) == (whole.model_requested, whole.system_prompt, whole.tools)
    assert (decoded.model_resolved, decoded.model_resolved_source, decoded.usage_raw) == (None, "unknown", None)
    assert (decoded.output_text, decoded.tool_calls, decoded.finish_reason, decoded.refusal) == (None, (), None, None)


@by_name
def test_missing_end_is_a_fault_of_the_reading_only_when_the_exchange_was_whole(sample: Sample) -> None:
    """A stream that stops inside an event is understood when it is known to be cut off, else not."""
    body = sample.streamed.response_body.rstrip()
    body = body.removesuffix(b"data: [DONE]").rstrip()[:-3]
    for complete in (True, False):
        decoded = _decoded(dataclasses.replace(sample.streamed, response_body=body, complete=complete))
        assert decoded.understood is not complete


def test_finished_item_of_a_response_is_not_overwritten_by_its_pieces() -> None:
    """A closing event may leave the output out; then items count as they were when done, annotations included."""
    sample = next(sample for sample in SAMPLES if sample.name == "openai responses")
    annotated = {**MESSAGE_ITEM, "content": [{"type": "output_text", "text": "Hello you", "annotations": [{"type": "url_citation"}]}]}
    events = [{**event, "item": annotated} if event.get("item") == MESSAGE_ITEM else event for event in RESPONSES_EVENTS[:-1]]
    events.append({"type": "response.completed", "response": {**RESPONSES_PLAIN, "output": None}})
    decoded = _decoded(dataclasses.replace(sample.streamed, response_body=named_events(events)))
    assert decoded.response_value["output"][1] == annotated
    assert (decoded.output_text, decoded.tokens_out) == ("Hello you", 12)
