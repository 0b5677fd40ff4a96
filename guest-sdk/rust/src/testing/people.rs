//! A model that follows a script, and a person who has the answers ready.

use std::collections::VecDeque;

use serde_json::Value;

use super::{FakeHost, installed};
use crate::ask::AskError;
use crate::bindings::policy::tollgate::{ask::ask_types as ask_wit, model::model_types as wit};
use crate::model::{Completion, ModelError, Request};

type Script = Box<dyn FnMut(&Request) -> Result<Completion, ModelError>>;

#[derive(Default)]
pub(super) struct People {
    completions: VecDeque<Result<Completion, ModelError>>,
    script: Option<Script>,
    requests: Vec<Request>,
    replies: VecDeque<Result<ask_wit::Reply, AskError>>,
    questions: Vec<String>,
}

impl FakeHost {
    /// The model answers this text to the next request that has no answer yet.
    #[must_use]
    pub fn says(self, text: impl Into<String>) -> Self {
        self.completes(Ok(Completion::text(text)))
    }

    /// The model answers this, or fails so, to the next request that has no answer yet.
    #[must_use]
    pub fn completes(self, answer: Result<Completion, ModelError>) -> Self {
        self.0.borrow_mut().people.completions.push_back(answer);
        self
    }

    /// The model answers by the request, once the answers of [`says`](Self::says) and [`completes`](Self::completes) are
    /// used up. Without this it is not available then.
    #[must_use]
    pub fn model(self, script: impl FnMut(&Request) -> Result<Completion, ModelError> + 'static) -> Self {
        self.0.borrow_mut().people.script = Some(Box::new(script));
        self
    }

    /// What the model was asked so far.
    pub fn requests(&self) -> Vec<Request> {
        self.0.borrow().people.requests.clone()
    }

    /// The person answers the next question with this object. A question too many has nobody to answer it.
    #[must_use]
    pub fn accepts(self, answer: Value) -> Self {
        self.replies(Ok(ask_wit::Reply::Accepted(answer.to_string())))
    }

    /// The person says no to the next question.
    #[must_use]
    pub fn declines(self) -> Self {
        self.replies(Ok(ask_wit::Reply::Declined))
    }

    /// The person closes the next question without an answer.
    #[must_use]
    pub fn dismisses(self) -> Self {
        self.replies(Ok(ask_wit::Reply::Dismissed))
    }

    /// The next question fails so.
    #[must_use]
    pub fn cannot_ask(self, error: AskError) -> Self {
        self.replies(Err(error))
    }

    /// What the person was asked so far.
    pub fn questions(&self) -> Vec<String> {
        self.0.borrow().people.questions.clone()
    }

    fn replies(self, reply: Result<ask_wit::Reply, AskError>) -> Self {
        self.0.borrow_mut().people.replies.push_back(reply);
        self
    }
}

pub(crate) fn complete(
    messages: &[wit::Message],
    tools: &[wit::Tool],
    options: &wit::Options,
) -> Result<wit::Completion, wit::ModelError> {
    let FakeHost(state) = installed();
    let request = Request::from_wit(messages, tools, options);
    state.borrow_mut().people.requests.push(request.clone());
    let next = state.borrow_mut().people.completions.pop_front();
    // Taken out while it runs: it may ask the host for something itself.
    let script = if next.is_none() { state.borrow_mut().people.script.take() } else { None };
    let answer = match (next, script) {
        (Some(answer), _) => answer,
        (None, Some(mut script)) => {
            let answer = script(&request);
            state.borrow_mut().people.script = Some(script);
            answer
        }
        (None, None) => Err(ModelError::Unavailable("the fake host has no further answer of a model".to_owned())),
    };
    answer.map(Into::into).map_err(Into::into)
}

pub(crate) fn ask(message: &str, _schema: &str) -> Result<ask_wit::Reply, ask_wit::AskError> {
    let FakeHost(state) = installed();
    let people = &mut state.borrow_mut().people;
    people.questions.push(message.to_owned());
    let nobody = || Err(AskError::Unavailable("the fake host has no further answer of a person".to_owned()));
    people.replies.pop_front().unwrap_or_else(nobody).map_err(Into::into)
}

impl From<Completion> for wit::Completion {
    fn from(answer: Completion) -> Self {
        let Completion { message, finish, model, usage } = answer;
        Self { message: message.into(), finish, model, usage }
    }
}

impl From<ModelError> for wit::ModelError {
    fn from(error: ModelError) -> Self {
        use ModelError as E;
        match error {
            E::Denied(why) => Self::Denied(why),
            E::InvalidRequest(why) => Self::InvalidRequest(why),
            E::Unavailable(why) => Self::Unavailable(why),
            E::RateLimited(pause) => Self::RateLimited(pause.map(crate::failure::whole_ms)),
            E::TimedOut(why) => Self::TimedOut(why),
            // No host says so: the model's answer does.
            E::Rejected(why) | E::Refused(why) => Self::Rejected(why),
            E::InvalidResponse(why) => Self::InvalidResponse(why),
            E::BudgetExhausted(limit) => Self::BudgetExhausted((*limit).into()),
            E::Cancelled => Self::Cancelled,
        }
    }
}

