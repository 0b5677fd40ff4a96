//! Requests that wait for an answer which comes with another request.
//!
//! In 2026-07-28 a server cannot ask its client: it answers a request with `input_required`, and the client sends the
//! request again with the answers. What stands behind ours, a call at some server or a policy in the middle of its
//! run, goes on waiting meanwhile. It is found again by the `requestState`, which is sealed, belongs to one
//! principal of one tenant, serves once, and expires.

use crate::drive::Work;
use crate::shares::{Share, Shares};
use parking_lot::Mutex;
use rmcp::model::{ErrorData, RequestStateCodec, SealOptions};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::task::AbortOnDropHandle;
use tollgate::{Entropy, Identity, SystemEntropy};

/// Requests between two messages.
pub(crate) struct Parked {
    shares: Arc<Shares>,
    ttl: Duration,
    codec: RequestStateCodec,
    places: Arc<Mutex<HashMap<u128, Waiting>>>,
}

/// One request between two messages, with its place, and what ends it when its time is over.
struct Waiting {
    work: Work,
    _place: Share,
    _timer: AbortOnDropHandle<()>,
}

impl Parked {
    pub(crate) fn new(max: usize, ttl: Duration) -> Self {
        let mut key = vec![0; 32];
        SystemEntropy::default().fill(&mut key);
        Self { shares: Shares::new(max), ttl, codec: RequestStateCodec::new_unchecked(key), places: Arc::default() }
    }

    /// The places that there are for them.
    pub(crate) fn shares(&self) -> &Shares {
        &self.shares
    }

    /// Keeps `work` that began as a `request` of somebody, and gives the state under which it is found again.
    ///
    /// # Errors
    /// Too many requests wait.
    pub(crate) fn park(&self, identity: &Identity, request: &str, work: Work) -> Result<String, ErrorData> {
        let mut number = [0; 16];
        SystemEntropy::default().fill(&mut number);
        let number = u128::from_le_bytes(number);
        let Some(share) = self.shares.take(identity) else {
            let why = "too many requests wait for answers of their clients already; answer some, or try again later";
            return Err(ErrorData::internal_error(why, None));
        };
        let (places, ttl) = (self.places.clone(), self.ttl);
        let mut waiting = self.places.lock();
        let timer = AbortOnDropHandle::new(tokio::spawn(async move {
            tokio::time::sleep(ttl).await;
            // Ends what waits.
            let ended = places.lock().remove(&number);
            drop(ended);
        }));
        waiting.insert(number, Waiting { work, _place: share, _timer: timer });
        drop(waiting);
        let belongs_to = belongs_to(identity, request);
        let options = SealOptions::new().associated_data(&belongs_to).ttl(ttl);
        Ok(self.codec.seal_with(&number.to_le_bytes(), &options))
    }

    /// Takes what waits under `state`.
    ///
    /// # Errors
    /// The state is not ours, is somebody else's or another request's, was used already, or has expired: one
    /// answer for all of these.
    pub(crate) fn take(&self, identity: &Identity, request: &str, state: &str) -> Result<Work, ErrorData> {
        let opened = self.codec.open_with(state, &belongs_to(identity, request)).ok();
        let number = opened.and_then(|bytes| <[u8; 16]>::try_from(bytes).ok()).map(u128::from_le_bytes);
        number.and_then(|number| self.places.lock().remove(&number)).map(|waiting| waiting.work).ok_or_else(|| {
            let why = "the requestState belongs to no request that waits (it serves once, and expires); send the request anew without it";
            ErrorData::invalid_params(why, None)
        })
    }
}

/// Each part with its length before it, so that no part can pass for two.
fn belongs_to(Identity { principal, tenant }: &Identity, request: &str) -> Vec<u8> {
    format!("{}:{}{}:{}{request}", tenant.0.len(), tenant.0, principal.0.len(), principal.0).into_bytes()
}
