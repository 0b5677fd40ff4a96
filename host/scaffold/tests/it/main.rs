//! Tests of tollgate-scaffold, from outside.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod build;
mod fixtures;
mod name;
mod new;
mod packages;
mod project;
