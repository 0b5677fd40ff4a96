"""What an office uses: `office_server.py github|jira|postgres|slack FOLDER`.

Real servers by the Python SDK with the tools that the shipped policies name. What they know is made up; what they are told
stays in FOLDER, so that the next process knows it. `postgres` is SQLite, which takes the same queries.

A folder with a file `fail-TOOL` has that tool fail as often as there are lines in it, each with its line.

What touches the folder is `async`: it runs to its end before the next call begins. Plain functions have threads of their own.
"""

import json
import sqlite3
import sys
from pathlib import Path

from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import ToolAnnotations

name, folder = sys.argv[1], Path(sys.argv[2])
server = MCPServer(name)
READ = ToolAnnotations(read_only_hint=True)

ISSUES = [
    {"number": 7, "title": "Crash on start", "labels": ["bug"], "state": "open"},
    {"number": 8, "title": "Dark mode", "labels": ["feature"], "state": "open"},
    {"number": 11, "title": "Wrong total", "labels": ["bug"], "state": "open"},
    {"number": 12, "title": "Lost session", "labels": ["bug"], "state": "open"},
    {"number": 13, "title": "Typo", "labels": ["bug"], "state": "closed"},
]
COMMITS = [
    {"sha": "abc123", "commit": {"message": "Simplify the handler"}},
    {"sha": "def456", "commit": {"message": "Say thanks"}},
]


def fail(tool):
    """Fails as the test wants it."""
    file = folder / f"fail-{tool}"
    if file.exists() and (lines := file.read_text().splitlines()):
        file.write_text("\n".join(lines[1:]))
        raise ToolError(lines[0])


def kept(file):
    path = folder / file
    return json.loads(path.read_text()) if path.exists() else []


def keep(file, entry):
    (folder / file).write_text(json.dumps(kept(file) + [entry]))


def github():
    @server.tool(annotations=READ)
    async def list_issues(
        owner: str, repo: str, state: str = "open", labels: list[str] = [], page: int = 1, per_page: int = 30
    ) -> dict:
        found = [i for i in ISSUES if i["state"] == state and set(labels) <= set(i["labels"])]
        return {"issues": found[(page - 1) * per_page : page * per_page]}

    @server.tool(annotations=READ)
    async def get_issue(owner: str, repo: str, issue_number: int) -> dict:
        fail("get_issue")
        issue = next(i for i in ISSUES if i["number"] == issue_number)
        return {**issue, "body": f"About {owner}/{repo}.", "html_url": f"https://github.example/{issue_number}"}

    @server.tool(annotations=READ)
    async def search_issues(q: str) -> dict:
        return {"items": [i for i in ISSUES if i["number"] == 7]}

    @server.tool(annotations=READ)
    async def list_commits(owner: str, repo: str, since: str) -> dict:
        fail("list_commits")
        return {"commits": COMMITS}

    @server.tool(annotations=READ)
    async def get_commit_diff(owner: str, repo: str, sha: str) -> str:
        return "--- a/src/handler.py\n+++ b/src/handler.py\n-    if order is None:" if sha == "abc123" else ""


def jira():
    @server.tool(annotations=READ)
    async def search_issues(jql: str) -> dict:
        wanted = jql.split('\\"')[1]
        known = [{"key": "API-1", "summary": "[#7] Crash on start"}] + kept("tickets.json")
        return {"issues": [ticket for ticket in known if wanted in ticket["summary"]]}

    @server.tool()
    async def create_issue(project: str, type: str, summary: str, description: str = "") -> dict:
        fail("create_issue")
        ticket = {"key": f"{project}-{len(kept('tickets.json')) + 2}", "summary": summary, "description": description}
        keep("tickets.json", ticket)
        return {"key": ticket["key"]}


def postgres():
    database = sqlite3.connect(":memory:", check_same_thread=False)
    database.row_factory = sqlite3.Row
    database.executescript(
        """
        CREATE TABLE deployments (service TEXT, version TEXT, deployed_at TEXT);
        INSERT INTO deployments VALUES ('api', '7.1', '2026-11-20T10:00:00Z'), ('api', '7.0', '2026-11-01T10:00:00Z');
        CREATE TABLE errors (status INTEGER, message TEXT, timestamp TEXT);
        INSERT INTO errors VALUES (500, 'TypeError in src/handler.py', '2026-11-20T10:05:00Z');
        """
    )

    @server.tool(annotations=READ)
    async def run_query(sql: str) -> dict:
        try:
            return {"rows": [dict(row) for row in database.execute(sql)]}
        except sqlite3.Error as error:
            raise ToolError(f"{error}: {sql}")


def slack():
    @server.tool()
    async def post_message(channel: str, text: str) -> dict:
        fail("post_message")
        keep("messages.json", {"channel": channel, "text": text})
        return {"ok": True}


{"github": github, "jira": jira, "postgres": postgres, "slack": slack}[name]()
server.run("stdio")
