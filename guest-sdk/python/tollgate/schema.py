"""JSON Schemas of annotations, and JSON that has to fit them."""

from __future__ import annotations

import dataclasses
import enum
import types
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, NotRequired, Required, Union, get_args, get_origin, get_type_hints, is_typeddict

_PLAIN = {str: "string", int: "integer", float: "number", bool: "boolean", type(None): "null"}

# Types may refer to themselves. What is deeper than this is any JSON.
_DEPTH_MAX = 16


class Misfit(Exception):
    """JSON that does not fit a type; the message names the place."""


def schema_of(hint: Any, depth: int = 0) -> dict[str, Any]:
    """The JSON Schema of an annotation; empty where it allows any JSON."""
    if depth > _DEPTH_MAX or hint is Any or hint is object:
        return {}
    origin, args = get_origin(hint), get_args(hint)
    if origin is Annotated:
        # First: what stands in it need not have a hash.
        return _described(schema_of(args[0], depth), hint.__metadata__)
    if hint in _PLAIN or hint is None:
        return {"type": _PLAIN.get(hint, "null")}
    if origin in (Required, NotRequired):
        return schema_of(args[0], depth)
    if origin is Literal:
        return {"enum": list(args)}
    if origin in (Union, types.UnionType):
        return _union([schema_of(arg, depth + 1) for arg in args])
    if hint in (list, tuple, set) or origin in (list, tuple, set, Sequence):
        return _array(origin or hint, args, depth)
    if hint is dict or origin in (dict, Mapping):
        return {"type": "object", "additionalProperties": schema_of(args[1], depth + 1)} if args else {"type": "object"}
    if isinstance(hint, type):
        if issubclass(hint, enum.Enum):
            return {"enum": [member.value for member in hint]}
        if dataclasses.is_dataclass(hint) or is_typeddict(hint):
            return _object(hint, depth)
    raise TypeError(f"{hint!r} has no JSON Schema; use str, int, float, bool, list, dict, Literal, an enum, a dataclass, a TypedDict, or Any")


def _described(schema: dict[str, Any], notes: tuple[Any, ...]) -> dict[str, Any]:
    for note in notes:
        if isinstance(note, str):
            schema = {**schema, "description": note}
        elif isinstance(note, dict):
            schema = {**schema, **note}
    return schema


def _union(schemas: list[dict[str, Any]]) -> dict[str, Any]:
    if {} in schemas:
        return {}
    if all(list(schema) == ["type"] for schema in schemas):
        return {"type": [schema["type"] for schema in schemas]}
    return {"anyOf": schemas}


def _array(origin: Any, args: tuple[Any, ...], depth: int) -> dict[str, Any]:
    if origin is tuple and args and args[-1] is not Ellipsis:
        each = [schema_of(arg, depth + 1) for arg in args]
        return {"type": "array", "prefixItems": each, "minItems": len(each), "maxItems": len(each)}
    items = schema_of(args[0], depth + 1) if args else {}
    return {"type": "array", **({"items": items} if items else {}), **({"uniqueItems": True} if origin is set else {})}


def _object(hint: Any, depth: int) -> dict[str, Any]:
    hints = get_type_hints(hint, include_extras=True)
    required = [name for name in hints if _is_required(hint, name)]
    properties = {name: schema_of(kind, depth + 1) for name, kind in hints.items()}
    return {"type": "object", "properties": properties, "required": required}


def _is_required(hint: Any, name: str) -> bool:
    if is_typeddict(hint):
        return name in hint.__required_keys__
    field = {field.name: field for field in dataclasses.fields(hint)}[name]
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def decode(hint: Any, value: Any, place: str) -> Any:
    """JSON as the annotated type; a dataclass becomes an instance, an enum a member."""
    if hint is Any or hint is object:
        return value
    origin, args = get_origin(hint), get_args(hint)
    if origin is Annotated or origin in (Required, NotRequired):
        return decode(args[0], value, place)
    if origin is Literal:
        return _expect(value in args, value, place, f"one of {list(args)}")
    if origin in (Union, types.UnionType):
        return _decode_union(args, value, place)
    if hint in (list, tuple, set) or origin in (list, tuple, set, Sequence):
        return _decode_array(origin or hint, args, value, place)
    if hint is dict or origin in (dict, Mapping):
        _expect(isinstance(value, dict), value, place, "an object")
        return {key: decode(args[1], item, f"{place}.{key}") for key, item in value.items()} if args else value
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        _expect(value in [member.value for member in hint], value, place, f"one of {[m.value for m in hint]}")
        return hint(value)
    if dataclasses.is_dataclass(hint) or is_typeddict(hint):
        return _decode_object(hint, value, place)
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if hint is int and isinstance(value, float) and value.is_integer():
        return int(value)
    kind = type(None) if hint is None else hint
    fits = isinstance(value, kind) and (kind is bool or not isinstance(value, bool))
    return _expect(fits, value, place, f"a {_PLAIN.get(kind, kind)}")


def _expect(fits: bool, value: Any, place: str, wanted: str) -> Any:
    if not fits:
        raise Misfit(f"{place}: {value!r:.80} is not {wanted}")
    return value


def _decode_union(args: tuple[Any, ...], value: Any, place: str) -> Any:
    misfits = []
    for arg in args:
        try:
            return decode(arg, value, place)
        except Misfit as misfit:
            misfits.append(str(misfit))
    raise Misfit("; ".join(misfits))


def _decode_array(origin: Any, args: tuple[Any, ...], value: Any, place: str) -> Any:
    _expect(isinstance(value, list), value, place, "an array")
    fixed = origin is tuple and args and args[-1] is not Ellipsis
    if fixed:
        _expect(len(value) == len(args), value, place, f"an array of {len(args)}")
    kinds = args if fixed else [args[0] if args else Any] * len(value)
    items = [decode(kind, item, f"{place}[{at}]") for at, (kind, item) in enumerate(zip(kinds, value, strict=True))]
    return origin(items) if origin in (tuple, set) else items


def _decode_object(hint: Any, value: Any, place: str) -> Any:
    _expect(isinstance(value, dict), value, place, "an object")
    hints = get_type_hints(hint, include_extras=True)
    for name in hints:
        if name not in value and _is_required(hint, name):
            raise Misfit(f"{place}.{name}: is missing")
    # Members that are not known are left out: a server may add some.
    members = {name: decode(kind, value[name], f"{place}.{name}") for name, kind in hints.items() if name in value}
    return members if is_typeddict(hint) else hint(**members)


def encode(value: Any) -> Any:
    """A value as JSON has it."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: encode(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, enum.Enum):
        return encode(value.value)
    if isinstance(value, Mapping):
        return {str(key): encode(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [encode(item) for item in value]
    if value is None or isinstance(value, (str, int, float, bool)):
        return value
    raise TypeError(f"a {type(value).__name__} cannot be written as JSON")
