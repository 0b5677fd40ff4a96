//! The host's side of `tollgate:model`.

use super::add;
use super::generated::tollgate::model::model_types as wit;
use crate::held::Weigh;
use crate::store::RunState;
use std::sync::Arc;
use tollgate_core::model::{self as core, Completion, ModelError, ModelRequest};
use tollgate_core::{Caller, json};
use wasmtime::Result;
use wasmtime::component::Linker;

type Asked = (Vec<wit::Message>, Vec<wit::Tool>, wit::Options);

pub(super) fn add_to_linker(linker: &mut Linker<RunState>) -> Result<()> {
    linker.instance("tollgate:model/model-types@0.1.0")?;
    add(linker, "model", "complete", |caller: Arc<dyn Caller>, asked: Asked| async move {
        Ok::<_, wasmtime::Error>(match read(asked) {
            Ok(request) => caller.complete(request).await.map(told).map_err(refused),
            Err(why) => Err(wit::ModelError::InvalidRequest(why)),
        })
    })
}

impl Weigh for wit::ToolUse {
    fn weigh(&self) -> u64 {
        (self.id.len() + self.name.len() + self.arguments.len()) as u64
    }
}

impl Weigh for wit::Message {
    fn weigh(&self) -> u64 {
        self.content.weigh() + self.tool_uses.weigh() + self.tool_use_id.weigh()
    }
}

impl Weigh for wit::Tool {
    fn weigh(&self) -> u64 {
        (self.name.len() + self.description.len() + self.input_schema.len()) as u64
    }
}

impl Weigh for wit::Options {
    fn weigh(&self) -> u64 {
        let choice = if let wit::ToolChoice::Tool(name) = &self.tool_choice { name.weigh() } else { 0 };
        self.model.weigh() + self.stop.weigh() + self.output_schema.weigh() + choice
    }
}

/// The request, if its parts are what they should be.
fn read((messages, tools, options): Asked) -> std::result::Result<ModelRequest, String> {
    for tool in &tools {
        json::check(&tool.input_schema)
            .map_err(|error| format!("the input schema of `{}` is not JSON: {error}", tool.name))?;
    }
    if let Some(schema) = &options.output_schema {
        json::check(schema).map_err(|error| format!("the output schema is not JSON: {error}"))?;
    }
    if options.temperature.is_some_and(|t| !t.is_finite() || t < 0.0) {
        return Err("the temperature is below 0 or no number".to_owned());
    }
    let tool = |tool: wit::Tool| core::ModelTool {
        name: tool.name,
        description: tool.description,
        input_schema: tool.input_schema,
    };
    Ok(ModelRequest {
        messages: messages.into_iter().map(message).collect(),
        tools: tools.into_iter().map(tool).collect(),
        options: core::ModelOptions {
            model: options.model,
            max_tokens: options.max_tokens,
            temperature: options.temperature,
            stop: options.stop,
            tool_choice: match options.tool_choice {
                wit::ToolChoice::Auto => core::ToolChoice::Auto,
                wit::ToolChoice::None => core::ToolChoice::None,
                wit::ToolChoice::Required => core::ToolChoice::Required,
                wit::ToolChoice::Tool(name) => core::ToolChoice::Tool(name),
            },
            output_schema: options.output_schema,
        },
    })
}

fn message(message: wit::Message) -> core::Message {
    let tool_use = |used: wit::ToolUse| core::ToolUse { id: used.id, name: used.name, arguments: used.arguments };
    core::Message {
        role: match message.role {
            wit::Role::System => core::Role::System,
            wit::Role::User => core::Role::User,
            wit::Role::Assistant => core::Role::Assistant,
            wit::Role::Tool => core::Role::Tool,
        },
        content: message.content,
        tool_uses: message.tool_uses.into_iter().map(tool_use).collect(),
        tool_use_id: message.tool_use_id,
        is_error: message.is_error,
    }
}

fn told(completion: Completion) -> wit::Completion {
    let core::Message { role, content, tool_uses, tool_use_id, is_error } = completion.message;
    let tool_use = |used: core::ToolUse| wit::ToolUse { id: used.id, name: used.name, arguments: used.arguments };
    wit::Completion {
        message: wit::Message {
            role: match role {
                core::Role::System => wit::Role::System,
                core::Role::User => wit::Role::User,
                core::Role::Assistant => wit::Role::Assistant,
                core::Role::Tool => wit::Role::Tool,
            },
            content,
            tool_uses: tool_uses.into_iter().map(tool_use).collect(),
            tool_use_id,
            is_error,
        },
        finish: match completion.finish {
            core::Finish::Stop => wit::Finish::Stop,
            core::Finish::ToolUse => wit::Finish::ToolUse,
            core::Finish::Length => wit::Finish::Length,
            core::Finish::Refusal => wit::Finish::Refusal,
        },
        model: completion.model,
        usage: wit::Usage {
            input_tokens: completion.usage.input_tokens,
            output_tokens: completion.usage.output_tokens,
        },
    }
}

fn refused(error: ModelError) -> wit::ModelError {
    match error {
        ModelError::Denied(why) => wit::ModelError::Denied(why),
        ModelError::InvalidRequest(why) => wit::ModelError::InvalidRequest(why),
        ModelError::Unavailable(why) => wit::ModelError::Unavailable(why),
        ModelError::RateLimited(ms) => wit::ModelError::RateLimited(ms),
        ModelError::TimedOut(why) => wit::ModelError::TimedOut(why),
        ModelError::Rejected(why) => wit::ModelError::Rejected(why),
        ModelError::InvalidResponse(why) => wit::ModelError::InvalidResponse(why),
        ModelError::BudgetExhausted(limit) => wit::ModelError::BudgetExhausted(limit.into()),
        ModelError::Cancelled => wit::ModelError::Cancelled,
    }
}
