//! What agents see of tools: names, search, typed signatures.
//!
//! Pure functions over [`tollgate_core::Tool`]: no I/O, no clock, the same answer for the same tools in any
//! order. Names, descriptions and schemas come from untrusted servers, so everything here is bounded in output,
//! depth and time, and text that lands in a comment or a string of generated code cannot end it.
//!
//! ```
//! use std::sync::Arc;
//! use tollgate_core::{EffectClass, Tool, ToolName};
//! use tollgate_surface::{Detail, Index, Naming, Query, typescript};
//!
//! let tool = Arc::new(Tool {
//!     server: "github".into(),
//!     name: "list_issues".into(),
//!     title: None,
//!     description: "List issues of a repository.".into(),
//!     input_schema: serde_json::json!({"type": "object", "properties": {"repo": {"type": "string"}}, "required": ["repo"]}),
//!     output_schema: None,
//!     annotations: None,
//!     other: Default::default(),
//!     effect: EffectClass::Read,
//! });
//! let name = ToolName { server: tool.server.clone(), tool: tool.name.clone() };
//! assert_eq!(Naming::default().expose([name.clone()]).name_of(&name), Some("github__list_issues"));
//!
//! let found = Index::new(&[tool.clone()]).search(&Query::new("show open tickets"));
//! assert_eq!(found[0].tool, tool);
//!
//! let code = typescript(&[tool], Detail::Brief);
//! assert!(code.contains("function list_issues(args: { repo: string }): Promise<Untyped>;"));
//! ```
//!
//! # Layout
//!
//! - [`names`]: `server:tool` and the name that a language model's provider takes, in both directions.
//! - [`search`]: an index over a catalog, and ranked answers to questions in an agent's own words.
//! - [`signature`]: JSON Schemas as typed signatures in TypeScript and Python; [`signature::identifier`] maps a
//!   name to one that a language takes.
//! - `claims` (private): who gets a name that several want. `text` (private): text from outside, made harmless;
//!   the short digests that tell names apart.

mod claims;
pub mod names;
pub mod search;
pub mod signature;
mod text;

pub use names::{Exposed, Naming, Strategy};
pub use search::{Hit, Index, Query};
pub use signature::{
    Detail, Language, Signatures, bindings, identifier, identifiers, namespaces, python, rust_bindings, summaries,
    typescript,
};
