//! The demo's calendar: meetings with customers. Sample data; customers have the ids of the `crm` adapter.

use tollgate_sdk::prelude::*;

#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
struct Meeting {
    id: String,
    title: String,
    #[schemars(extend("format" = "uuid"))]
    customer_id: Option<String>,
    /// UTC.
    #[schemars(extend("format" = "date-time"))]
    starts: String,
    duration_minutes: u32,
    attendees: Vec<String>,
    status: Status,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Status {
    Scheduled,
    Held,
    Canceled,
}

struct Calendar;

#[adapter]
impl Calendar {
    /// Lists meetings in the order of time.
    #[tool(read_only, open_world = false)]
    async fn list_meetings(
        /// Only those with this customer.
        #[schemars(extend("format" = "uuid"))]
        customer_id: Option<String>,
        /// Only those on this day or later.
        #[schemars(extend("format" = "date"))]
        from: Option<String>,
        /// Only those before this day.
        #[schemars(extend("format" = "date"))]
        to: Option<String>,
    ) -> Result<Vec<Meeting>> {
        // ISO dates compare as text.
        let matches = |meeting: &Meeting| {
            customer_id.as_ref().is_none_or(|id| meeting.customer_id.as_ref() == Some(id))
                && from.as_ref().is_none_or(|from| meeting.starts >= *from)
                && to.as_ref().is_none_or(|to| meeting.starts < *to)
        };
        Ok(meetings().into_iter().filter(matches).collect())
    }

    /// Arranges a meeting and returns it. Fails where another one starts at that time. Sample data: the
    /// meeting is not kept, and every new one has the same id.
    #[tool(destructive = false, open_world = false)]
    async fn create_meeting(
        #[schemars(length(min = 1, max = 200))] title: String,
        /// In UTC, as `2026-11-25T10:00:00Z`.
        #[schemars(extend("format" = "date-time"), regex(pattern = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$"))]
        starts: String,
        #[serde(default = "default_duration")]
        #[schemars(range(min = 15, max = 480))]
        duration_minutes: u32,
        /// Their e-mail addresses.
        #[serde(default)]
        #[schemars(length(max = 50))]
        attendees: Vec<String>,
        #[schemars(extend("format" = "uuid"))] customer_id: Option<String>,
    ) -> Result<Meeting> {
        let taken = |other: &Meeting| other.status == Status::Scheduled && other.starts == starts;
        if let Some(other) = meetings().into_iter().find(taken) {
            bail!("{starts} is taken by {} ({}); choose another time", other.id, other.title);
        }
        let id = "MTG-318".into();
        Ok(Meeting { id, title, customer_id, starts, duration_minutes, attendees, status: Status::Scheduled })
    }

    /// Cancels a meeting and returns it. Sample data: the change is not kept.
    #[tool(destructive, idempotent, open_world = false)]
    async fn cancel_meeting(
        /// As `MTG-312`.
        id: String,
    ) -> Result<Meeting> {
        match meetings().into_iter().find(|meeting| meeting.id == id) {
            Some(meeting) if meeting.status == Status::Held => {
                bail!("{id} was held on {}; only a meeting to come can be canceled", meeting.starts)
            }
            Some(meeting) => Ok(Meeting { status: Status::Canceled, ..meeting }),
            None => bail!("no meeting with id {id}; list_meetings finds ids"),
        }
    }
}

fn default_duration() -> u32 {
    30
}

#[rustfmt::skip]
fn meetings() -> Vec<Meeting> {
    use Status::{Canceled, Held, Scheduled};
    [
        ("MTG-287", "Quarterly review with Acme", 1, "2026-08-19T14:00:00Z", 60, &["john.smith@acme.com", "priya@vendor.example"][..], Held),
        ("MTG-301", "Nordwind: renewal and roadmap", 5, "2026-09-15T09:00:00Z", 60, &["lars.nielsen@nordwind.example", "priya@vendor.example"], Held),
        ("MTG-305", "Onboarding of the clinic", 4, "2026-11-04T16:00:00Z", 45, &["amina@lakeside-clinic.example", "tom@vendor.example"], Held),
        ("MTG-309", "Check-in with Acme", 1, "2026-11-11T15:00:00Z", 30, &["john.smith@acme.com", "priya@vendor.example"], Canceled),
        ("MTG-311", "Webhook delays: status", 3, "2026-11-23T10:00:00Z", 30, &["wei.chen@initech.example", "tom@vendor.example"], Scheduled),
        ("MTG-312", "Renewal with Acme", 1, "2026-11-24T15:00:00Z", 30, &["john.smith@acme.com", "priya@vendor.example"], Scheduled),
        ("MTG-315", "Globex: yearly planning", 2, "2026-12-03T13:00:00Z", 90, &["maria.garcia@globex.example", "priya@vendor.example"], Scheduled),
    ]
    .map(|(id, title, customer, starts, duration_minutes, attendees, status)| Meeting {
        id: id.into(),
        title: title.into(),
        customer_id: Some(customer_id(customer)),
        starts: starts.into(),
        duration_minutes,
        attendees: attendees.iter().map(|&attendee| attendee.to_owned()).collect(),
        status,
    })
    .into()
}

/// The id of the customer that stands at this place in the `crm` adapter's list.
fn customer_id(number: u8) -> String {
    format!("5f0c1a2e-000{number}-4a7b-9c3d-8e2f6b1d0a0{number}")
}
