//! tollgate-config
