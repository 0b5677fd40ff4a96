//! Which servers gave an agent the URI of a resource: in a result of a tool, a prompt, or a resource. There the URI is the
//! server's own, and an agent that reads it means that server.

use parking_lot::Mutex;
use serde::Deserialize;
use std::collections::{HashMap, VecDeque};
use tollgate::Identity;

/// The most URIs that are remembered for one caller; then the oldest is forgotten.
const MAX_URIS: usize = 1_000;
/// The longest URI that is remembered, in bytes.
const URI_MAX_BYTES: usize = 2 << 10;

/// The URIs of each caller.
#[derive(Default)]
pub(crate) struct GivenUris(Mutex<HashMap<Identity, Kept>>);

#[derive(Default)]
struct Kept {
    givers: HashMap<String, Vec<String>>,
    /// From the oldest.
    order: VecDeque<String>,
}

/// The parts of a result that have URIs.
#[derive(Deserialize)]
struct Gives {
    #[serde(default)]
    content: Vec<Block>,
    #[serde(default)]
    contents: Vec<Resource>,
    #[serde(default)]
    messages: Vec<Message>,
}

#[derive(Deserialize)]
struct Message {
    content: Block,
}

#[derive(Deserialize)]
struct Block {
    #[serde(rename = "type")]
    kind: String,
    uri: Option<String>,
    resource: Option<Resource>,
}

#[derive(Deserialize)]
struct Resource {
    uri: Option<String>,
}

impl GivenUris {
    /// Remembers the URIs of a server's result.
    pub(crate) fn note(&self, caller: &Identity, server: &str, result: &str) {
        if !result.contains("\"uri\"") {
            return;
        }
        let Ok(gives) = serde_json::from_str::<Gives>(result) else { return };
        let blocks = gives.content.into_iter().chain(gives.messages.into_iter().map(|message| message.content));
        let of_blocks = blocks.filter_map(|block| match block.kind.as_str() {
            "resource_link" => block.uri,
            "resource" => block.resource?.uri,
            _ => None,
        });
        let uris = of_blocks.chain(gives.contents.into_iter().filter_map(|resource| resource.uri));
        let mut all = self.0.lock();
        let kept = all.entry(caller.clone()).or_default();
        for uri in uris.filter(|uri| uri.len() <= URI_MAX_BYTES) {
            kept.add(uri, server);
        }
    }

    /// The servers that gave the caller this URI.
    pub(crate) fn givers(&self, caller: &Identity, uri: &str) -> Vec<String> {
        self.0.lock().get(caller).and_then(|kept| kept.givers.get(uri)).cloned().unwrap_or_default()
    }
}

impl Kept {
    fn add(&mut self, uri: String, server: &str) {
        if let Some(servers) = self.givers.get_mut(&uri) {
            if !servers.iter().any(|known| known == server) {
                servers.push(server.to_owned());
            }
            return;
        }
        if self.order.len() >= MAX_URIS
            && let Some(oldest) = self.order.pop_front()
        {
            self.givers.remove(&oldest);
        }
        self.order.push_back(uri.clone());
        self.givers.insert(uri, vec![server.to_owned()]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tollgate::{Principal, Tenant};

    #[test]
    fn the_uris_of_results_are_remembered_by_caller() {
        let given = GivenUris::default();
        let [ann, bob] =
            ["ann", "bob"].map(|name| Identity { principal: Principal::new(name), tenant: Tenant::default() });
        let link = r#"{"content":[{"type":"text","text":"x"},{"type":"resource_link","uri":"a:1","name":"one"},
            {"type":"resource","resource":{"uri":"a:2","text":"two"}}]}"#;
        given.note(&ann, "one", link);
        given.note(&ann, "two", r#"{"contents":[{"uri":"a:2","text":"x"},{"uri":"a:3","blob":""}]}"#);
        given.note(
            &ann,
            "two",
            r#"{"messages":[{"role":"user","content":{"type":"resource","resource":{"uri":"a:4"}}}]}"#,
        );
        given.note(&ann, "two", r#"{"content":[{"type":"text","text":"\"uri\"","uri":"a:5"}]}"#);
        given.note(&ann, "two", r#"{"content":"uri", "uri": 1}"#);
        let of = |uri| given.givers(&ann, uri);
        assert_eq!((of("a:1"), of("a:2")), (vec!["one".to_owned()], vec!["one".to_owned(), "two".to_owned()]));
        assert_eq!((of("a:3"), of("a:4")), (vec!["two".to_owned()], vec!["two".to_owned()]));
        assert!(of("a:5").is_empty() && given.givers(&bob, "a:1").is_empty());
        for i in 0..MAX_URIS {
            given.note(&ann, "many", &format!(r#"{{"contents":[{{"uri":"m:{i}"}}]}}"#));
        }
        assert!(of("a:1").is_empty() && !of("m:999").is_empty() && !of("m:0").is_empty());
    }
}
