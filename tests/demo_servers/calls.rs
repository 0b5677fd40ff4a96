//! What the tools of the demo's servers are asked.

use serde_json::{Value, json};

/// The calls of one tool: those that it answers, those that it fails, those that do not fit its schema.
pub(super) struct Asked {
    pub server: &'static str,
    pub tool: &'static str,
    pub answered: Vec<Value>,
    pub failed: Vec<Value>,
    pub refused: Vec<Value>,
}

const NOBODY: &str = "5f0c1a2e-0009-4a7b-9c3d-8e2f6b1d0a09";

fn customer(number: u8) -> String {
    format!("5f0c1a2e-000{number}-4a7b-9c3d-8e2f6b1d0a0{number}")
}

/// Not by these letters, not by the text that JSON has for nothing.
fn strangers() -> [String; 5] {
    [NOBODY.to_owned(), customer(1).to_uppercase(), "no uuid".to_owned(), String::new(), "null".to_owned()]
}

fn list(values: Value) -> Vec<Value> {
    serde_json::from_value(values).unwrap()
}

/// One call for each value of a member.
fn each<T: serde::Serialize>(member: &str, values: impl IntoIterator<Item = T>) -> Vec<Value> {
    values.into_iter().map(|value| json!({ (member): value })).collect()
}

pub(super) fn all() -> Vec<Asked> {
    [crm(), tickets(), payments(), analytics(), calendar()].into_iter().flatten().collect()
}

fn crm() -> Vec<Asked> {
    let (server, id) = ("crm", customer(3));
    let mut known: Vec<_> = (1..=6).map(customer).collect();
    known.push(customer(1).to_uppercase());
    let unknown = [NOBODY, "no uuid", "", "null", "{}", "ſ", "\u{212a}"];
    vec![
        Asked {
            server,
            tool: "search_customers",
            answered: list(json!([
                {"query": "john"}, {"query": "ACME"}, {"query": "globex.EXAMPLE"}, {"query": "e"}, {"query": "nobody"},
                {"query": " "}, {"query": "İ"}, {"query": "null"}, {"query": "x".repeat(100)}, {"query": "ä".repeat(100)},
                {"query": "e", "limit": 1}, {"query": "e", "limit": 3}, {"query": "e", "limit": 20},
            ])),
            failed: Vec::new(),
            refused: list(json!([
                {"query": ""}, {"query": "x".repeat(101)}, {"query": null}, {"query": 7}, {"query": ["e"]},
                {"query": "e", "limit": 0}, {"query": "e", "limit": 21}, {"query": "e", "limit": -1},
                {"query": "e", "limit": 1.5}, {"query": "e", "limit": "5"}, {"query": "e", "limit": null},
                {"query": "e", "limit": 1e300}, {"QUERY": "e"},
            ])),
        },
        Asked {
            server,
            tool: "get_customer",
            answered: each("id", known),
            failed: each("id", unknown),
            refused: each("id", [json!(null), json!(1), json!([id])]),
        },
        Asked {
            server,
            tool: "update_customer",
            answered: list(json!([
                {"id": id},
                {"id": id, "name": "Wei Chen-Li"},
                {"id": id.to_uppercase(), "name": "陳", "email": "wei@example.org", "company": "Ünïcode & Söhne", "status": "closed"},
                {"id": id, "name": null, "email": null, "company": null, "status": null},
                {"id": id, "status": "trial"}, {"id": id, "status": "past_due"}, {"id": id, "status": "active"},
                // A format is told, not checked.
                {"id": id, "email": "no address"}, {"id": id, "email": ""},
                // A text stays one, also where it is JSON.
                {"id": id, "name": "null", "email": "[1]", "company": "{\"a\": 1}"},
                {"id": id, "name": "🗓".repeat(100)},
            ])),
            failed: list(
                json!([{"id": NOBODY}, {"id": "", "name": "x"}, {"id": "a \"quoted\"\nline", "status": "trial"}]),
            ),
            refused: list(json!([
                {"id": id, "name": ""}, {"id": id, "name": "x".repeat(101)}, {"id": id, "company": ""},
                {"id": id, "company": "🗓".repeat(101)}, {"id": id, "status": "PastDue"}, {"id": id, "status": "unknown"},
                {"id": id, "status": ""}, {"id": id, "account_manager": "Tom Becker"},
                // Two at once.
                {"id": 1, "status": 2},
            ])),
        },
    ]
}

