//! What a configuration says of models. The keys that errors name stand under `model` there.

use std::time::Duration;
use tollgate_outbound::Place;

/// Who is asked.
#[derive(Clone, Debug, Default)]
pub struct ModelSettings {
    /// Who is asked first, where both could be.
    pub prefer: Prefer,
    /// The endpoint; none is the agent's model or nothing.
    pub endpoint: Option<Endpoint>,
}

/// Who is asked first. The other answers where that one is not there or cannot do what is asked; never after it was asked,
/// for what a person refused is not tried elsewhere.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Prefer {
    /// The model of the agent's client (key `agent`).
    #[default]
    Agent,
    /// The configured endpoint (key `endpoint`).
    Endpoint,
}

/// The interface that an endpoint speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Provider {
    /// OpenAI's Chat Completions, or what is compatible with it: `POST {url}/chat/completions`.
    OpenAi,
    /// Anthropic's Messages of version 2023-06-01: `POST {url}/v1/messages`.
    Anthropic,
}

/// What Chat Completions call the limit of the answer's tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TokenKey {
    /// `max_completion_tokens`, which OpenAI's reasoning models insist on.
    #[default]
    MaxCompletionTokens,
    /// `max_tokens`, which is all that many compatible servers know.
    MaxTokens,
}

/// A model's endpoint.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// What it speaks.
    pub provider: Provider,
    /// Its base: `https://api.openai.com/v1`, `https://api.anthropic.com`, `http://127.0.0.1:11434/v1`. A query is kept. It is
    /// `https`, or has a loopback or private address.
    pub url: String,
    /// The host of `url` may have a private address though it is a name, and the key may go to another machine over clear http. A literal
    /// address and `localhost` need no such word to be reached.
    pub private: bool,
    /// The model that answers where a request names none.
    pub model: String,
    /// Others that a request may name, with stars. A grant decides who may name which.
    pub models: Vec<String>,
    /// The name of the secret that is the key; none for an endpoint that needs none.
    pub secret: Option<String>,
    /// Where the key stands, if not where the provider wants it: `Authorization: Bearer`, or Anthropic's `x-api-key`.
    pub place: Option<Place>,
    /// More headers of each request. No secrets.
    pub headers: Vec<(String, String)>,
    /// The most tokens of an answer, where a request does not say it. Anthropic's is 4,096 if this is absent.
    pub max_tokens: Option<u32>,
    /// Time for a request, its retries and the whole of its answer.
    pub timeout: Duration,
    /// Time for the answer to begin, and between two pieces of it.
    pub idle: Duration,
    /// Whether the provider knows schemas that bind the model: OpenAI's `strict`, Anthropic's `output_config`. Without it,
    /// tools are described, and the shape of an answer is asked for in words.
    pub strict: bool,
    /// Answers are asked for piece by piece. An endpoint that answers whole is understood all the same.
    pub stream: bool,
    /// The limit's name in Chat Completions.
    pub token_key: TokenKey,
}

impl Endpoint {
    /// One that is asked for `model` at `url`, with five minutes for an answer, two between its pieces, and no key.
    pub fn new(provider: Provider, url: impl Into<String>, model: impl Into<String>) -> Self {
        Self {
            provider,
            url: url.into(),
            private: false,
            model: model.into(),
            models: Vec::new(),
            secret: None,
            place: None,
            headers: Vec::new(),
            max_tokens: None,
            timeout: Duration::from_secs(300),
            idle: Duration::from_secs(120),
            strict: true,
            stream: true,
            token_key: TokenKey::default(),
        }
    }
}
