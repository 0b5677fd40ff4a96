"""Calling the tools of servers. Each call waits for its answer."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from typing import Any

from . import host
from .errors import CallError, text_of

Args = Mapping[str, Any]


def call(server: str, tool: str, args: Args | None = None) -> Any:
    """Calls a tool and returns its value: structured content, else its text read as JSON, else the text.

    Raises :class:`tollgate.CallError` where there is no result.
    """
    return value_of(call_raw(server, tool, args))


def call_raw(server: str, tool: str, args: Args | None = None) -> dict[str, Any]:
    """Calls a tool and returns the whole MCP CallToolResult."""
    answer: dict[str, Any] | CallError = _answer(host.get().call_tool(server, tool, json.dumps(args or {})))
    if isinstance(answer, CallError):
        raise answer
    return answer


def call_many(calls: Iterable[tuple[str, str] | tuple[str, str, Args]]) -> list[Any]:
    """Makes all calls at once, each `(server, tool, args)`. The values stand in the order of the calls; in the place
    of a call that failed stands its :class:`tollgate.CallError`, not raised."""
    batch = [(server, tool, json.dumps(args[0] if args else {})) for server, tool, *args in calls]
    answers = map(_answer, host.get().call_tools(batch))
    return [answer if isinstance(answer, CallError) else value_of(answer) for answer in answers]


def sleep(seconds: float) -> None:
    """Waits on the host's timer. It costs no fuel; the run's wall-time limit holds meanwhile."""
    host.get().sleep(max(0, math.ceil(seconds * 1000)))


def value_of(result: dict[str, Any]) -> Any:
    """What a CallToolResult means: structured content, else its text read as JSON, else the text."""
    structured = result.get("structuredContent")
    if structured is not None:
        # MCP wants an object; by convention other values are its only member `result`. Where the text is that object, it is the
        # tool's own.
        wrapped = isinstance(structured, dict) and list(structured) == ["result"]
        return structured["result"] if wrapped and _read(text_of(result)) != structured else structured
    return _read(text_of(result))


def _read(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _answer(answer: str | host.Failure) -> Any:
    return json.loads(answer) if isinstance(answer, str) else CallError(answer)
