//! Requests of components over HTTP.
