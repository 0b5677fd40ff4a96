//! Everything about one customer, from five servers: the CRM finds the customer, then all the others are asked
//! at once. A server that fails leaves a gap in the answer, and a note about it.

use tollgate_sdk::prelude::*;

mod records;
mod summary;

use records::{Customer, Meeting, Payment, Subscription, Ticket, Trend};

#[derive(Serialize, JsonSchema)]
struct Customer360 {
    /// The answer in words.
    summary: String,
    customer: Customer,
    subscription: Option<Subscription>,
    open_tickets: Option<Vec<Ticket>>,
    payments: Option<Vec<Payment>>,
    upcoming_meetings: Option<Vec<Meeting>>,
    usage: Option<Trend>,
    /// What could not be found out, and why.
    missing: Vec<String>,
}

/// Tells all about a customer in one answer: account status, subscription, open support tickets, payment
/// history, meetings and usage. Parts that a server does not answer are named as missing.
#[policy(title = "Customer 360", grants = [
    "tool=crm:search_customers",
    "tool=payments:get_subscription",
    "tool=payments:get_payment_history",
    "tool=tickets:list_tickets",
    "tool=calendar:list_meetings",
    "tool=analytics:get_trend",
])]
async fn customer_360(
    /// The customer's e-mail address, as `john.smith@acme.com`.
    #[schemars(email)]
    email: String,
    /// What one wants to know; repeated at the top of the summary.
    question: Option<String>,
) -> Result<Customer360> {
    let customer = find(&email).await?;
    log::info!("{} is {}", email, customer.id);

    let of_customer = json!({"customer_id": customer.id});
    let (subscription, payments, tickets, meetings, usage) = join!(
        call_as("payments:get_subscription", &of_customer),
        call_as("payments:get_payment_history", &of_customer),
        call_as::<Vec<Ticket>>("tickets:list_tickets", &of_customer),
        call_as::<Vec<Meeting>>("calendar:list_meetings", &of_customer),
        call_as("analytics:get_trend", json!({"customer_id": customer.id, "metric": "active_users", "weeks": 12})),
    );

    let mut missing = Vec::new();
    let mut answer = Customer360 {
        summary: String::new(),
        customer,
        subscription: note(&mut missing, "subscription", subscription),
        open_tickets: note(&mut missing, "tickets", tickets)
            .map(|tickets| tickets.into_iter().filter(Ticket::is_open).collect()),
        payments: note(&mut missing, "payment history", payments),
        upcoming_meetings: note(&mut missing, "meetings", meetings)
            .map(|meetings| meetings.into_iter().filter(Meeting::is_scheduled).collect()),
        usage: note(&mut missing, "usage", usage),
        missing,
    };
    answer.summary = summary::write(&answer, question.as_deref());
    Ok(answer)
}

/// Without the CRM there is no id to ask the others by: its failure is the policy's.
async fn find(email: &str) -> Result<Customer> {
    let found: Vec<Customer> = call_as("crm:search_customers", json!({"query": email})).await?;
    // The search also finds addresses that only contain this one.
    let exact = found.into_iter().find(|customer| customer.email.eq_ignore_ascii_case(email));
    exact.ok_or_else(|| Error::new(format!("no customer has the e-mail address {email}")).code("customer-not-found"))
}

/// The part, or a note that it is missing.
fn note<T>(missing: &mut Vec<String>, part: &str, result: Result<T>) -> Option<T> {
    result.map_err(|error| missing.push(format!("{part}: {error}"))).ok()
}
