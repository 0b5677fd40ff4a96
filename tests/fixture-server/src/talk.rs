//! Tools that send notifications while they run, and the streams that change notices go to.

#![allow(deprecated)] // Logging is deprecated since 2026-07-28.

use crate::content::{self, WATCHED};
use crate::server::{Change, Fixture};
use rmcp::RoleServer;
use rmcp::model::{
    CallToolResult, LoggingLevel, LoggingMessageNotificationParam, ProgressNotificationParam, ProtocolVersion,
    ResourceUpdatedNotificationParam,
};
use rmcp::service::{RequestContext, SubscriptionContext};
use serde_json::json;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::broadcast::error::RecvError;

/// Between two notifications of one tool.
const STEP: Duration = Duration::from_millis(50);

/// Whether the request is of a version with `initialize` and sessions.
pub(crate) fn is_legacy(cx: &RequestContext<RoleServer>) -> bool {
    cx.protocol_version().is_none_or(|version| version < ProtocolVersion::V_2026_07_28)
}

/// Three log messages. Since 2026-07-28 the request itself says whether it wants them; before, the session does, and
/// it gets them all until it has said so.
pub(crate) async fn logging(fixture: &Fixture, cx: &RequestContext<RoleServer>) -> CallToolResult {
    let least = if is_legacy(cx) {
        Some((*fixture.session.log_level.lock()).unwrap_or(LoggingLevel::Debug))
    } else {
        cx.meta.log_level()
    };
    for (i, message) in
        ["Tool execution started", "Tool processing data", "Tool execution completed"].iter().enumerate()
    {
        if i > 0 {
            tokio::time::sleep(STEP).await;
        }
        if least.is_some_and(|least| LoggingLevel::Info as u8 >= least as u8) {
            let message = LoggingMessageNotificationParam::new(LoggingLevel::Info, json!(message));
            // A client that has gone needs no logs.
            drop(cx.peer.notify_logging_message(message.with_logger("fixture")).await);
        }
    }
    content::text("The tool has logged what it did.")
}

/// Three steps of progress, if the request wants to know.
pub(crate) async fn progress(cx: &RequestContext<RoleServer>) -> CallToolResult {
    let token = cx.meta.get_progress_token();
    for (i, progress) in [0.0, 50.0, 100.0].into_iter().enumerate() {
        if i > 0 {
            tokio::time::sleep(STEP).await;
        }
        if let Some(token) = &token {
            let step = ProgressNotificationParam::new(token.clone(), progress).with_total(100.0);
            drop(cx.peer.notify_progress(step).await);
        }
    }
    content::text("The tool has told its progress.")
}

/// Takes its time.
pub(crate) async fn slow(cx: &RequestContext<RoleServer>) -> CallToolResult {
    tokio::select! {
        () = tokio::time::sleep(2 * STEP) => content::text("Reconnection test completed"),
        () = cx.ct.cancelled() => content::text("cancelled"),
    }
}

fn toggle(there: &AtomicBool) -> CallToolResult {
    let was_there = there.fetch_xor(true, Ordering::Relaxed);
    content::text(if was_there { "removed" } else { "added" })
}

/// Adds a tool, or takes it away again.
pub(crate) async fn change_tools(fixture: &Fixture, cx: &RequestContext<RoleServer>) -> CallToolResult {
    let result = toggle(&fixture.shared.extra_tool);
    announce(fixture, Change::Tools, cx).await;
    result
}

/// Adds a prompt, or takes it away again.
pub(crate) async fn change_prompts(fixture: &Fixture, cx: &RequestContext<RoleServer>) -> CallToolResult {
    let result = toggle(&fixture.shared.extra_prompt);
    announce(fixture, Change::Prompts, cx).await;
    result
}

/// Says that the watched resource has changed.
pub(crate) async fn change_watched(fixture: &Fixture, cx: &RequestContext<RoleServer>) -> CallToolResult {
    announce(fixture, Change::Watched, cx).await;
    content::text("changed")
}

/// Tells every open `subscriptions/listen` stream, and the session of the call if it is of an older version.
async fn announce(fixture: &Fixture, change: Change, cx: &RequestContext<RoleServer>) {
    // An error says that nobody listens.
    drop(fixture.shared.changes.send(change));
    if !is_legacy(cx) {
        return;
    }
    let told = match change {
        Change::Tools => cx.peer.notify_tool_list_changed().await,
        Change::Prompts => cx.peer.notify_prompt_list_changed().await,
        Change::Watched => {
            let subscribed = fixture.session.subscribed.lock().contains(WATCHED);
            if !subscribed {
                return;
            }
            cx.peer.notify_resource_updated(ResourceUpdatedNotificationParam::new(WATCHED)).await
        }
    };
    drop(told);
}

/// Serves one `subscriptions/listen` stream until it ends.
pub(crate) async fn listen(fixture: &Fixture, subscription: &SubscriptionContext) {
    let mut changes = fixture.shared.changes.subscribe();
    let sink = subscription.sink();
    loop {
        let change = tokio::select! {
            () = subscription.cancelled() => return,
            change = changes.recv() => change,
        };
        // The sink refuses what the client did not ask for.
        let told = match change {
            Ok(Change::Tools) => sink.notify_tool_list_changed().await,
            Ok(Change::Prompts) => sink.notify_prompt_list_changed().await,
            Ok(Change::Watched) => sink.notify_resource_updated(WATCHED).await,
            Err(RecvError::Lagged(_)) => continue,
            Err(RecvError::Closed) => return,
        };
        drop(told);
    }
}
