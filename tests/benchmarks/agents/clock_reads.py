"""Reads every clock in a loop: ``python clock_reads.py READS``. Prints nanoseconds per read, without the loop itself, as JSON."""

import datetime
import json
import sys
import time

LOOPS = 7
# The clock that measures is read as seldom as the measured ones are often, so what it costs does not show.
ELAPSED = time.perf_counter_ns


def fastest(function, reads):
    """The fastest of some loops."""
    took = []
    for _ in range(LOOPS):
        started = ELAPSED()
        for _ in range(reads):
            function()
        took.append((ELAPSED() - started) / reads)
    return min(took)


def nothing():
    """What calling costs."""


def main():
    """Measure and print."""
    reads = int(sys.argv[1])
    clocks = {
        "time.time": time.time,
        "time.monotonic": time.monotonic,
        "time.perf_counter": time.perf_counter,
        "datetime.now": datetime.datetime.now,
    }
    loop = fastest(nothing, reads)
    print(json.dumps({name: max(0.0, fastest(function, reads) - loop) for name, function in clocks.items()}))


main()
