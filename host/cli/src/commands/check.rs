//! `tollgate check`.

use crate::args::Check;
use crate::exit::Failure;
use crate::print::{self, BOLD, DIM, styled};
use crate::setup;
use serde_json::json;
use tollgate::config::permissions::{Permissions, Subject, permissions};
use tollgate::{Checked, ComponentSource};

pub(crate) async fn check(args: Check) -> Result<u8, Failure> {
    let host = setup::builder(vec![], None)?.build().await?;
    let checked = host.check(&ComponentSource::File(args.file.clone())).await?;
    let shown = if args.json { print::json(&document(&checked)) } else { print::out(text(&checked)) };
    host.shutdown().await;
    shown.map(|()| 0)
}

fn document(checked: &Checked) -> serde_json::Value {
    let Checked { inspection, descriptor, tools } = checked;
    let permissions = permissions_of(checked);
    json!({
        "digest": inspection.digest,
        "size_bytes": inspection.size_bytes,
        "world": inspection.world.name(),
        "imports": inspection.imports,
        "exports": inspection.exports,
        "name": descriptor.as_ref().map(|d| &d.name),
        "title": descriptor.as_ref().and_then(|d| d.title.as_ref()),
        "description": descriptor.as_ref().map(|d| &d.description),
        "input_schema": descriptor.as_ref().map(|d| &d.input_schema),
        "output_schema": descriptor.as_ref().and_then(|d| d.output_schema.as_ref()),
        "grants": descriptor.as_ref().map(|d| &d.grants),
        "tools": tools,
        "permissions": {"may": permissions.may, "notes": permissions.notes},
    })
}

fn text(checked: &Checked) -> String {
    let Checked { inspection, descriptor, tools } = checked;
    let mut lines = Vec::new();
    let mut row =
        |name: &str, value: String| lines.push(format!("{} {value}", styled(BOLD, format_args!("{name:<9}"))));
    if let Some(said) = descriptor {
        let title = said.title.as_ref().map(|t| format!(" ({})", print::line(t, 80))).unwrap_or_default();
        row("policy", format!("{}{title}", print::line(&said.name, 80)));
        row("", print::wrapped(&print::line(&said.description, 400), 10));
    } else {
        let word = if tools.len() == 1 { "tool" } else { "tools" };
        row("adapter", format!("{} {word}: {}", tools.len(), print::line(&tools.join(", "), 400)));
    }
    row("world", inspection.world.name().to_owned());
    row("size", print::bytes(inspection.size_bytes));
    row("digest", inspection.digest.to_string());
    let (own, wasi): (Vec<_>, Vec<_>) = inspection.imports.iter().partition(|name| name.starts_with("tollgate:"));
    for (i, name) in own.iter().enumerate() {
        row(if i == 0 { "imports" } else { "" }, (*name).clone());
    }
    if !wasi.is_empty() {
        row("", styled(DIM, format_args!("and {} interfaces of WASI", wasi.len())));
    }
    row("exports", inspection.exports.join(", "));
    let permissions = permissions_of(checked);
    let asked = descriptor.as_ref().is_some_and(|said| !said.grants.is_empty());
    for (i, sentence) in permissions.may.iter().enumerate() {
        let label = match i {
            0 if asked => "asks: it",
            0 => "it",
            _ => "",
        };
        row(label, print::wrapped(&print::line(sentence, 400), 10));
    }
    // Without grants of its own, each import would be one: what it needs is in the configuration.
    for note in permissions.notes.iter().filter(|_| asked) {
        row("note", print::wrapped(&print::line(note, 400), 10));
    }
    lines.join("\n")
}

/// What it may do with what it asks for, and nothing else.
fn permissions_of(checked: &Checked) -> Permissions {
    let grants = checked.descriptor.as_ref().map(|said| said.grants.as_slice()).unwrap_or_default();
    permissions(&Subject { imports: &checked.inspection.imports, grants, ..Subject::default() })
}
