//! The host's interfaces behind the global `tollgate`, each as far as its grant goes.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::future::ready;

use futures_util::future::{FutureExt, LocalBoxFuture};
use serde_json::{Value, json};
use tollgate_javascript::bindings::model::{Completion, Message, ModelError, Options, Tool};
use tollgate_javascript::bindings::state::{Entry, Expected, KeyInfo, Page, StateError, Version};
use tollgate_javascript::bindings::{AskError, CallError, CallFailure, Health, Reply, Server};
use tollgate_javascript::host::{Answer, Interfaces};

use super::FakeHost;

type Request = (Vec<Message>, Vec<Tool>, Options);

/// What the model and the person will answer, and what they were asked.
#[derive(Default)]
pub struct Others {
    pub completions: RefCell<VecDeque<Result<Completion, ModelError>>>,
    /// Each request, in full.
    pub requests: RefCell<Vec<Request>>,
    pub replies: RefCell<VecDeque<Result<Reply, AskError>>>,
    /// Each question and its schema.
    pub questions: RefCell<Vec<(String, String)>>,
    keys: RefCell<BTreeMap<String, Entry>>,
    last_version: RefCell<u64>,
}

impl FakeHost {
    fn has(&self, grant: &str) -> bool {
        self.grants.iter().any(|granted| granted == grant)
    }

    fn refused(&self, grant: &str) -> String {
        format!("the run has no grant {grant}")
    }

    fn current(&self, key: &str) -> Option<Version> {
        self.others.keys.borrow().get(key).map(|entry| entry.version)
    }

    /// Why a key cannot be used.
    fn refuses_key(&self, key: &str) -> Option<StateError> {
        if !self.has("state") {
            return Some(StateError::Denied(self.refused("state")));
        }
        key.is_empty().then(|| StateError::InvalidKey("a key has 1 to 512 bytes".into()))
    }

    fn failure(&self, server: &str, method: &str, error: CallError) -> CallFailure {
        CallFailure { server: server.into(), tool: method.into(), attempts: 0, elapsed_ms: 0, error }
    }
}

fn answered<T: 'static, E: 'static>(answer: Result<T, E>) -> Answer<T, E> {
    ready(answer).boxed_local()
}

impl Interfaces for FakeHost {
    fn complete(&self, messages: Vec<Message>, tools: Vec<Tool>, options: Options) -> Answer<Completion, ModelError> {
        if !self.has("model") {
            return answered(Err(ModelError::Denied(self.refused("model"))));
        }
        self.others.requests.borrow_mut().push((messages, tools, options));
        let none = || Err(ModelError::Unavailable("no model is configured".into()));
        answered(self.others.completions.borrow_mut().pop_front().unwrap_or_else(none))
    }

    fn ask(&self, message: String, schema: String) -> Answer<Reply, AskError> {
        if !self.has("ask") {
            return answered(Err(AskError::Denied(self.refused("ask"))));
        }
        self.others.questions.borrow_mut().push((message, schema));
        let nobody = || Err(AskError::Unavailable("there is nobody to ask".into()));
        answered(self.others.replies.borrow_mut().pop_front().unwrap_or_else(nobody))
    }

    fn list_servers(&self) -> Vec<Server> {
        let server = |name: &str, domains: &[&str], capabilities: &[&str]| Server {
            name: name.into(),
            health: Health::Ready,
            priority: 100,
            domains: domains.iter().map(|&word| word.into()).collect(),
            capabilities: capabilities.iter().map(|&word| word.into()).collect(),
            error: None,
        };
        let all = [server("crm", &["customers"], &["search"]), server("lab", &[], &[]), server("my-server", &[], &[])];
        let granted =
            |server: &Server| Self::tools(&server.name).iter().any(|(tool, _)| self.granted(&server.name, tool));
        all.into_iter().filter(granted).collect()
    }

