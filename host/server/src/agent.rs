//! One agent's connection: which request goes where, and what its sender may do.
#![expect(deprecated, reason = "what 2026-07-28 deprecates is what older clients speak")]

use crate::changes::{self, Subscriptions};
use crate::drive::{Driven, Work};
use crate::front::Front;
use crate::handlers::Method;
use crate::link::Link;
use crate::{meta_tools, policies, resources, tools};
use parking_lot::Mutex;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, CompleteRequestParams, CompleteResult, CustomRequest,
    CustomResult, ErrorCode, ErrorData, GetPromptRequestParams, GetPromptResponse, GetPromptResult, Implementation,
    InitializeRequestParams, InitializeResult, ListPromptsResult, ListResourceTemplatesResult, ListResourcesResult,
    ListToolsResult, LoggingLevel, PaginatedRequestParams, ProtocolVersion, ReadResourceRequestParams,
    ReadResourceResponse, ReadResourceResult, ResultType, ServerCapabilities, ServerConfig, SetLevelRequestParams,
    SubscribeRequestParams, SubscriptionFilter, Tool, UnsubscribeRequestParams,
};
use rmcp::service::{NotificationContext, RequestContext, SubscriptionContext};
use rmcp::{RoleServer, ServerHandler};
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio_util::sync::{CancellationToken, DropGuard};
use tollgate::{Client, Context, Identity, ListKind, Seat, Surface, TraceContext, View};

/// The longest name that a client may say it has, in bytes; longer ones are cut.
const MAX_CLIENT_NAME_BYTES: usize = 256;

const INSTRUCTIONS: &str = "Tollgate stands in front of other MCP servers. Find a tool with search_tools, see its \
     arguments with get_api_documentation, and call it with call_tool; a policy is a ready-made workflow over many \
     tools, run with run_policy.";
/// Where scripts can be run.
const CODE_INSTRUCTIONS: &str = " Several calls that belong together are quicker as one script, in which every tool is a \
     function: run it with execute_code.";

/// One agent's connection. In 2026-07-28, over HTTP, one request.
#[derive(Clone)]
pub(crate) struct Connection {
    front: Front,
    seat: Seat,
    name: Arc<str>,
    session: Arc<Session>,
}

/// An agent, as it sends one request: who it is, and what it may do.
#[derive(Clone)]
pub(crate) struct Agent {
    front: Front,
    view: View,
    name: Arc<str>,
    session: Arc<Session>,
    /// Where the request stands in a trace, if it says so.
    trace: Option<TraceContext>,
}

/// What an agent before 2026-07-28 has set.
struct Session {
    log_level: Mutex<Option<LoggingLevel>>,
    subscriptions: Subscriptions,
    /// Whether it is told of changes.
    is_told: AtomicBool,
    /// Ends what was begun for this connection.
    ends: DropGuard,
}

impl Connection {
    pub(crate) fn new(front: Front, seat: Seat, number: u64) -> Self {
        let name = format!("{}#{number}", seat.identity().principal.0).into();
        let (log_level, is_told) = (Mutex::default(), AtomicBool::new(false));
        let (subscriptions, ends) = (Subscriptions::default(), CancellationToken::new().drop_guard());
        let session = Arc::new(Session { log_level, subscriptions, is_told, ends });
        Self { front, seat, name, session }
    }

    /// The agent, as it asks for something now. The one way to a view.
    fn asks(&self, method: Method) -> Agent {
        tracing::trace!(target: crate::LOG, agent = %self.name, method = method.name(), "asked");
        let Self { front, seat, name, session } = self.clone();
        Agent { front, view: seat.view(), name, session, trace: None }
    }

    /// The sender of a request.
    fn sender(&self, method: Method, context: &RequestContext<RoleServer>) -> Agent {
        self.takes_over(context);
        let trace = context.meta.get(tools::TRACEPARENT).and_then(|value| value.as_str()?.parse().ok());
        Agent { trace, ..self.asks(method) }
    }

