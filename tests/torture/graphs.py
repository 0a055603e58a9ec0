"""Random task graphs: what a program of many tasks and threads does, as a tree drawn from a seed.

A graph is a tree of :class:`Node`. ``graph_program.py`` runs it, with calls to a model server at its leaves. Equal prompts are
frequent on purpose: an answer that went to another call of the same content must be noticed.
"""

from __future__ import annotations

from random import Random
from typing import NamedTuple

__all__ = ["FAMILIES", "PROMPTS", "SHARED_PROMPTS", "Family", "Node", "calls_in", "family_of", "graph"]

PROMPTS = ("equal", "equal", "own", "clock")
"""What a call's prompt is made of: the same words for all, the worker's own answers, the clock."""

SHARED_PROMPTS = (*PROMPTS, "board", "board", "board")
"""Also the end of the list that all workers add to: who came before whom decides what is asked."""

_LATENCIES_MS = (0, 0, 1, 3, 8, 20)
_DEPTH = 3


class Node(NamedTuple):
    """One thing that a graph does.

    Attributes:
        kind: names the function of ``graph_program.py`` that does it.
        children: what it does it with.
        number: milliseconds, workers or turns, as the kind has it.
        text: a flavour.
    """

    kind: str
    children: tuple[Node, ...] = ()
    number: int = 0
    text: str = ""


class Family(NamedTuple):
    """Graphs of one sort.

    Attributes:
        name: as the results are listed.
        in_loop, in_thread: kinds with children in an event loop, and in a thread.
        starts_in_loop: whether the root runs in an event loop.
        prompts: what calls ask.
        shares: whether all workers add to one list as soon as they have an answer.
        ordered: True when nothing but calls, timers and ends of threads decides what happens, which replay promises to repeat;
            False when threads look at what other threads do between their calls.
    """

    name: str
    in_loop: tuple[str, ...]
    in_thread: tuple[str, ...]
    starts_in_loop: bool
    prompts: tuple[str, ...]
    shares: bool
    ordered: bool


_LOOP = ("gather", "group", "completed", "first", "timeout", "cancel", "lock", "semaphore", "queue", "failing", "shield")
_THREADS = ("pool_completed", "pool_results", "pool_map", "pool_copied", "threads", "thread_queue")
FAMILIES = (
    Family("event loop", _LOOP, (), True, SHARED_PROMPTS, True, True),
    Family("threads", (), _THREADS, False, PROMPTS, False, True),
    Family(
        "event loop with threads", (*_LOOP, "to_thread", "to_thread", "executor"), ("pool_results", "threads"), True, PROMPTS, False, True
    ),
    Family("threads with event loops", _LOOP, (*_THREADS, "own_loop", "own_loop"), False, PROMPTS, False, True),
    Family(
        "races between calls", (*_LOOP, "to_thread"), (*_THREADS, "held_lock", "consumers", "own_loop"), False, SHARED_PROMPTS, True, False
    ),
)
"""Graph number N is of family N modulo their count."""


def family_of(seed: int) -> Family:
    """The family of a graph."""
    return FAMILIES[seed % len(FAMILIES)]


def graph(seed: int) -> Node:
    """The graph of a seed; always the same."""
    family = family_of(seed)
    return _Drawing(Random(f"graph {seed}"), family).inner(family.starts_in_loop, _DEPTH)


class _Drawing:
    """Draws one graph."""

    def __init__(self, chance: Random, family: Family) -> None:
        self.chance = chance
        self.family = family

    def inner(self, in_loop: bool, depth: int) -> Node:
        """A node with children."""
        chance = self.chance
        kind = chance.choice(self.family.in_loop if in_loop else self.family.in_thread)
        below = {"to_thread": False, "executor": False, "own_loop": True}.get(kind, in_loop)
        width = 1 if kind in ("timeout", "cancel", "shield", "to_thread", "own_loop") else chance.randint(2, 4)
        children = tuple(self.sequence(below, depth - 1) for _ in range(width))
        return Node(kind, children, chance.choice((1, 2, 3, 5, 9, 15)), chance.choice(("a", "b")))

    def sequence(self, in_loop: bool, depth: int) -> Node:
        """A few things one after another; at least one of them is a call."""
        chance = self.chance
        steps = [self.leaf(in_loop) for _ in range(chance.randint(0, 2))]
        if depth > 0 and chance.random() < 0.45 and (self.family.in_loop if in_loop else self.family.in_thread):
            steps.append(self.inner(in_loop, depth))
        steps.insert(chance.randint(0, len(steps)), self.call())
        return Node("sequence", tuple(steps))

    def leaf(self, in_loop: bool) -> Node:
        """A thing without children."""
        drawn = self.chance.random()
        if drawn < 0.55:
            return self.call()
        if drawn < 0.8 or not in_loop:
            return Node("sleep", number=self.chance.choice((0, 1, 2, 4, 8)))
        return Node("turns", number=self.chance.randint(1, 6))

    def call(self) -> Node:
        """A question to the model, streamed or not."""
        kind = "stream" if self.chance.random() < 0.25 else "call"
        return Node(kind, number=self.chance.choice(_LATENCIES_MS), text=self.chance.choice(self.family.prompts))


def calls_in(node: Node) -> int:
    """How many calls a graph makes when nothing is cut short."""
    return (node.kind in ("call", "stream")) + sum(calls_in(child) for child in node.children)
