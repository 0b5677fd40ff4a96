"""The demo's billing system, as an MCP server over stdio."""

from dataclasses import dataclass
from typing import Annotated, Literal

from common import READ, CustomerId, customer_id, tool
from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from pydantic import Field

Status = Literal["trialing", "active", "past_due", "canceled"]


@dataclass(frozen=True)
class RenewalFailure:
    reason: str
    attempts: int
    last_attempt: str
    next_attempt: str
    access_until: str


@dataclass(frozen=True)
class Subscription:
    customer_id: str
    plan: str
    seats: int
    amount_cents: int
    interval: Literal["month", "year"]
    status: Status
    renewal_due: str
    failure: RenewalFailure | None = None
    currency: str = "USD"


@dataclass(frozen=True)
class Check:
    has_access: bool
    status: Status
    explanation: str


@dataclass(frozen=True)
class Invoice:
    number: str
    customer_id: str
    issued: str
    amount_cents: int
    paid: bool = True
    currency: str = "USD"


@dataclass(frozen=True)
class Payment:
    date: str
    invoice: str
    amount_cents: int
    method: str
    failure: str | None
    succeeded: bool
    currency: str = "USD"


SUBSCRIPTIONS = [
    Subscription(
        customer_id(1), "Team", 25, 598800, "year", "past_due", "2026-11-12",
        RenewalFailure("card_expired", 3, "2026-11-17", "2026-11-24", "2026-11-26"),
    ),
    Subscription(customer_id(2), "Enterprise", 180, 648000, "month", "active", "2026-12-01"),
    Subscription(customer_id(3), "Team", 12, 28800, "month", "active", "2026-12-15"),
    Subscription(customer_id(4), "Team", 5, 0, "month", "trialing", "2026-12-02"),
    Subscription(customer_id(5), "Business", 60, 2160000, "year", "active", "2027-09-20"),
    Subscription(customer_id(6), "Starter", 2, 3800, "month", "canceled", "2026-07-01"),
]  # fmt: skip
INVOICES = [
    Invoice("INV-2041", customer_id(1), "2026-11-12", 598800, paid=False),
    Invoice("INV-2038", customer_id(2), "2026-11-01", 648000),
    Invoice("INV-2036", customer_id(3), "2026-11-15", 28800),
    Invoice("INV-2019", customer_id(2), "2026-10-01", 648000),
    Invoice("INV-2017", customer_id(3), "2026-10-15", 28800),
    Invoice("INV-1988", customer_id(5), "2026-09-20", 2160000),
    Invoice("INV-1875", customer_id(6), "2026-06-01", 3800),
    Invoice("INV-1402", customer_id(1), "2025-11-12", 598800),
    Invoice("INV-0911", customer_id(1), "2024-11-12", 479000),
]
# Invoice, day, means of payment, and why it failed; the newest of a customer first.
ATTEMPTS = [
    ("INV-2041", "2026-11-17", "Visa 4242 (10/26)", "card_expired"),
    ("INV-2041", "2026-11-14", "Visa 4242 (10/26)", "card_expired"),
    ("INV-2041", "2026-11-12", "Visa 4242 (10/26)", "card_expired"),
    ("INV-1402", "2025-11-12", "Visa 4242 (10/26)", None),
    ("INV-0911", "2024-11-12", "Visa 4242 (10/26)", None),
    ("INV-2038", "2026-11-01", "bank transfer", None),
    ("INV-2019", "2026-10-01", "bank transfer", None),
    ("INV-2036", "2026-11-15", "Mastercard 8210 (04/28)", None),
    ("INV-2017", "2026-10-15", "Mastercard 8210 (04/28)", None),
    ("INV-1988", "2026-09-20", "bank transfer", None),
    ("INV-1875", "2026-06-01", "Visa 1881 (02/27)", None),
]


def find(customer_id: str) -> Subscription:
    for subscription in SUBSCRIPTIONS:
        if subscription.customer_id == customer_id:
            return subscription
    raise ToolError(f"no subscription of a customer with id {customer_id}; crm:search_customers finds ids")


def get_invoice(number: Annotated[str, Field(description="As printed on the invoice: `INV-2041`.")]) -> Invoice:
    """Gets an invoice by its number."""
    for invoice in INVOICES:
        if invoice.number == number:
            return invoice
    raise ToolError(f"no invoice {number}; get_payment_history names a customer's invoices")


def check_subscription(customer_id: CustomerId) -> Check:
    """Tells whether a customer's subscription is paid, and if not, why."""
    found = find(customer_id)
    if found.failure:
        why = f"({found.failure.reason}); access ends on {found.failure.access_until}"
        explanation = f"the renewal of {found.renewal_due} failed {why}"
    elif found.status == "canceled":
        explanation = f"canceled; it ended on {found.renewal_due}"
    else:
        explanation = f"in order until {found.renewal_due}"
    return Check(found.status != "canceled", found.status, explanation)


def get_subscription(customer_id: CustomerId) -> Subscription:
    """Gets a customer's subscription: plan, price, status, and what became of its renewal."""
    return find(customer_id)


def get_payment_history(customer_id: CustomerId, limit: Annotated[int, Field(ge=1, le=50)] = 10) -> list[Payment]:
    """Lists a customer's payments and failed attempts, the newest first."""
    find(customer_id)
    amounts = {invoice.number: invoice.amount_cents for invoice in INVOICES if invoice.customer_id == customer_id}
    payments = [
        Payment(date, invoice, amounts[invoice], method, failure, succeeded=failure is None)
        for invoice, date, method, failure in ATTEMPTS
        if invoice in amounts
    ]
    return payments[:limit]


functions = [get_invoice, check_subscription, get_subscription, get_payment_history]
MCPServer("payments", tools=[tool(function, READ) for function in functions]).run("stdio")
