//! The component: documents and calls from the host, requests to the API.

use tollgate_sdk::bindings::document_adapter::{Guest, export};
use tollgate_sdk::bindings::types::{ToolError, ToolResult};
use tollgate_sdk::http;

use crate::operation::Operation;
use crate::result::{MAX_RESPONSE, Response};

struct OpenApi;

impl Guest for OpenApi {
    fn read_document(document: String, options: String) -> Result<String, String> {
        let catalog = crate::read(&document, &options)?;
        // What is not needed any more makes room for the text.
        drop(document);
        serde_json::to_string(&catalog).map_err(|error| format!("the catalog cannot be written: {error}"))
    }

    async fn call_operation(operation: String, args: String) -> Result<ToolResult, ToolError> {
        let operation: Operation = serde_json::from_str(&operation)
            .map_err(|error| ToolError::Failed(format!("the operation is none of this adapter's catalog: {error}")))?;
        let args = if args.is_empty() { "{}" } else { &args };
        let args = serde_json::from_str(args).map_err(|error| ToolError::InvalidArguments(error.to_string()))?;
        let request = crate::request(&operation, &args).map_err(ToolError::InvalidArguments)?;
        let response = send(request).await.map_err(|error| ToolError::Failed(error.to_string()))?;
        Ok(ToolResult { json: crate::result(operation.output, &response).to_string() })
    }
}

async fn send(request: crate::Request) -> Result<Response, http::Error> {
    let mut outgoing = http::Request::new(request.method, request.url);
    for (name, value) in request.headers {
        outgoing = outgoing.header(name, value);
    }
    if let Some(body) = request.body {
        outgoing = outgoing.body(body);
    }
    let mut response = outgoing.send().await?;
    let (body, truncated) = response.read_up_to(MAX_RESPONSE).await?;
    let headers = response.headers().map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned())).collect();
    Ok(Response { status: response.status(), headers, body, truncated })
}

export!(OpenApi with_types_in tollgate_sdk::bindings::document_adapter);
