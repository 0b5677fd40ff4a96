//! News of a server: for one of 2026-07-28 the subscription that it wants for them, for an older one a request for
//! each resource.
#![expect(deprecated, reason = "what 2026-07-28 deprecates is what older servers speak")]

use super::{Behalf, Fault, Session};
use crate::handler::Handler;
use crate::text::clean;
use rmcp::model::{
    ClientRequest, ServerCapabilities, ServerNotification, SubscribeRequest, SubscribeRequestParams, SubscriptionFilter,
};
use rmcp::service::Subscription;
use std::collections::BTreeMap;
use std::time::Duration;

/// How long a subscription waits until the server has taken note of it.
const SUBSCRIBE_TIMEOUT: Duration = Duration::from_secs(5);

/// Whether a server of 2026-07-28 tells of changes of a resource.
#[derive(Clone, Debug)]
pub(super) enum Heard {
    /// It does.
    Yes,
    /// It said no; the reason.
    Refused(String),
    /// It said nothing.
    Ignored,
}

impl Heard {
    /// The same, or `other` where this is not [`Heard::Yes`].
    fn or(&mut self, other: &Self) {
        if !matches!(self, Self::Yes) {
            *self = other.clone();
        }
    }
}

impl Session {
    /// Waits for news, for a server of 2026-07-28, which tells only who listens. Returns when there is nothing
    /// to wait for.
    pub(crate) async fn listen(&self) {
        if !self.is_stateless {
            return;
        }
        let mut wanted = self.subscribed.subscribe();
        let mut subscription = None;
        loop {
            let uris: Vec<String> = wanted.borrow_and_update().keys().cloned().collect();
            if let Some(filter) = self.filter(uris.clone()) {
                // The last one goes when this one stands: nothing is missed between them.
                let refused = match tokio::time::timeout(SUBSCRIBE_TIMEOUT, self.peer.listen(filter)).await {
                    Ok(Ok(new)) => {
                        self.note_acknowledged(uris, new.acknowledged());
                        subscription = Some(new);
                        None
                    }
                    Ok(Err(error)) => Some((uris, Heard::Refused(self.fault(error).describe()))),
                    Err(_) => Some((uris, Heard::Ignored)),
                };
                if let Some((uris, heard)) = refused {
                    tracing::debug!(target: crate::LOG, ?heard, "no subscription to changes");
                    self.note_refused(uris, &heard);
                }
            } else {
                self.listened.send_modify(BTreeMap::clear);
            }
            let ended = async {
                match &mut subscription {
                    Some(subscription) => hear(subscription, &self.handler).await,
                    // Nothing yet; a subscription may come.
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = ended => {
                    self.listened.send_modify(BTreeMap::clear);
                    return;
                }
                changed = wanted.changed() => if changed.is_err() { return },
            }
        }
    }

    fn note_acknowledged(&self, asked: Vec<String>, acknowledged: &SubscriptionFilter) {
        let accepted = acknowledged.resource_subscriptions.as_deref().unwrap_or_default();
        let heard = asked.into_iter().map(|uri| {
            let heard = if accepted.contains(&uri) {
                Heard::Yes
            } else {
                Heard::Refused("its acknowledgement leaves this resource out".to_owned())
            };
            (uri, heard)
        });
        self.listened.send_replace(heard.collect());
    }

    /// What the last subscription heard of, it hears of still.
    fn note_refused(&self, asked: Vec<String>, why: &Heard) {
        self.listened.send_modify(|listened| {
            listened.retain(|uri, _| asked.contains(uri));
            for uri in asked {
                listened.entry(uri).and_modify(|heard| heard.or(why)).or_insert_with(|| why.clone());
            }
        });
    }

    /// What to listen to; `None` for nothing.
    fn filter(&self, uris: Vec<String>) -> Option<SubscriptionFilter> {
        let ServerCapabilities { tools, prompts, resources, .. } = &self.capabilities;
        let tools = tools.as_ref().and_then(|t| t.list_changed) == Some(true);
        let prompts = prompts.as_ref().and_then(|p| p.list_changed) == Some(true);
        let lists = resources.as_ref().and_then(|r| r.list_changed) == Some(true);
        let mut filter = SubscriptionFilter::builder();
        filter = if tools { filter.tools_list_changed() } else { filter };
        filter = if prompts { filter.prompts_list_changed() } else { filter };
        filter = if lists { filter.resources_list_changed() } else { filter };
        let any = tools || prompts || lists || !uris.is_empty();
        filter = if uris.is_empty() { filter } else { filter.resource_subscriptions(uris) };
        any.then(|| filter.build())
    }

    /// Subscribes to changes of a resource, or ends that. Everybody shares one subscription at the server.
    ///
    /// # Errors
    /// The server refused it, or did not acknowledge it in time.
    pub(crate) async fn subscribe(&self, uri: &str, on: bool, request: ClientRequest) -> Result<String, Fault> {
        let first_or_last = self.want(uri, on);
        if self.is_stateless {
            if !on {
                return Ok("{}".to_owned());
            }
            // Told when it is heard: a change after that is not missed.
            let heard = self.heard_of(uri).await;
            if heard.is_err() {
                self.want(uri, false);
            }
            return heard.map(|()| "{}".to_owned());
        }
        if !first_or_last {
            return Ok("{}".to_owned());
        }
        let answer = self.request(request, Behalf::default()).await;
        if answer.is_err() && on {
            self.subscribed.send_modify(|uris| {
                uris.remove(uri);
            });
        }
        answer
    }

    /// Counts who wants to hear of a resource. True when this one is the first, or was the last.
    fn want(&self, uri: &str, on: bool) -> bool {
        let mut first_or_last = false;
        self.subscribed.send_if_modified(|uris| {
            let count = uris.entry(uri.to_owned()).or_default();
            *count = if on { *count + 1 } else { count.saturating_sub(1) };
            first_or_last = if on { *count == 1 } else { *count == 0 };
            if *count == 0 {
                uris.remove(uri);
            }
            first_or_last
        });
        first_or_last
    }

    /// Waits until the server has said whether it will tell of changes of a resource.
    async fn heard_of(&self, uri: &str) -> Result<(), Fault> {
        let mut listened = self.listened.subscribe();
        let told = listened.wait_for(|listened| listened.contains_key(uri));
        let told = tokio::time::timeout(SUBSCRIBE_TIMEOUT, told).await;
        match told.map(|told| told.ok().and_then(|listened| listened.get(uri).cloned())) {
            Ok(Some(Heard::Yes)) => Ok(()),
            Ok(Some(Heard::Refused(why))) => Err(Fault::Invalid(format!("refused the subscription: {why}"))),
            Ok(Some(Heard::Ignored)) | Err(_) => {
                let limit = crate::duration_text(SUBSCRIBE_TIMEOUT);
                Err(Fault::TimedOut(format!(
                    "did not acknowledge the subscription within {limit}; no change will be told"
                )))
            }
            Ok(None) => Err(Fault::Lost("the connection was lost".to_owned())),
        }
    }

    /// Subscribes to what the last connection had subscribed to.
    pub(crate) async fn subscribe_anew(&self) {
        if self.is_stateless {
            return;
        }
        let uris: Vec<String> = self.subscribed.borrow().keys().cloned().collect();
        for uri in uris {
            let request = ClientRequest::SubscribeRequest(SubscribeRequest::new(SubscribeRequestParams::new(&uri)));
            if let Err(fault) = self.request(request, Behalf::default()).await {
                let (uri, why) = (clean(&uri, 200), fault.describe());
                tracing::warn!(target: crate::LOG, %uri, "a subscription is lost with the last connection: {why}");
            }
        }
    }
}

/// Passes on what a subscription tells, until it ends.
async fn hear(subscription: &mut Subscription, handler: &Handler) {
    while let Ok(Some(notification)) = subscription.next().await {
        let notification: ServerNotification = notification;
        handler.changed(&notification);
    }
}
