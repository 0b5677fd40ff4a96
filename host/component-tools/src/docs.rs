//! Doc comments of WIT. A component may carry them in the custom section `package-docs`: a version byte (0 or 1) and JSON,
//! of the one package that it was built from.

use serde_json::Value;
use std::sync::Arc;

/// What is read of such a section, in bytes.
pub(crate) const DOCS_MAX_BYTES: usize = 1 << 20;
/// What is kept of one comment, in characters.
const COMMENT_MAX_CHARS: usize = 4_000;

/// The comments of a component; empty where it has none, or none that can be read: it works as well without.
#[derive(Debug, Default)]
pub(crate) struct Docs(Value);

impl Docs {
    pub(crate) fn parse(section: &[u8]) -> Self {
        match section.split_first() {
            Some((0 | 1, json)) if section.len() <= DOCS_MAX_BYTES => {
                Self(serde_json::from_slice(json).unwrap_or_default())
            }
            _ => Self::default(),
        }
    }

    /// What is said of a function of an interface, or of the world's own.
    pub(crate) fn function(&self, interface: Option<&str>, name: &str) -> Option<Arc<str>> {
        match interface {
            Some(interface) => comment(self.interfaces(interface).find_map(|i| i.get("funcs")?.get(name))?),
            None => comment(self.worlds().find_map(|w| {
                let of = |key: &str| w.get(key)?.get(name);
                of("func_exports").or_else(|| of("funcs"))
            })?),
        }
    }

    /// What is said of a type.
    pub(crate) fn ty(&self, interface: Option<&str>, name: &str) -> Option<Arc<str>> {
        comment(self.raw_type(interface, name)?)
    }

    /// What is said of a field or case of a type.
    pub(crate) fn item(&self, interface: Option<&str>, ty: &str, item: &str) -> Option<Arc<str>> {
        comment(self.raw_type(interface, ty)?.get("items")?.get(item)?)
    }

    fn raw_type(&self, interface: Option<&str>, name: &str) -> Option<&Value> {
        let of = |at: &'_ Value| at.get("types").and_then(|types| types.get(name)).is_some();
        match interface {
            Some(interface) => self.interfaces(interface).find(|i| of(i))?.get("types")?.get(name),
            None => self.worlds().find(|w| of(w))?.get("types")?.get(name),
        }
    }

    fn worlds(&self) -> impl Iterator<Item = &Value> {
        self.0.get("worlds").and_then(Value::as_object).into_iter().flat_map(|worlds| worlds.values())
    }

    /// An interface of the package, or one that a world exports inline.
    fn interfaces<'a, 'n>(&'a self, name: &'n str) -> impl Iterator<Item = &'a Value> + use<'a, 'n> {
        let inline = self.worlds().filter_map(move |world| {
            let of = |key: &str| world.get(key)?.get(name);
            of("interface_exports").or_else(|| of("interfaces"))
        });
        self.0.get("interfaces").and_then(|all| all.get(name)).into_iter().chain(inline)
    }
}

/// A comment, which stands by itself or beside a stability.
fn comment(at: &Value) -> Option<Arc<str>> {
    let text = at.as_str().or_else(|| at.get("docs")?.as_str())?.trim();
    if text.is_empty() {
        return None;
    }
    Some(match text.char_indices().nth(COMMENT_MAX_CHARS) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()).into(),
        None => text.into(),
    })
}
