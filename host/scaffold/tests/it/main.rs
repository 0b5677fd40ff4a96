//! Tests of tollgate-scaffold, from outside.

mod new;
