"""Python values as text, and back: what a tool was given and what it returned.

Values are taken by the caller's thread at the moment of the call, because the program may change them later.
Text and bytes are kept by reference. JSON values become JSON. Everything else becomes *typed JSON*: JSON in
which an object with the key ``$fr`` stands for a value of another type. Unlike a pickle it can be read years
later, searched, and redacted leaf by leaf.
"""

from __future__ import annotations

import base64
import itertools
import json
import math
import operator
import sys
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

__all__ = ["Packed", "PackedError", "Unreadable", "pack", "pack_error", "unpack", "unpack_error"]

_TAG = "$fr"
_DEPTH_LIMIT = 60
_CAUSES = 4

_dump = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode


class Packed(NamedTuple):
    """A value as text.

    Attributes:
        form: ``text`` and ``bytes`` are the value itself, ``json`` is JSON text, ``typed`` is typed JSON, and
            ``repr`` admits that the value could not be stored and only its repr was.
        data: str, or bytes for the form ``bytes``.
    """

    form: str
    data: Any


class PackedError(NamedTuple):
    """An exception as text: class, message, typed JSON of its arguments and attributes, and the traceback."""

    class_name: str
    message: str
    state: Packed
    traceback: str


class Unreadable(Exception):
    """A stored value cannot be turned back into a Python value here; the message says why."""


def pack(value: Any) -> Packed:
    """Take a value as it is now. Never raises."""
    kind = type(value)
    if kind is str:
        return Packed("text", value)
    if kind is bytes:
        return Packed("bytes", value)
    try:
        text = _dump(value)
        if _equal_types(json.loads(text), value):
            return Packed("json", text)
    except (TypeError, ValueError, RecursionError):
        text = ""
    try:
        return Packed("typed", _dump(_encode(value, 0)))
    except Exception:  # noqa: BLE001 - foreign __reduce_ex__, __repr__ and properties may raise anything
        return Packed("repr", _safe_repr(value))


def unpack(form: str, data: str | bytes) -> Any:
    """The value of a stored form. Raises Unreadable."""
    if form in ("text", "bytes"):
        return data
    if form in ("json", "typed"):
        try:
            value = json.loads(data)
            return value if form == "json" else _decode(value)
        except Unreadable:
            raise
        except Exception as error:
            raise Unreadable(f"{type(error).__name__}: {error}") from error
    raise Unreadable("the value was of a type that could not be stored; the record holds its repr only")


def pack_error(error: BaseException) -> PackedError:
    """Take an exception as it is now, with what caused it. Never raises."""
    import traceback

    try:
        message = str(error)
        trace = "".join(traceback.format_exception(error))
    except Exception:  # noqa: BLE001 - a foreign __str__ may raise anything
        message, trace = _safe_repr(error), ""
    try:
        state = pack(_error_state(error, 0))
    except Exception:  # noqa: BLE001 - a foreign class may make a property of anything
        state = Packed("repr", _safe_repr(error))
    return PackedError(_class_of(error), message, state, trace)


def unpack_error(class_name: str, message: str, form: str, data: str) -> BaseException:
    """An exception of the recorded class; of a class with the same name where that one cannot be had."""
    try:
        state = unpack(form, data)
    except Unreadable:
        state = {}
    return _rebuild_error(class_name, message, state if isinstance(state, dict) else {})


def _class_of(error: BaseException) -> str:
    return f"{type(error).__module__}.{type(error).__qualname__}"


def _error_state(error: BaseException, depth: int) -> dict[str, Any]:
    """Arguments, attributes and causes of an exception; what cannot be stored is there as its repr."""
    state: dict[str, Any] = {
        "args": [a if pack(a).form != "repr" else _safe_repr(a) for a in error.args],
        "attributes": {k: v for k, v in _attributes_of(error).items() if pack(v).form != "repr"},
    }
    for name, other in (("cause", error.__cause__), ("context", error.__context__)):
        if other is not None and depth < _CAUSES and other is not error:
            state[name] = {"class": _class_of(other), "message": _safe_str(other), **_error_state(other, depth + 1)}
    if error.__suppress_context__:
        state["suppress"] = True
    return state


