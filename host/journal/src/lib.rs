//! What happened: an append-only record of every run.
//!
//! # Layout
//!
//! - [`entry`]: one line of a journal.
//! - [`store`]: where entries go: [`MemoryJournal`] (bounded), [`FileJournal`] (JSON lines), and [`Tee`]
//!   for several. Whoever wants to watch runs as they go implements [`Journal`] and is one of them.
//!
//! An entry is written before each effect and after it, so that a journal tells what may have happened
//! even when the host dies in between. Arguments and results are not in it; their digest and size are. Neither are the words in
//! which servers, models and clients say why something failed, nor the arguments of a call that a person approves: an entry
//! has their digest. What a component logs, tells as progress and asks a person is there in its own words.

pub mod entry;
pub mod store;

pub use entry::{CallRecord, Entry, Event};
pub use store::{FileJournal, Journal, JournalError, MemoryJournal, Tee};
