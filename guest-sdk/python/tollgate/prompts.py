"""The prompts of servers: messages that they have ready. Needs a grant `prompt=SERVER:NAME`, with stars where you like."""

from __future__ import annotations

import builtins
import json
from collections.abc import Mapping
from typing import Any

from . import host


def get(server: str, name: str, arguments: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Gets a prompt, filled in with arguments: MCP's GetPromptResult.

    Raises :class:`tollgate.CallError` where there is none.
    """
    return json.loads(host.get().get_prompt(server, name, json.dumps(arguments or {})))  # type: ignore[no-any-return]


def list() -> builtins.list[dict[str, Any]]:  # noqa: A001: as in Rust.
    """The prompts of all servers that are granted: MCP's Prompts, each with its `server`."""
    return json.loads(host.get().list_prompts())  # type: ignore[no-any-return]
