//! `${env:NAME}` and `${secret:NAME}`: the only parts of a file that are filled in, and only in `env`, `headers`
//! and the secrets of `auth`.
//!
//! `$${` stands for a plain `${`. A `$` before anything else is itself.

use std::fmt;
use tollgate_core::name::check_server_name;

/// Where a value to fill in comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    /// The host's environment.
    Env,
    /// The host's secrets.
    Secret,
}

/// A value with parts to fill in. Its `Debug` shows no literal text: people write secrets there too.
#[derive(Clone, PartialEq, Eq)]
pub struct Template(Vec<Piece>);

#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Piece {
    Literal(String),
    Variable(Source, String),
}

impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Template(")?;
        for piece in &self.0 {
            match piece {
                Piece::Literal(_) => f.write_str("…")?,
                Piece::Variable(Source::Env, name) => write!(f, "${{env:{name}}}")?,
                Piece::Variable(Source::Secret, name) => write!(f, "${{secret:{name}}}")?,
            }
        }
        f.write_str(")")
    }
}

impl Template {
    /// Reads a value.
    ///
    /// # Errors
    /// What is wrong, and what to write instead.
    pub(crate) fn parse(text: &str) -> Result<Self, (String, String)> {
        let mut pieces = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            if let Some(before) = before.strip_suffix('$') {
                literal.push_str(before);
                literal.push_str("${");
                rest = after;
                continue;
            }
            literal.push_str(before);
            let plain = "for a plain `${` write `$${`";
            let Some((inside, after)) = after.split_once('}') else {
                return Err(("`${` without its `}`".into(), plain.into()));
            };
            let Some((source, name)) = variable(inside) else {
                // A password may hold `${…}`: only what looks like a name is repeated.
                let looks_like_name =
                    inside.len() <= 64 && inside.bytes().all(|b| b.is_ascii_alphanumeric() || b"_:.-".contains(&b));
                let shown = if looks_like_name { inside } else { "…" };
                let instead = match is_variable_name(inside) {
                    true => format!("write `${{env:{inside}}}`; {plain}"),
                    false => plain.into(),
                };
                return Err((
                    format!("`${{{shown}}}`: only `${{env:NAME}}` and `${{secret:NAME}}` are filled in"),
                    instead,
                ));
            };
            if !literal.is_empty() {
                pieces.push(Piece::Literal(std::mem::take(&mut literal)));
            }
            pieces.push(Piece::Variable(source, name.to_owned()));
            rest = after;
        }
        literal.push_str(rest);
        if !literal.is_empty() {
            pieces.push(Piece::Literal(literal));
        }
        Ok(Self(pieces))
    }

    /// The secrets that it is filled in with.
    pub fn secrets(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|piece| match piece {
            Piece::Variable(Source::Secret, name) => Some(name.as_str()),
            _ => None,
        })
    }

    pub(crate) fn pieces(&self) -> &[Piece] {
        &self.0
    }
}

fn variable(inside: &str) -> Option<(Source, &str)> {
    match inside.split_once(':')? {
        ("env", name) if is_variable_name(name) => Some((Source::Env, name)),
        ("secret", name) if check_server_name(name).is_ok() => Some((Source::Secret, name)),
        _ => None,
    }
}

pub(crate) fn is_variable_name(name: &str) -> bool {
    !name.is_empty()
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        && !name.starts_with(|c: char| c.is_ascii_digit())
}

/// The longest `${…}` that is taken for one that someone wrote to be filled in, in bytes.
const MISPLACED_MAX_BYTES: usize = 256;

/// The first `${kind:…}` in text that is passed on as it is written, if it looks like one that someone expects to be
/// filled in, with what stands before and after it. `${HOME}` in the argument of a shell is the shell's.
pub(crate) fn misplaced(text: &str) -> Option<(&str, &str, &str)> {
    const KINDS: [&str; 6] = ["env", "secret", "input", "config", "command", "file"];
    text.match_indices("${").find_map(|(start, _)| {
        let (before, body) = text.split_at_checked(start)?;
        let end = body.bytes().take(MISPLACED_MAX_BYTES).position(|b| b == b'}')?;
        let (found, after) = body.split_at_checked(end + 1)?;
        let name = found.trim_start_matches("${").trim_end_matches('}');
        let kind = name.split_once(':').map(|(kind, _)| kind);
        (kind.is_some_and(|kind| KINDS.contains(&kind)) || ["workspaceFolder", "userHome"].contains(&name))
            .then_some((before, found, after))
    })
}
