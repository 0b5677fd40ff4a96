//! OAuth towards servers, from the first refusal to the logout.

mod hostile;
mod login;
mod tokens;
mod world;