impl From<AskError> for ask_wit::AskError {
    fn from(error: AskError) -> Self {
        use AskError as E;
        match error {
            E::Denied(why) => Self::Denied(why),
            // No host says the latter: the type that was asked for does.
            E::InvalidQuestion(why) | E::InvalidAnswer(why) => Self::InvalidQuestion(why),
            E::Unavailable(why) => Self::Unavailable(why),
            E::BudgetExhausted(limit) => Self::BudgetExhausted((*limit).into()),
            E::Cancelled => Self::Cancelled,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{self, Finish, Message, Role, Tool, ToolChoice, ToolUse};
    use crate::testing::block_on;
    use schemars::JsonSchema;
    use serde::Deserialize;
    use serde_json::json;
    use std::time::Duration;

    #[derive(Debug, Deserialize, JsonSchema, PartialEq)]
    struct Verdict {
        good: bool,
        points: Vec<u8>,
    }

    #[test]
    fn a_request_reaches_the_host_as_it_was_written() {
        let host = FakeHost::new().says("ok").install();
        let used = ToolUse::new("1", "look", json!({"at": "it"}));
        let look = Tool::of::<Verdict>("look", "Looks.");
        let request = Request::new()
            .system("Be brief.")
            .user("Well?")
            .message(Completion::uses([used.clone()]).message)
            .messages([Message::tool_error(&used, "no eyes")])
            .tools([look.clone()])
            .tool_choice(ToolChoice::Tool("look".into()))
            .model("small")
            .max_tokens(10)
            .temperature(0.5)
            .stop("END");
        block_on(model::complete(request.clone())).unwrap();
        let [asked] = host.requests().try_into().unwrap();
        assert_eq!(asked.tools, [look]);
        assert_eq!(asked.model_name(), Some("small"));
        assert_eq!(asked.messages[2].tool_uses, [used]);
        assert_eq!(asked.messages[3].tool_use_id.as_deref(), Some("1"));
        assert!(asked.messages[3].is_error && asked.messages[3].role == Role::Tool);
        assert_eq!(format!("{asked:?}"), format!("{request:?}"));
    }

    #[test]
    fn an_answer_of_a_type_may_stand_in_a_code_block_and_has_to_fit() {
        let _host = FakeHost::new()
            .says("Sure!\n```json\n{\"good\": true, \"points\": [7]}\n```\nAnything else?")
            .says(r#"I say {"good": false, "points": []}."#)
            .says(r#"{"result": [1, 2]}"#)
            .says(r#"{"good": true, "points": [300]}"#)
            .says("no idea")
            .install();
        let ask = || model::blocking::complete_as::<Verdict>("Is it good?");
        assert_eq!(ask().unwrap(), Verdict { good: true, points: vec![7] });
        assert!(!ask().unwrap().good);
        assert_eq!(block_on(model::complete_as::<Vec<u8>>("Which?")).unwrap(), [1, 2]);
        let error = ask().unwrap_err();
        assert!(error.to_string().contains("points[0]: invalid value"), "{error}");
        assert!(ask().unwrap_err().to_string().contains("not JSON"));
        // The script is at its end.
        assert!(matches!(ask(), Err(ModelError::Unavailable(_))));
    }

    #[test]
    fn an_answer_that_is_cut_or_refused_is_an_error_with_a_reason() {
        let end = |finish| Ok(Completion { finish, ..Completion::text("I would rather not.") });
        let _host = FakeHost::new().completes(end(Finish::Length)).completes(end(Finish::Refusal)).install();
        assert!(model::blocking::ask_text("?").unwrap_err().to_string().contains("max_tokens"));
        let refused = model::blocking::ask_text("?").unwrap_err();
        assert_eq!(refused.to_string(), "the model would not answer: I would rather not.");
    }

    #[test]
    fn a_model_may_answer_by_the_request_and_fail() {
        let host = FakeHost::new()
            .completes(Err(ModelError::RateLimited(Some(Duration::from_millis(20)))))
            .model(|request| Ok(Completion::text(request.messages[0].content.to_uppercase())))
            .install();
        let error = model::blocking::ask_text("a").unwrap_err();
        assert_eq!(error, ModelError::RateLimited(Some(Duration::from_millis(20))));
        assert_eq!(model::blocking::ask_text("b").unwrap(), "B");
        assert_eq!(host.requests().len(), 2);
    }

    #[test]
    fn arguments_that_are_no_object_are_told_in_words() {
        assert_eq!(ToolUse::new("1", "t", "").args().unwrap(), json!({}));
        assert!(ToolUse::new("1", "t", "[1]").args().unwrap_err().contains("not a JSON object"));
        assert!(ToolUse::new("1", "t", "{\"a\":").args().unwrap_err().contains("not JSON"));
    }
}