    /// Has the further requests of this connection come the short way, if it has one.
    fn takes_over(&self, context: &RequestContext<RoleServer>) {
        if let Some(link) = context.extensions.get::<Arc<Link>>().filter(|link| !link.is_ready()) {
            link.serve_by(self.clone(), context.peer.clone());
        }
    }

    /// Who tells the agent of changes.
    fn teller(&self) -> changes::Teller {
        self.asks(Method::TellChanges);
        // It must not keep the connection: that ends it.
        changes::Teller::new(self.front.clone(), self.seat.clone())
    }

    /// How the host introduces itself to the agent.
    fn introduction(&self) -> ServerConfig {
        let view = self.asks(Method::Introduce).view;
        let builder = ServerCapabilities::builder().enable_logging().enable_tools().enable_tool_list_changed();
        let capabilities = if view.passes_on() {
            builder
                .enable_completions()
                .enable_prompts()
                .enable_prompts_list_changed()
                .enable_resources()
                .enable_resources_list_changed()
                .enable_resources_subscribe()
                .build()
        } else {
            builder.build()
        };
        let mut us = Implementation::new("tollgate", env!("CARGO_PKG_VERSION"));
        us.title = Some("Tollgate".to_owned());
        let config = ServerConfig::new(capabilities).with_server_info(us);
        match view.surface() {
            Surface::Direct => config,
            _ if view.script_languages().is_empty() => config.with_instructions(INSTRUCTIONS),
            _ => config.with_instructions([INSTRUCTIONS, CODE_INSTRUCTIONS].concat()),
        }
    }
}

impl Agent {
    pub(crate) fn front(&self) -> &Front {
        &self.front
    }

    /// What exists for it, and what it may do.
    pub(crate) fn view(&self) -> &View {
        &self.view
    }

    pub(crate) fn identity(&self) -> &Identity {
        self.view.identity()
    }

    /// Which agent this is, for questions of servers: nobody answers for another.
    pub(crate) fn name(&self) -> Arc<str> {
        self.name.clone()
    }

    /// What goes with whatever it asks of the host.
    pub(crate) fn context(&self, client: Option<Arc<dyn Client>>) -> Context {
        Context { trace: self.trace, client }
    }

    /// Whether the request is of a version without sessions (2026-07-28).
    pub(crate) fn is_stateless(&self, context: &RequestContext<RoleServer>) -> bool {
        is_stateless(context)
    }

    /// Whether people are told in words which server asks: not by one that stands for a single server under its own names.
    pub(crate) fn names_servers(&self) -> bool {
        self.front.options().prefix_resources
    }

    /// The level, if the agent wants lines of it. Since 2026-07-28 each request says so; before, the session does,
    /// and gets all until it has.
    pub(crate) fn wants_log(&self, context: &RequestContext<RoleServer>, level: &str) -> Option<LoggingLevel> {
        let level: LoggingLevel = serde_json::from_value(level.into()).ok()?;
        (level as u8 >= self.least_log(context)? as u8).then_some(level)
    }

    /// The least grave lines that the agent wants, if it wants any.
    pub(crate) fn least_log(&self, context: &RequestContext<RoleServer>) -> Option<LoggingLevel> {
        if self.is_stateless(context) {
            context.meta.log_level()
        } else {
            Some(self.session.log_level.lock().unwrap_or(LoggingLevel::Debug))
        }
    }

    /// Works on a request that servers may have questions about.
    async fn work<F>(
        &self,
        context: &RequestContext<RoleServer>,
        request: &str,
        again: Again,
        begin: impl FnOnce(Arc<dyn Client>) -> F,
    ) -> Result<Driven, ErrorData>
    where
        F: Future<Output = crate::drive::Outcome> + Send + 'static,
    {
        let work = match &again.state {
            Some(state) => self.front.parked().take(self.identity(), request, state)?,
            None => Work::begin(self, context, begin),
        };
        work.drive(self, context, request, again.responses).await
    }
}

/// What a request that comes again brings along.
struct Again {
    state: Option<String>,
    responses: Option<rmcp::model::InputResponses>,
}

