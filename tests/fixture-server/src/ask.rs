//! Tools that ask the client for something: a form filled in, a model's answer, its roots.
//!
//! Before 2026-07-28 the server sends the client a request of its own. Since then it answers `input_required`, and the
//! client calls again with the answers. [`Client::ask`] does what the request's version wants.

#![allow(deprecated)] // Sampling and roots are deprecated since 2026-07-28.

use crate::content::{argument, text};
use crate::server::Fixture;
use crate::talk::is_legacy;
use rmcp::RoleServer;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, ClientCapabilities, CreateMessageRequest, CreateMessageRequestParams,
    ElicitRequest, ElicitRequestParams, ErrorData, GetPromptRequestParams, GetPromptResponse, GetPromptResult,
    InputRequest, InputRequiredResult, InputResponses, JsonObject, ListRootsRequest, PromptMessage, Role,
    SamplingMessage, SealOptions,
};
use rmcp::service::{RequestContext, ServiceError};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

type Called = Result<CallToolResponse, ErrorData>;
type Requests = Vec<(&'static str, InputRequest)>;

/// The client, as one request sees it.
pub(crate) struct Client<'a> {
    pub(crate) fixture: &'a Fixture,
    pub(crate) cx: &'a RequestContext<RoleServer>,
    /// What was called: a state of one tool is worth nothing to another.
    name: &'a str,
    responses: Option<&'a InputResponses>,
    state: Option<&'a str>,
}

/// How asking went.
pub(crate) enum Asked {
    /// Every answer, by its key.
    Answers(InputResponses),
    /// The client is to call again.
    Pending(InputRequiredResult),
}

/// What a tool keeps between rounds, in the client's hands.
#[derive(Default, Serialize, Deserialize)]
pub(crate) struct State {
    name: Option<String>,
}

impl<'a> Client<'a> {
    pub(crate) fn new(
        fixture: &'a Fixture,
        request: &'a CallToolRequestParams,
        cx: &'a RequestContext<RoleServer>,
    ) -> Self {
        let (responses, state) = (request.input_responses.as_ref(), request.request_state.as_deref());
        Self { fixture, cx, name: &request.name, responses, state }
    }

    pub(crate) fn prompt(
        fixture: &'a Fixture,
        request: &'a GetPromptRequestParams,
        cx: &'a RequestContext<RoleServer>,
    ) -> Self {
        let (responses, state) = (request.input_responses.as_ref(), request.request_state.as_deref());
        Self { fixture, cx, name: &request.name, responses, state }
    }

    pub(crate) fn capabilities(&self) -> ClientCapabilities {
        self.cx.client_capabilities().unwrap_or_default()
    }

    /// Asks for all of `requests`. With a state, the client must bring that back.
    ///
    /// # Errors
    /// The client cannot do what is asked, or answers with something else.
    pub(crate) async fn ask(&self, requests: Requests, state: Option<State>) -> Result<Asked, ErrorData> {
        let capabilities = self.capabilities();
        if let Some(lacking) = requests.iter().find_map(|(_, request)| lacking(request, &capabilities)) {
            return Err(ErrorData::missing_required_client_capability(lacking));
        }
        if is_legacy(self.cx) {
            return self.ask_by_requests(requests).await.map(Asked::Answers);
        }
        let brought = self.state()?;
        let mut answers = InputResponses::new();
        for (key, _) in &requests {
            match self.responses.and_then(|responses| responses.get(*key)) {
                Some(answer) if answer.is_object() => drop(answers.insert((*key).to_owned(), answer.clone())),
                Some(_) => {
                    return Err(ErrorData::invalid_params(format!("the input response `{key}` is no object"), None));
                }
                None => {
                    let requests = requests.into_iter().map(|(key, request)| (key.to_owned(), request)).collect();
                    let state = state.map(|state| self.seal(&state)).transpose()?;
                    return Ok(Asked::Pending(InputRequiredResult::new(Some(requests), state)));
                }
            }
        }
        if state.is_some() && brought.is_none() {
            return Err(ErrorData::invalid_params("the requestState did not come back", None));
        }
        Ok(Asked::Answers(answers))
    }

    async fn ask_by_requests(&self, requests: Requests) -> Result<InputResponses, ErrorData> {
        let mut answers = InputResponses::new();
        for (key, request) in requests {
            let answer = match request {
                InputRequest::CreateMessage(request) => json_of(self.cx.peer.create_message(request.params).await)?,
                InputRequest::Elicitation(request) => json_of(self.cx.peer.create_elicitation(request.params).await)?,
                InputRequest::ListRoots(_) => json_of(self.cx.peer.list_roots().await)?,
                _ => return Err(ErrorData::internal_error("this input has no request of its own", None)),
            };
            answers.insert(key.to_owned(), answer);
        }
        Ok(answers)
    }

    /// The state that the client brought back.
    fn state(&self) -> Result<Option<State>, ErrorData> {
        let open = |sealed| self.fixture.shared.states.open_json_with(sealed, self.name.as_bytes());
        self.state
            .map(open)
            .transpose()
            .map_err(|why| ErrorData::invalid_params(format!("the requestState is not ours: {why}"), None))
    }

