"""The resources of servers: what they have to read. Needs a grant `resource=SERVER:URI`, with stars where you like."""

from __future__ import annotations

import builtins
import json
from typing import Any

from . import host


def read(server: str, uri: str) -> dict[str, Any]:
    """Reads a resource: MCP's ReadResourceResult, whose `contents` hold texts or base64.

    Raises :class:`tollgate.CallError` where there is none.
    """
    return json.loads(host.get().read_resource(server, uri))  # type: ignore[no-any-return]


def list() -> builtins.list[dict[str, Any]]:  # noqa: A001: as in Rust.
    """The resources of all servers that are granted: MCP's Resources, each with its `server`."""
    return json.loads(host.get().list_resources())  # type: ignore[no-any-return]


def templates() -> builtins.list[dict[str, Any]]:
    """The templates of resources that are granted: MCP's ResourceTemplates, each with its `server`."""
    return json.loads(host.get().list_templates())  # type: ignore[no-any-return]
