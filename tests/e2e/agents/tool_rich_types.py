"""Decorated tools whose arguments and results are more than JSON: dataclasses, dates, bytes, tuples, sets, pydantic models and the like."""

import os
import random
import uuid
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import PurePosixPath
from typing import Any

import openai
import pydantic

import fr_recorder as fr

CLIENT = openai.OpenAI(base_url=os.environ["FR_TEST_UPSTREAM"] + "/v1", api_key="sk-test", max_retries=0)
DICE = random.SystemRandom()


class Colour(Enum):
    """A choice."""

    RED = "red"
    BLUE = "blue"


@dataclass(frozen=True)
class Point:
    """A small value."""

    x: int
    y: float
    tags: tuple[str, ...] = field(default_factory=tuple)


class Ticket(pydantic.BaseModel):
    """A model with nested values."""

    number: int
    opened: datetime
    price: Decimal
    places: list[dict[str, int]]


def make_result(kind: str) -> Any:
    """One value of each kind, never the same twice."""
    number = DICE.randint(1, 10**6)
    moment = datetime(2026, 1, 2, 3, 4, 5, number, tzinfo=UTC)
    results: dict[str, Any] = {
        "dataclass": Point(number, number / 7, ("a", "b")),
        "datetime": moment,
        "date and delta": (date(2026, 1, 1 + number % 28), timedelta(microseconds=number)),
        "bytes": bytes([0, 255, 128]) + number.to_bytes(4, "big"),
        "tuple": (number, ("nested", None), [1.5, True]),
        "set": {f"one {number}", f"two {number}"},
        "frozenset of numbers": frozenset({number, number + 1}),
        "pydantic": Ticket(number=number, opened=moment, price=Decimal(number) / 100, places=[{"row": number}]),
        "decimal": Decimal(number) / 7,
        "enum": Colour.BLUE if number % 2 else Colour.RED,
        "path": PurePosixPath("/records") / str(number),
        "uuid": uuid.UUID(int=number),
        "complex": complex(number, -1),
        "dict with other keys": {1: "int", (2, 3): "tuple", None: "none", "s": number},
        "none": None,
        "float": float("inf") if number % 2 else float("-inf"),
        "big int": 2**200 + number,
        "text": f"é☂😀 \ud800 lone surrogate {number}",
        "list of all": [Point(1, 2.0), moment, b"\x00", {"k": (1, 2)}],
    }
    return results[kind]


@fr.tool(side_effect="read")
def fetch(kind: str, at: datetime, where: Point, options: dict[str, Any]) -> Any:
    """Takes rich arguments and gives one rich result."""
    assert at.tzinfo is UTC and where.x == 1 and options["raw"] == b"\x01"
    return make_result(kind)


KINDS = (
    "dataclass", "datetime", "date and delta", "bytes", "tuple", "set", "frozenset of numbers", "pydantic", "decimal", "enum", "path",
    "uuid", "complex", "dict with other keys", "none", "float", "big int", "text", "list of all",
)  # fmt: skip


def main() -> None:
    """Print type and value of every result, and tell the model."""
    for kind in KINDS:
        result = fetch(kind, datetime(2026, 5, 6, tzinfo=UTC), where=Point(1, 2.5), options={"raw": b"\x01", "set": {3}})
        shown = ascii(sorted(result) if isinstance(result, set | frozenset) else result)
        print(kind, type(result).__module__, type(result).__name__, shown)
        answer = CLIENT.chat.completions.create(model="gpt-x", messages=[{"role": "user", "content": f"{kind} is {shown}"}])
        print("model", answer.choices[0].message.content)


if __name__ == "__main__":
    main()