_KEPT_IN_C: tuple[tuple[type[BaseException], tuple[str, ...]], ...] = (
    (ImportError, ("name", "path")),
    (NameError, ("name",)),
    (AttributeError, ("name",)),
    (OSError, ("filename", "filename2")),
)
"""Attributes of built-in exceptions that are neither arguments nor in ``__dict__``."""


def _attributes_of(error: BaseException) -> dict[str, Any]:
    found = dict(vars(error))
    for cls, names in _KEPT_IN_C:
        if isinstance(error, cls):
            found |= {name: value for name in names if (value := getattr(error, name, None)) is not None}
    return found


def _rebuild_error(class_name: str, message: str, state: dict[str, Any]) -> BaseException:
    args = tuple(state.get("args", (message,)))
    module, _, name = class_name.rpartition(".")
    try:
        cls = _find(module, name)
        if not (isinstance(cls, type) and issubclass(cls, BaseException)):
            raise Unreadable(f"{class_name} is not an exception class")
        error: BaseException = cls.__new__(cls, *args)
        if type(cls.__init__) is type(BaseException.__init__):
            # The interpreter's own, which fills what it keeps in C (a StopIteration's value, an exit code); a foreign one is not run.
            cls.__init__(error, *args)
        error.args = args
    except Exception:  # noqa: BLE001 - a foreign __new__ may raise anything; the stand-in says what it stands for
        stand_in = type(name, (Exception,), {"__module__": module, "__doc__": f"stands in for {class_name}, which cannot be imported here"})
        error = stand_in(message)
    for key, value in state.get("attributes", {}).items():
        try:
            setattr(error, key, value)
        except Exception:  # noqa: BLE001, S112 - a foreign setter may raise anything; the exception is raised without this attribute
            continue
    for slot in ("cause", "context"):
        other = state.get(slot)
        if other is not None:
            setattr(error, f"__{slot}__", _rebuild_error(other["class"], other["message"], other))
    error.__suppress_context__ = bool(state.get("suppress"))
    return error


