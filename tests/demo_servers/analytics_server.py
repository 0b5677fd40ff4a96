"""The demo's product analytics, as an MCP server over stdio."""

from dataclasses import dataclass
from datetime import date, timedelta
from math import floor
from typing import Annotated, Literal, TypedDict

from common import READ, CustomerId, customer_id, tool
from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from pydantic import Field

Metric = Literal["active_users", "api_calls"]

# Twelve Mondays.
WEEKS = [str(date(2026, 8, 31) + timedelta(weeks=week)) for week in range(12)]
# Active users and thousands of API calls in each week.
USAGE: dict[str, dict[Metric, list[int]]] = {
    customer_id(1): {
        "active_users": [24, 25, 25, 24, 23, 22, 20, 19, 17, 15, 12, 9],
        "api_calls": [410, 432, 425, 418, 390, 371, 344, 310, 265, 214, 160, 118],
    },
    customer_id(2): {
        "active_users": [161, 163, 160, 166, 168, 167, 170, 171, 174, 173, 176, 177],
        "api_calls": [2210, 2260, 2240, 2305, 2330, 2360, 2350, 2410, 2450, 2440, 2490, 2520],
    },
    customer_id(3): {
        "active_users": [11, 11, 12, 12, 11, 12, 12, 12, 11, 12, 12, 11],
        "api_calls": [640, 655, 690, 720, 735, 760, 790, 815, 840, 860, 690, 610],
    },
    customer_id(4): {
        "active_users": [0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 4, 5],
        "api_calls": [0, 0, 0, 0, 0, 0, 0, 0, 0, 3, 9, 14],
    },
    customer_id(5): {
        "active_users": [52, 51, 53, 54, 52, 53, 53, 52, 54, 53, 52, 53],
        "api_calls": [980, 975, 990, 1005, 985, 990, 1000, 995, 1010, 1000, 990, 1005],
    },
}


@dataclass(frozen=True)
class Row:
    week: str
    customer_id: str
    active_users: int
    api_calls: int


# `from` is a word of Python.
Report = TypedDict("Report", {"from": str, "to": str, "rows": list[Row]})


@dataclass(frozen=True)
class Point:
    week: str
    value: int


@dataclass(frozen=True)
class Trend:
    metric: Metric
    direction: Literal["rising", "flat", "falling"]
    change_percent: float | None
    points: list[Point]


def find(customer: str) -> dict[Metric, list[int]]:
    if customer not in USAGE:
        raise ToolError(f"no usage of a customer with id {customer}; crm:search_customers finds ids")
    return USAGE[customer]


def get_report(
    weeks: Annotated[int, Field(ge=1, le=12, description="How many weeks back.")] = 8,
    customer_id: Annotated[CustomerId | None, Field(description="Only this customer.")] = None,
) -> Report:
    """Reports the usage of one customer or of all, one row a customer and week."""
    usage = USAGE if customer_id is None else {customer_id: find(customer_id)}
    rows = [
        Row(WEEKS[week], customer, series["active_users"][week], series["api_calls"][week])
        for customer, series in usage.items()
        for week in range(12 - weeks, 12)
    ]
    return {"from": WEEKS[-weeks], "to": WEEKS[-1], "rows": rows}


def get_trend(
    customer_id: CustomerId,
    metric: Metric,
    weeks: Annotated[int, Field(ge=2, le=12, description="How many weeks back.")] = 8,
) -> Trend:
    """Tells how a customer's usage develops: week by week, and in one word."""
    values = find(customer_id)[metric][-weeks:]
    first, change = values[0], values[-1] - values[0]
    # A change within a tenth says nothing.
    direction = "flat" if abs(change) <= first / 10 else "rising" if change > 0 else "falling"
    points = [Point(*point) for point in zip(WEEKS[-weeks:], values)]
    return Trend(metric, direction, tenths(1000 * change / first) if first else None, points)


def tenths(per_mille: float) -> float:
    """As percent with one decimal, halves away from zero; `round` would have them go to the even digit."""
    size = floor(abs(per_mille) + 0.5) / 10
    return -size if per_mille < 0 else size


MCPServer("analytics", tools=[tool(get_report, READ), tool(get_trend, READ)]).run("stdio")
