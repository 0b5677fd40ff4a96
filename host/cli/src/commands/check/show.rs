//! What was found, for people and for programs.

use super::{Looked, Named};
use crate::print::{self, BOLD, DIM, ODD, styled};
use serde_json::{Map, Value, json};
use tollgate::limits::format_value;
use tollgate::outbound::Place;
use tollgate::{Checked, Given, LimitKind, Limits};

/// Where the values of rows begin.
const INDENT: usize = 10;

pub(super) fn document(looked: &Looked) -> Value {
    let inspection = looked.component.as_ref().map(|checked| &checked.inspection);
    let said = looked.component.as_ref().and_then(|checked| checked.descriptor.as_ref());
    let configured = looked.named.as_ref().map(|Named { kind, name, runs, .. }| {
        let mut configured = Map::new();
        configured.insert("kind".into(), json!(kind));
        configured.insert("name".into(), json!(name));
        configured.insert("runs".into(), json!(runs));
        if let Some(given) = &looked.given {
            configured.extend(given_members(given));
        }
        configured
    });
    json!({
        "digest": inspection.map(|i| &i.digest),
        "size_bytes": inspection.map(|i| i.size_bytes),
        "world": inspection.map(|i| i.world.name()),
        "imports": inspection.map(|i| &i.imports),
        "exports": inspection.map(|i| &i.exports),
        "name": said.map(|d| &d.name),
        "title": said.and_then(|d| d.title.as_ref()),
        "description": said.map(|d| &d.description),
        "input_schema": said.map(|d| &d.input_schema),
        "output_schema": said.and_then(|d| d.output_schema.as_ref()),
        "grants": said.map(|d| &d.grants),
        "tools": looked.component.as_ref().map(|checked| &checked.tools),
        "permissions": {"may": looked.permissions.may, "notes": looked.permissions.notes},
        "configured": configured,
    })
}

fn given_members(given: &Given) -> Map<String, Value> {
    let secrets = given.secrets.iter().map(|secret| {
        let hosts: Vec<_> = secret.hosts().iter().map(ToString::to_string).collect();
        json!({"name": secret.name(), "hosts": hosts, "in": place(secret.place())})
    });
    let limits = LimitKind::ALL.iter().map(|kind| (kind.name().to_owned(), json!(given.limits.get(*kind))));
    let mut members = Map::new();
    members.insert("grants".into(), given.grants.iter().map(ToString::to_string).collect());
    members.insert("secrets".into(), secrets.collect());
    members.insert("limits".into(), Value::Object(limits.collect()));
    members.insert("approve".into(), given.approvals.iter().map(ToString::to_string).collect());
    let quota = given.quota;
    members.insert(
        "state".into(),
        json!({"max_value": quota.value_bytes, "max_keys": quota.keys, "max_bytes": quota.total_bytes}),
    );
    members
}

/// Where in a request a secret stands.
fn place(place: &Place) -> String {
    match place {
        Place::Bearer => "bearer".to_owned(),
        Place::Basic { .. } => "basic".to_owned(),
        Place::Header { name, .. } => format!("header {name}"),
        Place::Query(name) => format!("query {name}"),
        Place::Cookie(name) => format!("cookie {name}"),
    }
}

/// Lines of a name and a value.
#[derive(Default)]
struct Rows(Vec<String>);

impl Rows {
    fn add(&mut self, name: &str, value: impl std::fmt::Display) {
        self.0.push(format!("{} {value}", styled(BOLD, format_args!("{name:<9}"))));
    }

    /// A value from outside, or made of such.
    fn add_text(&mut self, name: &str, value: &str) {
        self.add(name, print::wrapped(&print::line(value, 400), INDENT));
    }

    /// The name stands before the first only.
    fn add_each<'t>(&mut self, name: &str, values: impl IntoIterator<Item = &'t String>) {
        for (i, value) in values.into_iter().enumerate() {
            self.add_text(if i == 0 { name } else { "" }, value);
        }
    }
}

pub(super) fn text(looked: &Looked) -> String {
    let mut rows = Rows::default();
    if let Some(Named { kind, name, place, runs }) = &looked.named {
        rows.add(
            "name",
            format_args!("{}, a {kind} of {}", styled(BOLD, print::line(name, 80)), print::line(place, 80)),
        );
        rows.add_text("runs", runs);
    }
    if let Some(checked) = &looked.component {
        component(checked, &mut rows);
    }
    rows.add_each("asks: it", &looked.asks);
    let asked =
        looked.component.as_ref().and_then(|c| c.descriptor.as_ref()).is_some_and(|said| !said.grants.is_empty());
    let label = match &looked.named {
        Some(_) => "granted",
        None if asked => "asks: it",
        None => "it",
    };
    rows.add_each(label, &looked.permissions.may);
    if let Some(given) = &looked.given {
        let patterns: Vec<_> = given.approvals.iter().map(ToString::to_string).collect();
        if !patterns.is_empty() {
            rows.add_text("approval", &format!("a person is asked before each call of {}", patterns.join(", ")));
        }
        rows.add_text("limits", &limits(&given.limits));
    }
    // Of a file that asks for nothing, each import would be one without a grant: what it needs is in a configuration.
    let notes = looked.permissions.notes.iter().filter(|_| asked || looked.named.is_some());
    for note in notes.map(|note| styled(ODD, print::line(note, 400))) {
        rows.add(if looked.named.is_some() { "warning" } else { "note" }, print::wrapped(&note, INDENT));
    }
    rows.0.join("\n")
}

fn component(Checked { inspection, descriptor, tools }: &Checked, rows: &mut Rows) {
    if let Some(said) = descriptor {
        let title = said.title.as_ref().map(|t| format!(" ({})", print::line(t, 80))).unwrap_or_default();
        rows.add("policy", format_args!("{}{title}", print::name(&print::line(&said.name, 80))));
        rows.add_text("", &said.description);
    } else {
        let word = if tools.len() == 1 { "tool" } else { "tools" };
        rows.add(
            "adapter",
            format_args!("{} {word}: {}", tools.len(), print::name(&print::line(&tools.join(", "), 400))),
        );
    }
    rows.add("world", inspection.world.name());
    rows.add("size", print::bytes(inspection.size_bytes));
    rows.add("digest", inspection.digest);
    let (own, wasi): (Vec<_>, Vec<_>) = inspection.imports.iter().partition(|name| name.starts_with("tollgate:"));
    for (i, name) in own.iter().enumerate() {
        rows.add(if i == 0 { "imports" } else { "" }, name);
    }
    if !wasi.is_empty() {
        rows.add("", styled(DIM, format_args!("and {} interfaces of WASI", wasi.len())));
    }
    rows.add("exports", inspection.exports.join(", "));
}

/// The limits that are not the defaults.
fn limits(limits: &Limits) -> String {
    let defaults = Limits::default();
    let own = LimitKind::ALL.iter().filter(|kind| limits.get(**kind) != defaults.get(**kind));
    let own: Vec<_> =
        own.map(|kind| format!("{} {}", kind.name(), format_value(kind.unit(), limits.get(*kind)))).collect();
    match own.as_slice() {
        [] => "the defaults".to_owned(),
        some => format!("{}; the others are the defaults", some.join(", ")),
    }
}
