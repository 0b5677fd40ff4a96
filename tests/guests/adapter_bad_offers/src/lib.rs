//! Has resources and no prompts, and reads them as something that is no `ReadResourceResult`; the URI says what.

wit_bindgen::generate!({
    path: "../../../wit",
    inline: "
        package test:guest;
        world guest {
            use tollgate:types/types@0.1.0.{json, tool, tool-result, tool-error};
            export list-tools: func() -> list<tool>;
            export call-tool: func(name: string, args: json) -> result<tool-result, tool-error>;
            export tollgate:resources/resource-provider-blocking@0.1.0;
        }
    ",
    generate_all,
});

use exports::tollgate::resources::resource_provider_blocking::Guest as Resources;
use tollgate::resources::resources_types::{ResourceInfo, TemplateInfo};

struct Exports;

impl Guest for Exports {
    fn list_tools() -> Vec<Tool> {
        Vec::new()
    }

    fn call_tool(name: String, _: String) -> Result<ToolResult, ToolError> {
        Err(ToolError::UnknownTool(name))
    }
}

impl Resources for Exports {
    fn list_resources() -> Vec<ResourceInfo> {
        Vec::new()
    }

    fn list_templates() -> Vec<TemplateInfo> {
        let uri_template = "bad://{how}".to_owned();
        vec![TemplateInfo { uri_template, name: "bad".to_owned(), title: None, description: None, mime_type: None }]
    }

    fn read(uri: String) -> Result<String, ToolError> {
        Ok(match uri.as_str() {
            "bad://text" => "oops".to_owned(),
            "bad://list" => "[]".to_owned(),
            "bad://nothing" => "{}".to_owned(),
            "bad://both" => r#"{"contents": [{"uri": "x://", "text": "", "blob": ""}]}"#.to_owned(),
            "bad://deep" => format!(r#"{{"contents": [], "x": {}{}}}"#, "[".repeat(200), "]".repeat(200)),
            "bad://giant" => format!(r#"{{"contents": [{{"uri": "x://", "text": "{}"}}]}}"#, "x".repeat(1 << 20)),
            "bad://panic" => panic!("a resource panics"),
            "bad://long" => return Err(ToolError::Failed("x".repeat(1 << 20))),
            "bad://arguments" => return Err(ToolError::InvalidArguments("`how` is none".to_owned())),
            _ => return Err(ToolError::UnknownTool("y".repeat(1 << 20))),
        })
    }
}

export!(Exports);
