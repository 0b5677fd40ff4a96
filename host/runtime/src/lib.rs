//! tollgate-runtime
