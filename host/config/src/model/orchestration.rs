//! What a file says of routing, retries, limits, caches and language models. `None` is not said: what is then so, the file's
//! `orchestration` says, and after it the host; [`route`](crate::route) puts the three together.

use super::At;
use std::time::Duration;
use tollgate_core::EffectClass;
use tollgate_route::{ErrorClass, Rate};

/// Something that `false` turns off, `true` on, and a map of keys on and different.
#[derive(Clone, Debug, PartialEq)]
pub enum Switch<T> {
    /// Off.
    Off,
    /// On. What it leaves open is as one level above.
    On(T),
}

/// What a server says of the calls that it gets.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Routing {
    /// Calls at once, from 1 to 10,000; more wait.
    pub max_in_flight: Option<u32>,
    /// Calls that may wait, to 100,000; more are `overloaded`.
    pub queue: Option<u32>,
    /// How many calls it gets in a time.
    pub rate: Option<Rate>,
    /// When a call is tried again.
    pub retry: Option<Switch<Retry>>,
    /// When the server is left alone.
    pub breaker: Option<Switch<Breaker>>,
    /// What answers are kept.
    pub cache: Cache,
    /// Started when somebody needs it.
    pub lazy: Option<Lazy>,
    /// What differs for the tools that match a pattern (`*`, `?`), in the order of the file: the first that matches counts.
    pub tools: Vec<(At<String>, ToolSettings)>,
}

/// When a call is tried again.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Retry {
    /// The most attempts after the first, to 20.
    pub max_retries: Option<u32>,
    /// The ceiling of the first delay.
    pub first_delay: Option<Duration>,
    /// What each next ceiling is multiplied with, from 1 to 10.
    pub backoff_factor: Option<f64>,
    /// The highest ceiling.
    pub max_delay: Option<Duration>,
    /// Wait a random part of the delay.
    pub jitter: Option<bool>,
    /// The classes of failure after which it is; each there once.
    pub on: Option<Vec<ErrorClass>>,
}

/// When a server that keeps failing is left alone.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Breaker {
    /// Failures in a row that open it, from 1 to 1,000.
    pub failures: Option<u32>,
    /// How long it stays open before a probe.
    pub open_for: Option<Duration>,
    /// Calls that are let through at once then, from 1 to 100.
    pub probes: Option<u32>,
}

/// How long answers are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// Not at all.
    Not,
    /// As long as one level above says, and where none does, [`CACHE_TTL`](crate::route::CACHE_TTL).
    On,
    /// So long.
    For(Duration),
}

/// What answers are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cache {
    /// Of tools that are read-only.
    pub tools: Option<Keep>,
    /// Of resources.
    pub resources: Option<Keep>,
    /// Of prompts.
    pub prompts: Option<Keep>,
    /// Of lists of resources, templates and prompts.
    pub lists: Option<Keep>,
}

/// A server that is started at its first use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lazy {
    /// It is stopped when it was not used for so long.
    pub idle: Duration,
}

impl Default for Lazy {
    fn default() -> Self {
        Self { idle: Duration::from_secs(5 * 60) }
    }
}

/// What differs for some tools.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ToolSettings {
    /// What a call may change, whatever the annotations say.
    pub effect: Option<EffectClass>,
    /// How long one attempt may take.
    pub timeout: Option<Duration>,
    /// When it is tried again.
    pub retry: Option<Switch<Retry>>,
    /// How long answers are kept.
    pub cache: Option<Keep>,
}

/// What holds for every server that does not say otherwise.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Orchestration {
    /// A request to many servers ends at the first failure, unless the call says otherwise. `false` where it is not said.
    pub fail_fast: Option<bool>,
    /// When a call is tried again.
    pub retry: Option<Switch<Retry>>,
    /// When a server is left alone.
    pub breaker: Option<Switch<Breaker>>,
    /// What answers are kept.
    pub cache: Cache,
    /// The most answers that are kept at once, of all servers.
    pub cache_max_entries: Option<u64>,
    /// The most bytes of answers that are kept at once, of all servers.
    pub cache_max_bytes: Option<u64>,
}

/// The language model that the host asks for components.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    /// Who answers.
    pub provider: Provider,
    /// Where, without a slash at its end: an `https` URL, or `http` at a loopback or private address. `None` is the provider's
    /// own.
    pub url: Option<String>,
    /// The host of `url` may have a private address though it is a name.
    pub private: Option<bool>,
    /// Which model, where a request names none. There is one for every provider but [`Provider::Agent`].
    pub model: Option<String>,
    /// Others that a request may name, with stars.
    pub models: Vec<String>,
    /// The name of the secret that holds the key.
    pub secret: Option<At<String>>,
    /// The most tokens of an answer, where a request says none.
    pub max_tokens: Option<u32>,
    /// What Chat Completions call that limit.
    pub token_key: Option<TokenKey>,
    /// How long an answer may take.
    pub timeout: Option<Duration>,
    /// Who is asked first, where both can answer.
    pub prefer: Option<Prefer>,
    /// Schemas are made to fit the provider's strict form.
    pub strict: Option<bool>,
    /// Answers are asked for piece by piece.
    pub stream: Option<bool>,
}

/// Who answers what models are asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Provider {
    /// An endpoint that speaks OpenAI's Chat Completions.
    OpenAi,
    /// An endpoint that speaks Anthropic's Messages.
    Anthropic,
    /// The connected agent only, by MCP's sampling.
    Agent,
}

/// What Chat Completions call the limit of the answer's tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenKey {
    /// `max_completion_tokens`.
    MaxCompletionTokens,
    /// `max_tokens`, which is all that many compatible servers know.
    MaxTokens,
}

/// Who is asked first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prefer {
    /// The connected agent, if it offers sampling.
    Agent,
    /// The endpoint.
    Endpoint,
}
