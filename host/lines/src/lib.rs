//! Messages as lines over any stream of bytes (MCP 2025-11-25, "Transports", "stdio"): what both sides of the host have in
//! common. [`LineReader`] reads lines up to a limit, [`LineWriter`] writes them whole.

mod read;
mod write;

pub use read::{LineReader, Next};
pub use write::{Fate, LineError, LineWriter};
