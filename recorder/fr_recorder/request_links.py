"""Which of the program's own facts a request has to do with: prompts and documents whose text it holds, configuration and flags in force.

Looked for in the writer's thread, in the bytes as they were sent, so that a link is a finding and not a claim. Texts are remembered for a
while, in memory only; what was forgotten, or is held in other words, has no link, which is not to say that it is not there.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from typing import Any

__all__ = ["LINKED_KINDS", "RequestLinks", "request_links"]

LINKED_KINDS = frozenset(("prompt", "retrieval", "config", "flags"))
"""Kinds of facts that later requests are held against."""

_TRACES = 512
_TEXTS = 256
_CHARACTERS = 4 << 20
_MISSES = {"prompt": 64, "retrieval": 16}
"""How many requests of its trace a text may be missing from before it is forgotten."""

_SHORT = 24
"""A shorter text may stand in another by chance: it has to be a whole JSON string."""

_MOST_WAITING = 256
_HASH_SHOWN = 16


class _Text:
    """A text to look for: how JSON writes it, and whose it is."""

    __slots__ = ("forms", "kind", "label", "misses", "size", "span")

    def __init__(self, kind: str, span: str, label: str, text: str) -> None:
        self.kind = kind
        self.span = span
        self.label = label
        self.misses = 0
        self.size = len(text)
        import json

        # Clients write what is not ASCII as it is, or escaped.
        written = {json.dumps(text, ensure_ascii=ascii_only) for ascii_only in (False, True)}
        cut = slice(None) if len(text) < _SHORT else slice(1, -1)
        self.forms = tuple(form[cut].encode("utf-8", "surrogatepass") for form in sorted(written))

    def is_in(self, body: bytes) -> bool:
        return any(form in body for form in self.forms)


class _OfTrace:
    """What is known of one trace."""

    __slots__ = ("config", "flags", "size", "texts")

    def __init__(self) -> None:
        self.texts: list[_Text] = []
        self.size = 0
        self.config: dict[str, str] = {}
        self.flags: dict[str, str] = {}

    def add(self, text: _Text) -> None:
        self.texts.append(text)
        self.size += text.size
        while len(self.texts) > _TEXTS or (self.size > _CHARACTERS and len(self.texts) > 1):
            self.size -= self.texts.pop(0).size

    def found_in(self, body: bytes) -> list[_Text]:
        found = []
        for text in list(self.texts):
            if text.is_in(body):
                text.misses = 0
                found.append(text)
                continue
            text.misses += 1
            if text.misses > _MISSES[text.kind]:
                self.texts.remove(text)
                self.size -= text.size
        return found


class RequestLinks:
    """Remembers facts, and finds them in requests. Belongs to the writer's thread, but for ``waiting``.

    One per process, and inherited by forks: what was in force before one is in force after it.
    """

    def __init__(self) -> None:
        self._traces: OrderedDict[str, _OfTrace] = OrderedDict()
        self._everywhere = _OfTrace()
        self._waiting: dict[str, Any] = {}
        self._inherited: list[Any] = []

    def wait_for(self, fact: Any) -> None:
        """A fact is on its way to the writer; called on the program's thread. A fork in this moment inherits it."""
        if fact.fact_kind in LINKED_KINDS and len(self._waiting) < _MOST_WAITING:
            self._waiting[fact.span] = fact

    def arrived(self, span: str) -> None:
        """The writer has the fact."""
        self._waiting.pop(span, None)

    def begin_child(self) -> None:
        """In the child of a fork: what the parent's writer had not come to will not arrive here."""
        self._inherited = list(self._waiting.values())
        self._waiting.clear()

    def take_inherited(self) -> list[Any]:
        """Facts that were on their way when this process was forked off, once."""
        inherited, self._inherited = self._inherited, []
        return inherited

    def forget(self) -> None:
        """Nothing records any more."""
        self._traces.clear()
        self._waiting.clear()
        self._everywhere = _OfTrace()

    def _of(self, trace: str) -> _OfTrace:
        known = self._traces.get(trace)
        if known is None:
            known = self._traces[trace] = _OfTrace()
            while len(self._traces) > _TRACES:
                self._traces.popitem(last=False)
        return known

    def note_prompt(self, trace: str, span: str, label: str, text: str) -> None:
        """A prompt was rendered in a trace."""
        if text.strip():
            self._of(trace).add(_Text("prompt", span, label, text.strip()))

    def note_documents(self, trace: str, span: str, documents: Iterable[tuple[str, str | None]]) -> None:
        """Documents were found in a trace: ids as they may be written, and texts."""
        known = self._of(trace)
        for label, text in documents:
            if text is not None and text.strip():
                known.add(_Text("retrieval", span, label, text.strip()))

    def note_config(self, trace: str | None, name: str, sha256: str) -> None:
        """A configuration value is in force in a trace; everywhere for None."""
        (self._everywhere if trace is None else self._of(trace)).config[name] = sha256[:_HASH_SHOWN]

    def note_flags(self, trace: str | None, flags: Mapping[str, str]) -> None:
        """Flags are in force in a trace; everywhere for None."""
        (self._everywhere if trace is None else self._of(trace)).flags.update(flags)

    def of_request(self, trace: str, body: bytes | None) -> dict[str, Any]:
        """``{"links": ...}`` of a request's event; nothing where there is nothing to say."""
        known = self._traces.get(trace)
        everywhere = self._everywhere
        links: dict[str, Any] = {}
        if known is not None:
            self._traces.move_to_end(trace)
            found = known.found_in(body) if body and known.texts else []
            for name, kind in (("prompts", "prompt"), ("docs", "retrieval")):
                held = [[text.span, text.label] for text in found if text.kind == kind]
                if held:
                    links[name] = held
        for name in ("config", "flags"):
            own = getattr(known, name) if known is not None else {}
            in_force = {**getattr(everywhere, name), **own}
            if in_force:
                links[name] = in_force
        return {"links": links} if links else {}


request_links = RequestLinks()
