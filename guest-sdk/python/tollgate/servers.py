"""Which servers there are, and what they have together. What this run was not granted is not there."""

from __future__ import annotations

import builtins
import json
from dataclasses import dataclass, field
from typing import Any, Literal

from . import host

Health = Literal["ready", "connecting", "idle", "failed", "broken", "stopped"]


@dataclass(frozen=True)
class Server:
    """A server. `domains` are the topics that it answers for: a call may name one in its place, as `domain:products`."""

    name: str
    health: Health = "ready"
    # Which is asked first where several could answer: the lowest number, from 1 to 999.
    priority: int = 100
    domains: tuple[str, ...] = ()
    capabilities: tuple[str, ...] = ()
    # Why it is not there, where it is not.
    error: str | None = None


@dataclass(frozen=True)
class Tool:
    """A tool, and its server. The texts are the server's own: not to be trusted more than the server."""

    server: str
    name: str
    description: str = ""
    input_schema: dict[str, Any] = field(default_factory=lambda: {"type": "object"})
    output_schema: dict[str, Any] | None = None
    # MCP's tool annotations.
    annotations: dict[str, Any] | None = None
    title: str | None = None


def list() -> builtins.list[Server]:  # noqa: A001: as in Rust.
    """The servers of which this run may call or read something, the lowest priority number first. Waits for none."""
    return [Server(**server) for server in host.get().list_servers()]


def tools() -> builtins.list[Tool]:
    """The tools that this run may call. Waits for servers that are connecting."""
    return [Tool(**tool) for tool in host.get().list_tools()]


def gather_resources(domain: str | None = None, *, fail_fast: bool | None = None) -> dict[str, Any]:
    """The resources of all servers at once: by server, each with `priority`, `domains`, `capabilities`, and `resources`
    (by name) or `error`. With a domain, those of the best server of it that answers, and only those.

    Raises :class:`tollgate.CallError`; with `fail_fast` at the first error (unless given: as the host is configured).
    """
    return json.loads(host.get().gather_resources(domain, fail_fast))  # type: ignore[no-any-return]
