//! What the policy reads of the servers' records.

use tollgate_sdk::prelude::*;

#[derive(Serialize, Deserialize, JsonSchema)]
pub struct Customer {
    pub id: String,
    pub name: String,
    pub email: String,
    pub company: String,
    pub status: String,
    pub account_manager: String,
}

#[derive(Serialize, Deserialize, JsonSchema)]
pub struct Subscription {
    pub plan: String,
    pub seats: u32,
    pub amount_cents: u64,
    pub currency: String,
    pub interval: String,
    pub status: String,
    pub renewal_due: String,
    pub failure: Option<RenewalFailure>,
}

#[derive(Serialize, Deserialize, JsonSchema)]
pub struct RenewalFailure {
    pub reason: String,
    pub attempts: u32,
    pub next_attempt: String,
    pub access_until: String,
}

#[derive(Serialize, Deserialize, JsonSchema)]
pub struct Ticket {
    pub id: String,
    pub subject: String,
    pub status: String,
    pub priority: String,
    pub updated: String,
}

impl Ticket {
    pub fn is_open(&self) -> bool {
        ["open", "pending"].contains(&self.status.as_str())
    }
}

#[derive(Serialize, Deserialize, JsonSchema)]
pub struct Payment {
    pub date: String,
    pub invoice: String,
    pub amount_cents: u64,
    pub currency: String,
    pub succeeded: bool,
    pub method: String,
    pub failure: Option<String>,
}

#[derive(Serialize, Deserialize, JsonSchema)]
pub struct Meeting {
    pub id: String,
    pub title: String,
    pub starts: String,
    pub status: String,
}

impl Meeting {
    pub fn is_scheduled(&self) -> bool {
        self.status == "scheduled"
    }
}

#[derive(Serialize, Deserialize, JsonSchema)]
pub struct Trend {
    pub direction: String,
    pub change_percent: Option<f64>,
    pub points: Vec<Point>,
}

#[derive(Serialize, Deserialize, JsonSchema)]
pub struct Point {
    pub week: String,
    pub value: u32,
}
