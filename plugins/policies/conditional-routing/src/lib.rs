//! Pattern: conditional routing. What one server answers decides which server comes next.

use tollgate_sdk::prelude::*;

/// When trials are talked about: the demo's clock stands still.
const NEXT_FREE_SLOT: &str = "2026-11-25T10:00:00Z";

#[derive(Deserialize)]
struct Customer {
    id: String,
    name: String,
}

#[derive(Deserialize)]
struct Check {
    status: String,
    explanation: String,
}

#[derive(Serialize, JsonSchema)]
struct Output {
    status: String,
    /// What was done about it.
    action: String,
    /// The record that the action left: a ticket or a meeting.
    record: Option<Value>,
}

/// Looks at a customer's subscription and does what its status asks for: a ticket for one that is not paid, a
/// meeting for a trial, nothing for one in order.
#[policy(grants = [
    "tool=crm:search_customers",
    "tool=payments:check_subscription",
    "tool=tickets:create_ticket",
    "tool=calendar:create_meeting",
])]
async fn conditional_routing(
    /// The customer's e-mail address.
    email: String,
) -> Result<Output> {
    let found: Vec<Customer> = call_as("crm:search_customers", json!({"query": email, "limit": 1})).await?;
    let Some(Customer { id, name }) = found.first() else { bail!("no customer has the e-mail address {email}") };
    let check: Check = call_as("payments:check_subscription", json!({"customer_id": id})).await?;

    let (action, record) = match check.status.as_str() {
        "past_due" => {
            let ticket = json!({
                "customer_id": id,
                "subject": format!("Subscription of {name} is not paid"),
                "description": check.explanation,
                "priority": "high",
            });
            ("opened a ticket", Some(call_as("tickets:create_ticket", ticket).await?))
        }
        "trialing" => {
            let meeting = json!({
                "title": format!("How does the trial go, {name}?"),
                "starts": NEXT_FREE_SLOT,
                "attendees": [email],
                "customer_id": id,
            });
            ("arranged a meeting", Some(call_as("calendar:create_meeting", meeting).await?))
        }
        _ => ("nothing to do", None),
    };
    Ok(Output { status: check.status, action: action.into(), record })
}
