//! Requests to language models: granted, paid, recorded, and counted by their tokens.

use crate::session::{Session, cut};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use std::sync::atomic::Ordering;
use tollgate_core::model::{Message, ToolChoice, Usage};
use tollgate_core::{Completion, LimitKind, ModelError, ModelRequest};
use tollgate_journal::Event;

impl Session {
    pub(crate) async fn ask_model(&self, request: ModelRequest) -> Result<Completion, ModelError> {
        let context = &self.context;
        if !context.grants.model(request.options.model.as_deref()) {
            let who = &context.name;
            let scope = request.options.model.as_ref().map_or("model".to_owned(), |name| format!("model={name}"));
            return Err(ModelError::Denied(format!(
                "`{who}` has no grant for {scope}; grant it with --grant '{scope}' or the key `grants` of `{who}` in the configuration"
            )));
        }
        context.budget.take_model_call().map_err(ModelError::BudgetExhausted)?;
        let sent = canonical(&request);
        if sent.len() as u64 > context.limits.call_bytes_in {
            let reached = context.limits.reached(LimitKind::CallBytesIn);
            return Err(ModelError::InvalidRequest(reached.to_string()));
        }
        let Some(model) = &self.gate.model else {
            return Err(ModelError::Unavailable("this host has no model".to_owned()));
        };
        let number = self.next_completion.fetch_add(1, Ordering::Relaxed);
        let sha256 = hex::encode(Sha256::digest(&sent));
        let started = Event::ModelStarted { request: number, model: request.options.model.clone(), sha256 };
        let appended = self.gate.journal.append(self.entry(started)).await;
        appended.map_err(|error| ModelError::Unavailable(format!("nothing was sent, because {error}")))?;

        let mut open = OpenRequest { session: self, number, over: false };
        let answer = model.complete(request, context).await;
        let (outcome, message, name, usage) = match &answer {
            Ok(completion) => ("ok", None, Some(cut(&completion.model)), completion.usage),
            Err(error) => (error.code(), Some(cut(&error.to_string())), None, Usage::default()),
        };
        context.budget.charge_tokens(usage.total());
        open.close(name, outcome, message, usage);
        answer
    }
}

/// A request that has not ended. One whose future is dropped ends as cancelled.
struct OpenRequest<'a> {
    session: &'a Session,
    number: u64,
    over: bool,
}

impl OpenRequest<'_> {
    fn close(&mut self, model: Option<String>, outcome: &'static str, message: Option<String>, usage: Usage) {
        self.over = true;
        self.session.note(Event::ModelEnded { request: self.number, model, outcome, message, usage });
    }
}

impl Drop for OpenRequest<'_> {
    fn drop(&mut self) {
        if !self.over {
            self.close(None, ModelError::Cancelled.code(), None, Usage::default());
        }
    }
}

/// The request as one text: equal requests have equal texts.
fn canonical(request: &ModelRequest) -> String {
    let message = |m: &Message| {
        let uses: Vec<_> = m.tool_uses.iter().map(|u| json!([u.id, u.name, u.arguments])).collect();
        json!([m.role, m.content, uses, m.tool_use_id, m.is_error])
    };
    let options = &request.options;
    let choice = match &options.tool_choice {
        ToolChoice::Auto => json!("auto"),
        ToolChoice::None => json!("none"),
        ToolChoice::Required => json!("required"),
        ToolChoice::Tool(name) => json!({"tool": name}),
    };
    json!({
        "messages": request.messages.iter().map(message).collect::<Vec<_>>(),
        "tools": request.tools.iter().map(|t| json!([t.name, t.description, t.input_schema])).collect::<Vec<_>>(),
        "options": [options.model, options.max_tokens, options.temperature, options.stop, choice, options.output_schema],
    })
    .to_string()
}
