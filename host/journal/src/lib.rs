//! tollgate-journal