    fn seal(&self, state: &State) -> Result<String, ErrorData> {
        let options = SealOptions::new().associated_data(self.name.as_bytes());
        self.fixture.shared.states.seal_json_with(state, &options).map_err(internal)
    }
}

fn internal(why: impl std::fmt::Display) -> ErrorData {
    ErrorData::internal_error(why.to_string(), None)
}

fn json_of<T: Serialize>(answer: Result<T, ServiceError>) -> Result<Value, ErrorData> {
    match answer {
        Ok(answer) => serde_json::to_value(answer).map_err(internal),
        Err(ServiceError::McpError(error)) => Err(error),
        Err(error) => Err(internal(error)),
    }
}

/// What the client would have to declare for `request` and has not.
fn lacking(request: &InputRequest, has: &ClientCapabilities) -> Option<ClientCapabilities> {
    let mut lacking = ClientCapabilities::default();
    match request {
        InputRequest::CreateMessage(_) if has.sampling.is_none() => lacking.sampling = Some(Default::default()),
        InputRequest::Elicitation(_) if has.elicitation.is_none() => lacking.elicitation = Some(Default::default()),
        InputRequest::ListRoots(_) if has.roots.is_none() => lacking.roots = Some(Default::default()),
        _ => return None,
    }
    Some(lacking)
}

/// A form. `properties` are those of an object's JSON Schema.
pub(crate) fn form(message: &str, properties: Value, required: &[&str]) -> Result<InputRequest, ErrorData> {
    let mut schema = json!({ "type": "object", "properties": properties });
    if let (Some(schema), false) = (schema.as_object_mut(), required.is_empty()) {
        schema.insert("required".to_owned(), json!(required));
    }
    let requested_schema = serde_json::from_value(schema).map_err(internal)?;
    let params =
        ElicitRequestParams::FormElicitationParams { meta: None, message: message.to_owned(), requested_schema };
    Ok(InputRequest::Elicitation(ElicitRequest::new(params)))
}

/// A form with one text.
pub(crate) fn text_form(message: &str, field: &str) -> Result<InputRequest, ErrorData> {
    form(message, json!({ field: { "type": "string" } }), &[field])
}

fn message(prompt: &str, max_tokens: u32) -> InputRequest {
    let params = CreateMessageRequestParams::new(vec![SamplingMessage::user_text(prompt)], max_tokens);
    InputRequest::CreateMessage(CreateMessageRequest::new(params))
}

fn list_roots() -> InputRequest {
    InputRequest::ListRoots(ListRootsRequest::default())
}

/// The text at `pointer` of the answer `key`.
pub(crate) fn answer<'a>(answers: &'a InputResponses, key: &str, pointer: &str) -> &'a str {
    answers.get(key).and_then(|answer| answer.pointer(pointer)).and_then(Value::as_str).unwrap_or("nothing")
}

fn model_text(answers: &InputResponses, key: &str) -> String {
    answer(answers, key, "/content/text").to_owned()
}

/// Asks, and makes the tool's result of the answers.
async fn asked(
    client: &Client<'_>,
    requests: Requests,
    state: Option<State>,
    done: impl FnOnce(&InputResponses) -> String,
) -> Called {
    Ok(match client.ask(requests, state).await? {
        Asked::Pending(pending) => pending.into(),
        Asked::Answers(answers) => text(done(&answers)).into(),
    })
}

pub(crate) async fn sampling(client: &Client<'_>, args: &JsonObject) -> Called {
    let requests = vec![("sampling", message(argument(args, "prompt"), 100))];
    asked(client, requests, None, |answers| format!("LLM response: {}", model_text(answers, "sampling"))).await
}

/// The action and content of the form `key`.
fn filled_in(answers: &InputResponses, key: &str) -> String {
    let content = answers.get(key).and_then(|answer| answer.get("content")).unwrap_or(&Value::Null);
    format!("action={}, content={content}", answer(answers, key, "/action"))
}

pub(crate) async fn elicitation(client: &Client<'_>, args: &JsonObject) -> Called {
    let properties = json!({
        "username": { "type": "string", "description": "User's response" },
        "email": { "type": "string", "description": "User's email address" },
    });
    let request = form(argument(args, "message"), properties, &["username", "email"])?;
    asked(client, vec![("user", request)], None, |a| format!("User response: {}", filled_in(a, "user"))).await
}

pub(crate) async fn elicitation_defaults(client: &Client<'_>) -> Called {
    let properties = json!({
        "name": { "type": "string", "default": "John Doe" },
        "age": { "type": "integer", "default": 30 },
        "score": { "type": "number", "default": 95.5 },
        "status": { "type": "string", "enum": ["active", "inactive", "pending"], "default": "active" },
        "verified": { "type": "boolean", "default": true },
    });
    let request = form("Every field has a default.", properties, &[])?;
    asked(client, vec![("user", request)], None, |a| format!("Elicitation completed: {}", filled_in(a, "user"))).await
}

