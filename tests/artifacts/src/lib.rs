//! The components that the tests run: a constant with the path of each, by its name in capitals. A name
//! that no guest has does not compile.

include!(concat!(env!("OUT_DIR"), "/guests.rs"));
