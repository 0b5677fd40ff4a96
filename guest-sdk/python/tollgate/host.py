"""The host's functions: those that a component imports or, where there is no host, those of :mod:`tollgate.testing`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol


@dataclass
class Failure:
    """A call that gave no result, in the words of the WIT: `kind` is the case, `detail` what it carries."""

    server: str
    tool: str
    attempts: int
    elapsed_ms: int
    kind: str
    detail: Any = None
    raw: Any = None


class Host(Protocol):
    """What a host does."""

    def call_tool(self, server: str, tool: str, args: str) -> str | Failure: ...
    def call_tools(self, calls: list[tuple[str, str, str]]) -> list[str | Failure]: ...
    def log(self, level: str, message: str) -> None: ...
    def progress(self, done: float, total: float | None, message: str | None) -> None: ...
    def sleep(self, ms: int) -> None: ...


current: Host | None = None


def get() -> Host:
    """The host that is there."""
    if current is None:
        raise RuntimeError("there is no host here: in a test, use fake_host() of tollgate.testing")
    return current
