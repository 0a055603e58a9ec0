"""Recorded answers in place of scripts: conversations whose every answer is known, served by what was said before it.

The file is a JSON list of conversations, each `{"name": …, "answers": [{"key": …, "body": …}, …]}`: `key` is the
`conversation_key` of the messages that precede the answer, `body` the exact text of the chat completion to send.

Run as a program, it builds such a file from the trajectories of tau-bench:
    python canned.py TRAJECTORIES.json ANSWERS.json
"""

import argparse
import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from api_openai_chat import FINISH_REASONS
from scripts import JsonObject, token_count
from wire_api import CREATED_AT, compact

TAU_BENCH_MODEL = "gpt-4o-2024-08-06"
CONVERSATION_HEADER = "x-canned-conversation"


class NoCannedAnswerError(LookupError):
    """Nothing in the file follows these messages."""


class CannedAnswer(NamedTuple):
    """One answer: the key of the messages before it, and the exact body."""

    key: str
    body: str


class CannedConversation(NamedTuple):
    """One conversation: its name and its answers in order."""

    name: str
    answers: tuple[CannedAnswer, ...]


def _canonical_message(message: JsonObject) -> JsonObject:
    """What the next answer depends on: role, content, tool calls and the call answered; SDKs add and drop the rest at will."""
    canonical: JsonObject = {"role": message["role"], "content": message.get("content")}
    if message.get("tool_call_id"):
        canonical["tool_call_id"] = message["tool_call_id"]
    if message.get("tool_calls"):
        canonical["tool_calls"] = [[call["id"], call["function"]["name"], call["function"]["arguments"]] for call in message["tool_calls"]]
    return canonical


def conversation_key(messages: Sequence[JsonObject]) -> str:
    """SHA-256 in hex over the canonical JSON of the messages so far."""
    canonical = [_canonical_message(message) for message in messages]
    return hashlib.sha256(json.dumps(canonical, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def chat_completion(message: JsonObject, key: str, model: str, prompt_bytes: int) -> str:
    """A recorded assistant message as the text of a chat completion.

    The id follows from the key; token counts are made up from sizes, since the trajectories have none.
    """
    answer: JsonObject = {"role": "assistant", "content": message.get("content"), "refusal": None, "annotations": []}
    if message.get("tool_calls"):
        answer["tool_calls"] = message["tool_calls"]
    prompt, completion = token_count(prompt_bytes), token_count(len(compact(message).encode()))
    finish = FINISH_REASONS["tool_calls" if message.get("tool_calls") else "stop"]
    return compact(
        {
            "id": f"chatcmpl-{key[:24]}",
            "object": "chat.completion",
            "created": CREATED_AT,
            "model": model,
            "choices": [{"index": 0, "message": answer, "logprobs": None, "finish_reason": finish}],
            "usage": {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion},
            "service_tier": "default",
            "system_fingerprint": f"fp_{key[:10]}",
        }
    )


def conversation_from_messages(name: str, messages: Sequence[JsonObject], model: str) -> CannedConversation:
    """Every assistant message of a finished conversation becomes the answer to the messages before it."""
    answers = []
    for position, message in enumerate(messages):
        if message["role"] == "assistant":
            before = messages[:position]
            key = conversation_key(before)
            answers.append(CannedAnswer(key, chat_completion(message, key, model, len(compact(before).encode()))))
    return CannedConversation(name, tuple(answers))


def conversations_from_tau_bench(runs: Sequence[JsonObject]) -> list[CannedConversation]:
    """One conversation for each run of a tau-bench trajectories file, named `task-<task>-trial-<trial>`."""
    return [conversation_from_messages(f"task-{run['task_id']}-trial-{run['trial']}", run["traj"], TAU_BENCH_MODEL) for run in runs]


def write_conversations(conversations: Sequence[CannedConversation], path: Path) -> None:
    """Write the file that `CannedAnswers.load` reads."""
    rows: list[JsonObject] = [{"name": c.name, "answers": [answer._asdict() for answer in c.answers]} for c in conversations]
    path.write_text(json.dumps(rows, ensure_ascii=False), encoding="utf-8")


class CannedAnswers:
    """Answers by key.

    Two conversations may have the same messages so far and then differ. The request header `x-canned-conversation` says which
    one is meant; without it, the n-th request for a key gets the n-th recorded answer, and the first again after the last.
    """

    def __init__(self, conversations: Sequence[CannedConversation]) -> None:
        self._answers: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
        self._served: Counter[str] = Counter()
        for conversation in conversations:
            for answer in conversation.answers:
                self._answers[answer.key].append((conversation.name, answer.body))

    @classmethod
    def load(cls, path: Path) -> "CannedAnswers":
        """Read a file. Raises OSError or ValueError."""
        rows: list[Any] = json.loads(path.read_text(encoding="utf-8"))
        return cls([CannedConversation(row["name"], tuple(CannedAnswer(**answer) for answer in row["answers"])) for row in rows])

    def body_for(self, messages: Sequence[JsonObject], conversation: str | None = None) -> str:
        """The exact body that follows these messages. Raises NoCannedAnswerError."""
        key = conversation_key(messages)
        known = self._answers.get(key, [])
        if conversation is not None:
            known = [entry for entry in known if entry[0] == conversation]
        if not known:
            where = f" in conversation {conversation!r}" if conversation is not None else ""
            raise NoCannedAnswerError(f"no canned answer{where} after {len(messages)} messages (key {key[:12]})")
        served = self._served[key]
        self._served[key] += 1
        return known[served % len(known)][1]

    def clear(self) -> None:
        """Start again with the first answer of every key."""
        self._served.clear()


def main() -> None:
    """Build the answers file from a trajectories file."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("trajectories", type=Path)
    parser.add_argument("answers", type=Path)
    arguments = parser.parse_args()
    conversations = conversations_from_tau_bench(json.loads(arguments.trajectories.read_text(encoding="utf-8")))
    write_conversations(conversations, arguments.answers)
    print(f"{len(conversations)} conversations, {sum(len(c.answers) for c in conversations)} answers")


if __name__ == "__main__":
    main()
