//! The answer in words: one line a subject, none about what is missing but the note.

use crate::Customer360;
use crate::records::{Customer, Meeting, Payment, RenewalFailure, Subscription, Ticket, Trend};

pub fn write(answer: &Customer360, question: Option<&str>) -> String {
    let mut lines = Vec::new();
    lines.extend(question.map(|question| format!("Question: {question}")));
    lines.push(account(&answer.customer));
    lines.extend(answer.subscription.as_ref().map(subscription));
    lines.extend(answer.payments.as_deref().map(payments));
    lines.extend(answer.open_tickets.as_deref().map(tickets));
    lines.extend(answer.upcoming_meetings.as_deref().map(meetings));
    lines.extend(answer.usage.as_ref().map(usage));
    lines.extend(answer.missing.iter().map(|note| format!("Missing: {note}")));
    lines.join("\n")
}

fn account(customer: &Customer) -> String {
    let Customer { name, company, email, status, account_manager, .. } = customer;
    format!("Account: {name} of {company} ({email}) is {}; managed by {account_manager}.", words(status))
}

fn subscription(subscription: &Subscription) -> String {
    let Subscription { plan, seats, interval, status, renewal_due, .. } = subscription;
    let price = money(subscription.amount_cents, &subscription.currency);
    let plan = format!("Subscription: {plan}, {seats} seats, {price} a {interval}");
    match &subscription.failure {
        Some(RenewalFailure { reason, attempts, next_attempt, access_until }) => format!(
            "{plan}; the renewal of {renewal_due} failed: {}, {attempts} attempts. Next attempt {next_attempt}; access \
             ends on {access_until}.",
            words(reason)
        ),
        None => format!("{plan}; {}, renewal on {renewal_due}.", words(status)),
    }
}

fn payments(payments: &[Payment]) -> String {
    let failed = payments.iter().filter(|payment| !payment.succeeded).count();
    let last = match payments.iter().find(|payment| payment.succeeded) {
        Some(Payment { date, amount_cents, currency, method, .. }) => {
            format!("the last that succeeded was {} on {date} by {method}", money(*amount_cents, currency))
        }
        None => "none has succeeded yet".into(),
    };
    format!("Payments: {} on record, {failed} failed; {last}.", payments.len())
}

fn tickets(tickets: &[Ticket]) -> String {
    let one = |ticket: &Ticket| {
        let Ticket { id, subject, status, priority, updated } = ticket;
        format!("{id} \"{subject}\" ({status}, {priority}, updated {updated})")
    };
    list("Open tickets", tickets.iter().map(one))
}

fn meetings(meetings: &[Meeting]) -> String {
    list("Upcoming meetings", meetings.iter().map(|Meeting { title, starts, .. }| format!("{title} at {starts}")))
}

fn usage(trend: &Trend) -> String {
    let range = match (trend.points.first(), trend.points.last()) {
        (Some(first), Some(last)) => {
            format!(" from {} to {} active users between {} and {}", first.value, last.value, first.week, last.week)
        }
        _ => String::new(),
    };
    let change = trend.change_percent.map_or(String::new(), |percent| format!(" ({percent:+} %)"));
    format!("Usage: {}{range}{change}.", trend.direction)
}

fn list(what: &str, items: impl Iterator<Item = String>) -> String {
    let items: Vec<_> = items.collect();
    if items.is_empty() { format!("{what}: none.") } else { format!("{what}: {}.", items.join("; ")) }
}

/// `past_due` becomes `past due`.
fn words(identifier: &str) -> String {
    identifier.replace('_', " ")
}

fn money(cents: u64, currency: &str) -> String {
    format!("{currency} {}.{:02}", cents / 100, cents % 100)
}
