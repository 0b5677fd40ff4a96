//! What servers ask of us and tell us unasked.
#![expect(deprecated, reason = "what 2026-07-28 deprecates is what older servers speak")]

use crate::callers::{Caller, Callers};
use crate::text::clean;
use rmcp::RoleClient;
use rmcp::model::{
    ClientCapabilities, ClientConfig, ClientResult, CustomResult, ElicitationCapability, ErrorCode, ErrorData,
    FormElicitationCapability, Implementation, ListRootsResult, ProtocolVersion, RootsCapabilities, SamplingCapability,
    ServerNotification, ServerRequest, UrlElicitationCapability,
};
use rmcp::service::{InboundStreamOrigin, NotificationContext, RequestContext, Service};
use serde_json::Value;
use std::sync::Arc;
use tokio::sync::{Notify, broadcast};
use tollgate_core::{Ask, AskKind, Change, RpcError};

/// Our side of one session.
#[derive(Clone)]
pub(crate) struct Handler {
    /// The tools may have changed.
    pub(crate) tools_changed: Arc<Notify>,
    /// Who hears of every change.
    pub(crate) changes: broadcast::Sender<Change>,
    pub(crate) callers: Arc<Callers>,
    /// Whether runs have clients that can be asked.
    pub(crate) has_clients: bool,
}

impl Service<RoleClient> for Handler {
    async fn handle_request(
        &self,
        request: ServerRequest,
        context: RequestContext<RoleClient>,
    ) -> Result<ClientResult, ErrorData> {
        let (kind, params) = match &request {
            ServerRequest::PingRequest(_) => return Ok(ClientResult::empty(())),
            ServerRequest::CreateMessageRequest(request) => (AskKind::Sampling, text_of(&request.params)?),
            ServerRequest::ElicitRequest(request) => (AskKind::Elicitation, text_of(&request.params)?),
            ServerRequest::ListRootsRequest(_) => (AskKind::Roots, "{}".to_owned()),
            ServerRequest::CustomRequest(request) => {
                let method = clean(&request.method, 80);
                return Err(ErrorData::new(ErrorCode::METHOD_NOT_FOUND, format!("`{method}` is not supported"), None));
            }
            _ => return Err(ErrorData::new(ErrorCode::METHOD_NOT_FOUND, "not supported", None)),
        };
        let caller = match context.extensions.get::<InboundStreamOrigin>() {
            Some(InboundStreamOrigin::OutboundRequest(id)) => self.callers.of_request(id),
            Some(InboundStreamOrigin::Unassociated) | None => self.callers.whose(&context.id),
        };
        let Some(caller) = caller else {
            // Asked of the host itself, which works in no folder.
            if kind == AskKind::Roots {
                return Ok(ClientResult::ListRootsResult(ListRootsResult::default()));
            }
            let why = format!(
                "`{}` cannot be answered: not all calls in flight are of one agent that can be asked",
                kind.method()
            );
            return Err(ErrorData::invalid_request(why, None));
        };
        tokio::select! {
            answer = ask(&self.callers.server, &caller, None, kind, params) => {
                let result = answer.map_err(error_data)?;
                Ok(ClientResult::CustomResult(CustomResult::new(result)))
            }
            () = context.ct.cancelled() => Err(ErrorData::internal_error("cancelled", None)),
        }
    }

    async fn handle_notification(
        &self,
        notification: ServerNotification,
        _context: NotificationContext<RoleClient>,
    ) -> Result<(), ErrorData> {
        // Progress and log lines were passed on by the transport, in their order.
        self.changed(&notification);
        Ok(())
    }

    fn get_info(&self) -> ClientConfig {
        let us = Implementation::new("tollgate", env!("CARGO_PKG_VERSION"));
        let mut capabilities = ClientCapabilities::default();
        if self.has_clients {
            capabilities.sampling = Some(SamplingCapability::default());
            let elicitation = ElicitationCapability::new().with_form(FormElicitationCapability::default());
            capabilities.elicitation = Some(elicitation.with_url(UrlElicitationCapability::default()));
            capabilities.roots = Some(RootsCapabilities::default());
        }
        let mut config = ClientConfig::new(capabilities, us);
        config.protocol_version = ProtocolVersion::V_2025_11_25;
        config
    }
}

impl Handler {
    /// Passes on that something changed.
    pub(crate) fn changed(&self, notification: &ServerNotification) {
        let server = || self.callers.server.clone();
        let change = match notification {
            ServerNotification::ToolListChangedNotification(_) => {
                // Told on when the tools are read anew.
                self.tools_changed.notify_one();
                return;
            }
            ServerNotification::ResourceListChangedNotification(_) => Change::Resources { server: server() },
            ServerNotification::PromptListChangedNotification(_) => Change::Prompts { server: server() },
            ServerNotification::ResourceUpdatedNotification(updated) => {
                Change::Resource { server: server(), uri: updated.params.uri.clone() }
            }
            _ => return,
        };
        // Nobody may be listening.
        let _ = self.changes.send(change);
    }
}

/// Asks the client behind a request, and notes how long that takes.
pub(crate) async fn ask(
    server: &str,
    caller: &Arc<Caller>,
    key: Option<String>,
    kind: AskKind,
    params: String,
) -> Result<Value, RpcError> {
    let _asking = caller.asking();
    let answer = caller.client.ask(Ask { server: server.to_owned(), key, kind, params }).await?;
    serde_json::from_str(&answer).map_err(|error| RpcError {
        code: -32603,
        message: format!("the client's answer is not JSON: {error}"),
        data: None,
    })
}

fn error_data(error: RpcError) -> ErrorData {
    let code = i32::try_from(error.code).unwrap_or(-32603);
    let data = error.data.and_then(|data| serde_json::from_str(&data).ok());
    ErrorData::new(ErrorCode(code), error.message, data)
}

fn text_of(params: &impl serde::Serialize) -> Result<String, ErrorData> {
    serde_json::to_string(params).map_err(|error| ErrorData::internal_error(error.to_string(), None))
}
