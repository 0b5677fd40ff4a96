//! What the fixture offers, as lists tell it.

use crate::content::WATCHED;
use rmcp::model::{JsonObject, Prompt, PromptArgument, Resource, ResourceTemplate, Tool, ToolAnnotations};
use serde_json::{Value, json};
use std::sync::Arc;

fn object(schema: Value) -> JsonObject {
    match schema {
        Value::Object(schema) => schema,
        _ => JsonObject::new(),
    }
}

fn tool(name: &'static str, description: &'static str, properties: Value, required: &[&str]) -> Tool {
    let schema = json!({ "type": "object", "properties": properties, "required": required });
    Tool::new(name, description, object(schema))
}

/// A tool without arguments.
fn plain(name: &'static str, description: &'static str) -> Tool {
    Tool::new(name, description, object(json!({ "type": "object", "properties": {} })))
}

fn read_only(tool: Tool) -> Tool {
    tool.with_annotations(ToolAnnotations::new().read_only(true).open_world(false))
}

/// Every tool, in an order that does not change. The last comes and goes.
pub(crate) fn tools(extra: bool) -> Vec<Tool> {
    let mut tools = vec![
        read_only(plain("test_simple_text", "Answers with a text")),
        read_only(plain("test_image_content", "Answers with an image")),
        read_only(plain("test_audio_content", "Answers with a sound")),
        read_only(plain("test_embedded_resource", "Answers with an embedded resource")),
        read_only(plain("test_multiple_content_types", "Answers with a text, an image and a resource")),
        read_only(plain("test_error_handling", "Answers with an error")),
        read_only(structured_tool()),
        read_only(header_tool()),
        read_only(json_schema_tool()),
        read_only(plain("test_tool_with_logging", "Logs three messages")),
        read_only(plain("test_logging_tool", "Logs three messages")),
        read_only(plain("test_tool_with_progress", "Tells its progress three times")),
        read_only(plain("test_reconnection", "Takes a tenth of a second")),
        plain("test_trigger_tool_change", "Adds the tool test_dynamic_tool, or removes it again"),
        plain("test_trigger_prompt_change", "Adds the prompt test_dynamic_prompt, or removes it again"),
        plain("test_trigger_resource_change", "Says that test://watched-resource has changed"),
        tool("test_sampling", "Asks the client's model", json!({ "prompt": { "type": "string" } }), &["prompt"]),
        tool("test_elicitation", "Asks the user", json!({ "message": { "type": "string" } }), &["message"]),
        plain("test_elicitation_sep1034_defaults", "Asks the user, with a default for each kind of field"),
        plain("test_elicitation_sep1330_enums", "Asks the user to choose, in each way that there is"),
        plain("test_missing_capability", "Refuses a client that cannot do sampling"),
        plain("test_streaming_elicitation", "Asks for the user's name"),
        plain("test_input_required_result_elicitation", "Asks for the user's name"),
        plain("test_input_required_result_sampling", "Asks the client's model for a capital"),
        plain("test_input_required_result_list_roots", "Asks for the client's roots"),
        plain("test_input_required_result_request_state", "Asks to confirm, and wants its state back"),
        plain("test_input_required_result_tampered_state", "Asks to confirm, and wants its state back unchanged"),
        plain("test_input_required_result_multiple_inputs", "Asks for three things at once"),
        plain("test_input_required_result_multi_round", "Asks for two things, one after the other"),
        plain("test_input_required_result_capabilities", "Asks for what the client can do"),
        tool("greet", "Greets", json!({ "name": { "type": "string" } }), &["name"]),
        tool(
            "slow_compute",
            "Takes as many seconds as it is told; a task where the client can take one",
            json!({ "seconds": { "type": "number" }, "label": { "type": "string" } }),
            &["seconds"],
        ),
        plain("failing_job", "A task that ends with a tool's error"),
        plain("protocol_error_job", "A task that ends with a protocol error"),
        tool(
            "confirm_delete",
            "A task that asks to confirm",
            json!({ "filename": { "type": "string" } }),
            &["filename"],
        ),
        plain("multi_input", "A task that asks for two things at once"),
        plain("test_tool_with_task", "Asks for the user's name, then makes a task of the rest"),
    ];
    if extra {
        tools.push(plain("test_dynamic_tool", "Is not always there"));
    }
    tools
}

