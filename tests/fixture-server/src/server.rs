//! The server itself.

// Sampling, roots and logging are deprecated since 2026-07-28; older versions still have them.
#![allow(deprecated)]

use crate::{ask, catalog, content, talk, work};
use parking_lot::Mutex;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CancelTaskParams, CompleteRequestParams, CompleteResult, CompletionInfo,
    ErrorData, GetPromptRequestParams, GetPromptResponse, GetTaskParams, GetTaskResult, Implementation,
    ListPromptsResult, ListResourceTemplatesResult, ListResourcesResult, ListToolsResult, LoggingLevel,
    PaginatedRequestParams, ReadResourceRequestParams, ReadResourceResponse, RequestStateCodec, ServerCapabilities,
    ServerConfig, SetLevelRequestParams, SubscribeRequestParams, SubscriptionFilter, Tool, UnsubscribeRequestParams,
    UpdateTaskParams,
};
use rmcp::service::{RequestContext, SubscriptionContext};
use rmcp::task_manager::TaskManager;
use rmcp::{RoleServer, ServerHandler};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::broadcast;

/// Seals `requestState`. It guards nothing but the test that a changed state is refused.
const STATE_KEY: &[u8] = b"the fixture's key for request states: no secret";
/// Changes that a slow listener may be behind before it misses some.
const MAX_PENDING_CHANGES: usize = 64;

/// Something that listeners may want to know.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Change {
    Tools,
    Prompts,
    /// The text of [`content::WATCHED`].
    Watched,
}

/// What all sessions share.
pub(crate) struct Shared {
    pub(crate) states: RequestStateCodec,
    pub(crate) tasks: TaskManager,
    pub(crate) changes: broadcast::Sender<Change>,
    /// The tool that comes and goes is there.
    pub(crate) extra_tool: AtomicBool,
    /// The prompt that comes and goes is there.
    pub(crate) extra_prompt: AtomicBool,
}

/// What one session of a version before 2026-07-28 has set.
#[derive(Default)]
pub(crate) struct Session {
    pub(crate) log_level: Mutex<Option<LoggingLevel>>,
    pub(crate) subscribed: Mutex<BTreeSet<String>>,
}

/// The fixture, as one session sees it. A clone is the same session; [`Fixture::session`] makes another.
#[derive(Clone)]
pub struct Fixture {
    pub(crate) shared: Arc<Shared>,
    pub(crate) session: Arc<Session>,
}

impl Default for Fixture {
    fn default() -> Self {
        let shared = Shared {
            states: RequestStateCodec::new_unchecked(STATE_KEY),
            tasks: TaskManager::new(),
            changes: broadcast::Sender::new(MAX_PENDING_CHANGES),
            extra_tool: AtomicBool::new(false),
            extra_prompt: AtomicBool::new(false),
        };
        Self { shared: Arc::new(shared), session: Arc::default() }
    }
}

impl Fixture {
    /// Another session of the same server.
    pub fn session(&self) -> Self {
        Self { shared: self.shared.clone(), session: Arc::default() }
    }

    fn tools(&self) -> Vec<Tool> {
        catalog::tools(self.shared.extra_tool.load(Ordering::Relaxed))
    }
}

impl ServerHandler for Fixture {
    fn get_info(&self) -> ServerConfig {
        let capabilities = ServerCapabilities::builder()
            .enable_logging()
            .enable_completions()
            .enable_prompts()
            .enable_prompts_list_changed()
            .enable_resources()
            .enable_resources_subscribe()
            .enable_tools()
            .enable_tool_list_changed()
            .enable_tasks()
            .build();
        ServerConfig::new(capabilities)
            .with_server_info(Implementation::new("tollgate-fixture-server", env!("CARGO_PKG_VERSION")))
            .with_instructions("A server for tests. Each tool does what its description says.")
    }

    async fn list_tools(
        &self,
        _request: Option<PaginatedRequestParams>,
        _cx: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        Ok(ListToolsResult::with_all_items(self.tools()))
    }

