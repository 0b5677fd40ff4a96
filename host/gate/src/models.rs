//! Requests to language models: granted, paid, recorded, and counted by their tokens.

use crate::session::{Session, cut, digest_of};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use std::sync::atomic::Ordering;
use tollgate_core::budget::Paid;
use tollgate_core::model::{Message, Meter, ToolChoice, Usage, tokens};
use tollgate_core::{Completion, LimitKind, ModelError, ModelRequest};
use tollgate_journal::Event;

impl Session {
    pub(crate) async fn ask_model(&self, request: ModelRequest) -> Result<Completion, ModelError> {
        let context = &self.context;
        if !context.grants.model(request.options.model.as_deref()) {
            let scope = request.options.model.as_ref().map_or("model".to_owned(), |name| format!("model={name}"));
            return Err(ModelError::Denied(self.no_grant(&scope)));
        }
        let paid = context.budget.take_model_call().map_err(ModelError::BudgetExhausted)?;
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
        let started = Event::ModelStarted { request: number, model: request.options.model.as_deref().map(cut), sha256 };
        let appended = self.record(&paid, started).await;
        appended.map_err(|error| ModelError::Unavailable(format!("nothing was sent, because {error}")))?;

        let mut open = OpenRequest::begin(self, paid, number, tokens(sent.len()));
        let answer = model.complete(request, context, &open.meter).await;
        match &answer {
            Ok(completion) => open.close(Some(cut(&completion.model)), None, completion.usage),
            Err(error) => open.close(None, Some(error), open.meter.usage()),
        }
        answer
    }
}

/// A request that has not ended. One whose future is dropped ends as cancelled.
struct OpenRequest<'a> {
    session: &'a Session,
    paid: Paid,
    number: u64,
    over: bool,
    /// The tokens that it is charged with until it is known what it cost.
    estimate: u64,
    meter: Meter,
}

impl<'a> OpenRequest<'a> {
    fn begin(session: &'a Session, paid: Paid, number: u64, estimate: u64) -> Self {
        session.context.budget.charge_tokens(estimate);
        Self { session, paid, number, over: false, estimate, meter: Meter::default() }
    }

    fn close(&mut self, model: Option<String>, error: Option<&ModelError>, usage: Usage) {
        self.over = true;
        let budget = &self.session.context.budget;
        budget.charge_tokens(usage.total());
        budget.return_tokens(self.estimate);
        let message = error.map(|error| cut(&error.to_string()));
        let reason = error.and_then(ModelError::own_words).as_deref().map(cut);
        let message_sha256 = digest_of(message.as_deref(), reason.as_deref());
        let outcome = error.map_or("ok", ModelError::code);
        let request = self.number;
        let ended = Event::ModelEnded { request, model, outcome, message, reason, message_sha256, usage };
        self.session.note(&self.paid, ended);
    }
}

impl Drop for OpenRequest<'_> {
    fn drop(&mut self) {
        if !self.over {
            self.close(None, Some(&ModelError::Cancelled), self.meter.usage());
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

#[cfg(test)]
mod tests {
    use crate::{Session, testing};
    use std::sync::Arc;
    use std::time::Duration;
    use tollgate_core::model::{Message, Meter, ModelOptions, Role, Usage};
    use tollgate_core::{
        BoxFuture, Caller as _, Completion, LimitKind, Limits, Model, ModelError, ModelRequest, RunContext,
    };
    use tollgate_journal::MemoryJournal;

    /// A model whose answers cost so many tokens and break off, or never come.
    struct Costly {
        tokens: u64,
        never: bool,
    }

    impl Model for Costly {
        fn complete<'a>(
            &'a self,
            _: ModelRequest,
            _: &'a RunContext,
            meter: &'a Meter,
        ) -> BoxFuture<'a, Result<Completion, ModelError>> {
            Box::pin(async move {
                meter.begin(Usage { input_tokens: self.tokens, output_tokens: 0 });
                if self.never {
                    std::future::pending::<()>().await;
                }
                Err(ModelError::InvalidResponse("it broke off".to_owned()))
            })
        }
    }

    fn session(model: Costly, model_tokens: u64) -> Arc<Session> {
        let limits = Limits { model_tokens, ..Limits::default() };
        testing::session(Some(Arc::new(model)), limits, Arc::new(MemoryJournal::new(100)))
    }

    fn question() -> ModelRequest {
        let content = "word ".repeat(100);
        let message = Message { role: Role::User, content, tool_uses: vec![], tool_use_id: None, is_error: false };
        ModelRequest { messages: vec![message], tools: vec![], options: ModelOptions::default() }
    }

    /// Asks, and gives up if there is no answer at once.
    async fn ask(session: &Session) -> Option<ModelError> {
        tokio::time::timeout(Duration::from_millis(10), session.complete(question())).await.ok()?.err()
    }

    fn is_out_of_tokens(error: Option<ModelError>) -> bool {
        matches!(error, Some(ModelError::BudgetExhausted(limit)) if limit.kind == LimitKind::ModelTokens)
    }

    #[tokio::test]
    async fn what_fails_or_is_given_up_is_charged_with_what_it_cost() {
        for never in [false, true] {
            let dear = session(Costly { tokens: 1_000, never }, 1_500);
            for out in [false, false, true] {
                assert_eq!(is_out_of_tokens(ask(&dear).await), out, "{never}");
            }
            let free = session(Costly { tokens: 0, never }, 1);
            for _ in 0..3 {
                assert!(!is_out_of_tokens(ask(&free).await), "{never}: the estimate is given back");
            }
        }
    }

    #[tokio::test]
    async fn what_is_sent_is_charged_before_it_is_known_what_it_costs() {
        let session = session(Costly { tokens: 0, never: true }, 100);
        let first = session.complete(question());
        tokio::pin!(first);
        assert!(futures::poll!(&mut first).is_pending());
        assert!(is_out_of_tokens(ask(&session).await));
    }
}
