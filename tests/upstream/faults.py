"""Scripted faults: the table, the path prefix that chooses one, and the count that lets a retry succeed.

A request to `/fault/<name>/v1/...` meets the fault. Where the fault is counted, a retry reaches the real route in the end.
"""

import hashlib
from collections import Counter
from typing import Literal, NamedTuple

FaultKind = Literal["status", "timeout", "reset", "reset-mid", "truncate", "slow", "error-sse", "hang-mid"]

SLOW_S = 0.3
RETRY_AFTER_MS = 20


class UnknownFaultError(ValueError):
    """The path names no row of `FAULTS`."""


class Fault(NamedTuple):
    """One row of the fault table.

    `times` is how often in a row equal requests meet it before one passes; 0 means always. `retry_after_ms` is sent as the
    header `retry-after-ms` where it is not 0.
    """

    name: str
    kind: FaultKind
    description: str
    status: int = 0
    times: int = 0
    retry_after_ms: int = 0


FAULTS: tuple[Fault, ...] = (
    Fault("400", "status", "always 400", status=400),
    Fault("401", "status", "always 401", status=401),
    Fault("429", "status", "always 429 with retry-after-ms", status=429, retry_after_ms=RETRY_AFTER_MS),
    Fault("429x2", "status", "two 429 with retry-after-ms, then the answer", status=429, times=2, retry_after_ms=RETRY_AFTER_MS),
    Fault("500x1", "status", "one 500, then the answer", status=500, times=1),
    Fault("503x1", "status", "one 503, then the answer", status=503, times=1),
    Fault("503x2", "status", "two 503, then the answer", status=503, times=2),
    Fault("529x1", "status", "one 529 (overloaded), then the answer", status=529, times=1),
    Fault("timeout", "timeout", "never answers; the client must time out"),
    Fault("timeoutx1", "timeout", "does not answer once, then answers", times=1),
    Fault("reset", "reset", "the connection is reset before any header"),
    Fault("resetx1", "reset", "one reset before any header, then the answer", times=1),
    Fault("reset-mid", "reset-mid", "the connection is reset in the middle of the body"),
    Fault("truncate", "truncate", "content-length promises the whole body, half of it is sent, and the connection ends in order"),
    Fault("slow", "slow", f"{SLOW_S} s before the headers and again in the middle of the body"),
    Fault("error-sse", "error-sse", "a stream breaks off with the provider's error event; other answers are untouched"),
    Fault("hang-mid", "hang-mid", "half of the body, then nothing for ever"),
)
_FAULT_BY_NAME = {fault.name: fault for fault in FAULTS}


def fault_named(name: str) -> Fault:
    """The row of this name. Raises UnknownFaultError."""
    try:
        return _FAULT_BY_NAME[name]
    except KeyError:
        raise UnknownFaultError(f"no fault named {name!r}; there are: {', '.join(_FAULT_BY_NAME)}") from None


class FaultCounter:
    """Counts how often equal requests met a counted fault.

    Equal means the same path and body bytes, which holds for an SDK's retries. After the request that passes, the count starts
    anew, so a second run of the same program meets the same faults. Equal requests in flight at the same time share one count.
    """

    def __init__(self) -> None:
        self._met: Counter[tuple[str, bytes]] = Counter()

    def strikes(self, fault: Fault, target: str, body: bytes) -> bool:
        """Whether this request meets the fault; counts it."""
        if fault.times == 0:
            return True
        key = (target, hashlib.sha256(body).digest())
        if self._met[key] == fault.times:
            del self._met[key]
            return False
        self._met[key] += 1
        return True

    def clear(self) -> None:
        """Forget every count."""
        self._met.clear()
