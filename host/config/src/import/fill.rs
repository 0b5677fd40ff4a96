//! What other programs fill in, and the secrets that stand in their files in plain text.

use super::{Importer, entries};
use crate::diagnostic::quoted;
use crate::fit_name;
use crate::read::Key;
use crate::secret_text::{is_secret, looks_secret};
use crate::template::{is_variable_name, misplaced};
use crate::tree::{Node, Value};
use std::collections::{HashMap, HashSet};

/// What VS Code asks a person for: by `id`, what it is for.
pub(super) type Inputs<'n> = HashMap<&'n str, &'n str>;

pub(super) fn inputs(top: &Node) -> Inputs<'_> {
    let Some(Value::List(items)) = top.get("inputs").map(|node| &node.value) else { return Inputs::new() };
    let text = |item, name| match Node::get(item, name).map(|node| &node.value) {
        Some(Value::Text(text)) => Some(text.as_str()),
        _ => None,
    };
    items.iter().filter_map(|item| Some((text(item, "id")?, text(item, "description").unwrap_or_default()))).collect()
}

/// The secrets that the new file names. One name stands for one value.
#[derive(Default)]
pub(super) struct SecretNames {
    /// By the wanted name and the value, the name that it got.
    known: HashMap<(String, String), String>,
    taken: HashSet<String>,
    /// By name, the next number to try behind it, so that a file of a million equal names is numbered once through.
    next: HashMap<String, u32>,
    order: Vec<String>,
}

impl SecretNames {
    pub(super) fn into_names(self) -> Vec<String> {
        self.order
    }

    /// A name for this value: the wanted one, unless another value has it.
    pub(super) fn name(&mut self, wanted: &str, server: &str, value: &str) -> String {
        let wanted = fit_name(wanted).unwrap_or_else(|| "secret".to_owned());
        let key = (wanted.clone(), value.to_owned());
        if let Some(name) = self.known.get(&key) {
            return name.clone();
        }
        let short = |text: &str, max: usize| -> String { text.chars().take(max).collect() };
        let apart = format!("{}-{}", short(server, 28), short(&wanted, 26));
        let mut name = wanted;
        while self.taken.contains(&name) {
            let next = self.next.entry(apart.clone()).or_insert(1);
            name = if *next == 1 { apart.clone() } else { format!("{apart}-{next}") };
            *next += 1;
        }
        self.taken.insert(name.clone());
        self.order.push(name.clone());
        self.known.insert(key, name.clone());
        name
    }
}

/// A part of a value.
enum Part<'t> {
    Plain(&'t str),
    /// The inside of `${…}`.
    Variable(&'t str),
}

fn parts(text: &str) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let Some((inside, after)) = after.split_once('}') else { break };
        parts.extend([Part::Plain(before), Part::Variable(inside)]);
        rest = after;
    }
    parts.push(Part::Plain(rest));
    parts
}

/// Where a value stands.
pub(super) struct Place<'a> {
    pub(super) server: &'a str,
    /// The variable's or header's name.
    pub(super) name: &'a str,
    /// The name that a secret there gets.
    pub(super) secret: String,
    pub(super) line: u32,
    pub(super) key: Key<'a>,
}

/// Texts that stand before a token in a header.
const SCHEMES: [&str; 4] = ["Bearer ", "Basic ", "Token ", "ApiKey "];

