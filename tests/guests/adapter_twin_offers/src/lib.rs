//! Lists two prompts of one name.

wit_bindgen::generate!({
    path: "../../../wit",
    inline: "
        package test:guest;
        world guest {
            use tollgate:types/types@0.1.0.{json, tool, tool-result, tool-error};
            export list-tools: func() -> list<tool>;
            export call-tool: func(name: string, args: json) -> result<tool-result, tool-error>;
            export tollgate:prompts/prompt-provider-blocking@0.1.0;
        }
    ",
    generate_all,
});

use exports::tollgate::prompts::prompt_provider_blocking::Guest as Prompts;
use tollgate::prompts::prompts_types::PromptInfo;

struct Exports;

impl Guest for Exports {
    fn list_tools() -> Vec<Tool> {
        Vec::new()
    }

    fn call_tool(name: String, _: String) -> Result<ToolResult, ToolError> {
        Err(ToolError::UnknownTool(name))
    }
}

impl Prompts for Exports {
    fn list_prompts() -> Vec<PromptInfo> {
        let twin = || PromptInfo { name: "twin".to_owned(), title: None, description: None, arguments: Vec::new() };
        vec![twin(), twin()]
    }

    fn get(name: String, _: String) -> Result<String, ToolError> {
        Err(ToolError::UnknownTool(name))
    }
}

export!(Exports);
