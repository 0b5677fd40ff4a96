//! A host's side of a model: settings, runs, clients.

use std::sync::{Arc, Mutex};
use std::time::Duration;
use tollgate_core::model::{Message, Meter, ModelOptions, ModelTool, Role, ToolUse, Usage};
use tollgate_core::{
    Approvals, Ask, BoxFuture, Budget, Client, Clock, Completion, Entropy, Grants, Limits, Model, ModelError,
    ModelRequest, Notice, Principal, RpcError, RunContext, RunId, Secret, SeededEntropy, SystemClock, Tenant,
    TraceContext,
};
use tollgate_model::{Endpoint, ModelSettings, Models, Prefer, Provider};
use tollgate_outbound::{Outbound, Settings};
use tollgate_scripted_model::{Script, Scripted, Turn};
use tollgate_secrets::{MemoryStore, SecretStore};

pub const KEY: &str = "sk-hunter2-0123456789abcdef";
/// How long the rest of a stream is waited for.
const DRAIN: Duration = Duration::from_millis(250);
pub const BOTH: [Provider; 2] = [Provider::OpenAi, Provider::Anthropic];

/// A clock on which waits are over at once, and are written down.
#[derive(Default)]
pub struct Hasty {
    pub waits: Arc<Mutex<Vec<Duration>>>,
    real: SystemClock,
}

impl Clock for Hasty {
    fn now(&self) -> std::time::SystemTime {
        self.real.now()
    }

    fn monotonic(&self) -> Duration {
        self.real.monotonic()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        // The wait for the rest of a stream takes its time.
        if duration == DRAIN {
            return self.real.sleep(duration);
        }
        self.waits.lock().unwrap().push(duration);
        Box::pin(std::future::ready(()))
    }
}

/// A scripted endpoint, and models that ask it.
pub struct World {
    pub scripted: Scripted,
    pub models: Models,
    pub outbound: Outbound,
    pub waits: Arc<Mutex<Vec<Duration>>>,
}

impl World {
    pub async fn ask(&self, request: ModelRequest) -> Result<Completion, ModelError> {
        self.ask_metered(request).await.0
    }

    /// With what it cost.
    pub async fn ask_metered(&self, request: ModelRequest) -> (Result<Completion, ModelError>, Usage) {
        let meter = Meter::default();
        let answer = self.models.complete(request, &run(None), &meter).await;
        (answer, meter.usage())
    }

    /// The waits before other tries.
    pub fn waits(&self) -> Vec<Duration> {
        self.waits.lock().unwrap().clone()
    }
}

pub fn endpoint(provider: Provider, scripted: &Scripted) -> Endpoint {
    let base = match provider {
        Provider::OpenAi => format!("{}/v1", scripted.url()),
        Provider::Anthropic => scripted.url(),
    };
    let mut endpoint = Endpoint::new(provider, base, "model-1");
    endpoint.secret = Some("model-key".to_owned());
    endpoint.timeout = Duration::from_secs(20);
    endpoint.idle = Duration::from_secs(10);
    endpoint
}

pub async fn store() -> Arc<dyn SecretStore> {
    let store = MemoryStore::default();
    store.set("model-key", Secret::from(KEY)).await.unwrap();
    Arc::new(store)
}

pub async fn models(settings: ModelSettings) -> Result<Models, String> {
    let entropy = Arc::new(SeededEntropy::new(1));
    Models::new(settings, Outbound::new(Settings::default()), store().await, Arc::new(SystemClock::default()), entropy)
}

pub async fn world_with(provider: Provider, script: Script, change: impl FnOnce(&mut Endpoint)) -> World {
    let scripted = Scripted::start(Script { key: script.key.or(Some(KEY.to_owned())), ..script }).await.unwrap();
    let mut endpoint = endpoint(provider, &scripted);
    change(&mut endpoint);
    let clock = Hasty::default();
    let waits = clock.waits.clone();
    let settings = ModelSettings { prefer: Prefer::default(), endpoint: Some(endpoint) };
    let entropy = Arc::new(SeededEntropy::new(1));
    let outbound = Outbound::new(Settings::default());
    let models = Models::new(settings, outbound.clone(), store().await, Arc::new(clock), entropy).unwrap();
    World { scripted, models, outbound, waits }
}