fn tickets() -> Vec<Asked> {
    let server = "tickets";
    let statuses = ["open", "pending", "resolved", "closed"];
    let mut listed = list(json!([
        {}, {"limit": 1}, {"limit": 3}, {"limit": 50}, {"customer_id": null, "status": null},
        {"customer_id": customer(1), "status": "closed", "limit": 1}, {"customer_id": customer(5), "status": "open"},
    ]));
    listed.extend(each("customer_id", (1..=6).map(customer)));
    listed.extend(each("customer_id", strangers()));
    listed.extend(each("status", statuses));
    let ids = ["TCK-1060", "TCK-1057", "TCK-1055", "TCK-1049", "TCK-1042", "TCK-1031", "TCK-1012"];
    let id = ids[0];
    let mut updated = each("id", ids);
    updated.extend(statuses.map(|status| json!({"id": id, "status": status})));
    updated.extend(["low", "normal", "high", "urgent"].map(|priority| json!({"id": "TCK-1049", "priority": priority})));
    updated.extend(list(json!([
        {"id": id, "status": null, "priority": null, "assignee": null, "comment": null},
        {"id": id, "status": "resolved", "priority": "urgent", "assignee": "Sam Ortiz", "comment": "Done.\nThank you — 谢谢"},
        {"id": id, "assignee": ""}, {"id": id, "assignee": "null"}, {"id": "TCK-1042", "assignee": null},
        {"id": id, "comment": "{\"a\": 1}"}, {"id": id, "comment": "é".repeat(5000)},
    ])));
    let new = json!({"customer_id": customer(2), "subject": "It is slow", "description": "Since Monday."});
    let with = |member: &str, value: Value| {
        let mut args = new.clone();
        args[member] = value;
        args
    };
    vec![
        Asked {
            server,
            tool: "list_tickets",
            answered: listed,
            failed: Vec::new(),
            refused: list(json!([
                {"limit": 0}, {"limit": 51}, {"limit": null}, {"limit": 2.5}, {"limit": "2"}, {"status": "Open"},
                {"status": ""}, {"status": ["open"]}, {"customer_id": 1}, {"customer": customer(1)},
            ])),
        },
        Asked {
            server,
            tool: "create_ticket",
            answered: vec![
                new.clone(),
                with("priority", json!("urgent")),
                with("priority", json!("low")),
                with("customer_id", json!(NOBODY)),
                with("customer_id", json!("")),
                with("subject", json!("[1, 2]")),
                with("subject", json!("🗓".repeat(200))),
                with("description", json!("null")),
                with("description", json!("x".repeat(5000))),
            ],
            failed: Vec::new(),
            refused: vec![
                with("subject", json!("")),
                with("subject", json!("x".repeat(201))),
                with("description", json!("")),
                with("description", json!("x".repeat(5001))),
                with("description", json!(null)),
                with("priority", json!("highest")),
                with("priority", json!(null)),
                with("id", json!("TCK-1")),
            ],
        },
        Asked {
            server,
            tool: "update_ticket",
            answered: updated,
            failed: list(json!([{"id": "TCK-1"}, {"id": ""}, {"id": "tck-1042"}, {"id": "null", "status": "open"}])),
            refused: list(json!([
                {"id": null}, {"id": 1042}, {"id": id, "status": "new"}, {"id": id, "priority": "URGENT"},
                {"id": id, "comment": ""}, {"id": id, "comment": "x".repeat(5001)}, {"id": id, "assignee": 7},
                {"id": id, "subject": "Another"},
            ])),
        },
    ]
}

fn payments() -> Vec<Asked> {
    let server = "payments";
    let invoices = ["2041", "2038", "2036", "2019", "2017", "1988", "1875", "1402", "0911"];
    let of_customers = || each("customer_id", (1..=6).map(customer));
    let of_strangers = || each("customer_id", strangers());
    let no_ids = || each("customer_id", [json!(null), json!(1), json!([])]);
    let mut histories = of_customers();
    histories.extend([1, 2, 5, 50].map(|limit| json!({"customer_id": customer(1), "limit": limit})));
    vec![
        Asked {
            server,
            tool: "get_invoice",
            answered: each("number", invoices.map(|number| format!("INV-{number}"))),
            failed: each("number", ["INV-1", "inv-2041", " INV-2041", "", "null", "2041"]),
            refused: each("number", [json!(2041), json!(null)]),
        },
        Asked {
            server,
            tool: "check_subscription",
            answered: of_customers(),
            failed: of_strangers(),
            refused: no_ids(),
        },
        Asked { server, tool: "get_subscription", answered: of_customers(), failed: of_strangers(), refused: no_ids() },
        Asked {
            server,
            tool: "get_payment_history",
            answered: histories,
            failed: of_strangers(),
            refused: [0, 51, -1].map(|limit| json!({"customer_id": customer(1), "limit": limit})).into(),
        },
    ]
}

