"""What the same scripts cost in FastMCP's code mode: `code_mode.py SERVER.js`. Prints medians in microseconds as JSON.

The server is the official "everything" server over stdio. The baseline is FastMCP's own client, without a script.
"""

import asyncio
import json
import logging
import statistics
import sys
import time

from fastmcp import Client, FastMCP
from fastmcp.client.transports import StdioTransport
from fastmcp.experimental.transforms.code_mode import CodeMode
from fastmcp.server import create_proxy

logging.disable(logging.CRITICAL)
WARM, ROUNDS = 5, 60
SEQUENCE = """
for n in range(10):
    await call_tool("echo", {"message": "hello"})
"""
AT_ONCE = """
import asyncio
await asyncio.gather(*[call_tool("echo", {"message": "hello"}) for n in range(10)])
"""


async def main():
    def transport():
        return StdioTransport("node", [sys.argv[1], "stdio"])

    gateway = FastMCP("bench", transforms=[CodeMode()])
    gateway.mount(create_proxy(Client(transport())))

    async with Client(transport()) as direct, Client(gateway) as scripts:

        async def in_sequence():
            for _ in range(10):
                await direct.call_tool("echo", {"message": "hello"})

        async def at_once():
            await asyncio.gather(*[direct.call_tool("echo", {"message": "hello"}) for _ in range(10)])

        def script(code):
            async def run():
                await scripts.call_tool("execute", {"code": code})

            return run

        measured = {
            "direct_sequence": in_sequence,
            "direct_at_once": at_once,
            "tiny": script("1 + 1"),
            "sequence": script(SEQUENCE),
            "at_once": script(AT_ONCE),
        }
        times = {name: [] for name in measured}
        for round in range(WARM + ROUNDS):
            for name, run in measured.items():
                start = time.perf_counter()
                await run()
                if round >= WARM:
                    times[name].append((time.perf_counter() - start) * 1e6)
        print(json.dumps({name: statistics.median(each) for name, each in times.items()}))


asyncio.run(main())
