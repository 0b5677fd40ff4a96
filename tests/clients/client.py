"""A client of the official Python SDK that does what a plan says and tells what came of it: see README.md."""

import json
import math
import os
import sys
import time
from typing import Any

import anyio
import mcp_types as types
from mcp import Client, StdioServerParameters
from mcp.shared.exceptions import MCPError
from pydantic import ValidationError


UNTIL_S = 30
ANSWER_S = 60


class Planned:
    """A plan in the doing."""

    def __init__(self, plan: dict[str, Any]) -> None:
        self.plan = plan
        # The step that runs now, and what was asked during it.
        self.step: dict[str, Any] = {}
        self.asked: list[Any] = []

    def client(self) -> Client:
        if "url" in self.plan:
            server = self.plan["url"]
        else:
            command, *args = self.plan["command"]
            cwd = self.plan.get("cwd")
            server = StdioServerParameters(command=command, args=args, cwd=cwd, env=dict(os.environ))
        return Client(
            server,
            mode=self.plan.get("mode", "legacy"),
            elicitation_callback=self.elicit,
            read_timeout_seconds=ANSWER_S,
            cache=None,
            client_info=types.Implementation(name="python-client", version="1"),
        )

    async def elicit(self, _context: Any, params: types.ElicitRequestParams) -> types.ElicitResult:
        self.asked.append(plain(params))
        if "answer" not in self.step:
            return types.ElicitResult(action="decline")
        return types.ElicitResult(action="accept", content=self.step["answer"])

    async def run(self) -> dict[str, Any]:
        async with self.client() as client:
            steps = [await self.told(client, step) for step in self.plan["steps"]]
            return {
                "protocol": client.protocol_version,
                "server": plain(client.server_info),
                "instructions": client.instructions,
                "steps": steps,
            }

    async def told(self, client: Client, step: dict[str, Any]) -> dict[str, Any]:
        self.step, self.asked = step, []
        progress: list[dict[str, Any]] = []

        async def on_progress(done: float, total: float | None, message: str | None) -> None:
            progress.append({"progress": done, "total": total, "message": message})

        begun = time.monotonic()
        told: dict[str, Any] = {}
        patience = step["cancel_after_ms"] / 1000 if "cancel_after_ms" in step else math.inf
        try:
            with anyio.move_on_after(patience) as scope:
                told["result"] = await self.settled(client, step, on_progress if step.get("progress") else None)
            if scope.cancelled_caught:
                told["error"] = "cancelled"
        except (MCPError, TimeoutError, ValidationError) as error:
            told["error"] = str(error)
        return told | {
            "progress": progress,
            "asked": self.asked,
            "elapsed_ms": round((time.monotonic() - begun) * 1000),
        }

    async def settled(self, client: Client, step: dict[str, Any], on_progress: Any) -> Any:
        """A list grows while servers start."""
        end = time.monotonic() + UNTIL_S
        while True:
            found = await self.result(client, step, on_progress)
            said = json.dumps(found)
            if all(part in said for part in step.get("until", [])) or time.monotonic() > end:
                return found
            await anyio.sleep(0.2)

    async def result(self, client: Client, step: dict[str, Any], on_progress: Any) -> Any:
        match step["do"]:
            case "tools":
                return await every(client.list_tools, "tools")
            case "resources":
                return await every(client.list_resources, "resources")
            case "prompts":
                return await every(client.list_prompts, "prompts")
            case "call":
                arguments = step.get("arguments", {})
                return plain(await client.call_tool(step["tool"], arguments, progress_callback=on_progress))
            case "read":
                return plain(await client.read_resource(step["uri"]))
            case "prompt":
                return plain(await client.get_prompt(step["name"], step.get("arguments", {})))
            case other:
                raise ValueError(f"no such step: {other}")


def plain(model: Any) -> Any:
    return model.model_dump(by_alias=True, mode="json", exclude_none=True) if model is not None else None


async def every(page_of: Any, key: str) -> list[Any]:
    found: list[Any] = []
    cursor = None
    while True:
        page = await page_of(cursor=cursor)
        found += [plain(one) for one in getattr(page, key)]
        cursor = page.next_cursor
        if cursor is None:
            return found


json.dump(anyio.run(Planned(json.load(sys.stdin)).run), sys.stdout)
