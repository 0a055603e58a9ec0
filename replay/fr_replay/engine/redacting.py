"""Comparing in token space: what the replaying program asks for is redacted as the record was, before the two are compared."""

from __future__ import annotations

import json
from functools import cached_property
from typing import TYPE_CHECKING, Any

from .tape import Event, Tape

if TYPE_CHECKING:
    from fr_schema.parts import Segment

    from ..capture import Keys, Redactor

__all__ = ["Redacting"]

_MOST_KNOWN_CHARACTERS = 32 << 20


class Redacting:
    """Redacts as the recorder did, under the recorded policy and key. The rules are loaded when there is something to redact.

    Args:
        keys: the store's keys, or None when they are not on this machine.
        policy, key_id: as the record names them.
        policy_text: the recorded policy's own text, empty where it had none; None where its store has lost it.
    """

    def __init__(self, keys: Keys | None, policy: str | None, key_id: str | None, policy_text: str | None = "") -> None:
        self._policy_text = policy_text
        self._keys = keys
        self._policy = policy
        self._key_id = key_id
        self._known: dict[tuple[str | None, str, str], str] = {}
        self._known_characters = 0

    @cached_property
    def _redactor(self) -> Redactor | None:
        from ..capture import Redactor, policy_of_text

        if self._keys is None:
            return None
        return Redactor(self._keys.redaction, self._keys.key_id, policy=policy_of_text(self._policy_text or "", "the recorded policy"))

    def request(self, method: str, url: str, headers: Any, body: bytes) -> tuple[str, list[tuple[str, str]], bytes]:  # noqa: ARG002
        """URL, headers and body of a live request, redacted."""
        from ..capture import text_headers

        named = text_headers(headers)
        if self._redactor is None:
            return url, named, body
        clean_headers, _ = self._redactor.headers(named)
        clean_url, _ = self._redactor.url(url)
        return clean_url, clean_headers, self._body(body, next((v for k, v in named if k.lower() == "content-type"), None))

    def _body(self, body: bytes, content_type: str | None) -> bytes:
        from fr_schema.parts import cut_body

        assert self._redactor is not None
        if not body:
            return body
        try:
            text = body.decode()
        except UnicodeDecodeError:
            text = ""
        cut = cut_body(text) if text.lstrip()[:1] == "{" else None
        if cut is None:
            return bytes(self._redactor.body(body, content_type).data)
        texts = self._segments(cut[0])
        return body if texts is None else "".join(texts).encode("utf-8", "surrogatepass")

    def _segments(self, segments: list[Segment]) -> list[str] | None:
        """The redacted texts of a body's segments, each of which is redacted by itself; None when nothing was replaced.

        A growing conversation sends the same ones again and again, which are then known.
        """
        assert self._redactor is not None
        known = self._known
        fresh = [segment for segment in segments if (segment.key, segment.kind, segment.text) not in known]
        if fresh:
            redacted, _ = self._redactor.segments(fresh)
            self._known_characters += sum(len(segment.text) for segment in fresh)
            if self._known_characters > _MOST_KNOWN_CHARACTERS:
                # What this request needs is kept in any case.
                known = {place: known[place] for segment in segments if (place := (segment.key, segment.kind, segment.text)) in known}
                self._known = known
                self._known_characters = sum(len(segment.text) for segment in segments)
            for before, after in zip(fresh, redacted, strict=True):
                known[before.key, before.kind, before.text] = after.text
        texts = [known[segment.key, segment.kind, segment.text] for segment in segments]
        return texts if any(text != segment.text for text, segment in zip(texts, segments, strict=True)) else None

    def arguments(self, arguments: dict[str, Any], *, command: bool = False) -> Any:
        """A tool's live arguments as the record would have them, decoded. ``command``: they are a child process's command line."""
        from ..capture import redacted_command, values

        packed = values.pack(arguments)
        if packed.form not in ("json", "typed"):
            return packed.data
        value = json.loads(packed.data)
        if self._redactor is None:
            return value
        return redacted_command(self._redactor, value)[0] if command else self._redactor.value(value, "arguments")[0]

    def recorded_arguments(self, event: Event, tape: Tape) -> Any:
        """A tool's recorded arguments, decoded."""
        text = tape.content(event.body).decode("utf-8", "surrogatepass")
        try:
            return json.loads(text)
        except ValueError:
            # Arguments that could only be kept as their repr.
            return text

    def output(self, data: bytes) -> bytes:
        """What the program wrote to its standard output, as the record would have it."""
        if not data or self._redactor is None:
            return data
        return bytes(self._redactor.body(data, "text/plain; charset=utf-8").data)

    def why_incomparable(self, event: Event) -> str | None:
        """Why a difference from this event may come from redaction and not from the program; None when it does not."""
        if not event.facts.get("redacted"):
            return None
        if self._redactor is None:
            return (
                f"the record was redacted with the key {self._key_id}, which is not on this machine, so it cannot be told"
                " whether the requests are equal; set FR_KEYS to the folder with the store's key"
            )
        if self._redactor.policy_id != self._policy:
            return (
                f"the record was redacted under the policy {self._policy}, and this fr has {self._redactor.policy_id};"
                " use the fr that recorded it"
            )
        if self._redactor.key_id != self._key_id:
            return f"the record was redacted with the key {self._key_id}, and this machine has {self._redactor.key_id}"
        return None

    def describe(self, event: Event | None) -> str | None:
        """What to say of redaction beside a difference."""
        return (
            "values were redacted in this request; the two sides are compared as tokens" if event and event.facts.get("redacted") else None
        )