/// The page of a list that a request wants.
pub(crate) fn page<T>(
    items: Vec<T>,
    request: Option<PaginatedRequestParams>,
    page_items: usize,
) -> Result<(Vec<T>, Option<String>), ErrorData> {
    let start = match request.and_then(|request| request.cursor) {
        None => 0,
        Some(cursor) => cursor.parse::<usize>().ok().filter(|start| *start <= items.len()).ok_or_else(|| {
            ErrorData::invalid_params("the cursor is none of ours, or the list has changed; list anew without it", None)
        })?,
    };
    let more = items.len().saturating_sub(start) > page_items;
    let next = more.then(|| (start + page_items).to_string());
    Ok((items.into_iter().skip(start).take(page_items).collect(), next))
}

/// Reads a result as rmcp sends it.
pub(crate) fn typed<T: DeserializeOwned>(what: &str, text: &str) -> Result<T, ErrorData> {
    serde_json::from_str(text)
        .map_err(|error| ErrorData::internal_error(format!("the server's answer to {what} is not MCP: {error}"), None))
}

/// The part of a client's introduction that a session keeps: its capabilities to be asked, its name and version. The rest may be
/// megabytes, held for as long as the session lives.
fn remembered(mut client: InitializeRequestParams) -> InitializeRequestParams {
    client.meta = None;
    client.capabilities.experimental = None;
    client.capabilities.extensions = None;
    let info = &mut client.client_info;
    (info.title, info.description, info.icons, info.website_url) = (None, None, None, None);
    for text in [&mut info.name, &mut info.version] {
        if text.len() > MAX_CLIENT_NAME_BYTES {
            *text = text.chars().take(MAX_CLIENT_NAME_BYTES / 4).collect();
        }
    }
    client
}

impl ServerHandler for Connection {
    fn get_info(&self) -> ServerConfig {
        self.introduction()
    }

