//! Language models behind the host.
