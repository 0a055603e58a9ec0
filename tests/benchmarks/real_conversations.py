"""Requests made of real runs of an agent: the airline runs of tau-bench, which the repository does not hold.

Random words hold no e-mail addresses, card numbers or JSON within strings, so what redaction costs on them says little about what it
costs on what agents send. These texts have all of that. Where the data are absent (``../shared/data``, beside the repository) so are the
figures.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from workload import MODEL, Request

__all__ = ["DATA", "first_seen", "turns"]

DATA = Path(__file__).resolve().parents[2] / "../shared/data/tau-bench-airline-gpt-4o.json"
"""200 runs, each with its messages in OpenAI's chat form under ``traj``."""

_FIRST_SEEN_CHARACTERS = 30_000


def _runs() -> list[list[dict[str, Any]]]:
    with DATA.open(encoding="utf-8") as file:
        return [run["traj"] for run in json.load(file)]


def turns(limit: int) -> list[Request]:
    """The requests of the first runs, turn by turn, as the agent sent them: up to ``limit``. Raises OSError."""
    requests: list[Request] = []
    for messages in _runs():
        for position, message in enumerate(messages):
            if message["role"] == "assistant" and position > 0:
                requests.append({"model": MODEL, "messages": messages[:position], "temperature": 0.0})
                if len(requests) == limit:
                    return requests
    return requests


def first_seen(limit: int) -> list[Request]:
    """Requests of 30,000 characters, many short messages each, in which no message comes twice: up to ``limit``. Raises OSError."""
    contents = dict.fromkeys(message["content"] for run in _runs() for message in run if message["content"] and message["role"] != "system")
    requests: list[Request] = []
    said: list[dict[str, str]] = []
    length = 0
    for content in contents:
        said.append({"role": "user", "content": content})
        length += len(content)
        if length >= _FIRST_SEEN_CHARACTERS:
            requests.append({"model": MODEL, "messages": said, "temperature": 0.0})
            if len(requests) == limit:
                break
            said, length = [], 0
    return requests
