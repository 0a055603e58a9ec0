"""Values as text and back: what a tool was given and what it returned, of every type that programs use."""

from __future__ import annotations

import collections
import datetime
import decimal
import fractions
import ipaddress
import itertools
import json
import os
import pathlib
import re
import sys
import threading
import uuid
import zoneinfo
from collections.abc import Callable
from typing import Any

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from packed_types import (
    Colour,
    Flags,
    Frozen,
    FrozenSlotted,
    Level,
    Order,
    Pair,
    Plain,
    Rude,
    RudeArguments,
    Shelf,
    Slotted,
    Table,
    Text,
    ToolError,
    Unlooked,
    WithState,
    function,
)

from fr_recorder.values import Packed, Unreadable, pack, pack_error, unpack, unpack_error

BERLIN = zoneinfo.ZoneInfo("Europe/Berlin")
PLUS_TWO = datetime.timezone(datetime.timedelta(hours=2), "two")

PLAIN: tuple[Any, ...] = (
    *("", "text", "ä\0\ud800", b"", b"\xff\0", None, True, False, 0, -17, 2**100, 0.5, -0.0, 1e300, [], {}, [1, [2, {"a": None}]]),
    *({"a": 1, "b": [True, 1, 1.0]}, {"$fr": "tuple", "v": [1]}, {"nested": {"$fr": "global", "v": "os:system"}}),
)

RICH: tuple[Any, ...] = (
    *(
        (),
        (1,),
        (1, [2, (3,)]),
        {1, 2},
        frozenset(("a", (1, 2))),
        {1: "a", (2, 3): "b", None: "c"},
        {"$fr": (1,)},
        [float("inf"), {"x": ()}],
    ),
    *(bytearray(b"ab"), [b"bytes"], [b"\xff\x00", b"", "é".encode()], bytearray(b"\x80"), complex(1, -2), {"k": {1: {2: {3: ()}}}}),
    *(datetime.datetime(2026, 3, 29, 2, 30, 1, 5), datetime.datetime(2026, 10, 25, 2, 30, fold=1)),
    *(datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC), datetime.datetime(2026, 1, 1, tzinfo=PLUS_TWO)),
    *(datetime.datetime(2026, 10, 25, 2, 30, tzinfo=BERLIN, fold=1), BERLIN, datetime.UTC),
    *(datetime.date(2026, 1, 1), datetime.time(1, 2, 3, 4), datetime.time(1, tzinfo=PLUS_TWO), datetime.timedelta(-1, 5, 6)),
    *(
        decimal.Decimal("1.10"),
        decimal.Decimal("-0"),
        fractions.Fraction(1, 3),
        uuid.UUID(int=5),
        pathlib.Path("a/b"),
        pathlib.PurePosixPath("c"),
    ),
    *(ipaddress.ip_address("10.0.0.1"), range(1, 9, 2), slice(1, 2), collections.deque([1, 2], maxlen=3), collections.Counter("aab")),
    *(collections.OrderedDict(b=1, a=2), collections.defaultdict(list, a=[1])),
    *(
        Plain("a", [1, (2,)]),
        Frozen("a", (1, 2)),
        Slotted("a", Plain("b")),
        FrozenSlotted("a", {1}),
        Order(number=1, lines=["x"], extra={"y": 1.5}),
    ),
    *(
        Colour.RED,
        Colour.BLUE,
        Level.LOW,
        Flags.A | Flags.B,
        [Colour.RED],
        Pair(1, (2,)),
        WithState([1]),
        Table(a=1),
        Text("t"),
        Shelf([1, 2]),
    ),
    *(int, Order, function, len, datetime.datetime.fromtimestamp),
)


@pytest.mark.parametrize("value", PLAIN, ids=repr)
def test_plain_values_are_plain_text(value: Any) -> None:
    """Text and bytes as they are, JSON values as JSON; back they are equal and of the same types."""
    packed = pack(value)
    assert packed.form == {str: "text", bytes: "bytes"}.get(type(value), "json")
    if packed.form == "json":
        assert json.dumps(json.loads(packed.data)) == json.dumps(value)
    back = unpack(*packed)
    assert back == value and repr(back) == repr(value)