pub(crate) async fn elicitation_enums(client: &Client<'_>) -> Called {
    let options = json!(["option1", "option2", "option3"]);
    let titled = |kind: &str| {
        let named = |value, which| json!({ "const": value, "title": format!("{which} {kind}") });
        json!([named("value1", "First"), named("value2", "Second"), named("value3", "Third")])
    };
    let properties = json!({
        "untitledSingle": { "type": "string", "enum": options },
        "titledSingle": { "type": "string", "oneOf": titled("Option") },
        "legacyEnum": {
            "type": "string",
            "enum": ["opt1", "opt2", "opt3"],
            "enumNames": ["Option One", "Option Two", "Option Three"],
        },
        "untitledMulti": { "type": "array", "items": { "type": "string", "enum": options } },
        "titledMulti": { "type": "array", "items": { "anyOf": titled("Choice") } },
    });
    let request = form("Choose.", properties, &[])?;
    asked(client, vec![("user", request)], None, |a| format!("Elicitation completed: {}", filled_in(a, "user"))).await
}

/// Does nothing with sampling but refuse a client without it.
pub(crate) fn needs_sampling(client: &Client<'_>) -> Called {
    match lacking(&message("", 1), &client.capabilities()) {
        Some(lacking) => Err(ErrorData::missing_required_client_capability(lacking)),
        None => Ok(text("The client can do sampling.").into()),
    }
}

pub(crate) async fn user_name(client: &Client<'_>) -> Called {
    let requests = vec![("user_name", text_form("What is your name?", "name")?)];
    asked(client, requests, None, |a| format!("Hello, {}!", answer(a, "user_name", "/content/name"))).await
}

pub(crate) async fn capital(client: &Client<'_>) -> Called {
    let requests = vec![("capital_question", message("What is the capital of France?", 100))];
    asked(client, requests, None, |a| model_text(a, "capital_question")).await
}

fn named_roots(answers: &InputResponses, key: &str) -> String {
    let roots = answers.get(key).and_then(|answer| answer.get("roots")).and_then(Value::as_array);
    let uris: Vec<_> = roots.into_iter().flatten().filter_map(|r| r.get("uri").and_then(Value::as_str)).collect();
    uris.join(", ")
}

pub(crate) async fn roots(client: &Client<'_>) -> Called {
    let requests = vec![("client_roots", list_roots())];
    asked(client, requests, None, |a| format!("The roots are: {}", named_roots(a, "client_roots"))).await
}

pub(crate) async fn confirmed(client: &Client<'_>) -> Called {
    let request = form("Please confirm", json!({ "ok": { "type": "boolean" } }), &["ok"])?;
    asked(client, vec![("confirm", request)], Some(State::default()), |_| "state-ok".to_owned()).await
}

pub(crate) async fn several(client: &Client<'_>) -> Called {
    let requests = vec![
        ("user_name", text_form("What is your name?", "name")?),
        ("greeting", message("Generate a greeting", 50)),
        ("client_roots", list_roots()),
    ];
    asked(client, requests, Some(State::default()), |answers| {
        let (name, roots) = (answer(answers, "user_name", "/content/name"), named_roots(answers, "client_roots"));
        format!("{} says: {} ({roots})", name, model_text(answers, "greeting"))
    })
    .await
}

pub(crate) async fn two_rounds(client: &Client<'_>) -> Called {
    let name = match client.state()?.and_then(|state| state.name) {
        Some(name) => name,
        None => {
            let request = text_form("Step 1: What is your name?", "name")?;
            match client.ask(vec![("step1", request)], Some(State::default())).await? {
                Asked::Pending(pending) => return Ok(pending.into()),
                Asked::Answers(answers) => answer(&answers, "step1", "/content/name").to_owned(),
            }
        }
    };
    let request = text_form("Step 2: What is your favorite color?", "color")?;
    let state = State { name: Some(name.clone()) };
    asked(client, vec![("step2", request)], Some(state), |answers| {
        format!("{name} likes {}.", answer(answers, "step2", "/content/color"))
    })
    .await
}

pub(crate) async fn what_the_client_can(client: &Client<'_>) -> Called {
    let has = client.capabilities();
    let mut requests = vec![
        ("user_name", text_form("What is your name?", "name")?),
        ("greeting", message("Generate a greeting", 50)),
        ("client_roots", list_roots()),
    ];
    requests.retain(|(_, request)| lacking(request, &has).is_none());
    asked(client, requests, None, |answers| {
        let keys: Vec<_> = answers.keys().map(String::as_str).collect();
        format!("The client answered: {}", keys.join(", "))
    })
    .await
}

/// A prompt that is made of what the client answers.
pub(crate) async fn prompt_context(client: &Client<'_>) -> Result<GetPromptResponse, ErrorData> {
    let request = text_form("What context should the prompt use?", "context")?;
    Ok(match client.ask(vec![("user_context", request)], None).await? {
        Asked::Pending(pending) => pending.into(),
        Asked::Answers(answers) => {
            let said = format!("Use this context: {}", answer(&answers, "user_context", "/content/context"));
            GetPromptResult::new(vec![PromptMessage::new_text(Role::User, said)]).into()
        }
    })
}