def _safe_str(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # noqa: BLE001 - a foreign __str__ may raise anything
        return _safe_repr(error)


def _equal_types(read_back: Any, value: Any) -> bool:
    """True when JSON kept the value: 1 and 1.0, True and 1, and lists and tuples are told apart."""
    if read_back != value:
        return False
    if type(read_back) is not type(value):
        return False
    if isinstance(value, dict):
        return all(type(k) is str and _equal_types(read_back[k], v) for k, v in value.items())
    if isinstance(value, list):
        return all(_equal_types(r, v) for r, v in zip(read_back, value, strict=True))
    return True


def _safe_repr(value: Any) -> str:
    try:
        return repr(value)[:10_000]
    except Exception:  # noqa: BLE001 - a foreign __repr__ may raise anything
        return f"<{type(value).__module__}.{type(value).__qualname__}, whose repr fails>"


def _name_of(cls: type) -> str:
    return f"{cls.__module__}:{cls.__qualname__}"


def _tagged(tag: str, **members: Any) -> dict[str, Any]:
    return {_TAG: tag, **members}


def _spelled(data: bytes) -> dict[str, str]:
    """Bytes as JSON has them: what is text stays text, for redaction sees nothing in base64."""
    try:
        return {"text": data.decode()}
    except UnicodeDecodeError:
        return {"v": base64.b64encode(data).decode()}


def _unspelled(tagged: dict[str, Any]) -> bytes:
    text: str | None = tagged.get("text")
    return text.encode() if text is not None else base64.b64decode(tagged["v"])


_PLAIN = (str, int, bool, type(None))

# Built-in and standard types by name, so that nothing is imported for a type that the program does not use.
_ENCODERS: dict[str, Callable[[Any], Any]] = {
    "builtins:bytes": lambda v: _tagged("bytes", **_spelled(v)),
    "builtins:bytearray": lambda v: _tagged("bytearray", **_spelled(bytes(v))),
    "builtins:complex": lambda v: _tagged("complex", v=[_encode(v.real, 0), _encode(v.imag, 0)]),
    "datetime:datetime": lambda v: _tagged("datetime", v=v.isoformat(), fold=v.fold) if v.tzinfo is None else _reduced(v),
    "datetime:date": lambda v: _tagged("date", v=v.isoformat()),
    "datetime:time": lambda v: _tagged("time", v=v.isoformat(), fold=v.fold) if v.tzinfo is None else _reduced(v),
    "datetime:timedelta": lambda v: _tagged("timedelta", v=[v.days, v.seconds, v.microseconds]),
    "decimal:Decimal": lambda v: _tagged("decimal", v=str(v)),
    "uuid:UUID": lambda v: _tagged("uuid", v=str(v)),
    "pathlib:PosixPath": lambda v: _tagged("path", v=str(v)),
    "pathlib._local:PosixPath": lambda v: _tagged("path", v=str(v)),
}


class _Reduced:
    """Marks a value to be encoded through ``__reduce_ex__``."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value


def _reduced(value: Any) -> Any:
    return _Reduced(value)


def _encode(value: Any, depth: int) -> Any:
    if depth > _DEPTH_LIMIT:
        raise ValueError("nested too deeply, or in a circle")
    cls = type(value)
    if cls in _PLAIN:
        return value
    if cls is float:
        return value if math.isfinite(value) else _tagged("float", v=repr(value))
    if cls is list:
        return [_encode(item, depth + 1) for item in value]
    if cls is dict:
        if _TAG not in value and all(type(key) is str for key in value):
            return {key: _encode(item, depth + 1) for key, item in value.items()}
        return _tagged("dict", v=[[_encode(k, depth + 1), _encode(v, depth + 1)] for k, v in value.items()])
    if cls in (tuple, set, frozenset):
        return _tagged(cls.__name__, v=[_encode(item, depth + 1) for item in value])
    encoder = _ENCODERS.get(_name_of(cls))
    if encoder is not None:
        encoded = encoder(value)
        return _encode_reduced(encoded.value, depth) if isinstance(encoded, _Reduced) else encoded
    if isinstance(value, type) or (callable(value) and hasattr(value, "__qualname__")):
        return _encode_global(value)
    return _encode_reduced(value, depth)


def _encode_global(value: Any) -> Any:
    """A class or function by its name. Raises ValueError, AttributeError or ImportError when it is not found under it."""
    # A method of a class, built-in or not, has the class for its owner, and is a new object each time it is asked for.
    owner = getattr(value, "__self__", None)
    module = owner.__module__ if isinstance(owner, type) else value.__module__
    found = _find(module, value.__qualname__)
    if found is not value and not (isinstance(owner, type) and type(found) is type(value) and found == value):
        raise ValueError("not importable")
    return _tagged("global", v=f"{module}:{value.__qualname__}")


def _encode_reduced(value: Any, depth: int) -> Any:
    """Dataclasses, pydantic models, enums, named tuples: by the protocol of copy and pickle."""
    # Protocol 4 is the first that keeps the fold of a datetime with a zone.
    reduced = value.__reduce_ex__(4)
    if isinstance(reduced, str):
        return _tagged("global", v=f"{type(value).__module__}:{reduced}")
    make, args, state, items, pairs = (*reduced, None, None, None)[:5]
    return _tagged(
        "object",
        make=_encode(make, depth + 1),
        args=[_encode(a, depth + 1) for a in args],
        state=_encode(state, depth + 1),
        items=_encode(list(items), depth + 1) if items is not None else None,
        pairs=_encode([list(p) for p in pairs], depth + 1) if pairs is not None else None,
    )


def _find(module: str, qualname: str) -> Any:
    """An attribute by module and qualified name, from modules that are loaded or can be."""
    found: Any = sys.modules.get(module)
    if found is None:
        import importlib

        found = importlib.import_module(module)
    for part in qualname.split("."):
        found = getattr(found, part)
    return found


def _decode(value: Any) -> Any:
    if isinstance(value, list):
        return [_decode(item) for item in value]
    if not isinstance(value, dict):
        return value
    tag = value.get(_TAG)
    if tag is None:
        return {key: _decode(item) for key, item in value.items()}
    decoder = _DECODERS.get(tag)
    if decoder is None:
        raise Unreadable(f"the value has the unknown type tag {tag!r}")
    return decoder(value)


def _decode_object(value: dict[str, Any]) -> Any:
    made = _decode(value["make"])(*[_decode(a) for a in value["args"]])
    state = _decode(value["state"])
    if state is not None:
        _restore(made, state)
    for item in _decode(value["items"] or []):
        made.append(item)
    for key, item in _decode(value["pairs"] or []):
        made[key] = item
    return made


def _restore(made: Any, state: Any) -> None:
    if hasattr(made, "__setstate__"):
        made.__setstate__(state)
        return
    plain, slots = state if isinstance(state, tuple) and len(state) == 2 else (state, None)
    for key, item in {**(plain or {}), **(slots or {})}.items():
        object.__setattr__(made, key, item)


def _import_and_call(module: str, name: str, *args: Any) -> Any:
    return _find(module, name)(*args)


def _iso_with_fold(name: str) -> Callable[[dict[str, Any]], Any]:
    return lambda v: _find("datetime", name).fromisoformat(v["v"]).replace(fold=v["fold"])


_ALL_MOVED = 5
_MOST_ORDERS = 200


def _set_in_order(make: Callable[[Iterable[Any]], Any]) -> Callable[[dict[str, Any]], Any]:
    """A set that iterates as the recorded one did, if an order of insertion that does so is soon found.

    A set iterates by slot, and which of two members with colliding hashes has the slot depends on which came first.
    """

    def decode(value: dict[str, Any]) -> Any:
        items = [_decode(item) for item in value["v"]]
        first = make(items)
        if all(map(operator.is_, items, first)):
            return first
        moved = [len(items) <= _ALL_MOVED or item is not got for item, got in zip(items, first, strict=False)]
        astray = list(itertools.compress(items, moved))
        rest = [item for item, is_moved in zip(items, moved, strict=True) if not is_moved]
        for some in itertools.islice(itertools.permutations(astray), _MOST_ORDERS):
            for order in ([*some, *rest], [*rest, *some]):
                made = make(order)
                if all(map(operator.is_, items, made)):
                    return made
        return first

    return decode


_DECODERS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "bytes": _unspelled,
    "bytearray": lambda v: bytearray(_unspelled(v)),
    "complex": lambda v: complex(*_decode(v["v"])),
    "float": lambda v: float(v["v"]),
    "tuple": lambda v: tuple(_decode(item) for item in v["v"]),
    "set": _set_in_order(set),
    "frozenset": _set_in_order(frozenset),
    "dict": lambda v: {_decode(k): _decode(item) for k, item in v["v"]},
    "datetime": _iso_with_fold("datetime"),
    "date": lambda v: _find("datetime", "date").fromisoformat(v["v"]),
    "time": _iso_with_fold("time"),
    "timedelta": lambda v: _import_and_call("datetime", "timedelta", *v["v"]),
    "decimal": lambda v: _import_and_call("decimal", "Decimal", v["v"]),
    "uuid": lambda v: _import_and_call("uuid", "UUID", v["v"]),
    "path": lambda v: _import_and_call("pathlib", "Path", v["v"]),
    "global": lambda v: _find(*v["v"].split(":", 1)),
    "object": _decode_object,
}