@pytest.mark.parametrize("value", RICH, ids=lambda value: type(value).__name__)
def test_rich_values_come_back(value: Any) -> None:
    """As typed JSON, equal and of the same class, to the last inner one."""
    packed = pack(value)
    assert packed.form == "typed"
    json.loads(packed.data)
    back = unpack(*packed)
    assert type(back) is type(value)
    assert back == value and repr(back) == repr(value)


def test_not_a_number_comes_back() -> None:
    """NaN is a float, not equal to itself, inside of anything."""
    back = unpack(*pack({"x": float("nan")}))
    assert back["x"] != back["x"]


def test_zone_and_fold_of_a_datetime_come_back() -> None:
    """The hour that comes twice in autumn is told apart by fold, and the zone is the zone, not an offset."""
    value = datetime.datetime(2026, 10, 25, 2, 30, tzinfo=BERLIN, fold=1)
    back = unpack(*pack([value]))[0]
    assert (back.fold, back.tzinfo.key, back.utcoffset()) == (1, "Europe/Berlin", datetime.timedelta(hours=1))


@pytest.mark.parametrize("kind", [set, frozenset])
def test_a_set_iterates_as_it_did(kind: type) -> None:
    """Also where hashes collide, and the first to come has the slot: a prompt may be made of it."""
    for members in itertools.chain(itertools.permutations(range(7, 64, 8), 3), itertools.permutations((1, 9, 2, 17), 4)):
        assert list(unpack(*pack(kind(members)))) == list(kind(members))


def test_list_subclass_keeps_its_attributes() -> None:
    """Items and state both."""
    shelf = Shelf([1, (2,)])
    shelf.label = "top"
    back = unpack(*pack(shelf))
    assert (type(back), list(back), back.label) == (Shelf, [1, (2,)], "top")


CHANGES: tuple[tuple[Any, Callable[[Any], Any]], ...] = (
    ([1], lambda v: v.append(2)),
    ({"a": [1]}, lambda v: v["a"].clear()),
    ({1: 2}, lambda v: v.clear()),
    ((([1],),), lambda v: v[0][0].append(5)),
    (bytearray(b"a"), lambda v: v.extend(b"b")),
    (Plain("a"), lambda v: setattr(v, "name", "b")),
    (Slotted("a", [1]), lambda v: v.inner.append(2)),
    (Order(number=1), lambda v: setattr(v, "number", 2)),
    (collections.deque([1]), lambda v: v.append(2)),
)


@pytest.mark.parametrize(("value", "change"), CHANGES, ids=[repr(value) for value, _ in CHANGES])
def test_later_changes_do_not_reach_the_packed_value(value: Any, change: Callable[[Any], Any]) -> None:
    """A value is taken as it is at the moment of the call."""
    before = repr(value)
    packed = pack(value)
    change(value)
    assert repr(value) != before
    assert repr(unpack(*packed)) == before


def deep(levels: int) -> Any:
    value: Any = ()
    for _ in range(levels):
        value = [value]
    return value


def circle() -> Any:
    value: list[Any] = []
    value.append(value)
    return value


UNSTORABLE: dict[str, Callable[[], Any]] = {
    "a lambda": lambda: lambda: 1,
    "a local class": lambda: type("Local", (), {})(),  # noqa: PLW0108 - an instance is the case
    "a generator": lambda: (n for n in [1]),
    "an open file": lambda: open(os.devnull),  # noqa: SIM115 - an open file is the case
    "a lock": threading.Lock,
    "a circle": circle,
    "nested too deeply": lambda: deep(100),
    "nested beyond all bounds": lambda: deep(100_000),
    "nobody may look": Unlooked,
    "an iterator of a file": lambda: map(str, open(os.devnull)),  # noqa: SIM115 - an open file is the case
    "a bound method": lambda: Plain("a").__init__,
    "an integer of too many digits": lambda: 10**5000,
    "a lock deep inside": lambda: {"a": [1, threading.Lock()]},
}


