"""How much is replaced in ordinary text: a bound, so that precision cannot rot unnoticed."""

from __future__ import annotations

import json
import sysconfig
import uuid
from collections import Counter
from collections.abc import Iterator
from hashlib import md5, sha1, sha256
from pathlib import Path
from random import Random
from typing import Any

import pytest

from fr_recorder.redact import Redactor
from fr_recorder.redact.engine import Engine
from fr_recorder.redact.rules import DISABLED_BY_DEFAULT

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / "../shared/data"
REDACTOR = Redactor(bytes(range(32)), "k1")


def strings(value: Any) -> Iterator[str]:
    """All strings of a JSON value, keys included."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from strings(item)


def test_airline_conversations_lose_only_addresses() -> None:
    """Real runs full of ids, dates, flight numbers, reservation codes and payment ids: nothing but e-mail addresses is replaced."""
    path = DATA / "tau-bench-airline-gpt-4o.json"
    if not path.exists():
        pytest.skip(f"needs {path.name} in the data folder beside the repository")
    runs = json.loads(path.read_text())
    _, hits = REDACTOR.value([[run["traj"], run["info"]] for run in runs], "runs")
    counts = Counter[str]()
    for hit in hits:
        counts[hit.detector] += hit.count
    expected = sum(text.count("@") for text in strings([[run["traj"], run["info"]] for run in runs]))
    assert set(counts) == {"email"}
    assert counts["email"] == expected


def test_recorded_answers_of_providers_lose_nothing() -> None:
    """Bodies that real providers sent and received hold no secrets, and none is found in them."""
    yaml = pytest.importorskip("yaml")
    cassettes = sorted((DATA / "provider-cassettes").glob("*/*.yaml"))
    if not cassettes:
        pytest.skip("needs provider-cassettes in the data folder beside the repository")
    statuses = Counter[str]()
    for path in cassettes:
        for interaction in yaml.load(path.read_text(), getattr(yaml, "CSafeLoader", yaml.SafeLoader))["interactions"]:
            for side in ("request", "response"):
                exchange = interaction.get(side) or {}
                headers = {name.lower(): value for name, value in (exchange.get("headers") or {}).items()}
                body = exchange.get("body")
                body = body.get("string") if isinstance(body, dict) else body
                if exchange.get("parsed_body") is not None:
                    body = json.dumps(exchange["parsed_body"])
                if body is None:
                    continue
                content_type = headers.get("content-type")
                content_type = content_type[0] if isinstance(content_type, list) else content_type
                content_type = content_type.decode() if isinstance(content_type, bytes) else content_type
                result = REDACTOR.body(body if isinstance(body, bytes) else body.encode(), content_type)
                statuses[result.status] += 1
                assert result.hits == [], f"{path.name}: {result.hits}"
    assert set(statuses) <= {"clean", "unscanned"}
    assert statuses["clean"] > 300


def test_source_of_the_standard_library_is_nearly_untouched() -> None:
    """In ordinary Python source less than one place in 30 KB is replaced, and outside of tests next to nothing but addresses."""
    library = Path(sysconfig.get_paths()["stdlib"])
    engine = Engine(DISABLED_BY_DEFAULT)
    size = 0
    counts = Counter[str]()
    for path in sorted(library.glob("**/*.py")):
        if {"site-packages", "test", "tests", "idlelib", "lib2to3"} & set(path.parts):
            continue
        text = path.read_text(encoding="utf-8", errors="surrogateescape")
        size += len(text)
        counts.update(found.kind for found in engine.find(text))
    assert size > 5_000_000
    assert counts.total() / size * 30_000 < 1.0
    assert counts.total() - counts["email"] < 20, counts


def hard_negatives() -> Iterator[str]:
    """What looks random and is no secret: hashes, ids, times, numbers, versions, code."""
    random = Random(1)
    for number in range(150):
        blob = random.randbytes(24)
        stamp = 1_700_000_000 + number * 86_399
        yield f"commit {sha1(blob).hexdigest()} of {sha256(blob).hexdigest()}, md5 {md5(blob).hexdigest()}"
        yield f"trace {uuid.UUID(bytes=blob[:16])} span {blob[:8].hex()} run_{blob[:12].hex()}"
        yield f"at {stamp}, {stamp}000, {stamp}123456, {stamp}.{number:03d}; 2024-05-{number % 28 + 1:02d} 15:00:00, 15.05.2024"
        yield f"order {10**9 + number}, invoice 2024-{number:05d}, flight HAT{number:03d}, seat 12A, gate {number}, part 415-{number:04d}"
        yield f"total {random.random()}, {random.randint(10**14, 10**15)}e3, {random.gauss(0, 1e6):.6f}"
        yield f"v1.{number}.0-rc.1 on 10.0.{number}.1:8080, gift_card_{random.randint(10**6, 10**7)} of user_{number}_{number * 37}"
        yield f"self.password_{number} = get_password(token={number}); max_tokens={number}, next_token: int, secret_name='app/db'"
        yield f"chatcmpl-{random.randbytes(14).hex()} toolu_{random.randbytes(12).hex()} fp_{blob[:5].hex()} req_{blob[:12].hex()}"


def test_hard_negatives_are_left_alone() -> None:
    """At most two in a thousand of such lines are touched."""
    engine = Engine(DISABLED_BY_DEFAULT)
    lines = list(hard_negatives())
    touched = [(line, found) for line in lines if (found := engine.find(line))]
    assert len(touched) <= len(lines) * 2 / 1000, touched[:10]
