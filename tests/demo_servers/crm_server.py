"""The demo's customer database, as an MCP server over stdio."""

from dataclasses import dataclass, replace
from typing import Annotated, Literal

from common import READ, CustomerId, customer_id, tool
from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import ToolAnnotations
from pydantic import Field

Status = Literal["trial", "active", "past_due", "closed"]
Name = Annotated[str, Field(min_length=1, max_length=100)]


@dataclass(frozen=True)
class Customer:
    id: str
    name: str
    email: str
    company: str
    status: Status
    account_manager: str
    customer_since: str


PRIYA, TOM = "Priya Nair", "Tom Becker"
CUSTOMERS = [
    Customer(customer_id(number), *rest)
    for number, *rest in [
        (1, "John Smith", "john.smith@acme.com", "Acme", "past_due", PRIYA, "2023-11-12"),
        (2, "Maria Garcia", "maria.garcia@globex.example", "Globex", "active", PRIYA, "2022-03-01"),
        (3, "Wei Chen", "wei.chen@initech.example", "Initech", "active", TOM, "2024-06-15"),
        (4, "Amina Okafor", "amina@lakeside-clinic.example", "Lakeside Clinic", "trial", TOM, "2026-11-02"),
        (5, "Lars Nielsen", "lars.nielsen@nordwind.example", "Nordwind", "active", PRIYA, "2021-09-20"),
        (6, "Elena Rossi", "elena@rossi-studio.example", "Rossi Studio", "closed", TOM, "2023-01-10"),
    ]
]


def find(id: str) -> Customer:
    for customer in CUSTOMERS:
        if customer.id == id.lower():
            return customer
    raise ToolError(f"no customer with id {id}; search_customers finds ids")


def search_customers(
    query: Annotated[Name, Field(description="A part of the name, address or company; case does not matter.")],
    limit: Annotated[int, Field(ge=1, le=20)] = 10,
) -> list[Customer]:
    """Finds customers by name, e-mail address or company."""
    query = query.lower()
    found = [
        customer
        for customer in CUSTOMERS
        if any(query in text.lower() for text in (customer.name, customer.email, customer.company))
    ]
    return found[:limit]


def get_customer(id: CustomerId) -> Customer:
    """Gets one customer."""
    return find(id)


def update_customer(
    id: CustomerId,
    name: Name | None = None,
    email: Annotated[str, Field(json_schema_extra={"format": "email"})] | None = None,
    company: Name | None = None,
    status: Status | None = None,
) -> Customer:
    """Changes fields of a customer and returns the changed record. The change is not kept."""
    changes = {"name": name, "email": email, "company": company, "status": status}
    return replace(find(id), **{field: value for field, value in changes.items() if value is not None})


change = ToolAnnotations(idempotent_hint=True, open_world_hint=False)
tools = [tool(search_customers, READ), tool(get_customer, READ), tool(update_customer, change)]
MCPServer("crm", tools=tools).run("stdio")
