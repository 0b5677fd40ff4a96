//! What a server is asked for beside its tools: resources, prompts, completion.

use serde_json::Value;
use std::fmt;

/// What is asked of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum QueryKind {
    /// `resources/read`.
    ReadResource,
    /// `resources/subscribe`.
    Subscribe,
    /// `resources/unsubscribe`.
    Unsubscribe,
    /// `prompts/get`.
    GetPrompt,
    /// `completion/complete`, of an argument of a resource template.
    CompleteResource,
    /// `completion/complete`, of an argument of a prompt.
    CompletePrompt,
}

impl QueryKind {
    /// The protocol's method.
    pub fn method(self) -> &'static str {
        match self {
            Self::ReadResource => "resources/read",
            Self::Subscribe => "resources/subscribe",
            Self::Unsubscribe => "resources/unsubscribe",
            Self::GetPrompt => "prompts/get",
            Self::CompleteResource | Self::CompletePrompt => "completion/complete",
        }
    }

    /// Whether it is about a resource; else it is about a prompt.
    pub fn is_resource(self) -> bool {
        !matches!(self, Self::GetPrompt | Self::CompletePrompt)
    }
}

impl fmt::Display for QueryKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.method())
    }
}

/// One request to a server that is no call of a tool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    /// The server's name.
    pub server: String,
    /// What is asked.
    pub kind: QueryKind,
    /// What grants speak of: the resource's URI or template, or the prompt's name.
    pub name: String,
    /// The request's `params`, the text of a JSON object.
    pub params: String,
}

/// The longest resource URI that a template's completion is about, in bytes.
pub const FILLED_MAX_BYTES: usize = 64 << 10;

/// A template that its values make longer than [`FILLED_MAX_BYTES`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("with its values, the template is longer than {FILLED_MAX_BYTES} bytes; send shorter ones")]
pub struct FilledTooLong;

impl Query {
    /// Of a completion for a resource template: the template with the values that the request has, as they are written. A
    /// value may lead out of what the template's own text says.
    ///
    /// # Errors
    /// It is too long: a value may stand in a template any number of times.
    pub fn filled_template(&self) -> Result<Option<String>, FilledTooLong> {
        if self.kind != QueryKind::CompleteResource {
            return Ok(None);
        }
        let params: Value = serde_json::from_str(&self.params).unwrap_or_default();
        let text = |at: &str| params.pointer(at).and_then(Value::as_str);
        let value = |name: &str| match text("/argument/name") {
            Some(asked) if asked == name => text("/argument/value"),
            _ => params.pointer("/context/arguments")?.get(name)?.as_str(),
        };
        let mut filled = String::new();
        let mut rest = self.name.as_str();
        while let Some((before, after)) = rest.split_once('{') {
            filled.push_str(before);
            let (expression, after) = after.split_once('}').unwrap_or((after, ""));
            let operator = expression.chars().next().filter(|c| "+#./;?&".contains(*c));
            let names = expression.trim_start_matches(['+', '#', '.', '/', ';', '?', '&']).split(',');
            let names = names.map(|name| name.split([':', '*']).next().unwrap_or_default());
            let values: Vec<&str> = names.filter_map(value).collect();
            filled.extend(operator.filter(|c| *c != '+' && !values.is_empty()));
            for (number, value) in values.into_iter().enumerate() {
                if filled.len() + value.len() > FILLED_MAX_BYTES {
                    return Err(FilledTooLong);
                }
                filled.push_str(if number > 0 { "," } else { "" });
                filled.push_str(value);
            }
            rest = after;
        }
        filled.push_str(rest);
        if filled.len() > FILLED_MAX_BYTES { Err(FilledTooLong) } else { Ok(Some(filled)) }
    }
}

/// Which of a server's lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ListKind {
    /// `resources/list`.
    Resources,
    /// `resources/templates/list`.
    ResourceTemplates,
    /// `prompts/list`.
    Prompts,
}

impl ListKind {
    /// The protocol's method.
    pub fn method(self) -> &'static str {
        match self {
            Self::Resources => "resources/list",
            Self::ResourceTemplates => "resources/templates/list",
            Self::Prompts => "prompts/list",
        }
    }

    /// The member of the result that holds the items.
    pub fn member(self) -> &'static str {
        match self {
            Self::Resources => "resources",
            Self::ResourceTemplates => "resourceTemplates",
            Self::Prompts => "prompts",
        }
    }

    /// The member of an item that grants speak of.
    pub fn name_of_item(self) -> &'static str {
        match self {
            Self::Resources => "uri",
            Self::ResourceTemplates => "uriTemplate",
            Self::Prompts => "name",
        }
    }
}

/// One item of a server's list, as the server sent it.
#[derive(Clone, Debug, PartialEq)]
pub struct Listed {
    /// The server's name.
    pub server: String,
    /// The item.
    pub item: serde_json::Map<String, serde_json::Value>,
}

/// What changed at a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// The tools of some server, or which servers there are.
    Tools,
    /// The prompts of a server.
    Prompts {
        /// The server's name.
        server: String,
    },
    /// The resources of a server.
    Resources {
        /// The server's name.
        server: String,
    },
    /// The content of one resource that was subscribed to.
    Resource {
        /// The server's name.
        server: String,
        /// The resource.
        uri: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_template_that_repeats_a_long_value_is_refused() {
        let params = json!({"argument": {"name": "a", "value": "x".repeat(1 << 20)}}).to_string();
        let name = format!("file:///{}", "{a}".repeat(100_000));
        let kind = QueryKind::CompleteResource;
        let query = Query { server: "s".into(), kind, name, params };
        assert_eq!(query.filled_template(), Err(FilledTooLong));
        let commas = format!("x:{{{}}}", "a,".repeat(50_000));
        let params = json!({"argument": {"name": "a", "value": ""}}).to_string();
        assert_eq!(
            Query { name: commas, params, ..query }.filled_template(),
            Ok(Some(format!("x:{}", ",".repeat(49_999))))
        );
    }

    #[test]
    fn a_template_is_filled_with_what_the_request_says() {
        let filled = |template: &str, value: &str| {
            let params =
                json!({"argument": {"name": "path", "value": value}, "context": {"arguments": {"owner": "ada"}}});
            let kind = QueryKind::CompleteResource;
            Query { server: "s".into(), kind, name: template.into(), params: params.to_string() }
                .filled_template()
                .unwrap()
                .unwrap()
        };
        for (template, want) in [
            ("file:///public/{+path}", "file:///public/../x"),
            ("file:///public/{path}", "file:///public/../x"),
            ("repo://{owner}/{path}{#other}", "repo://ada/../x"),
            ("repo://x{/path*}{?other}", "repo://x/../x"),
            ("a{path", "a../x"),
            ("plain", "plain"),
        ] {
            assert_eq!(filled(template, "../x"), want, "{template}");
        }
    }
}
