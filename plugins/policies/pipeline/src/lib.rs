//! Pattern: pipeline. Data flows through the servers in a line, each step takes what the last one gave:
//! fetch, process, deliver.

use tollgate_sdk::prelude::*;

#[derive(Deserialize)]
struct Customer {
    id: String,
    name: String,
}

#[derive(Deserialize)]
struct Payment {
    date: String,
    invoice: String,
    succeeded: bool,
    failure: Option<String>,
}

#[derive(Serialize, JsonSchema)]
struct Output {
    failed_payments: usize,
    /// The ticket that was opened, if a payment had failed.
    ticket: Option<String>,
}

/// Opens a support ticket about a customer's failed payments, if there are any.
#[policy(grants = ["tool=crm:search_customers", "tool=payments:get_payment_history", "tool=tickets:create_ticket"])]
async fn pipeline(
    /// The customer's e-mail address.
    email: String,
) -> Result<Output> {
    // Fetch.
    let found: Vec<Customer> = call_as("crm:search_customers", json!({"query": email, "limit": 1})).await?;
    let Some(customer) = found.first() else { bail!("no customer has the e-mail address {email}") };
    let payments: Vec<Payment> = call_as("payments:get_payment_history", json!({"customer_id": customer.id})).await?;

    // Process.
    let failed: Vec<_> = payments.iter().filter(|payment| !payment.succeeded).collect();
    if failed.is_empty() {
        return Ok(Output { failed_payments: 0, ticket: None });
    }
    let line = |payment: &&Payment| {
        let reason = payment.failure.as_deref().unwrap_or("unknown reason");
        format!("{}: {} failed ({reason})", payment.date, payment.invoice)
    };
    let description = failed.iter().map(line).collect::<Vec<_>>().join("\n");

    // Deliver.
    let ticket = json!({
        "customer_id": customer.id,
        "subject": format!("{} failed payments of {}", failed.len(), customer.name),
        "description": description,
        "priority": "high",
    });
    let ticket: Value = call_as("tickets:create_ticket", ticket).await?;
    Ok(Output { failed_payments: failed.len(), ticket: ticket.get("id").and_then(Value::as_str).map(str::to_owned) })
}
