//! tollgate-gate
