//! The fixture under a client that answers what it is asked, in the versions before and since 2026-07-28.

#![allow(deprecated)] // Sampling and roots are deprecated since 2026-07-28.

use rmcp::model::{
    CallToolRequestParams, ClientCapabilities, ClientConfig, CreateMessageRequestParams, CreateMessageResult,
    ElicitRequestParams, ElicitResult, ElicitationAction, ErrorData, Implementation, ListRootsResult, ProtocolVersion,
    ResourceUpdatedNotificationParam, Root, SamplingMessage, ServerNotification, SubscribeRequestParams,
    SubscriptionFilter,
};
use rmcp::service::{NotificationContext, RequestContext, RunningService};
use rmcp::{ClientHandler, ClientLifecycleMode, ClientServiceExt, RoleClient};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tollgate_fixture_server::Fixture;

const WATCHED: &str = "test://watched-resource";
const SOON: Duration = Duration::from_secs(20);

/// Answers everything that servers ask.
#[derive(Clone, Default)]
struct Answering {
    updated: Arc<Notify>,
}

impl ClientHandler for Answering {
    fn get_info(&self) -> ClientConfig {
        let can = ClientCapabilities::builder().enable_roots().enable_sampling().enable_elicitation().build();
        ClientConfig::new(can, Implementation::new("test", "1"))
    }

    async fn create_elicitation(
        &self,
        _request: ElicitRequestParams,
        _context: RequestContext<RoleClient>,
    ) -> Result<ElicitResult, ErrorData> {
        let content = json!({ "name": "Ada", "color": "blue" });
        Ok(ElicitResult::new(ElicitationAction::Accept).with_content(content))
    }

    async fn create_message(
        &self,
        _request: CreateMessageRequestParams,
        _context: RequestContext<RoleClient>,
    ) -> Result<CreateMessageResult, ErrorData> {
        Ok(CreateMessageResult::new(SamplingMessage::assistant_text("Hello"), "model".into()))
    }

    async fn list_roots(&self, _context: RequestContext<RoleClient>) -> Result<ListRootsResult, ErrorData> {
        Ok(ListRootsResult::new(vec![Root::new("file:///a"), Root::new("file:///b")]))
    }

    async fn on_resource_updated(
        &self,
        params: ResourceUpdatedNotificationParam,
        _context: NotificationContext<RoleClient>,
    ) {
        assert_eq!(params.uri, WATCHED);
        self.updated.notify_one();
    }
}

fn legacy() -> ClientLifecycleMode {
    ClientLifecycleMode::Initialize
}

fn current() -> ClientLifecycleMode {
    ClientLifecycleMode::Discover { preferred_versions: vec![ProtocolVersion::V_2026_07_28] }
}

async fn connect(client: Answering, lifecycle: ClientLifecycleMode) -> RunningService<RoleClient, Answering> {
    let (ours, theirs) = tokio::io::duplex(64 << 10);
    tokio::spawn(async move { rmcp::serve_server(Fixture::default(), theirs).await.unwrap().waiting().await });
    client.serve_with_lifecycle(ours, lifecycle).await.unwrap()
}

/// The text that the tool answers, after whatever it asked.
async fn text_of(client: &RunningService<RoleClient, Answering>, tool: &'static str) -> String {
    let call = client.call_tool(CallToolRequestParams::new(tool));
    let result = tokio::time::timeout(SOON, call).await.unwrap().unwrap_or_else(|error| panic!("{tool}: {error}"));
    result.content[0].as_text().unwrap().text.clone()
}

#[tokio::test]
async fn a_tool_asks_the_client_in_either_way_and_gets_the_same_answers() {
    for lifecycle in [legacy(), current()] {
        let client = connect(Answering::default(), lifecycle).await;
        for (tool, want) in [
            ("test_input_required_result_elicitation", "Hello, Ada!"),
            ("test_input_required_result_sampling", "Hello"),
            ("test_input_required_result_list_roots", "The roots are: file:///a, file:///b"),
            ("test_input_required_result_request_state", "state-ok"),
            ("test_input_required_result_multiple_inputs", "Ada says: Hello (file:///a, file:///b)"),
            ("test_input_required_result_multi_round", "Ada likes blue."),
            ("test_input_required_result_capabilities", "The client answered: client_roots, greeting, user_name"),
        ] {
            assert_eq!(text_of(&client, tool).await, want, "{tool}");
        }
        client.cancel().await.unwrap();
    }
}

#[tokio::test]
async fn a_session_is_told_of_the_resource_it_subscribed_to() {
    let answering = Answering::default();
    let client = connect(answering.clone(), legacy()).await;
    client.subscribe(SubscribeRequestParams::new(WATCHED)).await.unwrap();
    assert_eq!(text_of(&client, "test_trigger_resource_change").await, "changed");
    tokio::time::timeout(SOON, answering.updated.notified()).await.unwrap();
}

#[tokio::test]
async fn a_listener_is_told_of_the_resource_it_subscribed_to() {
    let client = connect(Answering::default(), current()).await;
    let mut filter = SubscriptionFilter::new();
    filter.resource_subscriptions = Some(vec![WATCHED.to_owned()]);
    let mut subscription = client.listen(filter).await.unwrap();
    assert_eq!(text_of(&client, "test_trigger_resource_change").await, "changed");
    let told = tokio::time::timeout(SOON, subscription.next()).await.unwrap().unwrap();
    assert!(matches!(told, Some(ServerNotification::ResourceUpdatedNotification(_))), "{told:?}");
}

#[tokio::test]
async fn a_tool_comes_and_goes() {
    let client = connect(Answering::default(), legacy()).await;
    for there in [true, false] {
        text_of(&client, "test_trigger_tool_change").await;
        let tools = client.list_all_tools().await.unwrap();
        assert_eq!(tools.iter().any(|tool| tool.name == "test_dynamic_tool"), there);
    }
}
