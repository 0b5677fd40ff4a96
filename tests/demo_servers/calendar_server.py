"""The demo's calendar, as an MCP server over stdio."""

from dataclasses import dataclass, replace
from typing import Annotated, Literal

from common import READ, CustomerId, customer_id, tool
from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import ToolAnnotations
from pydantic import Field

Date = Annotated[str, Field(json_schema_extra={"format": "date"})]
DateTime = Annotated[
    str, Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$", json_schema_extra={"format": "date-time"})
]


@dataclass(frozen=True)
class Meeting:
    id: str
    title: str
    customer_id: str | None
    starts: str
    duration_minutes: int
    attendees: list[str]
    status: Literal["scheduled", "held", "canceled"] = "scheduled"


JOHN, LARS, AMINA = "john.smith@acme.com", "lars.nielsen@nordwind.example", "amina@lakeside-clinic.example"
WEI, MARIA = "wei.chen@initech.example", "maria.garcia@globex.example"
PRIYA, TOM = "priya@vendor.example", "tom@vendor.example"
MEETINGS = [
    Meeting(f"MTG-{number}", title, customer_id(customer), f"{starts}:00Z", minutes, attendees, *status)
    for number, title, customer, starts, minutes, attendees, *status in [
        (287, "Quarterly review with Acme", 1, "2026-08-19T14:00", 60, [JOHN, PRIYA], "held"),
        (301, "Nordwind: renewal and roadmap", 5, "2026-09-15T09:00", 60, [LARS, PRIYA], "held"),
        (305, "Onboarding of the clinic", 4, "2026-11-04T16:00", 45, [AMINA, TOM], "held"),
        (309, "Check-in with Acme", 1, "2026-11-11T15:00", 30, [JOHN, PRIYA], "canceled"),
        (311, "Webhook delays: status", 3, "2026-11-23T10:00", 30, [WEI, TOM]),
        (312, "Renewal with Acme", 1, "2026-11-24T15:00", 30, [JOHN, PRIYA]),
        (315, "Globex: yearly planning", 2, "2026-12-03T13:00", 90, [MARIA, PRIYA]),
    ]
]


def list_meetings(
    customer_id: Annotated[CustomerId | None, Field(description="Only those with this customer.")] = None,
    # `from` is a word of Python.
    since: Annotated[
        Date | None, Field(validation_alias="from", description="Only those on this day or later.")
    ] = None,
    to: Annotated[Date | None, Field(description="Only those before this day.")] = None,
) -> list[Meeting]:
    """Lists meetings in the order of time."""
    return [
        meeting
        for meeting in MEETINGS
        if customer_id in (None, meeting.customer_id)
        and (since is None or meeting.starts >= since)
        and (to is None or meeting.starts < to)
    ]


def create_meeting(
    title: Annotated[str, Field(min_length=1, max_length=200)],
    starts: Annotated[DateTime, Field(description="In UTC, as `2026-11-25T10:00:00Z`.")],
    duration_minutes: Annotated[int, Field(ge=15, le=480)] = 30,
    attendees: Annotated[list[str], Field(max_length=50, description="Their e-mail addresses.")] = [],
    customer_id: CustomerId | None = None,
) -> Meeting:
    """Arranges a meeting and returns it. It is not kept, and every new one has the same id."""
    for other in MEETINGS:
        if other.status == "scheduled" and other.starts == starts:
            raise ToolError(f"{starts} is taken by {other.id} ({other.title}); choose another time")
    return Meeting("MTG-318", title, customer_id, starts, duration_minutes, attendees)


def cancel_meeting(id: Annotated[str, Field(description="As `MTG-312`.")]) -> Meeting:
    """Cancels a meeting and returns it. The change is not kept."""
    meeting = next((meeting for meeting in MEETINGS if meeting.id == id), None)
    if meeting is None:
        raise ToolError(f"no meeting with id {id}; list_meetings finds ids")
    if meeting.status == "held":
        raise ToolError(f"{id} was held on {meeting.starts}; only a meeting to come can be canceled")
    return replace(meeting, status="canceled")


add = ToolAnnotations(destructive_hint=False, open_world_hint=False)
cancel = ToolAnnotations(destructive_hint=True, idempotent_hint=True, open_world_hint=False)
tools = [tool(list_meetings, READ), tool(create_meeting, add), tool(cancel_meeting, cancel)]
MCPServer("calendar", tools=tools).run("stdio")
