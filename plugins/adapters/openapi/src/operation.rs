//! What a call needs to know of its operation: all that is kept of the document for it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// One operation, as it stands in the catalog. Members that have their usual value are left out of the JSON.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Operation {
    /// In capitals.
    pub method: String,
    /// The base URL: scheme, host and path, without a slash at its end.
    pub server: String,
    /// The path template, as `/pets/{id}`. It may end in a fixed query.
    pub path: String,
    /// The parameters.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parameters: Vec<Parameter>,
    /// The body, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Body>,
    /// Media types of the successful responses, the preferred first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub accept: Vec<String>,
    /// Ways to authorise, each a set of schemes with their scopes; one of them is enough. An empty set is no scheme.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub security: Vec<BTreeMap<String, Vec<String>>>,
    /// How the tool's structured content holds the response.
    #[serde(default, skip_serializing_if = "is_default")]
    pub output: Output,
}

/// How structured content, which must be an object, holds a JSON response.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Output {
    /// The tool has no output schema: an object is itself, anything else the member `result`.
    #[default]
    Free,
    /// The output schema is the response's own: an object.
    Object,
    /// The output schema has one member, `result`.
    Wrapped,
}

/// One parameter.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parameter {
    /// The argument that gives its value.
    pub arg: String,
    /// Its name in the request, where that is not the argument's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Where it stands in the request.
    #[serde(rename = "in")]
    pub place: Place,
    /// How it is written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub style: Option<Style>,
    /// Whether members of lists and objects are written apart; else as the style usually has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub explode: Option<bool>,
    /// Whether reserved characters may stand as they are.
    #[serde(default, skip_serializing_if = "is_default")]
    pub reserved: bool,
    /// Whether it must be given.
    #[serde(default, skip_serializing_if = "is_default")]
    pub required: bool,
    /// The media type of its text, for a parameter that has `content` in place of a style.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media: Option<String>,
}

impl Parameter {
    /// Its name in the request.
    pub fn wire_name(&self) -> &str {
        self.name.as_deref().unwrap_or(&self.arg)
    }

    /// Its style, the usual one of its place where none is given.
    pub fn style(&self) -> Style {
        self.style.unwrap_or(match self.place {
            Place::Path | Place::Header => Style::Simple,
            Place::Query | Place::Cookie => Style::Form,
        })
    }

    /// Whether members are written apart.
    pub fn explode(&self) -> bool {
        self.explode.unwrap_or(self.style() == Style::Form)
    }
}

/// Where a parameter stands.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[serde(rename_all = "lowercase")]
pub enum Place {
    /// In the path template.
    Path,
    /// In the query.
    Query,
    /// A header.
    Header,
    /// A cookie.
    Cookie,
}

/// OpenAPI's parameter styles.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "they are OpenAPI's words")]
pub enum Style {
    Simple,
    Label,
    Matrix,
    Form,
    SpaceDelimited,
    PipeDelimited,
    DeepObject,
}

/// A request's body.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Body {
    /// Its media type.
    pub media: String,
    /// How it is written.
    pub kind: Kind,
    /// Whether it is always sent.
    #[serde(default, skip_serializing_if = "is_default")]
    pub required: bool,
    /// The argument that is the whole body; without it, every argument that is no parameter is a member.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arg: Option<String>,
    /// Members whose arguments have other names: argument to member.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub renamed: BTreeMap<String, String>,
    /// How members of forms are written, where it is not the usual way.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub fields: BTreeMap<String, Field>,
}

/// How a body is written.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// JSON.
    Json,
    /// `application/x-www-form-urlencoded`.
    Form,
    /// `multipart/form-data`.
    Multipart,
    /// A text, as it is.
    Text,
    /// Bytes: a file argument.
    File,
}

/// How one member of a form is written.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Field {
    /// Its style; without one, objects are JSON and lists repeat the name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub style: Option<Style>,
    /// Whether members are written apart; else as the style usually has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub explode: Option<bool>,
    /// Whether reserved characters may stand as they are.
    #[serde(default, skip_serializing_if = "is_default")]
    pub reserved: bool,
    /// The media type of its part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media: Option<String>,
    /// Whether its value is a file argument, or a list of them.
    #[serde(default, skip_serializing_if = "is_default")]
    pub file: bool,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