fn structured_tool() -> Tool {
    let output = json!({
        "type": "object",
        "properties": { "text": { "type": "string" }, "length": { "type": "integer" } },
        "required": ["text", "length"],
    });
    tool("test_structured_output", "Measures a text", json!({ "text": { "type": "string" } }), &["text"])
        .with_title("Measure")
        .with_raw_output_schema(Arc::new(object(output)))
}

/// Its argument travels in the header `Mcp-Param-Region` as well (SEP-2243).
fn header_tool() -> Tool {
    let region = json!({ "type": "string", "x-mcp-header": "Region" });
    tool(
        "test_header_argument",
        "Repeats its argument, which is also a header",
        json!({ "region": region }),
        &["region"],
    )
}

/// Its schema has the words of JSON Schema 2020-12 that must survive every hop.
fn json_schema_tool() -> Tool {
    let schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "$defs": {
            "address": {
                "$anchor": "addressDef",
                "type": "object",
                "properties": { "street": { "type": "string" }, "city": { "type": "string" } },
            },
        },
        "properties": {
            "name": { "type": "string" },
            "address": { "$ref": "#/$defs/address" },
            "contactMethod": { "type": "string", "enum": ["phone", "email"] },
            "phone": { "type": "string" },
            "email": { "type": "string" },
        },
        "allOf": [{ "anyOf": [{ "required": ["phone"] }, { "required": ["email"] }] }],
        "if": { "properties": { "contactMethod": { "const": "phone" } }, "required": ["contactMethod"] },
        "then": { "required": ["phone"] },
        "else": { "required": ["email"] },
        "additionalProperties": false,
    });
    Tool::new("json_schema_2020_12_tool", "Tool with JSON Schema 2020-12 features", object(schema))
}

pub(crate) fn resources() -> Vec<Resource> {
    let resource = |uri, name, description, mime_type| {
        Resource::new(uri, name).with_description(description).with_mime_type(mime_type)
    };
    vec![
        resource("test://static-text", "Static text", "A text", "text/plain"),
        resource("test://static-binary", "Static binary", "An image", "image/png"),
        resource(WATCHED, "Watched", "A text that a tool changes", "text/plain"),
    ]
}

pub(crate) fn resource_templates() -> Vec<ResourceTemplate> {
    let template = ResourceTemplate::new("test://template/{id}/data", "Data by id");
    vec![template.with_description("Data of what has this id").with_mime_type("application/json")]
}

/// Every prompt. The last comes and goes.
pub(crate) fn prompts(extra: bool) -> Vec<Prompt> {
    let required = |name, description| PromptArgument::new(name).with_description(description).with_required(true);
    let both = vec![required("arg1", "The first argument"), required("arg2", "The second argument")];
    let uri = vec![required("resourceUri", "The resource to embed")];
    let mut prompts = vec![
        Prompt::new("test_simple_prompt", Some("A prompt without arguments"), None),
        Prompt::new("test_prompt_with_arguments", Some("A prompt with two arguments"), Some(both)),
        Prompt::new("test_prompt_with_embedded_resource", Some("A prompt with a resource"), Some(uri)),
        Prompt::new("test_prompt_with_image", Some("A prompt with an image"), None),
        Prompt::new("test_input_required_result_prompt", Some("A prompt that asks the user first"), None),
    ];
    if extra {
        prompts.push(Prompt::new("test_dynamic_prompt", Some("Is not always there"), None));
    }
    prompts
}
