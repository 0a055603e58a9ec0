"""Any value that the types allow, packed and unpacked, is the same value; and packing never raises."""

from __future__ import annotations

import datetime
import sys
import zoneinfo
from pathlib import Path, PurePosixPath
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "unit"))

from packed_types import Colour, Frozen, FrozenSlotted, Level, Order, Pair, Plain, Slotted

from fr_recorder.values import Unreadable, pack, pack_error, unpack, unpack_error

TEXT = st.text(st.characters(exclude_categories=()), max_size=10) | st.sampled_from(["$fr", "v", "[[fr:email:k1:abc]]"])
ZONES = st.sampled_from([datetime.UTC, datetime.timezone(datetime.timedelta(minutes=-210)), zoneinfo.ZoneInfo("America/New_York")])
HASHABLE = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | TEXT
    | st.binary(max_size=8)
    | st.sampled_from([*Colour, *Level]),
    lambda inner: (
        st.tuples(inner, inner) | st.frozensets(inner, max_size=3) | st.builds(Frozen, TEXT, st.tuples()) | st.builds(Pair, inner, inner)
    ),
    max_leaves=4,
)
LEAVES = (
    HASHABLE
    | st.datetimes()
    | st.datetimes(timezones=ZONES, allow_imaginary=False)
    | st.dates()
    | st.times()
    | st.timedeltas()
    | st.decimals(allow_nan=False)
    | st.uuids()
    | st.complex_numbers(allow_nan=False)
    | st.binary(max_size=8).map(bytearray)
    | st.from_regex(r"[a-z]{1,5}(/[a-z]{1,5}){0,3}", fullmatch=True).map(PurePosixPath)
)


def inside(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(HASHABLE, inner, max_size=3),
        st.sets(HASHABLE, max_size=3),
        st.tuples(inner, inner),
        st.builds(Plain, TEXT, st.lists(inner, max_size=2)),
        st.builds(Slotted, TEXT, inner),
        st.builds(FrozenSlotted, TEXT, inner),
        st.builds(Order, number=st.integers(), lines=st.lists(st.text(max_size=5), max_size=2), extra=st.just({})),
    )


VALUES = st.recursive(LEAVES, inside, max_leaves=8)


def shape(value: Any) -> Any:
    """A value with its types told apart all the way down: True is not 1, and a fold is not none."""
    kind = type(value).__name__
    if isinstance(value, dict):
        return kind, [(shape(k), shape(v)) for k, v in value.items()]
    if isinstance(value, list | tuple):
        return kind, [shape(item) for item in value]
    if isinstance(value, set | frozenset):
        return kind, sorted(repr(shape(item)) for item in value)
    if isinstance(value, Plain | Slotted | FrozenSlotted | Frozen):
        return kind, [shape(getattr(value, name)) for name in value.__dataclass_fields__]
    return kind, repr(value)


@given(VALUES)
@settings(max_examples=400, deadline=None)
def test_any_value_comes_back(value: Any) -> None:
    """Equal, and of the same types at every place."""
    packed = pack(value)
    assert packed.form != "repr"
    back = unpack(*packed)
    assert back == value
    assert shape(back) == shape(value)


@given(st.lists(VALUES, max_size=3), st.dictionaries(st.from_regex(r"[a-z]{1,6}", fullmatch=True), VALUES, max_size=2))
@settings(max_examples=100, deadline=None)
def test_any_exception_comes_back(args: list[Any], attributes: dict[str, Any]) -> None:
    """With its arguments and attributes."""
    error = ValueError(*args)
    vars(error).update(attributes)
    packed = pack_error(error)
    back = unpack_error(packed.class_name, packed.message, packed.state.form, packed.state.data)
    assert type(back) is ValueError
    assert shape(back.args) == shape(error.args)
    assert shape(vars(back)) == shape(vars(error))


@given(st.sampled_from(["json", "typed"]), st.text(st.sampled_from('{}[]",:$frvobjectgl 015.e-'), max_size=60) | TEXT)
@settings(max_examples=300, deadline=None)
def test_any_text_is_read_or_refused(form: str, data: str) -> None:
    """A damaged record is Unreadable, never another exception."""
    try:
        unpack(form, data)
    except Unreadable as error:
        assert str(error)


class Hostile:
    """An object whose every method raises what it is told to."""

    def __init__(self, error: type[Exception]) -> None:
        object.__setattr__(self, "error", error)

    def __getattribute__(self, name: str) -> Any:
        if name in ("__class__", "__dict__"):
            return object.__getattribute__(self, name)
        raise object.__getattribute__(self, "__dict__")["error"]("hands off")

    def __repr__(self) -> str:
        raise object.__getattribute__(self, "__dict__")["error"]("no repr")

    def __eq__(self, other: object) -> bool:
        raise object.__getattribute__(self, "__dict__")["error"]("no equality")

    def __hash__(self) -> int:
        return 0


@given(st.sampled_from([ValueError, TypeError, RecursionError, MemoryError, OSError, StopIteration, AttributeError]), VALUES)
@settings(max_examples=60, deadline=None)
def test_packing_never_raises(error: type[Exception], beside: Any) -> None:
    """Whatever an object does when it is looked at."""
    assert pack(Hostile(error)).form == "repr"
    assert pack([beside, Hostile(error)]).form == "repr"
    assert pack({"a": (Hostile(error),)}).form == "repr"
    pack_error(ValueError(Hostile(error)))
