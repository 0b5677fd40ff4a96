//! Memory, tables and instances of one run.

use tollgate_core::{LimitKind, LimitReached, Limits};
use wasmtime::{Error, ResourceLimiter, Result};

/// Counts what all memories and all tables of a store hold together. A growth over the ceiling is an error
/// and not a refusal: a guest's allocator turns a refusal into a panic that names no limit.
#[derive(Debug)]
pub(crate) struct Limiter {
    memory_bytes: Gauge,
    table_elements: Gauge,
    instances: usize,
}

#[derive(Debug)]
struct Gauge {
    used: u64,
    ceiling: LimitReached,
}

impl Gauge {
    fn grow(&mut self, current: usize, desired: usize) -> Result<bool> {
        let more = desired.saturating_sub(current) as u64;
        let used = self.used.saturating_add(more);
        if used > self.ceiling.value {
            return Err(Error::new(self.ceiling));
        }
        self.used = used;
        Ok(true)
    }

    fn give_back(&mut self, _: Error) -> Result<()> {
        // The growth was counted and did not happen (the system had no memory). The run's ceiling stays
        // that much lower: too low is safe, and the guest is told that it got nothing.
        Ok(())
    }
}

impl Limiter {
    pub(crate) fn new(limits: &Limits) -> Self {
        let gauge = |kind| Gauge { used: 0, ceiling: limits.reached(kind) };
        Self {
            memory_bytes: gauge(LimitKind::Memory),
            table_elements: gauge(LimitKind::TableElements),
            instances: usize::try_from(limits.instances).unwrap_or(usize::MAX),
        }
    }
}

impl ResourceLimiter for Limiter {
    fn memory_growing(&mut self, current: usize, desired: usize, _maximum: Option<usize>) -> Result<bool> {
        self.memory_bytes.grow(current, desired)
    }

    fn memory_grow_failed(&mut self, error: Error) -> Result<()> {
        self.memory_bytes.give_back(error)
    }

    fn table_growing(&mut self, current: usize, desired: usize, _maximum: Option<usize>) -> Result<bool> {
        self.table_elements.grow(current, desired)
    }

    fn table_grow_failed(&mut self, error: Error) -> Result<()> {
        self.table_elements.give_back(error)
    }

    fn instances(&self) -> usize {
        self.instances
    }
}