@pytest.mark.parametrize("make", UNSTORABLE.values(), ids=UNSTORABLE.keys())
def test_what_cannot_be_stored_is_admitted(make: Callable[[], Any]) -> None:
    """Its repr is kept for people; reading it back raises, it never gives something else."""
    packed = pack(make())
    assert packed.form == "repr" and isinstance(packed.data, str)
    with pytest.raises(Unreadable, match="could not be stored"):
        unpack(*packed)


def test_long_repr_is_bounded() -> None:
    """A repr is for people to read."""
    assert len(pack([threading.Lock(), "x" * 50_000]).data) <= 10_000


BAD: tuple[tuple[str, str, str], ...] = (
    ("json", "{", "JSONDecodeError"),
    ("typed", "", "JSONDecodeError"),
    ("typed", '{"$fr":"nonsense"}', "unknown type tag"),
    ("typed", '{"$fr":["list"]}', "TypeError"),
    ("typed", '{"$fr":"global","v":"no_such_module_anywhere:x"}', "ModuleNotFoundError"),
    ("typed", '{"$fr":"global","v":"os:no_such_name"}', "AttributeError"),
    ("typed", '{"$fr":"tuple"}', "KeyError"),
    ("typed", '{"$fr":"datetime","v":"yesterday","fold":0}', "ValueError"),
    (
        "typed",
        '{"$fr":"object","make":{"$fr":"global","v":"packed_types:Plain"},"args":[1,2,3,4],"state":null,"items":null,"pairs":null}',
        "TypeError",
    ),
    ("typed", "[" * 100_000, "RecursionError"),
    ("repr", "x", "could not be stored"),
    ("future", "x", "could not be stored"),
)


@pytest.mark.parametrize(("form", "data", "reason"), BAD, ids=[f"{row[0]} {row[1][:30]}" for row in BAD])
def test_what_cannot_be_read_says_why(form: str, data: str, reason: str) -> None:
    """A damaged or foreign text is Unreadable, and nothing else."""
    with pytest.raises(Unreadable, match=reason):
        unpack(form, data)


# -- exceptions


def raised(error: BaseException) -> BaseException:
    """The exception, with a traceback."""
    try:
        raise error
    except BaseException as caught:
        return caught


def again(error: BaseException) -> BaseException:
    packed = pack_error(raised(error))
    return unpack_error(packed.class_name, packed.message, packed.state.form, packed.state.data)


