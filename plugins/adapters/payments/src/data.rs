//! The sample data.

use crate::{Interval, Invoice, Payment, RenewalFailure, Status, Subscription};

#[rustfmt::skip]
pub fn subscriptions() -> Vec<Subscription> {
    use {Interval::{Month, Year}, Status::{Active, Canceled, PastDue, Trialing}};
    let card_expired = RenewalFailure {
        reason: "card_expired".into(),
        attempts: 3,
        last_attempt: "2026-11-17".into(),
        next_attempt: "2026-11-24".into(),
        access_until: "2026-11-26".into(),
    };
    [
        (1, "Team", 25, 598_800, Year, PastDue, "2026-11-12", Some(card_expired)),
        (2, "Enterprise", 180, 648_000, Month, Active, "2026-12-01", None),
        (3, "Team", 12, 28_800, Month, Active, "2026-12-15", None),
        (4, "Team", 5, 0, Month, Trialing, "2026-12-02", None),
        (5, "Business", 60, 2_160_000, Year, Active, "2027-09-20", None),
        (6, "Starter", 2, 3_800, Month, Canceled, "2026-07-01", None),
    ]
    .map(|(customer, plan, seats, amount_cents, interval, status, renewal_due, failure)| Subscription {
        customer_id: customer_id(customer),
        plan: plan.into(),
        seats,
        amount_cents,
        currency: "USD".into(),
        interval,
        status,
        renewal_due: renewal_due.into(),
        failure,
    })
    .into()
}

#[rustfmt::skip]
pub fn invoices() -> Vec<Invoice> {
    [
        ("INV-2041", 1, "2026-11-12", 598_800, false),
        ("INV-2038", 2, "2026-11-01", 648_000, true),
        ("INV-2036", 3, "2026-11-15", 28_800, true),
        ("INV-2019", 2, "2026-10-01", 648_000, true),
        ("INV-2017", 3, "2026-10-15", 28_800, true),
        ("INV-1988", 5, "2026-09-20", 2_160_000, true),
        ("INV-1875", 6, "2026-06-01", 3_800, true),
        ("INV-1402", 1, "2025-11-12", 598_800, true),
        ("INV-0911", 1, "2024-11-12", 479_000, true),
    ]
    .map(|(number, customer, issued, amount_cents, paid)| Invoice {
        number: number.into(),
        customer_id: customer_id(customer),
        issued: issued.into(),
        amount_cents,
        currency: "USD".into(),
        paid,
    })
    .into()
}

/// The payments of a customer, the newest first.
#[rustfmt::skip]
pub fn payments(of: &str) -> Vec<Payment> {
    let expired = Some("card_expired");
    [
        (1, "2026-11-17", "INV-2041", 598_800, "Visa 4242 (10/26)", expired),
        (1, "2026-11-14", "INV-2041", 598_800, "Visa 4242 (10/26)", expired),
        (1, "2026-11-12", "INV-2041", 598_800, "Visa 4242 (10/26)", expired),
        (1, "2025-11-12", "INV-1402", 598_800, "Visa 4242 (10/26)", None),
        (1, "2024-11-12", "INV-0911", 479_000, "Visa 4242 (10/26)", None),
        (2, "2026-11-01", "INV-2038", 648_000, "bank transfer", None),
        (2, "2026-10-01", "INV-2019", 648_000, "bank transfer", None),
        (3, "2026-11-15", "INV-2036", 28_800, "Mastercard 8210 (04/28)", None),
        (3, "2026-10-15", "INV-2017", 28_800, "Mastercard 8210 (04/28)", None),
        (5, "2026-09-20", "INV-1988", 2_160_000, "bank transfer", None),
        (6, "2026-06-01", "INV-1875", 3_800, "Visa 1881 (02/27)", None),
    ]
    .into_iter()
    .filter(|(customer, ..)| customer_id(*customer) == of)
    .map(|(_, date, invoice, amount_cents, method, failure)| Payment {
        date: date.into(),
        invoice: invoice.into(),
        amount_cents,
        currency: "USD".into(),
        succeeded: failure.is_none(),
        method: method.into(),
        failure: failure.map(str::to_owned),
    })
    .collect()
}

/// The id of the customer that stands at this place in the `crm` adapter's list.
fn customer_id(number: u8) -> String {
    format!("5f0c1a2e-000{number}-4a7b-9c3d-8e2f6b1d0a0{number}")
}
