"""The clock, randomness, uuids and set order, read in every way and put into prompts."""

import datetime
import os
import random
import time
import uuid
from datetime import UTC, date
from random import Random
from time import time as now_s

import openai
import pydantic

CLIENT = openai.OpenAI(base_url=os.environ["FR_TEST_UPSTREAM"] + "/v1", api_key="sk-test", max_retries=0)


class Note(pydantic.BaseModel):
    """A model whose defaults read the clock and the generator of uuids."""

    written_at: datetime.datetime = pydantic.Field(default_factory=datetime.datetime.now)
    key: uuid.UUID = pydantic.Field(default_factory=uuid.uuid4)


def ask(label: str, *values: object) -> None:
    """Put values into a prompt; print them and what comes back."""
    prompt = f"{label}: {' '.join(map(str, values))}"
    answer = CLIENT.chat.completions.create(model="gpt-x", messages=[{"role": "user", "content": "[[script:echo]] " + prompt}])
    print(prompt, "->", answer.choices[0].message.content)


def read_clocks() -> None:
    """Wall clocks and monotonic clocks, and the time that a call took."""
    ask("datetime", datetime.datetime.now(), datetime.datetime.now(UTC), date.today(), datetime.datetime.now().astimezone().isoformat())
    ask("naive utc", datetime.datetime.utcnow().isoformat(), datetime.datetime.fromtimestamp(time.time()))
    ask("time", time.time(), time.time_ns(), now_s(), time.strftime("%H:%M:%S"), time.localtime().tm_yday, time.gmtime().tm_sec)
    ask("monotonic", time.monotonic(), time.monotonic_ns(), time.perf_counter(), time.perf_counter_ns())
    started = time.perf_counter()
    ask("started", started)
    ask("elapsed", time.perf_counter() - started)
    ask("loop", *(now_s() for _ in range(5)))


def draw() -> None:
    """Module-level randomness, seeded and unseeded generators, and uuids."""
    ask("random", random.random(), random.randint(1, 6), random.choice("abcdef"), random.sample(range(100), 3))
    ask("generators", Random().random(), Random().getrandbits(64), Random(7).random())
    shuffled = list(range(8))
    random.shuffle(shuffled)
    ask("shuffle", shuffled, random.gauss(0, 1))
    random.seed(11)
    ask("seeded", random.random())
    random.seed()
    ask("seeded anew", random.random())
    ask("uuid", uuid.uuid4(), uuid.uuid1(), uuid.uuid4().hex)


def order() -> None:
    """What depends on the hash seed."""
    ask("set", list({"alpha", "beta", "gamma", "delta"}), hash("a text"))
    ask("frozenset", sorted(frozenset({"x", "y"})), *frozenset({"x", "y", "z"}))


def main() -> None:
    """Run every part."""
    read_clocks()
    draw()
    order()
    note = Note()
    ask("pydantic", note.written_at, note.key, type(note.written_at) is datetime.datetime)


if __name__ == "__main__":
    main()
