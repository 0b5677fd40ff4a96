//! News of a server: for one of 2026-07-28 the subscription that it wants for them, for an older one a request for
//! each resource.
#![expect(deprecated, reason = "what 2026-07-28 deprecates is what older servers speak")]

use super::{Fault, Session};
use crate::handler::Handler;
use crate::text::clean;
use rmcp::model::{
    ClientRequest, ServerCapabilities, ServerNotification, SubscribeRequest, SubscribeRequestParams, SubscriptionFilter,
};
use rmcp::service::Subscription;
use std::time::Duration;

/// How long a subscription waits until the server has taken note of it.
const SUBSCRIBE_TIMEOUT: Duration = Duration::from_secs(5);

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
                subscription = match self.peer.listen(filter).await {
                    Ok(subscription) => Some(subscription),
                    Err(error) => {
                        tracing::debug!(target: crate::LOG, %error, "no subscription to changes");
                        return;
                    }
                };
            }
            self.listened.send_replace(uris);
            let ended = async {
                match &mut subscription {
                    Some(subscription) => hear(subscription, &self.handler).await,
                    // Nothing yet; a subscription may come.
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = ended => return,
                changed = wanted.changed() => if changed.is_err() { return },
            }
        }
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
    pub(crate) async fn subscribe(&self, uri: &str, on: bool, request: ClientRequest) -> Result<String, Fault> {
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
        if self.is_stateless {
            // Told when it is heard: a change after that is not missed.
            let mut listened = self.listened.subscribe();
            let heard = listened.wait_for(|uris| !on || uris.iter().any(|listened| listened == uri));
            drop(tokio::time::timeout(SUBSCRIBE_TIMEOUT, heard).await);
            return Ok("{}".to_owned());
        }
        if !first_or_last {
            return Ok("{}".to_owned());
        }
        let answer = self.request(request, None).await;
        if answer.is_err() && on {
            self.subscribed.send_modify(|uris| {
                uris.remove(uri);
            });
        }
        answer
    }

    /// Subscribes to what the last connection had subscribed to.
    pub(crate) async fn subscribe_anew(&self) {
        if self.is_stateless {
            return;
        }
        let uris: Vec<String> = self.subscribed.borrow().keys().cloned().collect();
        for uri in uris {
            let request = ClientRequest::SubscribeRequest(SubscribeRequest::new(SubscribeRequestParams::new(&uri)));
            if let Err(fault) = self.request(request, None).await {
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