    fn gather_resources(&self, domain: Option<String>, fail_fast: Option<bool>) -> Answer<String, CallFailure> {
        let resources = json!({"note": {"uri": "lab://note"}});
        answered(match domain.as_deref() {
            None if fail_fast == Some(true) => {
                Err(self.failure("lab", "resources/list", CallError::Unavailable("it has ended".into())))
            }
            None => Ok(json!({"crm": {"resources": resources}, "lab": {"error": "it has ended"}}).to_string()),
            Some("customers") => Ok(json!({"crm": {"resources": resources}}).to_string()),
            Some(other) => {
                Err(self.failure(&format!("domain:{other}"), "resources/list", CallError::UnknownTool(Vec::new())))
            }
        })
    }

    fn get_state(&self, key: String) -> Answer<Option<Entry>, StateError> {
        answered(match self.refuses_key(&key) {
            Some(error) => Err(error),
            None => Ok(self.others.keys.borrow().get(&key).cloned()),
        })
    }

    fn set_state(&self, key: String, value: String, expected: Expected) -> Answer<Version, StateError> {
        if let Some(error) = self.refuses_key(&key) {
            return answered(Err(error));
        }
        let current = self.current(&key);
        let as_expected = match expected {
            Expected::Any => true,
            Expected::Absent => current.is_none(),
            Expected::Version(version) => current == Some(version),
        };
        if !as_expected {
            return answered(Err(StateError::Conflict(current)));
        }
        let mut last = self.others.last_version.borrow_mut();
        *last += 1;
        self.others.keys.borrow_mut().insert(key, Entry { value, version: *last });
        answered(Ok(*last))
    }

    fn delete_state(&self, key: String, expected: Option<Version>) -> Answer<bool, StateError> {
        if let Some(error) = self.refuses_key(&key) {
            return answered(Err(error));
        }
        let current = self.current(&key);
        if expected.is_some() && expected != current {
            return answered(Err(StateError::Conflict(current)));
        }
        answered(Ok(self.others.keys.borrow_mut().remove(&key).is_some()))
    }

    fn list_state(&self, prefix: String, after: Option<String>, limit: Option<u32>) -> Answer<Page, StateError> {
        if let Some(error) = self.refuses_key("any") {
            return answered(Err(error));
        }
        let keys = self.others.keys.borrow();
        let found =
            keys.iter().filter(|(key, _)| key.starts_with(&prefix) && after.as_ref().is_none_or(|after| *key > after));
        let mut keys: Vec<_> = found
            .map(|(key, entry)| KeyInfo { key: key.clone(), version: entry.version, size: entry.value.len() as u64 })
            .collect();
        let limit = limit.unwrap_or(1000) as usize;
        let next = (keys.len() > limit).then(|| keys[limit - 1].key.clone());
        keys.truncate(limit);
        answered(Ok(Page { keys, next }))
    }

    fn list_resources(&self) -> LocalBoxFuture<'static, String> {
        let listed = json!([{"server": "lab", "uri": "lab://note", "name": "note"}]);
        ready(if self.has("resource=lab:*") { listed.to_string() } else { "[]".into() }).boxed_local()
    }

    fn read_resource(&self, server: String, uri: String) -> Answer<String, CallFailure> {
        if !self.has(&format!("resource={server}:*")) {
            let denied = CallError::Denied(self.refused("resource"));
            return answered(Err(self.failure(&server, &format!("resources/read {uri}"), denied)));
        }
        answered(Ok(json!({"contents": [{"uri": uri, "text": "a note"}]}).to_string()))
    }

    fn list_prompts(&self) -> LocalBoxFuture<'static, String> {
        let listed = json!([{"server": "lab", "name": "greet"}]);
        ready(if self.has("prompt=lab:*") { listed.to_string() } else { "[]".into() }).boxed_local()
    }

    fn get_prompt(&self, server: String, name: String, arguments: String) -> Answer<String, CallFailure> {
        if !self.has(&format!("prompt={server}:*")) {
            let denied = CallError::Denied(self.refused("prompt"));
            return answered(Err(self.failure(&server, &format!("prompts/get {name}"), denied)));
        }
        let arguments: Value = serde_json::from_str(&arguments).unwrap();
        let text = format!("Hello {}", arguments["name"].as_str().unwrap_or("you"));
        answered(Ok(json!({"messages": [{"role": "user", "content": {"type": "text", "text": text}}]}).to_string()))
    }
}
