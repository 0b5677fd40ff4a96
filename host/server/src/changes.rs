//! What agents are told of changes.

use crate::front::Front;
use crate::tools::rpc_error;
use parking_lot::Mutex;
use rmcp::RoleServer;
use rmcp::model::{ErrorData, ResourceUpdatedNotificationParam};
use rmcp::service::{Peer, SubscriptionSink};
use serde_json::json;
use std::collections::BTreeMap;
use std::time::Duration;
use tollgate::{CallError, Change, Changes, Context, Heard, Query, QueryKind, Seat, View};

/// Changes that come together are told together: a fleet that starts changes once for each server.
const PAUSE: Duration = Duration::from_millis(100);

/// Who is told.
pub(crate) enum Listener {
    /// A connection before 2026-07-28.
    Peer(Peer<RoleServer>),
    /// A `subscriptions/listen` of 2026-07-28.
    Subscription(SubscriptionSink),
}

impl Listener {
    /// False when nobody is there any more. That it did not ask for this kind of change is no such thing.
    async fn tell(&self, change: &Told) -> bool {
        match (self, change) {
            (Self::Peer(peer), Told::Tools) => peer.notify_tool_list_changed().await.is_ok(),
            (Self::Peer(peer), Told::Prompts) => peer.notify_prompt_list_changed().await.is_ok(),
            (Self::Peer(peer), Told::Resources) => peer.notify_resource_list_changed().await.is_ok(),
            (Self::Peer(peer), Told::Resource(uri)) => {
                peer.notify_resource_updated(ResourceUpdatedNotificationParam::new(uri.clone())).await.is_ok()
            }
            (Self::Subscription(sink), change) => {
                use rmcp::service::SubscriptionSendError::{Service, SubscriptionClosed};
                let sent = match change {
                    Told::Tools => sink.notify_tool_list_changed().await,
                    Told::Prompts => sink.notify_prompt_list_changed().await,
                    Told::Resources => sink.notify_resource_list_changed().await,
                    Told::Resource(uri) => sink.notify_resource_updated(uri.clone()).await,
                };
                !matches!(sent, Err(SubscriptionClosed | Service(_)))
            }
        }
    }

    fn is_gone(&self) -> bool {
        match self {
            Self::Peer(peer) => peer.is_transport_closed(),
            Self::Subscription(_) => false,
        }
    }
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Told {
    Tools,
    Prompts,
    Resources,
    Resource(String),
}

/// Tells one agent of changes of what exists for it.
pub(crate) struct Teller {
    front: Front,
    seat: Seat,
    changes: Changes,
}

impl Teller {
    pub(crate) fn new(front: Front, seat: Seat) -> Self {
        Self { front, changes: seat.changes(), seat }
    }

    /// Tells of changes until nobody is there any more. `names` gives the names under which a resource was subscribed to.
    pub(crate) async fn tell(mut self, listener: &Listener, names: impl Fn(&str, &str) -> Vec<String>) {
        let mut seen: Vec<String> = self.seen_tools();
        while let Some(first) = self.changes.next().await {
            tokio::time::sleep(PAUSE).await;
            let (mut all, mut told) = (vec![first], Vec::new());
            while let Some(heard) = self.changes.try_next() {
                all.push(heard);
            }
            for heard in all {
                match heard {
                    Heard::Anything => told.extend([Told::Tools, Told::Prompts, Told::Resources]),
                    Heard::One(Change::Tools) => told.push(Told::Tools),
                    Heard::One(Change::Prompts { .. }) => told.push(Told::Prompts),
                    Heard::One(Change::Resources { .. }) => told.push(Told::Resources),
                    Heard::One(Change::Resource { server, uri }) => {
                        told.extend(names(&server, &uri).into_iter().map(Told::Resource));
                    }
                }
            }
            told.sort();
            told.dedup();
            let passes_on = self.seat.view().passes_on();
            told.retain(|change| match change {
                Told::Tools => {
                    let now = self.seen_tools();
                    let changed = now != seen;
                    seen = now;
                    changed
                }
                _ => passes_on,
            });
            for change in &told {
                if !listener.tell(change).await {
                    return;
                }
            }
            if listener.is_gone() {
                return;
            }
        }
    }

