//! HTTP+SSE, the transport of 2024-11-05, which rmcp's client does not have: the server's messages come on
//! one long GET, ours go by POST to the endpoint that its first event names.

use crate::carry::InFlight;
use crate::http::{Endpoint, HttpError, leave, parse_url, refuse};
use futures::StreamExt;
use futures::stream::BoxStream;
use http::HeaderMap;
use rmcp::RoleClient;
use rmcp::model::{ClientJsonRpcMessage, ServerJsonRpcMessage};
use rmcp::transport::Transport;
use rmcp::transport::streamable_http_client::SseError;
use sse_stream::Sse;

/// The transport, open.
pub(crate) struct SseTransport {
    endpoint: Endpoint,
    post_url: String,
    events: BoxStream<'static, Result<Sse, SseError>>,
    in_flight: InFlight,
}

impl SseTransport {
    /// Opens the stream and waits for the `endpoint` event.
    ///
    /// # Errors
    /// Why there is no stream, or that its endpoint is of another origin: our headers must not go there.
    pub(crate) async fn open(endpoint: Endpoint, url: &str) -> Result<Self, HttpError> {
        let base = parse_url(url).map_err(HttpError::NotSent)?;
        let mut events = endpoint.get_events(url, HeaderMap::new()).await?;
        let path = loop {
            match events.next().await {
                Some(Ok(Sse { event: Some(event), data: Some(data), .. })) if event == "endpoint" => break data,
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(HttpError::Lost(format!("its stream broke: {error}"))),
                None => return Err(HttpError::Lost("its stream ended without an `endpoint` event".to_owned())),
            }
        };
        let post_url = base
            .join(path.trim())
            .map_err(|error| HttpError::NotMcp(format!("its `endpoint` event names no URL: {error}")))?;
        if post_url.origin() != base.origin() {
            return Err(HttpError::NotMcp("its `endpoint` event names another origin, which is refused".to_owned()));
        }
        let in_flight = InFlight::new(endpoint.callers().clone());
        Ok(Self { endpoint, post_url: post_url.into(), events, in_flight })
    }
}

impl Transport<RoleClient> for SseTransport {
    type Error = HttpError;

    fn send(
        &mut self,
        message: ClientJsonRpcMessage,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send + 'static {
        self.in_flight.sent(&message);
        let (endpoint, url) = (self.endpoint.clone(), self.post_url.clone());
        async move {
            let response = endpoint.post(&url, &message, HeaderMap::new()).await?;
            refuse(response, endpoint.callers().now()).await.map(leave)
        }
    }

    async fn receive(&mut self) -> Option<ServerJsonRpcMessage> {
        loop {
            let event = match self.events.next().await? {
                Ok(event) => event,
                Err(error) => {
                    let limit = crate::bytes_text(self.endpoint.max_bytes());
                    tracing::warn!(target: crate::LOG, %error, %limit, "a stream of events broke");
                    return None;
                }
            };
            if event.event.as_deref().is_some_and(|name| name != "message") {
                continue;
            }
            match self.in_flight.read(event.data.unwrap_or_default().as_bytes()) {
                Ok(message) => return Some(message),
                Err(error) => tracing::debug!(target: crate::LOG, %error, "an event is no MCP message"),
            }
        }
    }

    async fn close(&mut self) -> Result<(), Self::Error> {
        self.events = futures::stream::empty().boxed();
        Ok(())
    }
}
