//! The host's side of `tollgate:ask`.

use super::add;
use super::generated::tollgate::ask::ask_types as wit;
use crate::store::RunState;
use std::sync::Arc;
use tollgate_core::{AskError, Caller, Question, Reply};
use wasmtime::Result;
use wasmtime::component::Linker;

pub(super) fn add_to_linker(linker: &mut Linker<RunState>) -> Result<()> {
    linker.instance("tollgate:ask/ask-types@0.1.0")?;
    add(linker, "ask", "ask", |caller: Arc<dyn Caller>, (message, schema): (String, String)| async move {
        Ok::<_, wasmtime::Error>(match caller.ask(Question { message, schema }).await {
            Ok(Reply::Accepted(answer)) => Ok(wit::Reply::Accepted(answer)),
            Ok(Reply::Declined) => Ok(wit::Reply::Declined),
            Ok(Reply::Dismissed) => Ok(wit::Reply::Dismissed),
            Err(error) => Err(refused(error)),
        })
    })
}

fn refused(error: AskError) -> wit::AskError {
    match error {
        AskError::Denied(why) => wit::AskError::Denied(why),
        AskError::InvalidQuestion(why) => wit::AskError::InvalidQuestion(why),
        AskError::Unavailable(why) => wit::AskError::Unavailable(why),
        AskError::BudgetExhausted(limit) => wit::AskError::BudgetExhausted(limit.into()),
        AskError::Cancelled => wit::AskError::Cancelled,
    }
}
