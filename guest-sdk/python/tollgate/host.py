"""The host's functions: those that a component imports or, where there is no host, those of :mod:`tollgate.testing`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from .model import Usage


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


@dataclass
class ModelMessage:
    """A message for a model. `tool_uses` has ids, names and arguments as text."""

    role: str
    content: str
    tool_uses: list[tuple[str, str, str]]
    tool_use_id: str | None
    is_error: bool


@dataclass
class ModelRequest:
    """What a model is asked. `tools` has names, descriptions and schemas; `tool_choice` one of the words, or a name."""

    messages: list[ModelMessage]
    tools: list[tuple[str, str, str]]
    model: str | None
    max_tokens: int | None
    temperature: float | None
    stop: list[str]
    tool_choice: str | tuple[str]
    schema: str | None


@dataclass
class ModelAnswer:
    """What a model answered."""

    text: str
    tool_uses: list[tuple[str, str, str]]
    finish: str
    model: str
    usage: Usage


@dataclass
class HttpRequest:
    """A request to the outside."""

    method: str
    scheme: str
    authority: str
    path: str
    headers: list[tuple[str, bytes]]
    body: bytes | None
    timeout_ns: int | None
    max_bytes: int


class Host(Protocol):
    """What a host does. What an interface refuses is raised as the interface's error; a failed query as a `CallError`."""

    def call_tool(self, server: str, tool: str, args: str) -> str | Failure: ...
    def call_tools(self, calls: list[tuple[str, str, str]]) -> list[str | Failure]: ...
    def log(self, level: str, message: str) -> None: ...
    def progress(self, done: float, total: float | None, message: str | None) -> None: ...
    def sleep(self, ms: int) -> None: ...
    def get_state(self, key: str) -> tuple[str, int] | None: ...
    def set_state(self, key: str, value: str, version: int | None, absent: bool) -> int: ...
    def delete_state(self, key: str, version: int | None) -> bool: ...
    def list_keys(
        self, prefix: str, after: str | None, limit: int | None
    ) -> tuple[list[tuple[str, int, int]], str | None]: ...
    def read_resource(self, server: str, uri: str) -> str: ...
    def list_resources(self) -> str: ...
    def list_templates(self) -> str: ...
    def get_prompt(self, server: str, name: str, arguments: str) -> str: ...
    def list_prompts(self) -> str: ...
    def list_servers(self) -> list[dict[str, Any]]: ...
    def list_tools(self) -> list[dict[str, Any]]: ...
    def gather_resources(self, domain: str | None, fail_fast: bool | None) -> str: ...
    def complete(self, request: ModelRequest) -> ModelAnswer: ...
    def ask(self, question: str, schema: str) -> tuple[str, str | None]: ...
    def send(self, request: HttpRequest) -> tuple[int, list[tuple[str, bytes]], bytes]: ...


current: Host | None = None


def get() -> Host:
    """The host that is there."""
    if current is None:
        raise RuntimeError("there is no host here: in a test, use fake_host() of tollgate.testing")
    return current
