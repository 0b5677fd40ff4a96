//! A tool as its server describes it.

use serde::Serialize;
use serde_json::{Value, json};

/// What an attempt at a tool may change, as far as annotations or the configuration tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum EffectClass {
    /// Changes nothing (`readOnlyHint: true`).
    Read,
    /// A second equal call changes nothing more (`idempotentHint: true`).
    Idempotent,
    /// A second equal call has a second effect.
    NonIdempotent,
    /// Nobody said.
    Unknown,
}

impl EffectClass {
    /// Reads MCP's `ToolAnnotations`. Hints of the wrong type count as absent: they come from outside.
    pub fn from_annotations(annotations: Option<&Value>) -> Self {
        let hint = |key: &str| annotations.and_then(|a| a.get(key)).and_then(Value::as_bool);
        match (hint("readOnlyHint"), hint("idempotentHint")) {
            (Some(true), _) => Self::Read,
            (_, Some(true)) => Self::Idempotent,
            (Some(false), _) | (_, Some(false)) => Self::NonIdempotent,
            (None, None) => Self::Unknown,
        }
    }

    /// Whether a repeated attempt does no harm.
    pub fn is_repeatable(self) -> bool {
        matches!(self, Self::Read | Self::Idempotent)
    }
}

/// A tool, with everything that its server said of it. Untrusted text: it is shown, never obeyed.
#[derive(Clone, Debug, PartialEq)]
pub struct Tool {
    /// The server's name in the configuration.
    pub server: String,
    /// The tool's name as the server lists it.
    pub name: String,
    /// A name for people.
    pub title: Option<String>,
    /// What it does.
    pub description: String,
    /// JSON Schema of the arguments.
    pub input_schema: Value,
    /// JSON Schema of the structured result.
    pub output_schema: Option<Value>,
    /// MCP's `ToolAnnotations`.
    pub annotations: Option<Value>,
    /// Members of MCP's `Tool` that the host does not read (icons, execution, `_meta`), kept for whoever
    /// passes the tool on.
    pub other: serde_json::Map<String, Value>,
    /// What an attempt may change.
    pub effect: EffectClass,
}

impl Tool {
    /// What programs are told of it: the JSON of the commands and of the HTTP API.
    pub fn document(&self) -> Value {
        json!({
            "server": self.server,
            "name": self.name,
            "title": self.title,
            "description": self.description,
            "input_schema": self.input_schema,
            "output_schema": self.output_schema,
            "annotations": self.annotations,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn effect_class_follows_the_annotations() {
        for (annotations, want) in [
            (json!({"readOnlyHint": true}), EffectClass::Read),
            (json!({"readOnlyHint": false, "idempotentHint": true}), EffectClass::Idempotent),
            (json!({"idempotentHint": false}), EffectClass::NonIdempotent),
            (json!({"destructiveHint": true}), EffectClass::Unknown),
            (json!({"readOnlyHint": "yes"}), EffectClass::Unknown),
            (json!([]), EffectClass::Unknown),
        ] {
            assert_eq!(EffectClass::from_annotations(Some(&annotations)), want, "{annotations}");
        }
        assert_eq!(EffectClass::from_annotations(None), EffectClass::Unknown);
    }
}