    fn get_tool(&self, name: &str) -> Option<Tool> {
        self.tools().into_iter().find(|tool| tool.name == name)
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        cx: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let args = request.arguments.clone().unwrap_or_default();
        let client = ask::Client::new(self, &request, &cx);
        match request.name.as_ref() {
            "test_simple_text" => Ok(content::simple_text().into()),
            "test_image_content" => Ok(content::image().into()),
            "test_audio_content" => Ok(content::audio().into()),
            "test_embedded_resource" => Ok(content::embedded_resource().into()),
            "test_multiple_content_types" => Ok(content::mixed().into()),
            "test_error_handling" => Ok(content::error().into()),
            "test_structured_output" => Ok(content::structured(&args).into()),
            "test_header_argument" => Ok(content::header_argument(&args).into()),
            "json_schema_2020_12_tool" | "greet" => Ok(content::greeting(&args).into()),
            "test_dynamic_tool" if self.shared.extra_tool.load(Ordering::Relaxed) => Ok(content::simple_text().into()),

            "test_tool_with_logging" | "test_logging_tool" => Ok(talk::logging(self, &cx).await.into()),
            "test_tool_with_progress" => Ok(talk::progress(&cx).await.into()),
            "test_reconnection" => Ok(talk::slow(&cx).await.into()),
            "test_trigger_tool_change" => Ok(talk::change_tools(self, &cx).await.into()),
            "test_trigger_prompt_change" => Ok(talk::change_prompts(self, &cx).await.into()),
            "test_trigger_resource_change" => Ok(talk::change_watched(self, &cx).await.into()),

            "test_sampling" => ask::sampling(&client, &args).await,
            "test_elicitation" => ask::elicitation(&client, &args).await,
            "test_elicitation_sep1034_defaults" => ask::elicitation_defaults(&client).await,
            "test_elicitation_sep1330_enums" => ask::elicitation_enums(&client).await,
            "test_missing_capability" => ask::needs_sampling(&client),
            "test_input_required_result_elicitation" | "test_streaming_elicitation" => ask::user_name(&client).await,
            "test_input_required_result_sampling" => ask::capital(&client).await,
            "test_input_required_result_list_roots" => ask::roots(&client).await,
            "test_input_required_result_request_state" | "test_input_required_result_tampered_state" => {
                ask::confirmed(&client).await
            }
            "test_input_required_result_multiple_inputs" => ask::several(&client).await,
            "test_input_required_result_multi_round" => ask::two_rounds(&client).await,
            "test_input_required_result_capabilities" => ask::what_the_client_can(&client).await,

            "slow_compute" => work::slow_compute(&client, &args).await,
            "failing_job" => work::failing_job(&client),
            "protocol_error_job" => work::protocol_error_job(&client),
            "confirm_delete" => work::confirm_delete(&client, &args),
            "multi_input" => work::multi_input(&client),
            "test_tool_with_task" => work::input_then_task(&client).await,
            other => Err(ErrorData::invalid_params(format!("there is no tool `{other}`"), None)),
        }
    }

    async fn list_resources(
        &self,
        _request: Option<PaginatedRequestParams>,
        _cx: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        Ok(ListResourcesResult::with_all_items(catalog::resources()))
    }

    async fn list_resource_templates(
        &self,
        _request: Option<PaginatedRequestParams>,
        _cx: RequestContext<RoleServer>,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        Ok(ListResourceTemplatesResult::with_all_items(catalog::resource_templates()))
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        _cx: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        content::read(&request.uri).map(Into::into)
    }

    async fn subscribe(
        &self,
        request: SubscribeRequestParams,
        _cx: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        self.session.subscribed.lock().insert(request.uri);
        Ok(())
    }

    async fn unsubscribe(
        &self,
        request: UnsubscribeRequestParams,
        _cx: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        self.session.subscribed.lock().remove(&request.uri);
        Ok(())
    }

    fn accepted_subscription_filter(&self, requested: &SubscriptionFilter) -> Option<SubscriptionFilter> {
        Some(requested.supported_by(&self.get_info().capabilities))
    }

    async fn listen(&self, subscription: SubscriptionContext) -> Result<(), ErrorData> {
        talk::listen(self, &subscription).await;
        Ok(())
    }

    async fn list_prompts(
        &self,
        _request: Option<PaginatedRequestParams>,
        _cx: RequestContext<RoleServer>,
    ) -> Result<ListPromptsResult, ErrorData> {
        let extra = self.shared.extra_prompt.load(Ordering::Relaxed);
        Ok(ListPromptsResult::with_all_items(catalog::prompts(extra)))
    }

    async fn get_prompt(
        &self,
        request: GetPromptRequestParams,
        cx: RequestContext<RoleServer>,
    ) -> Result<GetPromptResponse, ErrorData> {
        let args = request.arguments.clone().unwrap_or_default();
        match request.name.as_str() {
            "test_input_required_result_prompt" => ask::prompt_context(&ask::Client::prompt(self, &request, &cx)).await,
            "test_dynamic_prompt" if self.shared.extra_prompt.load(Ordering::Relaxed) => {
                content::prompt("test_simple_prompt", &args).map(Into::into)
            }
            name => content::prompt(name, &args).map(Into::into),
        }
    }

    async fn complete(
        &self,
        request: CompleteRequestParams,
        _cx: RequestContext<RoleServer>,
    ) -> Result<CompleteResult, ErrorData> {
        let values = content::completions(&request.argument.name, &request.argument.value);
        CompletionInfo::with_all_values(values)
            .map(CompleteResult::new)
            .map_err(|why| ErrorData::internal_error(why, None))
    }

    async fn set_level(
        &self,
        request: SetLevelRequestParams,
        _cx: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        *self.session.log_level.lock() = Some(request.level);
        Ok(())
    }

    async fn get_task(
        &self,
        request: GetTaskParams,
        _cx: RequestContext<RoleServer>,
    ) -> Result<GetTaskResult, ErrorData> {
        self.shared.tasks.get_task(&request.task_id).map(GetTaskResult::new)
    }

    async fn update_task(&self, request: UpdateTaskParams, _cx: RequestContext<RoleServer>) -> Result<(), ErrorData> {
        self.shared.tasks.update_task(&request.task_id, request.input_responses)
    }

    async fn cancel_task(&self, request: CancelTaskParams, _cx: RequestContext<RoleServer>) -> Result<(), ErrorData> {
        self.shared.tasks.cancel_task(&request.task_id)
    }
}
