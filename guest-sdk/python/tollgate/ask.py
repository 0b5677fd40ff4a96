"""Asking the person behind the run. Needs a grant `ask`; the host limits the number of questions, and tells the person
which policy asks.

What fails raises a :class:`tollgate.AskError`; uncaught, it ends the run with the code `ask`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

from . import host
from .errors import AskError
from .schema import Misfit, decode, schema_of

T = TypeVar("T")


@dataclass(frozen=True)
class Reply(Generic[T]):
    """What the person answered: yes, with this content; no; or the question was closed without an answer."""

    action: Literal["accept", "decline", "cancel"]
    content: T | None = None


def confirm(question: str) -> bool:
    """Asks for a plain yes. A question that is declined or closed is a no; nobody to ask is an error."""
    return host.get().ask(question, "")[0] == "accept"


def ask(question: str, schema: Mapping[str, Any]) -> Reply[Any]:
    """Asks for an object that follows a schema of plain members (strings, numbers, booleans, choices), as MCP's
    elicitation has it. The host has held the answer against it."""
    action, content = host.get().ask(question, json.dumps(schema))
    kind: Any = action
    return Reply(kind, None if content is None else json.loads(content))


def form(kind: type[T], question: str) -> Reply[T]:
    """Asks for an instance of this type: a dataclass or TypedDict of strings, numbers, booleans, choices (`Literal`, enums)
    and lists of choices. A member with a default may be left empty."""
    schema = schema_of(kind)
    members = {name: _plain(member) for name, member in schema.get("properties", {}).items()}
    reply = ask(question, {**schema, "properties": members})
    if reply.action != "accept":
        return Reply(reply.action)
    try:
        return Reply("accept", decode(kind, reply.content, "the answer"))
    except Misfit as misfit:
        raise AskError("invalid-answer", str(misfit)) from None


def _plain(member: dict[str, Any]) -> dict[str, Any]:
    """A member's schema in the words that forms know: they have no null, and want a type."""
    if isinstance(member.get("type"), list):
        kinds = [kind for kind in member["type"] if kind != "null"]
        member = {**member, "type": kinds[0] if len(kinds) == 1 else kinds}
    if "anyOf" in member:
        choices = [choice for choice in member["anyOf"] if choice != {"type": "null"}]
        if len(choices) == 1:
            member = {**{word: value for word, value in member.items() if word != "anyOf"}, **choices[0]}
    if "enum" in member and "type" not in member:
        member = {"type": "string", **member}
    return {**member, "items": _plain(member["items"])} if "items" in member else member