ERRORS: tuple[tuple[BaseException, tuple[str, ...]], ...] = (
    # exception, attributes that must come back
    (ValueError("no", 2), ()),
    (KeyError("k"), ()),
    (Exception(), ()),
    (FileNotFoundError(2, "No such file", "a/b"), ("errno", "strerror", "filename")),
    (OSError(18, "cross", "a", None, "b"), ("errno", "filename", "filename2")),
    (ConnectionResetError(104, "reset"), ("errno",)),
    (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad"), ("encoding", "object", "start", "end", "reason")),
    (ModuleNotFoundError("No module named 'x'", name="x", path="p"), ("name", "path", "msg")),
    (SyntaxError("bad", ("f.py", 3, 4, "text")), ("filename", "lineno", "offset", "text", "msg")),
    (StopIteration(5), ("value",)),
    (SystemExit(3), ("code",)),
    (KeyboardInterrupt(), ()),
    (TimeoutError(), ()),
    (json.JSONDecodeError("Expecting value", "doc", 1), ("msg", "doc", "pos", "lineno", "colno")),
    (decimal.InvalidOperation("x"), ()),
    (ToolError(7, hint="try later"), ("code", "hint")),
)


@pytest.mark.parametrize(("error", "attributes"), ERRORS, ids=[repr(row[0]) for row in ERRORS])
def test_exceptions_come_back(error: BaseException, attributes: tuple[str, ...]) -> None:
    """Class, arguments, text and attributes are those of the one that was raised, without its constructor being run."""
    back = again(error)
    assert type(back) is type(error)
    assert (back.args, str(back)) == (error.args, str(error))
    for name in attributes:
        assert getattr(back, name) == getattr(error, name)


def test_notes_come_back() -> None:
    """A program may show them to the model."""
    error = ValueError("no")
    error.add_note("asked twice")
    error.add_note("é☂")
    back = again(error)
    assert back.__notes__ == ["asked twice", "é☂"]
    back.add_note("a third")
    assert len(back.__notes__) == 3


def test_groups_come_back() -> None:
    """With the exceptions inside."""
    back = again(ExceptionGroup("several", [ValueError(1), KeyError("k")]))
    assert isinstance(back, ExceptionGroup)
    assert (back.message, [repr(inner) for inner in back.exceptions]) == ("several", ["ValueError(1)", "KeyError('k')"])


def test_causes_come_back() -> None:
    """Cause, context and whether the context is shown."""
    try:
        try:
            raise KeyError("inner")
        except KeyError as inner:
            raise ToolError(1, hint="h") from inner
    except ToolError as error:
        packed = pack_error(error)
    back = unpack_error(packed.class_name, packed.message, packed.state.form, packed.state.data)
    assert isinstance(back.__cause__, KeyError) and back.__cause__.args == ("inner",)
    assert isinstance(back.__context__, KeyError) and back.__suppress_context__ is True
    assert "KeyError: 'inner'" in packed.traceback and packed.traceback.rstrip().endswith("failed with 1")


def test_long_chains_are_bounded() -> None:
    """Four causes deep, and a circle of contexts ends."""
    error: BaseException = ValueError(0)
    for n in range(1, 20):
        following = ValueError(n)
        following.__cause__ = error
        error = following
    depth, back = 0, again(error)
    while back.__cause__ is not None:
        depth, back = depth + 1, back.__cause__
    assert depth == 4
    one, two = ValueError(1), ValueError(2)
    one.__context__, two.__context__ = two, one
    assert isinstance(again(one), ValueError)


def test_class_that_is_not_there_has_a_stand_in() -> None:
    """Of the same name, and its text says what it stands for."""
    back = unpack_error("no_such_module.Oops", "it broke", "typed", '{"args": [1], "attributes": {"code": 5}}')
    assert (type(back).__name__, type(back).__module__, str(back)) == ("Oops", "no_such_module", "it broke")
    assert vars(back)["code"] == 5 and "stands in for no_such_module.Oops" in (type(back).__doc__ or "")


@pytest.mark.parametrize("class_name", ["builtins.int", "os.system", "json.dumps", "packed_types.Plain"])
def test_only_exceptions_are_made(class_name: str) -> None:
    """A name that is no exception class is not called."""
    assert (
        type(unpack_error(class_name, "m", "json", '{"args": []}')).__doc__ == f"stands in for {class_name}, which cannot be imported here"
    )


@pytest.mark.parametrize(("form", "data"), [("repr", "x"), ("json", "[1]"), ("json", "{"), ("json", "5")])
def test_unreadable_state_leaves_the_message(form: str, data: str) -> None:
    """Class and text are enough to raise it."""
    back = unpack_error("builtins.ValueError", "the text", form, data)
    assert isinstance(back, ValueError) and str(back) == "the text"


def test_attributes_that_cannot_be_stored_are_left_out() -> None:
    """An HTTP client hangs its connection on its exceptions; the rest comes back."""
    error = ToolError(5, hint="h")
    error.lock = threading.Lock()  # type: ignore[attr-defined]
    error.args = ("text", threading.Lock())
    back = again(error)
    assert vars(back) == {"code": 5, "hint": "h"}
    assert back.args[0] == "text" and re.search("lock", back.args[1])


@pytest.mark.parametrize("error", [Rude(), RudeArguments(), Rude(Unlooked())], ids=["Rude", "RudeArguments", "Rude inside"])
def test_rude_exceptions_are_packed(error: BaseException) -> None:
    """Whatever their methods raise, packing does not."""
    packed = pack_error(raised(error))
    assert packed.class_name == f"packed_types.{type(error).__name__}"
    assert isinstance(packed.state, Packed)
    unpack_error(packed.class_name, packed.message, packed.state.form, packed.state.data)


def test_locals_of_a_class_name_are_readable() -> None:
    """A class inside a function has a name with ``<locals>``, which nobody can import."""

    class Inner(Exception):
        pass

    packed = pack_error(Inner("x"))
    back = unpack_error(packed.class_name, packed.message, packed.state.form, packed.state.data)
    assert type(back).__name__ == "Inner" and str(back) == "x"
