"""A tracker of issues and one of tickets, with the tools that a tutorial names: `sync_server.py github|jira`.

Real servers by the Python SDK; what they know is made up. The tickets ask for patience once, and refuse one title until
its second try, so that a workflow has something to retry and to resume. Its tools are `async`: each runs to its end before
the next begins.
"""

import sys

from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError

name = sys.argv[1]
server = MCPServer(name)

if name == "github":
    issues = [
        {"number": 7, "title": "Crash on start", "labels": ["bug"], "state": "open"},
        {"number": 8, "title": "Dark mode", "labels": ["feature"], "state": "open"},
        {"number": 11, "title": "Wrong total", "labels": ["bug"], "state": "open"},
        {"number": 12, "title": "Lost session", "labels": ["bug"], "state": "open"},
        {"number": 13, "title": "Typo", "labels": ["bug"], "state": "closed"},
    ]

    @server.tool()
    async def list_issues(repo: str, state: str = "open", label: str | None = None) -> dict:
        found = [i for i in issues if i["state"] == state and (label is None or label in i["labels"])]
        return {"repo": repo, "issues": [{"number": i["number"], "title": i["title"]} for i in found]}

    @server.tool()
    async def get_issue(repo: str, number: int) -> dict:
        return {**next(i for i in issues if i["number"] == number), "body": f"About {repo}#{number}."}

else:
    tickets = [{"key": "API-1", "summary": "[#7] Crash on start"}]
    state = {"asked": 0, "refused": set()}

    @server.tool()
    async def search_issues(project: str, text: str) -> dict:
        return {"tickets": [t for t in tickets if t["key"].startswith(project) and text in t["summary"]]}

    @server.tool()
    async def create_issue(project: str, summary: str, type: str, description: str = "") -> dict:
        state["asked"] += 1
        if state["asked"] == 1:
            raise ToolError("429: too many requests")
        if "Lost session" in summary and summary not in state["refused"]:
            state["refused"].add(summary)
            raise ToolError("400: the field `component` is required")
        ticket = {"key": f"{project}-{len(tickets) + 1}", "summary": summary}
        tickets.append(ticket)
        return ticket

    @server.tool()
    async def all_tickets() -> dict:
        return {"tickets": tickets}


server.run("stdio")
