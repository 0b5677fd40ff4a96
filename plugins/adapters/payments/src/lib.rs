//! The demo's billing system: subscriptions, invoices, payments. Sample data; customers have the ids of the
//! `crm` adapter.

use tollgate_sdk::prelude::*;

mod data;

#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
struct Subscription {
    #[schemars(extend("format" = "uuid"))]
    customer_id: String,
    plan: String,
    seats: u32,
    /// Price of all seats for one interval.
    amount_cents: u64,
    currency: String,
    interval: Interval,
    status: Status,
    /// The day on which the next interval is, or was, to be paid.
    renewal_due: String,
    /// Why the renewal failed, where it did.
    failure: Option<RenewalFailure>,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Interval {
    Month,
    Year,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Status {
    Trialing,
    Active,
    PastDue,
    Canceled,
}

#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
struct RenewalFailure {
    reason: String,
    /// How often the payment was tried.
    attempts: u32,
    last_attempt: String,
    next_attempt: String,
    /// The day on which the subscription ends unless it is paid.
    access_until: String,
}

/// The short answer about a subscription.
#[derive(Debug, PartialEq, Serialize, JsonSchema)]
struct Check {
    /// Whether the customer may use the product today.
    has_access: bool,
    status: Status,
    explanation: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
struct Invoice {
    /// As printed on it: `INV-2041`.
    number: String,
    #[schemars(extend("format" = "uuid"))]
    customer_id: String,
    issued: String,
    amount_cents: u64,
    currency: String,
    paid: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
struct Payment {
    date: String,
    invoice: String,
    amount_cents: u64,
    currency: String,
    succeeded: bool,
    method: String,
    /// Why it failed, where it did.
    failure: Option<String>,
}

struct Payments;

#[adapter]
impl Payments {
    /// Gets an invoice by its number.
    #[tool(read_only, open_world = false)]
    async fn get_invoice(
        /// As printed on the invoice: `INV-2041`.
        number: String,
    ) -> Result<Invoice> {
        let found = data::invoices().into_iter().find(|invoice| invoice.number == number);
        found.ok_or_else(|| Error::new(format!("no invoice {number}; get_payment_history names a customer's invoices")))
    }

    /// Tells whether a customer's subscription is paid, and if not, why.
    #[tool(read_only, open_world = false)]
    async fn check_subscription(#[schemars(extend("format" = "uuid"))] customer_id: String) -> Result<Check> {
        let subscription = find(&customer_id)?;
        let explanation = match (&subscription.failure, subscription.status) {
            (Some(failure), _) => format!(
                "the renewal of {} failed ({}); access ends on {}",
                subscription.renewal_due, failure.reason, failure.access_until
            ),
            (None, Status::Canceled) => format!("canceled; it ended on {}", subscription.renewal_due),
            (None, _) => format!("in order until {}", subscription.renewal_due),
        };
        Ok(Check { has_access: subscription.status != Status::Canceled, status: subscription.status, explanation })
    }

    /// Gets a customer's subscription: plan, price, status, and what became of its renewal.
    #[tool(read_only, open_world = false)]
    async fn get_subscription(#[schemars(extend("format" = "uuid"))] customer_id: String) -> Result<Subscription> {
        find(&customer_id)
    }

    /// Lists a customer's payments and failed attempts, the newest first.
    #[tool(read_only, open_world = false)]
    async fn get_payment_history(
        #[schemars(extend("format" = "uuid"))] customer_id: String,
        #[serde(default = "default_limit")]
        #[schemars(range(min = 1, max = 50))]
        limit: usize,
    ) -> Result<Vec<Payment>> {
        find(&customer_id)?;
        Ok(data::payments(&customer_id).into_iter().take(limit).collect())
    }
}

fn default_limit() -> usize {
    10
}

fn find(customer_id: &str) -> Result<Subscription> {
    let found = data::subscriptions().into_iter().find(|subscription| subscription.customer_id == customer_id);
    found.ok_or_else(|| {
        Error::new(format!("no subscription of a customer with id {customer_id}; crm:search_customers finds ids"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_payment_belongs_to_an_invoice_of_the_same_customer_and_amount() {
        let invoices = data::invoices();
        for subscription in data::subscriptions() {
            for payment in data::payments(&subscription.customer_id) {
                let invoice = invoices.iter().find(|invoice| invoice.number == payment.invoice).unwrap();
                assert_eq!(invoice.customer_id, subscription.customer_id, "{}", invoice.number);
                assert_eq!(invoice.amount_cents, payment.amount_cents, "{}", invoice.number);
            }
        }
    }

    #[test]
    fn an_invoice_is_paid_where_a_payment_succeeded() {
        for invoice in data::invoices() {
            let payments = data::payments(&invoice.customer_id);
            let paid = payments.iter().any(|payment| payment.invoice == invoice.number && payment.succeeded);
            assert_eq!(invoice.paid, paid, "{}", invoice.number);
        }
    }
}
