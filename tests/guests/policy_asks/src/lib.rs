//! Asks people, models and routing what it is told to ask, and tells what each said. Input: an object with any of `ask`
//! (`message`, `schema`), `complete` (the user's text), `servers`, `tools`, `gather` (`domain`, `fail_fast`). Output: an object
//! with the same members, each `{"ok": …}` or `{"error": …}`.

use kit::ask::Reply;
use kit::json;
use kit::model::{Message, Options, Role, ToolChoice};

kit::policy!(run);

async fn run(input: String) -> kit::Output {
    let input = kit::parse(&input);
    let mut said = json!({});
    if let Some(question) = input.get("ask") {
        let text = |key: &str| question[key].as_str().unwrap_or_default().to_owned();
        said["ask"] = match kit::ask::ask(text("message"), text("schema")).await {
            Ok(Reply::Accepted(answer)) => json!({"ok": {"accepted": kit::parse(&answer)}}),
            Ok(Reply::Declined) => json!({"ok": "declined"}),
            Ok(Reply::Dismissed) => json!({"ok": "dismissed"}),
            Err(error) => json!({"error": format!("{error:?}")}),
        };
    }
    if let Some(question) = input["complete"].as_str() {
        let message = Message {
            role: Role::User,
            content: question.to_owned(),
            tool_uses: Vec::new(),
            tool_use_id: None,
            is_error: false,
        };
        let options = Options {
            model: input["model"].as_str().map(str::to_owned),
            max_tokens: None,
            temperature: None,
            stop: Vec::new(),
            tool_choice: ToolChoice::Auto,
            output_schema: None,
        };
        said["complete"] = match kit::model::complete(vec![message], Vec::new(), options).await {
            Ok(answer) => {
                json!({"ok": answer.message.content, "model": answer.model, "tokens": answer.usage.output_tokens})
            }
            Err(error) => json!({"error": format!("{error:?}")}),
        };
    }
    if input.get("servers").is_some() {
        let servers = kit::servers::list_servers();
        let servers =
            servers.iter().map(|s| json!([s.name, format!("{:?}", s.health), s.priority, s.domains, s.error]));
        said["servers"] = servers.collect();
    }
    if input.get("tools").is_some() {
        let tools = kit::servers::list_tools().await;
        said["tools"] = tools.iter().map(|each| json!(format!("{}:{}", each.server, each.tool.name))).collect();
    }
    if let Some(wanted) = input.get("gather") {
        let (domain, fail_fast) = (wanted["domain"].as_str().map(str::to_owned), wanted["fail_fast"].as_bool());
        said["gather"] = match kit::servers::gather_resources(domain, fail_fast).await {
            Ok(found) => json!({"ok": kit::parse(&found)}),
            Err(failure) => json!({"error": format!("{:?}", failure.error)}),
        };
    }
    Ok(said.to_string())
}
