from __future__ import annotations
from collections.abc import Mapping
from typing import Any, Literal, Never, NotRequired, TypeAlias, TypedDict, Unpack

class ToolResult(TypedDict):
    content: list[dict[str, Any]]
    structuredContent: NotRequired[dict[str, Any]]
    isError: NotRequired[bool]
    _meta: NotRequired[dict[str, Any]]
class ToolError(Exception):
    server: str | None
    tool: str
    kind: Literal["denied", "unknown-tool", "invalid-arguments", "failed", "rejected", "invalid-response", "auth-required", "unavailable", "overloaded", "too-large", "timed-out", "rate-limited", "budget-exhausted", "cancelled", "outcome-unknown", "invalid-request", "refused", "invalid-question", "invalid-key", "invalid-value", "over-quota", "conflict"]
    message: str
    attempts: int
    elapsed_ms: int
    details: Any
    result: ToolResult | None
input: Any
session: dict[str, Any]
tools: Mapping[str, Mapping[str, Any]]
def log(message: str, level: Literal["trace", "debug", "info", "warn", "error"] = "info") -> None: ...
def progress(done: float, total: float | None = None, message: str | None = None) -> None: ...
async def sleep(seconds: float) -> None: ...
class _Tollgate:
    class ToolUse(TypedDict):
        id: str
        name: str
        arguments: Any
    class Message(TypedDict):
        role: Literal["system", "user", "assistant", "tool"]
        content: NotRequired[str]
        tool_uses: NotRequired[list[_Tollgate.ToolUse]]
        tool_use_id: NotRequired[str]
        is_error: NotRequired[bool]
    class Request(TypedDict, total=False):
        messages: list[_Tollgate.Message]
        system: str
        tools: list[dict[str, Any]]
        model: str
        max_tokens: int
        temperature: float
        stop: str | list[str]
        tool_choice: Literal["auto", "none", "required"] | dict[Literal["tool"], str]
        schema: dict[str, Any]
    class Usage(TypedDict):
        input_tokens: int
        output_tokens: int
    class Completion(TypedDict):
        text: str
        tool_uses: list[_Tollgate.ToolUse]
        finish: Literal["stop", "tool-use", "length", "refusal"]
        model: str
        usage: _Tollgate.Usage
        value: NotRequired[Any]
    class Reply(TypedDict):
        action: Literal["accept", "decline", "cancel"]
        content: Any
    class Server(TypedDict):
        name: str
        health: Literal["ready", "connecting", "idle", "failed", "broken", "stopped"]
        priority: int
        domains: list[str]
        capabilities: list[str]
        error: str | None
    class Gathered(TypedDict):
        priority: int
        domains: list[str]
        capabilities: list[str]
        resources: NotRequired[dict[str, Any]]
        error: NotRequired[Any]
    class Entry(TypedDict):
        value: Any
        version: int
    class Key(TypedDict):
        key: str
        version: int
        size: int
    class Page(TypedDict):
        keys: list[_Tollgate.Key]
        next: str | None
    Objects: TypeAlias = list[dict[str, Any]]
    class State:
        async def get(self, key: str) -> _Tollgate.Entry | None: ...
        async def set(self, key: str, value: object, *, version: int | None = None, absent: bool = False) -> int: ...
        async def delete(self, key: str, *, version: int | None = None) -> bool: ...
        async def list(self, prefix: str = "", *, after: str | None = None, limit: int | None = None) -> _Tollgate.Page: ...
    class Resources:
        async def list(self) -> _Tollgate.Objects: ...
        async def read(self, server: str, uri: str) -> dict[str, Any]: ...
    class Prompts:
        async def list(self) -> _Tollgate.Objects: ...
        async def get(self, server: str, name: str, arguments: Mapping[str, str] | None = None) -> dict[str, Any]: ...
    async def complete(self, request: str | _Tollgate.Request | None = None, /, **more: Unpack[_Tollgate.Request]) -> _Tollgate.Completion: ...
    async def ask(self, message: str, schema: dict[str, Any] | None = None) -> _Tollgate.Reply: ...
    async def servers(self) -> list[_Tollgate.Server]: ...
    async def servers_by_domain(self, domain: str) -> list[_Tollgate.Server]: ...
    async def servers_by_capability(self, capability: str) -> list[_Tollgate.Server]: ...
    async def gather_all_resources(self, *, fail_fast: bool | None = None) -> dict[str, _Tollgate.Gathered]: ...
    async def resources_for_domain(self, domain: str) -> dict[str, _Tollgate.Gathered]: ...
    state: State
    resources: Resources
    prompts: Prompts
tollgate: _Tollgate
