//! The demo's ticketing system: what customers ask support for. Sample data; customers have the ids of the
//! `crm` adapter.

use tollgate_sdk::prelude::*;

/// The demo's clock stands still.
const TODAY: &str = "2026-11-20";

#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
struct Ticket {
    id: String,
    #[schemars(extend("format" = "uuid"))]
    customer_id: String,
    subject: String,
    status: Status,
    priority: Priority,
    created: String,
    updated: String,
    assignee: Option<String>,
    last_comment: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Status {
    Open,
    /// Waits for the customer.
    Pending,
    Resolved,
    Closed,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Priority {
    Low,
    #[default]
    Normal,
    High,
    Urgent,
}

struct Tickets;

#[adapter]
impl Tickets {
    /// Lists tickets, the newest first.
    #[tool(read_only, open_world = false)]
    async fn list_tickets(
        /// Only those of this customer.
        #[schemars(extend("format" = "uuid"))]
        customer_id: Option<String>,
        /// Only those in this state.
        status: Option<Status>,
        #[serde(default = "default_limit")]
        #[schemars(range(min = 1, max = 50))]
        limit: usize,
    ) -> Result<Vec<Ticket>> {
        let matches = |ticket: &Ticket| {
            customer_id.as_ref().is_none_or(|id| *id == ticket.customer_id)
                && status.is_none_or(|status| status == ticket.status)
        };
        Ok(tickets().into_iter().filter(matches).take(limit).collect())
    }

    /// Opens a ticket for a customer and returns it. Sample data: the ticket is not kept, and every new one
    /// has the same id.
    #[tool(destructive = false, open_world = false)]
    async fn create_ticket(
        #[schemars(extend("format" = "uuid"))] customer_id: String,
        #[schemars(length(min = 1, max = 200))] subject: String,
        /// What the customer needs, or what went wrong.
        #[schemars(length(min = 1, max = 5000))]
        description: String,
        #[serde(default)] priority: Priority,
    ) -> Result<Ticket> {
        Ok(Ticket {
            id: "TCK-1061".into(),
            customer_id,
            subject,
            status: Status::Open,
            priority,
            created: TODAY.into(),
            updated: TODAY.into(),
            assignee: None,
            last_comment: description,
        })
    }

    /// Changes a ticket and returns the changed record. Members that are left out stay as they are. Sample
    /// data: the change is not kept.
    #[tool(idempotent, open_world = false)]
    async fn update_ticket(
        /// As `TCK-1042`.
        id: String,
        status: Option<Status>,
        priority: Option<Priority>,
        assignee: Option<String>,
        #[schemars(length(min = 1, max = 5000))] comment: Option<String>,
    ) -> Result<Ticket> {
        let Some(old) = tickets().into_iter().find(|ticket| ticket.id == id) else {
            bail!("no ticket with id {id}; list_tickets finds ids");
        };
        Ok(Ticket {
            status: status.unwrap_or(old.status),
            priority: priority.unwrap_or(old.priority),
            assignee: assignee.or(old.assignee),
            last_comment: comment.unwrap_or(old.last_comment),
            updated: TODAY.into(),
            ..old
        })
    }
}

fn default_limit() -> usize {
    20
}

#[rustfmt::skip]
fn tickets() -> Vec<Ticket> {
    use {Priority::{High, Low, Normal, Urgent}, Status::{Closed, Open, Pending, Resolved}};
    [
        ("TCK-1060", 4, "How do I invite my colleagues?", Open, Low, "2026-11-19", "2026-11-19", None, "Is there a limit in the trial?"),
        ("TCK-1057", 1, "Subscription renewal failed", Open, High, "2026-11-16", "2026-11-18", Some("Dana Lee"), "The card on file has expired. Where can I enter the new one?"),
        ("TCK-1055", 3, "Webhook deliveries are delayed", Open, Urgent, "2026-11-15", "2026-11-19", Some("Sam Ortiz"), "Deliveries lag by ten minutes since Sunday."),
        ("TCK-1049", 1, "CSV export times out", Pending, Normal, "2026-11-05", "2026-11-10", Some("Sam Ortiz"), "Fixed in the current release; please try again."),
        ("TCK-1042", 2, "Add a purchase order number to invoices", Resolved, Low, "2026-10-21", "2026-10-23", Some("Dana Lee"), "Done: it is printed from the next invoice on."),
        ("TCK-1031", 1, "Single sign-on for a second domain", Closed, Normal, "2026-09-08", "2026-09-11", Some("Dana Lee"), "The domain is verified."),
        ("TCK-1012", 6, "Please close our account", Closed, Normal, "2026-06-30", "2026-07-01", Some("Dana Lee"), "Closed as of today."),
    ]
    .map(|(id, customer, subject, status, priority, created, updated, assignee, last_comment)| Ticket {
        id: id.into(),
        customer_id: customer_id(customer),
        subject: subject.into(),
        status,
        priority,
        created: created.into(),
        updated: updated.into(),
        assignee: assignee.map(str::to_owned),
        last_comment: last_comment.into(),
    })
    .into()
}

/// The id of the customer that stands at this place in the `crm` adapter's list.
fn customer_id(number: u8) -> String {
    format!("5f0c1a2e-000{number}-4a7b-9c3d-8e2f6b1d0a0{number}")
}
