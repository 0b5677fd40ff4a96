"""The demo's ticketing system, as an MCP server over stdio."""

from dataclasses import dataclass, replace
from typing import Annotated, Literal

from common import READ, CustomerId, customer_id, tool
from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import ToolAnnotations
from pydantic import Field

TODAY = "2026-11-20"

Status = Literal["open", "pending", "resolved", "closed"]
Priority = Literal["low", "normal", "high", "urgent"]
LongText = Annotated[str, Field(min_length=1, max_length=5000)]


@dataclass(frozen=True)
class Ticket:
    id: str
    customer_id: str
    subject: str
    status: Status
    priority: Priority
    created: str
    updated: str
    assignee: str | None
    last_comment: str


DANA, SAM = "Dana Lee", "Sam Ortiz"
TICKETS = [
    Ticket(
        "TCK-1060", customer_id(4), "How do I invite my colleagues?", "open", "low",
        "2026-11-19", "2026-11-19", None, "Is there a limit in the trial?",
    ),
    Ticket(
        "TCK-1057", customer_id(1), "Subscription renewal failed", "open", "high",
        "2026-11-16", "2026-11-18", DANA, "The card on file has expired. Where can I enter the new one?",
    ),
    Ticket(
        "TCK-1055", customer_id(3), "Webhook deliveries are delayed", "open", "urgent",
        "2026-11-15", "2026-11-19", SAM, "Deliveries lag by ten minutes since Sunday.",
    ),
    Ticket(
        "TCK-1049", customer_id(1), "CSV export times out", "pending", "normal",
        "2026-11-05", "2026-11-10", SAM, "Fixed in the current release; please try again.",
    ),
    Ticket(
        "TCK-1042", customer_id(2), "Add a purchase order number to invoices", "resolved", "low",
        "2026-10-21", "2026-10-23", DANA, "Done: it is printed from the next invoice on.",
    ),
    Ticket(
        "TCK-1031", customer_id(1), "Single sign-on for a second domain", "closed", "normal",
        "2026-09-08", "2026-09-11", DANA, "The domain is verified.",
    ),
    Ticket(
        "TCK-1012", customer_id(6), "Please close our account", "closed", "normal",
        "2026-06-30", "2026-07-01", DANA, "Closed as of today.",
    ),
]  # fmt: skip


def list_tickets(
    customer_id: Annotated[CustomerId | None, Field(description="Only those of this customer.")] = None,
    status: Annotated[Status | None, Field(description="Only those in this state.")] = None,
    limit: Annotated[int, Field(ge=1, le=50)] = 20,
) -> list[Ticket]:
    """Lists tickets, the newest first."""
    found = [
        ticket
        for ticket in TICKETS
        if customer_id in (None, ticket.customer_id) and status in (None, ticket.status)
    ]
    return found[:limit]


def create_ticket(
    customer_id: CustomerId,
    subject: Annotated[str, Field(min_length=1, max_length=200)],
    description: Annotated[LongText, Field(description="What the customer needs, or what went wrong.")],
    priority: Priority = "normal",
) -> Ticket:
    """Opens a ticket for a customer and returns it. It is not kept, and every new one has the same id."""
    return Ticket("TCK-1061", customer_id, subject, "open", priority, TODAY, TODAY, None, description)


def update_ticket(
    id: Annotated[str, Field(description="As `TCK-1042`.")],
    status: Status | None = None,
    priority: Priority | None = None,
    assignee: str | None = None,
    comment: LongText | None = None,
) -> Ticket:
    """Changes a ticket and returns the changed record. The change is not kept."""
    old = next((ticket for ticket in TICKETS if ticket.id == id), None)
    if old is None:
        raise ToolError(f"no ticket with id {id}; list_tickets finds ids")
    changes = {"status": status, "priority": priority, "assignee": assignee, "last_comment": comment}
    return replace(old, updated=TODAY, **{field: value for field, value in changes.items() if value is not None})


add = ToolAnnotations(destructive_hint=False, open_world_hint=False)
change = ToolAnnotations(idempotent_hint=True, open_world_hint=False)
tools = [tool(list_tickets, READ), tool(create_ticket, add), tool(update_ticket, change)]
MCPServer("tickets", tools=tools).run("stdio")
