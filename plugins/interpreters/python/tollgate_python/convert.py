"""Values of a script as JSON: its output, the arguments of its calls, its session."""

import base64
import collections.abc
import dataclasses
import datetime
import decimal
import enum
import fractions
import math
import pathlib
import types
import uuid
from json import JSONEncoder, dumps
from json.encoder import c_make_encoder, encode_basestring

# The host takes no JSON that nests deeper; one is left for what surrounds a value.
MAX_DEPTH = 127
# No iterator gives more: one that never ends would fill the memory.
MAX_ITEMS = 1_000_000
# About 4000 digits: Python itself writes no more than 4300.
_INTEGER_BITS = 13_287
# Beyond this a set is not sorted.
_TEXT_LIMIT = 10_000

_encode = JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode
# The same without what it makes anew for each value, for what cannot hold itself: no markers.
_chunks = c_make_encoder(None, JSONEncoder().default, encode_basestring, None, ":", ",", False, False, False)
_PLAIN = (str, int, float, bool, type(None))
_ITERATORS = (
    collections.abc.Iterator,
    collections.abc.KeysView,
    collections.abc.ValuesView,
    collections.abc.ItemsView,
    collections.abc.Sequence,
    collections.deque,
)


def to_json(value):
    """The value as JSON text. Raises ValueError where it holds itself, nests too deep or is too long."""
    kind = type(value)
    if value is None:
        return "null"
    if kind is int and value.bit_length() <= _INTEGER_BITS:
        return str(value)
    if kind is str or (kind is dict or kind is list) and _is_plain(value, MAX_DEPTH):
        return clean("".join(_chunks(value, 0)))
    return clean(_encode(plain(value)))


def _is_plain(value, depth):
    """Whether the encoder would write it as `plain` does; looks at a few members only."""
    if len(value) > 200 or depth < MAX_DEPTH - 3:
        return False
    if type(value) is dict:
        for key in value:
            if type(key) is not str:
                return False
        value = value.values()
    for member in value:
        kind = type(member)
        if kind is str or kind is int or kind is bool or member is None:
            continue
        if kind is float and math.isfinite(member):
            continue
        if (kind is dict or kind is list) and _is_plain(member, depth - 1):
            continue
        return False
    return True


def clean(text):
    """The text with two halves of a character joined and a single half replaced by U+FFFD."""
    try:
        text.encode()
        return text
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def plain(value, depth=MAX_DEPTH, above=()):
    """The value as dicts, lists, texts, numbers, True, False and None."""
    if value is None or value is True or value is False:
        return value
    if isinstance(value, enum.Enum):
        return plain(value.value, depth, above)
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        return _integer(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    scalar = _scalar(value)
    if scalar is not None:
        return scalar
    if depth == 0:
        raise ValueError(f"the value nests deeper than {MAX_DEPTH}")
    if id(value) in above:
        raise ValueError(f"the {type(value).__name__} holds itself")
    members = _members(value)
    if members is None:
        return _text(value)
    # One frame a level, so that a script near its own limit can still call a tool.
    above = (*above, id(value))
    if isinstance(members, list):
        return {key: plain(member, depth - 1, above) for key, member in members}
    items = []
    for member in members:
        if len(items) == MAX_ITEMS:
            raise ValueError(f"the {type(value).__name__} gives more than {MAX_ITEMS} items")
        items.append(plain(member, depth - 1, above))
    return items


def _integer(value):
    if value.bit_length() <= _INTEGER_BITS:
        return int(value)
    raise ValueError("an integer of more than 4000 digits")


def _scalar(value):
    """What one value becomes that holds no others; None where it is no such value."""
    if isinstance(value, (datetime.datetime, datetime.date, datetime.time)):
        return value.isoformat()
    if isinstance(value, datetime.timedelta):
        return value.total_seconds()
    if isinstance(value, (decimal.Decimal, fractions.Fraction, uuid.UUID, pathlib.PurePath, complex)):
        return str(value)
    if isinstance(value, (bytes, bytearray, memoryview)):
        data = bytes(value)
        try:
            return data.decode()
        except UnicodeDecodeError:
            return base64.b64encode(data).decode()
    if isinstance(value, BaseException):
        return f"{type(value).__name__}: {value}"
    return None


def _members(value):
    """What it holds: a list of pairs where it becomes an object, any other iterable where a list; None where neither."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return [(member.name, getattr(value, member.name)) for member in dataclasses.fields(value)]
    if isinstance(value, tuple) and hasattr(value, "_fields") and hasattr(value, "_asdict"):
        return [(str(key), member) for key, member in zip(value._fields, value)]
    if isinstance(value, collections.abc.Mapping):
        return [(_key(key), member) for key, member in value.items()]
    if isinstance(value, types.SimpleNamespace):
        return list(vars(value).items())
    if isinstance(value, collections.abc.Set) and not isinstance(value, _ITERATORS):
        return iter(_ordered(value))
    return iter(value) if isinstance(value, (list, tuple, *_ITERATORS)) else None


def _ordered(value):
    try:
        return sorted(value)
    except TypeError:
        return sorted(value, key=lambda member: (type(member).__name__, str(member)))


def _key(key):
    if isinstance(key, str):
        return str.__str__(key)
    if key is None or key is True or key is False:
        return dumps(key)
    if isinstance(key, enum.Enum):
        return _key(key.value)
    scalar = _scalar(key)
    return scalar if isinstance(scalar, str) else str(key)


def _text(value):
    text = str(value)
    return text if len(text) <= _TEXT_LIMIT else text[:_TEXT_LIMIT] + "…"


def session_json(session):
    """The session as JSON text. Raises TypeError or ValueError with the key whose value is not JSON."""
    for key, value in session.items():
        if not isinstance(key, str):
            raise TypeError(f"session[{key!r}]: a key of the session must be a string")
        _strict(value, f"session[{key!r}]", MAX_DEPTH - 1)
    return clean(_encode(dict(session)))


def _strict(value, path, depth):
    kind = type(value)
    if value is None or kind is str or kind is bool:
        return
    if kind is int:
        _integer(value)
    elif kind is float:
        if not math.isfinite(value):
            raise ValueError(f"{path} is {value}, which JSON does not have")
    elif depth == 0:
        raise ValueError(f"{path} nests too deep")
    elif isinstance(value, dict):
        for key, member in value.items():
            if not isinstance(key, str):
                raise TypeError(f"{path} has the key {key!r}: JSON has only strings")
            _strict(member, f"{path}[{key!r}]", depth - 1)
    elif isinstance(value, (list, tuple)):
        for index, member in enumerate(value):
            _strict(member, f"{path}[{index}]", depth - 1)
    else:
        raise TypeError(f"{path} is a {kind.__name__}: only JSON values are kept in a session")