    /// What of the list of tools the agent would see change.
    fn seen_tools(&self) -> Vec<String> {
        let catalog = self.front.catalog(&self.seat.view());
        let tools = catalog.seen().map(|(name, tool)| format!("{name}\0{:p}", std::sync::Arc::as_ptr(tool)));
        tools.chain(catalog.policies.iter().cloned()).collect()
    }
}

/// The resources that one agent wants to hear of.
#[derive(Default)]
pub(crate) struct Subscriptions {
    /// By the name under which it was subscribed to.
    open: Mutex<BTreeMap<String, Subscribed>>,
}

/// A resource that was subscribed to.
struct Subscribed {
    server: String,
    /// Its name there.
    uri: String,
    /// With which it was: what ends it, though the agent may not begin it any more.
    view: View,
}

/// The most resources that one agent may subscribe to.
const MAX_SUBSCRIPTIONS: usize = 1_000;
/// The longest URI that may be subscribed to, in bytes.
const MAX_URI_BYTES: usize = 8 << 10;

impl Subscriptions {
    /// The names under which a server's resource was subscribed to.
    pub(crate) fn names(&self, server: &str, uri: &str) -> Vec<String> {
        let open = self.open.lock();
        open.iter().filter(|(_, at)| at.server == server && at.uri == uri).map(|(name, _)| name.clone()).collect()
    }

    pub(crate) async fn add(&self, view: &View, name: &str, server: &str, uri: &str) -> Result<(), ErrorData> {
        if name.len() > MAX_URI_BYTES {
            let why = format!("the URI has {} bytes; a subscription takes at most {MAX_URI_BYTES}", name.len());
            return Err(ErrorData::invalid_params(why, None));
        }
        {
            let mut open = self.open.lock();
            if open.len() >= MAX_SUBSCRIPTIONS {
                let why = format!("{MAX_SUBSCRIPTIONS} resources are subscribed to already; unsubscribe from some");
                return Err(ErrorData::invalid_request(why, None));
            }
            let at = Subscribed { server: server.to_owned(), uri: uri.to_owned(), view: view.clone() };
            if open.insert(name.to_owned(), at).is_some() {
                return Ok(());
            }
        }
        let subscribed = ask(view, server, uri, QueryKind::Subscribe).await;
        if subscribed.is_err() {
            self.open.lock().remove(name);
        }
        subscribed
    }

    pub(crate) async fn remove(&self, name: &str) -> Result<(), ErrorData> {
        let removed = self.open.lock().remove(name);
        match removed {
            Some(Subscribed { server, uri, view }) => ask(&view, &server, &uri, QueryKind::Unsubscribe).await,
            None => Ok(()),
        }
    }
}

impl Drop for Subscriptions {
    fn drop(&mut self) {
        let open = std::mem::take(&mut *self.open.lock());
        if let (false, Ok(runtime)) = (open.is_empty(), tokio::runtime::Handle::try_current()) {
            runtime.spawn(async move {
                for Subscribed { server, uri, view } in open.into_values() {
                    // A server that is gone has no subscriptions.
                    drop(ask(&view, &server, &uri, QueryKind::Unsubscribe).await);
                }
            });
        }
    }
}

async fn ask(view: &View, server: &str, uri: &str, kind: QueryKind) -> Result<(), ErrorData> {
    let query =
        Query { server: server.to_owned(), kind, name: uri.to_owned(), params: json!({"uri": uri}).to_string() };
    match view.query(query, Context::default()).await {
        Ok(_) => Ok(()),
        Err(failure) => Err(match &failure.error {
            CallError::Rejected(error) => rpc_error(error),
            _ => ErrorData::internal_error(failure.to_string(), None),
        }),
    }
}
