//! What an adapter has beside its tools, if it exports an interface for it: resources and prompts.

use crate::bindings::offers as wit;
use crate::bindings::wit::ToolError as WitToolError;
use crate::engine::{PrepareError, Program, Runtime};
use crate::inspect::Inspection;
use crate::run::{RunEnd, RunError, RunSetup, ToolError, bounded_text, cut, describe_error, describe_setup};
use serde_json::{Map, Value};
use std::collections::HashSet;
use std::sync::Arc;
use tollgate_core::{LimitKind, ListKind, json};
use wasmtime::component::{Component, ComponentExportIndex, ComponentNamedList, Lift};

/// The most resources, templates and prompts that an adapter may have, of each.
const ITEMS_MAX: usize = 10_000;
/// The longest URI or name, in bytes.
const NAME_MAX_BYTES: usize = 2_048;

/// The members of results that say what a resource holds, and what a prompt is.
const CONTENTS: &str = "contents";
const MESSAGES: &str = "messages";

/// The exports of a component that are about resources and prompts.
#[derive(Default)]
pub(crate) struct Exports {
    resources: Option<Resources>,
    prompts: Option<Prompts>,
}

struct Resources {
    list: ComponentExportIndex,
    templates: ComponentExportIndex,
    read: ComponentExportIndex,
}

struct Prompts {
    list: ComponentExportIndex,
    get: ComponentExportIndex,
}

impl Exports {
    /// Finds them in a component.
    ///
    /// # Errors
    /// An interface without one of its functions.
    pub(crate) fn of(component: &Component, inspection: &Inspection) -> Result<Self, PrepareError> {
        let interface = |name: &str| {
            let is = |export: &&String| {
                [format!("{name}@0.1."), format!("{name}-blocking@0.1.")].iter().any(|start| export.starts_with(start))
            };
            inspection.exports.iter().find(is)
        };
        let function = |interface: &str, name: &str| {
            let instance = component.get_export_index(None, interface);
            let found = instance.and_then(|instance| component.get_export_index(Some(&instance), name));
            found.ok_or_else(|| PrepareError::Unusable(format!("it exports {interface} without its function `{name}`")))
        };
        let resources = match interface("tollgate:resources/resource-provider") {
            Some(it) => Some(Resources {
                list: function(it, "list-resources")?,
                templates: function(it, "list-templates")?,
                read: function(it, "read")?,
            }),
            None => None,
        };
        let prompts = match interface("tollgate:prompts/prompt-provider") {
            Some(it) => Some(Prompts { list: function(it, "list-prompts")?, get: function(it, "get")? }),
            None => None,
        };
        Ok(Self { resources, prompts })
    }
}

/// The lists of an adapter: MCP's `Resource`s, `ResourceTemplate`s and `Prompt`s. Untrusted text.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Offers {
    resources: Vec<Map<String, Value>>,
    templates: Vec<Map<String, Value>>,
    prompts: Vec<Map<String, Value>>,
}

impl Offers {
    /// The items of one list.
    pub fn list(&self, kind: ListKind) -> &[Map<String, Value>] {
        match kind {
            ListKind::Resources => &self.resources,
            ListKind::ResourceTemplates => &self.templates,
            ListKind::Prompts => &self.prompts,
        }
    }
}

impl Runtime {
    /// The resources and prompts that an adapter has. Asked once a program; every import is denied meanwhile.
    ///
    /// # Errors
    /// The run's, or [`RunError::InvalidOutput`].
    pub async fn list_offers(&self, program: &Program) -> Result<Arc<Offers>, RunError> {
        let offers = program
            .offers
            .get_or_try_init(|| async {
                let mut offers = Offers::default();
                if let Some(exports) = &program.exports.resources {
                    offers.resources = self.items(program, exports.list, ListKind::Resources, resource).await?;
                    offers.templates =
                        self.items(program, exports.templates, ListKind::ResourceTemplates, template).await?;
                }
                if let Some(exports) = &program.exports.prompts {
                    offers.prompts = self.items(program, exports.list, ListKind::Prompts, prompt).await?;
                }
                Ok::<_, RunError>(Arc::new(offers))
            })
            .await?;
        Ok(offers.clone())
    }

