from __future__ import annotations
from collections.abc import Mapping
from typing import Any, Literal, Never, NotRequired, TypeAlias, TypedDict

class ToolResult(TypedDict):
    content: list[dict[str, Any]]
    structuredContent: NotRequired[dict[str, Any]]
    isError: NotRequired[bool]
    _meta: NotRequired[dict[str, Any]]
class ToolError(Exception):
    server: str
    tool: str
    kind: Literal["denied", "unknown-tool", "invalid-arguments", "failed", "rejected", "invalid-response", "auth-required", "unavailable", "overloaded", "too-large", "timed-out", "rate-limited", "budget-exhausted", "cancelled", "outcome-unknown"]
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