    async fn initialize(
        &self,
        request: InitializeRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<InitializeResult, ErrorData> {
        let result = self.negotiate_initialize(&request)?;
        let required = self.asks(Method::Introduce).view.check_required().await;
        required.map_err(|why| ErrorData::internal_error(why, None))?;
        context.peer.set_peer_info(remembered(request));
        self.takes_over(&context);
        Ok(result)
    }

    async fn list_tools(
        &self,
        request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let agent = self.sender(Method::ListTools, &context);
        let view = agent.view();
        let tools = match meta_tools::Set::of(view.surface()) {
            Some(set) => meta_tools::definitions(set, view),
            None => {
                let catalog = self.front.settled_catalog(view).await;
                let mut tools = policies::definitions(view, &catalog).await;
                let taken: Vec<_> = tools.iter().map(|tool| tool.name.clone()).collect();
                tools.extend(tools::definitions(&catalog).filter(|tool| !taken.contains(&tool.name)));
                tools
            }
        };
        let (tools, next_cursor) = page(tools, request, self.front.options().page_items)?;
        let mut result = ListToolsResult::with_all_items(tools);
        result.next_cursor = next_cursor;
        Ok(result)
    }

    fn get_tool(&self, name: &str) -> Option<Tool> {
        let catalog = self.front.catalog(self.asks(Method::FindSchema).view());
        let tool = catalog.tool_of(name)?;
        tools::definition(&catalog, name, catalog.find(tool)?)
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let agent = self.sender(Method::CallTool, &context);
        let again = Again { state: request.request_state, responses: request.input_responses };
        let args = request.arguments.unwrap_or_default();
        let target = tools::Target::find(&agent, &request.name, args).await?;
        let meta = tools::passed_on(&context);
        let named = format!("tools/call {}", request.name);
        let (worker, cancelled) = (agent.clone(), context.ct.clone());
        let driven =
            agent.work(&context, &named, again, move |client| target.run(worker, client, meta, cancelled)).await?;
        match driven {
            Driven::Done(text) => Ok(tools::result(&text)?.into()),
            Driven::Wants(wanted) => Ok(CallToolResponse::InputRequired(wanted)),
        }
    }

    async fn list_resources(
        &self,
        request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        let items = resources::list(&self.sender(Method::ListResources, &context), ListKind::Resources).await;
        let (items, next_cursor) = page(items, request, self.front.options().page_items)?;
        let mut result = ListResourcesResult::with_all_items(items);
        result.next_cursor = next_cursor;
        Ok(result)
    }

    async fn list_resource_templates(
        &self,
        request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        let items = resources::list(&self.sender(Method::ListTemplates, &context), ListKind::ResourceTemplates).await;
        let (items, next_cursor) = page(items, request, self.front.options().page_items)?;
        let mut result = ListResourceTemplatesResult::with_all_items(items);
        result.next_cursor = next_cursor;
        Ok(result)
    }

    async fn list_prompts(
        &self,
        request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListPromptsResult, ErrorData> {
        let items = resources::list(&self.sender(Method::ListPrompts, &context), ListKind::Prompts).await;
        let (items, next_cursor) = page(items, request, self.front.options().page_items)?;
        let mut result = ListPromptsResult::with_all_items(items);
        result.next_cursor = next_cursor;
        Ok(result)
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        let agent = self.sender(Method::ReadResource, &context);
        let again = Again { state: request.request_state, responses: request.input_responses };
        let named = format!("resources/read {}", request.uri);
        let query = resources::read(&agent, &request.uri, &context).await?;
        let worker = agent.clone();
        let driven =
            agent.work(&context, &named, again, move |client| resources::ask(worker, query, Some(client))).await?;
        match driven {
            Driven::Done(text) => {
                let mut result: ReadResourceResult = typed("resources/read", &text)?;
                result.result_type.get_or_insert(ResultType::COMPLETE);
                Ok(ReadResourceResponse::Complete(result))
            }
            Driven::Wants(wanted) => Ok(ReadResourceResponse::InputRequired(wanted)),
        }
    }

    async fn get_prompt(
        &self,
        request: GetPromptRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<GetPromptResponse, ErrorData> {
        let agent = self.sender(Method::GetPrompt, &context);
        let again = Again { state: request.request_state, responses: request.input_responses };
        let named = format!("prompts/get {}", request.name);
        let query = resources::prompt(&agent, &request.name, request.arguments, &context).await?;
        let worker = agent.clone();
        let driven =
            agent.work(&context, &named, again, move |client| resources::ask(worker, query, Some(client))).await?;
        match driven {
            Driven::Done(text) => {
                let mut result: GetPromptResult = typed("prompts/get", &text)?;
                result.result_type.get_or_insert(ResultType::COMPLETE);
                Ok(GetPromptResponse::Complete(result))
            }
            Driven::Wants(wanted) => Ok(GetPromptResponse::InputRequired(wanted)),
        }
    }

    async fn complete(
        &self,
        request: CompleteRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CompleteResult, ErrorData> {
        let agent = self.sender(Method::Complete, &context);
        let query = resources::completion(&agent, request).await?;
        let text = resources::ask(agent, query, None).await?;
        let mut result: CompleteResult = typed("completion/complete", &text)?;
        result.result_type.get_or_insert(ResultType::COMPLETE);
        Ok(result)
    }

    async fn set_level(&self, request: SetLevelRequestParams, _: RequestContext<RoleServer>) -> Result<(), ErrorData> {
        *self.session.log_level.lock() = Some(request.level);
        Ok(())
    }

    async fn subscribe(
        &self,
        request: SubscribeRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        let agent = self.sender(Method::Subscribe, &context);
        let (server, uri) = resources::locate(&agent, &request.uri).await?;
        self.session.subscriptions.add(agent.view(), &request.uri, &server, &uri).await
    }

    async fn unsubscribe(
        &self,
        request: UnsubscribeRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        self.sender(Method::Unsubscribe, &context);
        self.session.subscriptions.remove(&request.uri).await
    }

    async fn on_initialized(&self, context: NotificationContext<RoleServer>) {
        // A client may say it any number of times.
        if self.session.is_told.swap(true, Ordering::Relaxed) {
            return;
        }
        let (teller, peer) = (self.teller(), context.peer);
        let session = Arc::downgrade(&self.session);
        let ended = self.session.ends.token().clone();
        tokio::spawn(async move {
            let named = |server: &str, uri: &str| {
                session.upgrade().map(|session| session.subscriptions.names(server, uri)).unwrap_or_default()
            };
            let listener = changes::Listener::Peer(peer);
            // Changes are rare: without the other branch this would outlive the connection until the next.
            tokio::select! {
                () = teller.tell(&listener, named) => {}
                () = ended.cancelled() => {}
            }
        });
    }

    async fn on_custom_request(
        &self,
        request: CustomRequest,
        context: RequestContext<RoleServer>,
    ) -> Result<CustomResult, ErrorData> {
        Err(misread(request, is_stateless(&context)))
    }

    fn accepted_subscription_filter(&self, requested: &SubscriptionFilter) -> Option<SubscriptionFilter> {
        Some(requested.supported_by(&self.get_info().capabilities))
    }

    async fn listen(&self, subscription: SubscriptionContext) -> Result<(), ErrorData> {
        let agent = self.sender(Method::Listen, subscription.request_context());
        // Dropped at the end of the request, and its subscriptions with it.
        let subscriptions = Subscriptions::default();
        for uri in subscription.accepted().resource_subscriptions.iter().flatten() {
            let (server, at_server) = resources::locate(&agent, uri).await?;
            subscriptions.add(agent.view(), uri, &server, &at_server).await?;
        }
        let listener = changes::Listener::Subscription(subscription.sink().clone());
        let link = subscription.request_context().extensions.get::<Arc<Link>>();
        let closing = async {
            match link {
                Some(link) => link.closing().cancelled().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = closing => {}
            () = self.teller().tell(&listener, |server, uri| subscriptions.names(server, uri)) => {}
            () = subscription.cancelled() => {}
        }
        Ok(())
    }
}

fn is_stateless(context: &RequestContext<RoleServer>) -> bool {
    context.protocol_version().is_some_and(|version| version >= ProtocolVersion::V_2026_07_28)
}

/// What is wrong with a request that rmcp reads as none of MCP's: it tries them all, and does not say why none fits.
fn misread(request: CustomRequest, is_stateless: bool) -> ErrorData {
    let CustomRequest { method, params, .. } = request;
    let wrong = match method.as_str() {
        "tools/call" => misfit::<CallToolRequestParams>,
        "prompts/get" => misfit::<GetPromptRequestParams>,
        "resources/read" => misfit::<ReadResourceRequestParams>,
        "completion/complete" => misfit::<CompleteRequestParams>,
        "tools/list" | "prompts/list" | "resources/list" | "resources/templates/list" => {
            misfit::<PaginatedRequestParams>
        }
        // 2026-07-28 does not have these.
        "initialize" if !is_stateless => misfit::<InitializeRequestParams>,
        "resources/subscribe" if !is_stateless => misfit::<SubscribeRequestParams>,
        "resources/unsubscribe" if !is_stateless => misfit::<UnsubscribeRequestParams>,
        "logging/setLevel" if !is_stateless => misfit::<SetLevelRequestParams>,
        _ => return ErrorData::new(ErrorCode::METHOD_NOT_FOUND, format!("there is no method `{method}`"), None),
    };
    let why = match params {
        Some(params) => wrong(params),
        None => "there are none".to_owned(),
    };
    ErrorData::invalid_params(format!("the params of {method} do not fit: {why}"), None)
}

/// Why params are none of this kind.
fn misfit<T: DeserializeOwned>(params: Value) -> String {
    match serde_json::from_value::<T>(params) {
        Ok(_) => "a member comes twice, or `_meta` is not an object".to_owned(),
        Err(error) => error.to_string(),
    }
}

/// A result of a tool, in words, that says what went wrong.
pub(crate) fn failed(message: &str) -> CallToolResult {
    CallToolResult::error(vec![rmcp::model::ContentBlock::text(message)])
}

/// An error of the protocol for a name that is not there.
pub(crate) fn unknown(what: &str) -> ErrorData {
    ErrorData::new(ErrorCode::INVALID_PARAMS, what.to_owned(), None)
}
