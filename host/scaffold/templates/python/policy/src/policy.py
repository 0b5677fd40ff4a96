from typing import Any

from tollgate import policy, tools


@policy(name="{{name}}", grants=["tool=crm:search_customers"])
def hello(name: str) -> dict[str, Any]:
    """Greets somebody, and tells which customers have such a name."""
    found = tools.call("crm", "search_customers", {"query": name})
    return {"greeting": f"Hello, {name}!", "customers": [customer["name"] for customer in found]}