    async fn items<T>(
        &self,
        program: &Program,
        export: ComponentExportIndex,
        kind: ListKind,
        item: fn(T) -> Result<Map<String, Value>, RunError>,
    ) -> Result<Vec<Map<String, Value>>, RunError>
    where
        T: Lift + Send + Sync + 'static,
        (Vec<T>,): ComponentNamedList,
    {
        let (setup, never) = (describe_setup(), std::future::pending());
        let end = self.execute::<(), (Vec<T>,)>(program, Some(export), (), setup, never).await;
        let (listed,) = end.result.map_err(describe_error)?;
        if listed.len() > ITEMS_MAX {
            return Err(RunError::InvalidOutput(format!("more than {ITEMS_MAX} items for {}", kind.method())));
        }
        let mut names = HashSet::new();
        let mut items = Vec::with_capacity(listed.len());
        for listed in listed {
            let item = item(listed)?;
            let name = item.get(kind.name_of_item()).and_then(Value::as_str).unwrap_or_default();
            if !names.insert(name.to_owned()) {
                let (method, name) = (kind.method(), cut(name));
                return Err(RunError::InvalidOutput(format!("two items of the same name for {method}: `{name}`")));
            }
            items.push(item);
        }
        Ok(items)
    }

    /// Has an adapter read one of its resources: the text of a `ReadResourceResult`.
    pub async fn read_resource(
        &self,
        program: &Program,
        uri: &str,
        setup: RunSetup,
        cancelled: impl Future<Output = ()>,
    ) -> RunEnd<Result<String, ToolError>> {
        let export = program.exports.resources.as_ref().map(|exports| exports.read);
        self.offered(program, export, (uri.to_owned(),), CONTENTS, setup, cancelled).await
    }

    /// Has an adapter fill in one of its prompts with arguments, the text of a JSON object: the text of a `GetPromptResult`.
    pub async fn get_prompt(
        &self,
        program: &Program,
        name: &str,
        arguments: &str,
        setup: RunSetup,
        cancelled: impl Future<Output = ()>,
    ) -> RunEnd<Result<String, ToolError>> {
        let export = program.exports.prompts.as_ref().map(|exports| exports.get);
        self.offered(program, export, (name.to_owned(), arguments.to_owned()), MESSAGES, setup, cancelled).await
    }

    async fn offered<P>(
        &self,
        program: &Program,
        export: Option<ComponentExportIndex>,
        params: P,
        member: &'static str,
        setup: RunSetup,
        cancelled: impl Future<Output = ()>,
    ) -> RunEnd<Result<String, ToolError>>
    where
        P: ComponentNamedList + wasmtime::component::Lower + Send + Sync + 'static,
    {
        let limits = setup.limits.clone();
        let end = self.execute::<P, (Result<String, WitToolError>,)>(program, export, params, setup, cancelled).await;
        end.and_then(|(answer,)| match answer {
            Ok(text) if text.len() as u64 > limits.output_bytes => Err(limits.reached(LimitKind::OutputBytes).into()),
            Ok(text) => {
                check(&text, member).map_err(RunError::InvalidOutput)?;
                Ok(Ok(text))
            }
            Err(WitToolError::UnknownTool(name)) if member == CONTENTS => Ok(Err(ToolError::NoResource(name))),
            Err(WitToolError::UnknownTool(name)) => Ok(Err(ToolError::NoPrompt(name))),
            Err(error) => Ok(Err(error.into())),
        })
    }
}

/// Checks that a text is a result of MCP that has a list of objects as this member.
fn check(text: &str, member: &str) -> Result<(), String> {
    json::check(text).map_err(|error| format!("a result that is not JSON: {error}"))?;
    let value: Value = serde_json::from_str(text).map_err(|error| format!("a result that is not JSON: {error}"))?;
    let Some(items) = value.get(member).and_then(Value::as_array) else {
        return Err(format!("a result that is no object with a list `{member}`"));
    };
    let is_text = |item: &Value, key: &str| item.get(key).is_some_and(Value::is_string);
    for (at, item) in items.iter().enumerate() {
        let is_sound = match member {
            CONTENTS => is_text(item, "uri") && is_text(item, "text") != is_text(item, "blob"),
            _ => {
                item.get("role").is_some_and(|role| role == "user" || role == "assistant")
                    && item.get("content").is_some_and(Value::is_object)
            }
        };
        if !is_sound {
            return Err(format!("a result whose {member}[{at}] is not what MCP has there"));
        }
    }
    Ok(())
}

