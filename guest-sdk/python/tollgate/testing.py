"""A host without Wasm, for tests of policies and adapters."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from . import declare, host
from .schema import encode

DETAILS: dict[str, Any] = {
    "unknown-tool": [],
    "invalid-arguments": [],
    "overloaded": None,
    "rate-limited": None,
    "cancelled": None,
}


class CallFailure(Exception):
    """What a fake tool raises to fail: a kind of :class:`tollgate.CallError`, and its detail."""

    def __init__(self, kind: str, detail: Any = "as the test says") -> None:
        super().__init__(kind)
        self.kind = kind
        self.detail = DETAILS.get(kind, detail) if detail == "as the test says" else detail


@dataclass
class FakeHost:
    """What was asked of the host."""

    answers: Mapping[str, Any]
    calls: list[tuple[str, str, Any]] = field(default_factory=list)
    logs: list[tuple[str, str]] = field(default_factory=list)
    reports: list[tuple[float, float | None, str | None]] = field(default_factory=list)
    slept_ms: int = 0

    def call_tool(self, server: str, tool: str, args: str) -> str | host.Failure:
        given = json.loads(args)
        self.calls.append((server, tool, given))
        name = f"{server}:{tool}"
        if name not in self.answers:
            return host.Failure(server, tool, 0, 0, "unknown-tool", [])
        answer = self.answers[name]
        try:
            value = answer(given) if isinstance(answer, Callable) else answer  # type: ignore[arg-type]
        except CallFailure as failure:
            return host.Failure(server, tool, 1, 0, failure.kind, failure.detail)
        whole = isinstance(value, dict) and isinstance(value.get("content"), list)
        structured = value if isinstance(value, dict) else {"result": value}
        return json.dumps(value if whole else {"content": [], "structuredContent": encode(structured)})

    def call_tools(self, calls: list[tuple[str, str, str]]) -> list[str | host.Failure]:
        return [self.call_tool(*call) for call in calls]

    def log(self, level: str, message: str) -> None:
        self.logs.append((level, message))

    def progress(self, done: float, total: float | None, message: str | None) -> None:
        self.reports.append((done, total, message))

    def sleep(self, ms: int) -> None:
        self.slept_ms += ms


def fake_host(answers: Mapping[str, Any] | None = None) -> FakeHost:
    """Stands in for the host until the next call of it: `answers` has a value or a function of the arguments for each
    tool, named `server:tool`. A tool that is not there is `unknown-tool`. Nothing waits in truth."""
    fake = FakeHost(answers or {})
    host.current = fake
    return fake


def run_policy(input: Mapping[str, Any] | None = None) -> Any:
    """Runs the declared policy on an input, by its schema. What it raises is what the host would be told."""
    return json.loads(declare.the_policy().call(json.dumps(input or {})))


def call_adapter(name: str, args: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Calls a declared tool: the whole MCP CallToolResult."""
    return json.loads(declare.the_tools()[name].call(json.dumps(args or {})))  # type: ignore[no-any-return]