pub async fn world(provider: Provider, turns: impl IntoIterator<Item = Turn>) -> World {
    world_with(provider, Script::new(turns), |_| {}).await
}

pub fn run(client: Option<Arc<dyn Client>>) -> RunContext {
    let entropy = SeededEntropy::new(2);
    let limits = Limits::default();
    RunContext {
        run: RunId::new(&SystemClock::default(), &entropy),
        parent: None,
        name: "hub".into(),
        principal: Principal::new("tester"),
        tenant: Tenant::default(),
        depth: 1,
        grants: Grants::default(),
        approvals: Approvals::default(),
        limits: limits.clone(),
        budget: Budget::new(limits, None),
        seed: entropy.next_u64(),
        trace: TraceContext::new(1, 2),
        client,
    }
}

pub fn says(role: Role, content: &str) -> Message {
    Message { role, content: content.to_owned(), tool_uses: Vec::new(), tool_use_id: None, is_error: false }
}

pub fn user(content: &str) -> Message {
    says(Role::User, content)
}

pub fn uses(content: &str, uses: &[(&str, &str, &str)]) -> Message {
    let tool_uses = uses.iter().map(|(id, name, arguments)| ToolUse {
        id: (*id).to_owned(),
        name: (*name).to_owned(),
        arguments: (*arguments).to_owned(),
    });
    Message { tool_uses: tool_uses.collect(), ..says(Role::Assistant, content) }
}

pub fn result(id: &str, content: &str, is_error: bool) -> Message {
    Message { tool_use_id: Some(id.to_owned()), is_error, ..says(Role::Tool, content) }
}

pub fn tool(name: &str, schema: serde_json::Value) -> ModelTool {
    let description = format!("The tool {name}.");
    ModelTool { name: name.to_owned(), description, input_schema: schema.to_string() }
}

pub fn request(messages: impl IntoIterator<Item = Message>) -> ModelRequest {
    ModelRequest { messages: messages.into_iter().collect(), tools: Vec::new(), options: ModelOptions::default() }
}

pub fn question() -> ModelRequest {
    request([user("What is it?")])
}

type Answers = Box<dyn Fn(serde_json::Value) -> Result<String, RpcError> + Send + Sync>;

/// An agent's client that answers by a function.
pub struct Fake {
    pub capabilities: String,
    pub asked: Mutex<Vec<Ask>>,
    pub answer: Answers,
}

impl Fake {
    pub fn new(
        capabilities: serde_json::Value,
        answer: impl Fn(serde_json::Value) -> Result<String, RpcError> + Send + Sync + 'static,
    ) -> Arc<Self> {
        let capabilities = capabilities.to_string();
        Arc::new(Self { capabilities, asked: Mutex::default(), answer: Box::new(answer) })
    }

    /// The params of what it was asked last.
    pub fn last(&self) -> serde_json::Value {
        serde_json::from_str(&self.asked.lock().unwrap().last().unwrap().params).unwrap()
    }
}

impl std::fmt::Debug for Fake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Fake")
    }
}

impl Client for Fake {
    fn agent(&self) -> &str {
        "fake"
    }

    fn capabilities(&self) -> &str {
        &self.capabilities
    }

    fn ask(&self, ask: Ask) -> BoxFuture<'_, Result<String, RpcError>> {
        let answer = (self.answer)(serde_json::from_str(&ask.params).unwrap());
        self.asked.lock().unwrap().push(ask);
        Box::pin(std::future::ready(answer))
    }

    fn tell(&self, _notice: Notice) {}
}
