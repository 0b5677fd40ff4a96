//! What an answer weighs on the run that asked, from when it is read until the run takes it. A guest may start many requests
//! and then do something else, and their answers come all the same.

use parking_lot::Mutex;
use rmcp::model::{ClientJsonRpcMessage, GetExtensions};
use std::sync::Arc;
use tollgate_core::{Held, HostMemory, LimitReached};

/// The charge for one answer. Travels with its request to our transports, and never on the wire; it is given back when the last
/// clone is dropped, which whoever waits for the answer has.
#[derive(Clone, Debug)]
pub(crate) struct Charge(Arc<Charged>);

#[derive(Debug)]
struct Charged {
    memory: HostMemory,
    state: Mutex<Result<Option<Held>, LimitReached>>,
}

impl Charge {
    pub(crate) fn new(memory: HostMemory) -> Self {
        Self(Arc::new(Charged { memory, state: Mutex::new(Ok(None)) }))
    }

    /// Charges what has come so far, if that is more than what was charged before.
    ///
    /// # Errors
    /// The limit of the run; what came is not to be kept then.
    pub(crate) fn grow(&self, bytes: usize) -> Result<(), LimitReached> {
        let mut state = self.0.state.lock();
        let bytes = bytes as u64;
        let charged = match &mut *state {
            Ok(Some(held)) => held.resize(bytes.max(held.bytes())),
            Ok(place) => self.0.memory.hold(bytes).map(|held| *place = Some(held)),
            Err(reached) => Err(*reached),
        };
        if let Err(reached) = charged {
            *state = Err(reached);
        }
        charged
    }

    /// The limit that the answer was too large for.
    pub(crate) fn reached(&self) -> Option<LimitReached> {
        self.0.state.lock().as_ref().err().copied()
    }
}

/// [`Charge::grow`] where there may be nobody to charge.
pub(crate) fn grow(charge: Option<&Charge>, bytes: usize) -> Result<(), LimitReached> {
    charge.map_or(Ok(()), |charge| charge.grow(bytes))
}

/// The charge that a request carries.
pub(crate) fn of(message: &ClientJsonRpcMessage) -> Option<Charge> {
    match message {
        ClientJsonRpcMessage::Request(request) => request.request.extensions().get::<Charge>().cloned(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tollgate_core::Limits;

    #[test]
    fn an_answer_is_charged_until_who_waits_has_taken_it() {
        let memory = HostMemory::new(&Limits { host_memory_bytes: 100, ..Limits::default() });
        let waits = Charge::new(memory.clone());
        let reads = waits.clone();
        reads.grow(60).unwrap();
        reads.grow(100).unwrap();
        reads.grow(10).unwrap();
        drop(reads);
        assert!(memory.hold(1).is_err());
        drop(waits);
        let waits = Charge::new(memory.clone());
        let other = memory.hold(50).unwrap();
        assert!(waits.grow(51).is_err());
        drop(other);
        assert!(waits.grow(1).is_err() && waits.reached().is_some(), "it stays too large");
        memory.hold(100).unwrap();
    }
}