/// The members of an item that are there.
fn item(required: [(&str, String); 2], texts: [(&str, Option<String>); 3]) -> Result<Map<String, Value>, RunError> {
    let mut item = Map::new();
    for (key, text) in required {
        if text.is_empty() || text.len() > NAME_MAX_BYTES || text.contains(char::is_control) {
            let text = cut(&text);
            return Err(RunError::InvalidOutput(format!("an item whose {key} cannot be: {text:?}")));
        }
        item.insert(key.to_owned(), text.into());
    }
    for (key, text) in texts {
        if let Some(text) = text {
            item.insert(key.to_owned(), bounded_text(key, text)?.into());
        }
    }
    Ok(item)
}

fn resource(info: wit::ResourceInfo) -> Result<Map<String, Value>, RunError> {
    let mut item = item(
        [("uri", info.uri), ("name", info.name)],
        [("title", info.title), ("description", info.description), ("mimeType", info.mime_type)],
    )?;
    if let Some(size) = info.size {
        item.insert("size".to_owned(), size.into());
    }
    Ok(item)
}

fn template(info: wit::TemplateInfo) -> Result<Map<String, Value>, RunError> {
    item(
        [("uriTemplate", info.uri_template), ("name", info.name)],
        [("title", info.title), ("description", info.description), ("mimeType", info.mime_type)],
    )
}

fn prompt(info: wit::PromptInfo) -> Result<Map<String, Value>, RunError> {
    let texts = |title, description| [("title", title), ("description", description), ("", None)];
    let name = |name: String| [("name", name.clone()), ("name", name)];
    let mut listed = item(name(info.name), texts(info.title, info.description))?;
    let arguments = info.arguments.into_iter().map(|argument| {
        let mut listed = item(name(argument.name), texts(argument.title, argument.description))?;
        listed.insert("required".to_owned(), argument.required.into());
        Ok(Value::Object(listed))
    });
    listed.insert("arguments".to_owned(), arguments.collect::<Result<Value, RunError>>()?);
    Ok(listed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_is_what_mcp_has_there() {
        for (text, member, is_sound) in [
            (r#"{"contents":[]}"#, "contents", true),
            (r#"{"contents":[{"uri":"n://1","text":"x"}],"_meta":{}}"#, "contents", true),
            (r#"{"contents":[{"uri":"n://1","blob":"eA=="}]}"#, "contents", true),
            (r#"{"contents":[{"uri":"n://1"}]}"#, "contents", false),
            (r#"{"contents":[{"uri":"n://1","text":"x","blob":"eA=="}]}"#, "contents", false),
            (r#"{"contents":[{"text":"x"}]}"#, "contents", false),
            (r#"{"contents":["x"]}"#, "contents", false),
            (r#"{"contents":{}}"#, "contents", false),
            (r#"[]"#, "contents", false),
            ("", "contents", false),
            (r#"{"messages":[{"role":"user","content":{"type":"text","text":"x"}}]}"#, "messages", true),
            (r#"{"messages":[{"role":"system","content":{}}]}"#, "messages", false),
            (r#"{"messages":[{"role":"user","content":"x"}]}"#, "messages", false),
        ] {
            assert_eq!(check(text, member).is_ok(), is_sound, "{text}");
        }
    }

    #[test]
    fn a_name_is_short_and_visible() {
        let named = |name: &str| {
            let texts = (None, None, None);
            resource(wit::ResourceInfo {
                uri: name.to_owned(),
                name: "n".to_owned(),
                title: texts.0,
                description: texts.1,
                mime_type: texts.2,
                size: Some(3),
            })
        };
        assert_eq!(Value::Object(named("n://1").unwrap()), serde_json::json!({"uri": "n://1", "name": "n", "size": 3}));
        for name in ["", "n://\n", &"n".repeat(NAME_MAX_BYTES + 1)] {
            assert!(named(name).is_err(), "{name:?}");
        }
    }
}
