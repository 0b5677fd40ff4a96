"""A host without Wasm, for tests of policies and adapters."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from . import declare, host
from .fakes import CallFailure, FakeOthers, FakeServers, FakeState, answered
from .schema import encode
from .servers import Server, Tool

__all__ = ["CallFailure", "FakeHost", "call_adapter", "fake_host", "run_policy"]


class FakeHost(FakeState, FakeServers, FakeOthers):
    """What was asked of the host."""

    def __init__(
        self,
        answers: Mapping[str, Any],
        kept: Mapping[str, Any],
        servers: Iterable[Server],
        tools: Iterable[Tool],
        gathered: Any,
        resources: Mapping[str, Any],
        prompts: Mapping[str, Any],
        model: Any,
        replies: Iterable[Any],
        http: Any,
    ) -> None:
        FakeState.__init__(self, kept)
        FakeServers.__init__(self, servers, tools, gathered, resources, prompts)
        FakeOthers.__init__(self, model, replies, http)
        self.answers = answers
        self.calls: list[tuple[str, str, Any]] = []
        self.logs: list[tuple[str, str]] = []
        self.reports: list[tuple[float, float | None, str | None]] = []
        self.slept_ms = 0

    def call_tool(self, server: str, tool: str, args: str) -> str | host.Failure:
        given = json.loads(args)
        self.calls.append((server, tool, given))
        name = f"{server}:{tool}"
        if name not in self.answers:
            return host.Failure(server, tool, 0, 0, "unknown-tool", [])
        try:
            value = answered(self.answers[name], given)
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


def fake_host(
    answers: Mapping[str, Any] | None = None,
    *,
    kept: Mapping[str, Any] | None = None,
    servers: Iterable[Server] = (),
    tools: Iterable[Tool] = (),
    gathered: Any = None,
    resources: Mapping[str, Any] | None = None,
    prompts: Mapping[str, Any] | None = None,
    model: Any = None,
    replies: Iterable[Any] = (),
    http: Any = None,
) -> FakeHost:
    """Stands in for the host until the next call of it: `answers` has a value or a function of the arguments for each
    tool, named `server:tool`. A tool that is not there is `unknown-tool`. Nothing waits in truth.

    Args:
        kept: Keys that are there from the beginning.
        servers: The servers that are listed; those of `tools` are there already.
        tools: The tools that are listed. Calls are answered by `answers`.
        gathered: What `servers.gather_resources` gives, or a function of the domain.
        resources: What is read, by `server:uri`.
        prompts: By `server:name`: a value, or a function of the arguments.
        model: What the model answers: a text, or a dict of `text`, `tool_uses` and `finish`; always this, a function of
            the request, or in turn what a list has.
        replies: What the person answers, in turn: an object that is accepted, `decline` or `cancel`.
        http: What the outside answers: status, headers and body (bytes, a text, or what becomes JSON), or a function of
            the request. Without this, every request is denied.

    In place of a value may stand a :class:`CallFailure`.
    """
    fake = FakeHost(
        answers or {}, kept or {}, servers, tools, gathered, resources or {}, prompts or {}, model, replies, http
    )
    host.current = fake
    return fake


def run_policy(input: Mapping[str, Any] | None = None) -> Any:
    """Runs the declared policy on an input, by its schema. What it raises is what the host would be told."""
    return json.loads(declare.the_policy().call(json.dumps(input or {})))


def call_adapter(name: str, args: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Calls a declared tool: the whole MCP CallToolResult."""
    return json.loads(declare.the_tools()[name].call(json.dumps(args or {})))  # type: ignore[no-any-return]
