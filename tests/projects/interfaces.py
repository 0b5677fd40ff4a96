import json
from collections.abc import Callable
from typing import Any

from tollgate import ask, http, model, policy, prompts, resources, servers, state


def kind_of(run: Callable[[], object]) -> str | None:
    """The kind of the error that a function raises."""
    try:
        run()
    except Exception as error:
        return getattr(error, "kind", repr(error))
    return None


@policy
def interfaces(url: str, away: str) -> dict[str, Any]:
    """Uses what there is beside tools."""
    count = state.update("count", lambda n: (n or 0) + 1)
    sent = {"name": "Zoë", "long": "x" * 100_000}
    echo = http.post(f"{url}/echo?q=1", json=sent, headers={"X-Own": "mine"}, timeout=10)
    seen = echo.json()
    return {
        "count": count,
        "keys": [key.key for key in state.list().keys],
        "servers": [f"{server.name} {server.health}" for server in servers.list()],
        "tools": [f"{tool.server}:{tool.name} {tool.input_schema['type']}" for tool in servers.tools()],
        "status": echo.status,
        "headers": [echo.headers["content-type"], seen["headers"]["x-own"], seen["headers"]["content-type"]],
        "method": f"{seen['method']} {seen['target']}",
        "body": json.loads(seen["body"]) == sent,
        "gone": http.get(f"{url}/gone").json()["message"],
        "kinds": {
            "state": kind_of(lambda: state.set("count", 0, absent=True)),
            "deleted": kind_of(lambda: state.delete("count", version=1_000_000)),
            "model": kind_of(lambda: model.complete("?", system="Be brief.", tools=[{"name": "x"}], stop=".")),
            "ask": kind_of(lambda: ask.confirm("Really?")),
            "resources": kind_of(lambda: resources.read("crm", "crm://a")),
            "prompts": kind_of(lambda: prompts.get("crm", "greet", {"name": "Ada"})),
            "gathered": kind_of(lambda: servers.gather_resources("nothing", fail_fast=True)),
            "granted": kind_of(lambda: http.get(away)),
            "large": kind_of(lambda: http.get(f"{url}/echo", max_bytes=10)),
            "method": kind_of(lambda: http.request("NO METHOD", url)),
            "header": kind_of(lambda: http.get(url, headers={"a b": "c"})),
        },
        "lists": [len(resources.list()), len(resources.templates()), len(prompts.list())],
    }