fn analytics() -> Vec<Asked> {
    let server = "analytics";
    let mut reports = each("weeks", 1..=12);
    reports.extend(each("customer_id", (1..=5).map(customer)));
    reports.extend(list(json!([{}, {"customer_id": null}, {"weeks": 3, "customer_id": customer(4)}])));
    // The sixth customer has left.
    let mut no_reports = each("customer_id", strangers());
    no_reports.push(json!({"customer_id": customer(6), "weeks": 2}));
    // All there are: each rounds in its own way.
    let mut trends = Vec::new();
    for customer in (1..=5).map(customer) {
        for metric in ["active_users", "api_calls"] {
            trends.push(json!({"customer_id": customer, "metric": metric}));
            trends.extend((2..=12).map(|weeks| json!({"customer_id": customer, "metric": metric, "weeks": weeks})));
        }
    }
    let trend = |args: Value| {
        let mut whole = json!({"customer_id": customer(1), "metric": "api_calls"});
        whole.as_object_mut().unwrap().extend(args.as_object().unwrap().clone());
        whole
    };
    vec![
        Asked {
            server,
            tool: "get_report",
            answered: reports,
            failed: no_reports,
            refused: list(json!([
                {"weeks": 0}, {"weeks": 13}, {"weeks": null}, {"weeks": "8"}, {"customer_id": 1}, {"metric": "api_calls"},
            ])),
        },
        Asked {
            server,
            tool: "get_trend",
            answered: trends,
            failed: strangers().map(|id| trend(json!({"customer_id": id}))).into(),
            refused: list(json!([
                trend(json!({"weeks": 1})),
                trend(json!({"weeks": 13})),
                trend(json!({"metric": "ApiCalls"})),
                trend(json!({"metric": null})),
                trend(json!({"metric": ["api_calls"]})),
                trend(json!({"customer_id": null})),
            ])),
        },
    ]
}

fn calendar() -> Vec<Asked> {
    let server = "calendar";
    let mut listed = each("customer_id", (1..=6).map(customer));
    listed.extend(each("customer_id", strangers()));
    listed.extend(list(json!([
        {}, {"customer_id": null, "from": null, "to": null},
        {"from": "2026-11-11"}, {"to": "2026-11-11"}, {"from": "2026-11-11", "to": "2026-11-24"},
        {"from": "2026-11-24T15:00:00Z"}, {"to": "2026-11-24T15:00:00Z"}, {"from": "2026-12-01", "to": "2026-11-01"},
        {"from": ""}, {"to": ""}, {"from": "null"}, {"from": "no day"}, {"to": "9"},
        {"customer_id": customer(1), "from": "2026-09-01", "to": "2026-11-12"},
    ])));
    let free = "2026-11-25T10:00:00Z";
    let at = |starts: &str| json!({"title": "Review", "starts": starts});
    let with = |member: &str, value: Value| {
        let mut args = at(free);
        args[member] = value;
        args
    };
    vec![
        Asked {
            server,
            tool: "list_meetings",
            answered: listed,
            failed: Vec::new(),
            refused: list(
                json!([{"from": 20261111}, {"to": ["2026-11-11"]}, {"since": "2026-11-11"}, {"from_": "2026-11-11"}]),
            ),
        },
        Asked {
            server,
            tool: "create_meeting",
            answered: vec![
                at(free),
                // At the time of one that is canceled, of one that was held; at no time that there is.
                at("2026-11-11T15:00:00Z"),
                at("2026-08-19T14:00:00Z"),
                at("2026-99-99T99:99:99Z"),
                with("title", json!("null")),
                with("title", json!("会".repeat(200))),
                with("duration_minutes", json!(15)),
                with("duration_minutes", json!(480)),
                with("attendees", json!([])),
                with("attendees", json!(["a@example.com", "", "[]", "a@example.com"])),
                with("attendees", json!(vec!["a@example.com"; 50])),
                with("customer_id", json!(customer(2))),
                with("customer_id", json!(NOBODY)),
                with("customer_id", json!(null)),
            ],
            failed: ["2026-11-23T10:00:00Z", "2026-11-24T15:00:00Z", "2026-12-03T13:00:00Z"].map(at).into(),
            refused: vec![
                at("2026-11-25"),
                at("2026-11-25T10:00:00"),
                at("2026-11-25T10:00:00+01:00"),
                at("2026-11-25T10:00:00Z\n"),
                at("2026-11-25t10:00:00z"),
                at(" 2026-11-25T10:00:00Z"),
                with("title", json!("")),
                with("title", json!("x".repeat(201))),
                with("duration_minutes", json!(14)),
                with("duration_minutes", json!(481)),
                with("duration_minutes", json!(null)),
                with("attendees", json!(vec!["a@example.com"; 51])),
                with("attendees", json!("[\"a@example.com\"]")),
                with("attendees", json!([1])),
                with("attendees", json!(null)),
                with("status", json!("held")),
            ],
        },
        Asked {
            server,
            tool: "cancel_meeting",
            answered: each("id", ["MTG-309", "MTG-311", "MTG-312", "MTG-315"]),
            failed: each("id", ["MTG-287", "MTG-301", "MTG-305", "MTG-318", "mtg-312", "", "null"]),
            refused: each("id", [json!(312), json!(null)]),
        },
    ]
}