impl Importer<'_> {
    /// The value of a variable or header, as a template of ours.
    pub(super) fn value(&mut self, text: &str, place: &Place<'_>, inputs: &Inputs<'_>) -> String {
        let parts = parts(text);
        let plain: String =
            parts.iter().filter_map(|part| if let Part::Plain(text) = part { Some(*text) } else { None }).collect();
        let filled = parts.len() > 1;
        let scheme = SCHEMES
            .into_iter()
            .find(|scheme| text.get(..scheme.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(scheme)));
        let (before, token) = text.split_at_checked(scheme.map_or(0, str::len)).unwrap_or(("", text));
        let secret = if filled { looks_secret(&plain) } else { is_secret(place.name, token) };
        if secret && !self.keep_secrets {
            let name = self.secrets.name(&place.secret, place.server, token);
            let help = format!("set it once: `tollgate secrets set {name}`");
            let message = format!("the secret stays behind; the new file says `${{secret:{name}}}`");
            self.note(place.line, &place.key, message, help);
            return format!("{before}${{secret:{name}}}");
        }
        let mut out = String::new();
        for part in parts {
            match part {
                Part::Plain(plain) => out += &plain.replace("${", "$${"),
                // Ours would read this as plain text, which is what most programs mean by it.
                Part::Variable(inside) if out.ends_with('$') => out += &format!("${{{inside}}}"),
                Part::Variable(inside) => out += &self.variable(inside, place, inputs),
            }
        }
        out
    }

    fn variable(&mut self, inside: &str, place: &Place<'_>, inputs: &Inputs<'_>) -> String {
        let (kind, name) = inside.split_once(':').unwrap_or(("", inside));
        match (kind, name) {
            ("env", name) if is_variable_name(name) => format!("${{env:{name}}}"),
            ("input", id) => {
                let name = self.secrets.name(id, place.server, &format!("${{input:{id}}}"));
                let what = inputs.get(id).filter(|text| !text.is_empty());
                let asked = match what {
                    Some(what) => {
                        format!("the input {} ({}) is the secret {} here", quoted(id), quoted(what), quoted(&name))
                    }
                    None => format!("the input {} is the secret {} here", quoted(id), quoted(&name)),
                };
                self.note(place.line, &place.key, asked, format!("set it once: `tollgate secrets set {name}`"));
                format!("${{secret:{name}}}")
            }
            ("", "userHome") => "${env:HOME}".to_owned(),
            ("", name) if is_variable_name(name) && name != "workspaceFolder" => format!("${{env:{name}}}"),
            // `${NAME:-default}`
            (name, default) if is_variable_name(name) && default.starts_with('-') => {
                let message = format!("the default of {} is not carried over", quoted(name));
                self.note(place.line, &place.key, message, "set the variable where the host runs");
                format!("${{env:{name}}}")
            }
            _ => {
                let message = format!("{} is passed on as it is written", quoted(&format!("${{{inside}}}")));
                self.note(place.line, &place.key, message, "write what it stood for");
                format!("$${{{inside}}}")
            }
        }
    }

    /// Arguments, in which nothing is filled in. What cannot stand there becomes a placeholder; then the second is true, and the
    /// server cannot be started as it is.
    pub(super) fn arguments(&mut self, args: Vec<(u32, String)>, shell: bool, key: &Key<'_>) -> (Vec<String>, bool) {
        let mut out: Vec<String> = Vec::new();
        let mut flag = String::new();
        let mut unfit = false;
        for (i, (line, arg)) in args.into_iter().enumerate() {
            let key = key.index(i);
            let (arg, filled) = self.without_variables(&arg, line, &key);
            unfit |= filled;
            let (name, value) = arg.split_once('=').unwrap_or((&flag, &arg));
            let named = arg.contains('=') || (flag.starts_with('-') && !arg.starts_with('-'));
            let secret = looks_secret(&arg) || (named && is_secret(name, value));
            let next = arg.clone();
            if secret && !self.keep_secrets && !filled {
                let message = "an argument holds a secret, which stays behind; the server is disabled";
                let help = "give it in `env` if the server takes it there, or import again with the secrets kept";
                self.note(line, &key, message, help);
                unfit = true;
                out.push(if arg.contains('=') && !looks_secret(name) {
                    format!("{name}=<secret>")
                } else {
                    "<secret>".to_owned()
                });
            } else {
                if !shell && !filled && arg.contains("${") {
                    let help = "no shell reads it; write what it stood for";
                    self.note(line, &key, "`${…}` is passed on as it is written", help);
                }
                out.push(arg);
            }
            flag = next;
        }
        (out, unfit)
    }

    /// Puts placeholders for the variables that the parser would refuse; the second is whether there were any.
    fn without_variables(&mut self, text: &str, line: u32, key: &Key<'_>) -> (String, bool) {
        let mut out = String::new();
        let mut rest = text;
        while let Some((before, found, after)) = misplaced(rest) {
            let message = format!("{} is not filled in there; the server is disabled", quoted(found));
            self.note(line, key, message, "write what it stood for; secrets go into `env` or `headers`");
            out += before;
            out += &format!("<{}>", found.trim_start_matches("${").trim_end_matches('}'));
            rest = after;
        }
        let any = !out.is_empty();
        (out + rest, any)
    }
}

/// A path with the folders that editors fill in written our way; `None` if there is more to fill in.
pub(super) fn path(text: &str) -> Option<String> {
    const FOLDERS: [(&str, &str); 5] =
        [("${workspaceFolder}", "."), ("${userHome}", "~"), ("${HOME}", "~"), ("${env:HOME}", "~"), ("$HOME", "~")];
    let filled = FOLDERS.iter().find_map(|(variable, ours)| {
        let rest = text.strip_prefix(variable)?;
        (rest.is_empty() || rest.starts_with('/'))
            .then(|| format!("{ours}{}", if rest.is_empty() { "/" } else { rest }))
    });
    let path = filled.unwrap_or_else(|| text.to_owned());
    (!path.contains("${")).then_some(path)
}

/// The entries of a map as texts: what is neither text, number nor boolean is left out and told to `odd`.
pub(super) fn scalars<'n>(node: &'n Node, mut odd: impl FnMut(&'n str, &'n Node)) -> Vec<(&'n str, u32, String)> {
    let mut out = Vec::new();
    for (name, child) in entries(node) {
        match scalar(child) {
            Some(text) => out.push((name.as_str(), child.line, text)),
            None => odd(name, child),
        }
    }
    out
}

/// A value as text, if it is one.
pub(super) fn scalar(node: &Node) -> Option<String> {
    match &node.value {
        Value::Text(text) | Value::Number(text) => Some(text.clone()),
        Value::Bool(word) => Some(word.to_string()),
        Value::Null | Value::List(_) | Value::Map(_) => None,
    }
}
