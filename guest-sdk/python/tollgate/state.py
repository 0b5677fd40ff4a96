"""What a component keeps from one run to the next: JSON by key. Needs a grant `state`, or `state=PREFIX*`.

Several runs may change a key at once: :func:`update` loses none of their changes, :func:`set` may. What fails raises a
:class:`tollgate.StateError`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from . import host
from .errors import StateError
from .schema import encode

_UPDATE_TRIES = 100


@dataclass(frozen=True)
class Entry:
    """What a key has. Its version grows with every change and is never given twice."""

    value: Any
    version: int


@dataclass(frozen=True)
class KeyInfo:
    """A key in a list. `size` is the bytes of its value, as JSON."""

    key: str
    version: int
    size: int


@dataclass(frozen=True)
class Page:
    """A part of the list of keys, in the order of their bytes. `next` is what to give as `after` to get more."""

    keys: tuple[KeyInfo, ...]
    next: str | None


def get(key: str) -> Entry | None:
    """What a key has, if it is there."""
    entry = host.get().get_state(key)
    return Entry(json.loads(entry[0]), entry[1]) if entry else None


def set(key: str, value: Any, *, version: int | None = None, absent: bool = False) -> int:  # noqa: A001: the host's word.
    """Sets a key and tells its new version: whatever it has, or only if it has this version, or only if it is not there
    (else a `conflict`). The value is on the host's disk when this returns."""
    if version is not None and absent:
        raise ValueError("a key that has a version is not absent: give one of the two")
    return host.get().set_state(key, json.dumps(encode(value)), version, absent)


def update(key: str, change: Callable[[Any], Any]) -> Any:
    """Changes a key by a function of what it has (None where it is not there), and tells what it has then.

    Where another run changes the key meanwhile, the function is called again with what is there by then, up to 100 times.
    """
    tries = 1
    while True:
        entry = get(key)
        value = change(entry.value if entry else None)
        try:
            set(key, value, version=entry.version if entry else None, absent=entry is None)
        except StateError as error:
            if error.kind != "conflict" or tries >= _UPDATE_TRIES:
                raise
        else:
            return value
        tries += 1


def delete(key: str, *, version: int | None = None) -> bool:
    """Deletes a key, with a version only if it has that one. Tells whether it was there."""
    return host.get().delete_state(key, version)


def list(prefix: str = "", *, after: str | None = None, limit: int | None = None) -> Page:  # noqa: A001: as in Rust.
    """The keys that begin with a prefix and come after a key, 1,000 at most."""
    keys, more = host.get().list_keys(prefix, after, limit)
    return Page(tuple(KeyInfo(*key) for key in keys), more)
