//! `tollgate call`.

use crate::args::{Call, Global};
use crate::exit::{self, Failure};
use crate::print;
use crate::setup;
use crate::timeline::{Detail, Timeline};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tollgate::{Behalf, CallError, CallFailure, Principal, Status, ToolName, ToolResult};

pub(crate) async fn call(global: &Global, call: Call) -> Result<u8, Failure> {
    let arguments = setup::json_argument("arguments", &call.arguments).await?;
    let mut config = setup::needed_configuration(global)?;
    if let Err(absent) = setup::only_called(&mut config, &call.tool.server) {
        let ToolName { server, tool } = call.tool.clone();
        let error = absent.call_error(&call.tool);
        return shown(&Err(CallFailure { server, tool, attempts: 0, elapsed: Duration::ZERO, error }), call.json);
    }
    let config_file = config.file.clone();
    let timeline = Arc::new(Timeline::new(Detail::Live));
    let host = setup::builder(vec![timeline.clone()], call.journal.as_deref())?.config(config).build().await?;

    // The person at the command line owns the host, and may call everything.
    let behalf = Behalf { principal: Principal::new("cli"), ..Behalf::default() };
    let request = host.call_as(behalf, tollgate::Call::new(call.tool.clone(), arguments));
    let result = tokio::select! {
        result = request => result,
        () = setup::stopped() => Err(CallFailure {
            server: call.tool.server.clone(),
            tool: call.tool.tool.clone(),
            attempts: 1,
            elapsed: timeline.elapsed(),
            error: CallError::Cancelled,
        }),
        () = setup::reload_on_hangup(host.clone(), global, Some(config_file)) => return Ok(exit::ERROR),
    };
    timeline.close();
    let shown = shown(&result, call.json);
    host.shutdown().await;
    shown
}

/// Prints how a call ended. Gives the exit code.
fn shown(result: &Result<ToolResult, CallFailure>, json: bool) -> Result<u8, Failure> {
    let code = result.as_ref().map_or_else(exit::code_of, |_| Status::Ok.exit_code());
    if json {
        print::json(&document(result))?;
    } else {
        match result {
            Ok(result) => show(result)?,
            Err(failure) => print::error(&print::visible(&failure.to_string())),
        }
    }
    Ok(code)
}

fn document(result: &Result<ToolResult, CallFailure>) -> Value {
    match result {
        Ok(result) => serde_json::from_str(&result.json).unwrap_or_default(),
        Err(failure) => json!({ "error": tollgate::failure_json(failure) }),
    }
}

/// Prints a result for people: its texts as they are, everything else as JSON.
fn show(result: &ToolResult) -> Result<(), Failure> {
    let value: Value = serde_json::from_str(&result.json).unwrap_or_default();
    let content = value.get("content").and_then(Value::as_array).cloned().unwrap_or_default();
    for item in &content {
        match item.get("text").and_then(Value::as_str) {
            Some(text) => print::out(print::visible(text))?,
            None => print::out(print::tame(&without_data(item).to_string()))?,
        }
    }
    if content.is_empty()
        && let Some(structured) = value.get("structuredContent")
    {
        print::out(print::tame(&format!("{structured:#}")))?;
    }
    Ok(())
}

/// Images and audio are shown by their size: nobody reads base64.
fn without_data(item: &Value) -> Value {
    let mut item = item.clone();
    if let Some(data) = item.get_mut("data") {
        let bytes = data.as_str().map_or(0, str::len) * 3 / 4;
        *data = format!("({bytes} bytes; --json shows them)").into();
    }
    item
}
