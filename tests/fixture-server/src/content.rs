//! What the fixture answers: content of tools, resources and prompts.

use rmcp::model::{
    CallToolResult, ContentBlock, ErrorData, GetPromptResult, JsonObject, PromptMessage, ReadResourceResult,
    ResourceContents, Role,
};
use serde_json::{Value, json};

/// A PNG of one red pixel.
const IMAGE: &str = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC";
/// A WAV file without samples.
const AUDIO: &str = "UklGRiQAAABXQVZFZm10IBAAAAABAAEAQB8AAIA+AAACABAAZGF0YQAAAAA=";

/// The resource that a tool changes.
pub(crate) const WATCHED: &str = "test://watched-resource";

pub(crate) fn text(text: impl Into<String>) -> CallToolResult {
    CallToolResult::success(vec![ContentBlock::text(text)])
}

/// The argument `name` as text; empty when it is not there or no text.
pub(crate) fn argument<'a>(args: &'a JsonObject, name: &str) -> &'a str {
    args.get(name).and_then(Value::as_str).unwrap_or_default()
}

pub(crate) fn simple_text() -> CallToolResult {
    text("This is a simple text response for testing.")
}

pub(crate) fn image() -> CallToolResult {
    CallToolResult::success(vec![ContentBlock::image(IMAGE, "image/png")])
}

pub(crate) fn audio() -> CallToolResult {
    CallToolResult::success(vec![ContentBlock::audio(AUDIO, "audio/wav")])
}

fn embedded(uri: &str, mime_type: &str, text: &str) -> ContentBlock {
    ContentBlock::resource(ResourceContents::text(text, uri).with_mime_type(mime_type))
}

pub(crate) fn embedded_resource() -> CallToolResult {
    let resource = embedded("test://embedded-resource", "text/plain", "This is an embedded resource content.");
    CallToolResult::success(vec![resource])
}

pub(crate) fn mixed() -> CallToolResult {
    CallToolResult::success(vec![
        ContentBlock::text("Multiple content types test:"),
        ContentBlock::image(IMAGE, "image/png"),
        embedded("test://mixed-content-resource", "application/json", r#"{"test":"data","value":123}"#),
    ])
}

pub(crate) fn error() -> CallToolResult {
    CallToolResult::error(vec![ContentBlock::text("This tool intentionally returns an error for testing")])
}

pub(crate) fn structured(args: &JsonObject) -> CallToolResult {
    CallToolResult::structured(json!({ "text": argument(args, "text"), "length": argument(args, "text").len() }))
}

pub(crate) fn header_argument(args: &JsonObject) -> CallToolResult {
    text(format!("The region is {}.", argument(args, "region")))
}

pub(crate) fn greeting(args: &JsonObject) -> CallToolResult {
    text(format!("Hello, {}!", argument(args, "name")))
}

/// Reads a resource.
pub(crate) fn read(uri: &str) -> Result<ReadResourceResult, ErrorData> {
    let contents = match uri {
        "test://static-text" => {
            ResourceContents::text("This is the content of the static text resource.", uri).with_mime_type("text/plain")
        }
        "test://static-binary" => ResourceContents::blob(IMAGE, uri).with_mime_type("image/png"),
        WATCHED => ResourceContents::text("Watch me.", uri).with_mime_type("text/plain"),
        _ => match uri.strip_prefix("test://template/").and_then(|rest| rest.strip_suffix("/data")) {
            Some(id) => {
                let data = json!({ "id": id, "templateTest": true, "data": format!("Data for ID: {id}") });
                ResourceContents::text(data.to_string(), uri).with_mime_type("application/json")
            }
            None => return Err(ErrorData::resource_not_found("Resource not found", Some(json!({ "uri": uri })))),
        },
    };
    Ok(ReadResourceResult::new(vec![contents]))
}

/// Gets a prompt that needs nothing of the client.
pub(crate) fn prompt(name: &str, args: &JsonObject) -> Result<GetPromptResult, ErrorData> {
    let user = |content| PromptMessage::new(Role::User, content);
    let said = |text: &str| PromptMessage::new_text(Role::User, text);
    let messages = match name {
        "test_simple_prompt" => vec![said("This is a simple prompt for testing.")],
        "test_prompt_with_arguments" => {
            let (one, two) = (argument(args, "arg1"), argument(args, "arg2"));
            vec![said(&format!("Prompt with arguments: arg1='{one}', arg2='{two}'"))]
        }
        "test_prompt_with_embedded_resource" => {
            let uri = argument(args, "resourceUri");
            vec![
                user(embedded(uri, "text/plain", "Embedded resource content for testing.")),
                said("Please process the embedded resource above."),
            ]
        }
        "test_prompt_with_image" => {
            vec![user(ContentBlock::image(IMAGE, "image/png")), said("Please analyze the image above.")]
        }
        _ => return Err(ErrorData::invalid_params(format!("there is no prompt `{name}`"), None)),
    };
    Ok(GetPromptResult::new(messages))
}

/// Values that an argument may have.
pub(crate) fn completions(argument: &str, begun: &str) -> Vec<String> {
    let all: &[&str] = match argument {
        "arg1" => &["paris", "park", "party", "test"],
        "id" => &["1", "2", "123"],
        _ => &[],
    };
    all.iter().filter(|value| value.starts_with(begun)).map(|value| (*value).to_owned()).collect()
}
