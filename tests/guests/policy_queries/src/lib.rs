//! Asks servers for what they have beside tools. Input: `{"server", "uri", "prompt"}`. Output: the lists, and what the
//! resource and the prompt gave, as `{"ok": …}` or `{"error": …}`.

use kit::Value;

kit::policy!(run);

async fn run(input: String) -> kit::Output {
    let input = kit::parse(&input);
    let text = |key: &str| input[key].as_str().unwrap_or_default().to_owned();
    let told = |answer: Result<String, kit::types::CallFailure>| match answer {
        Ok(json) => kit::json!({"ok": kit::parse(&json)}),
        Err(failure) => kit::json!({"error": format!("{:?}", failure.error), "tool": failure.tool}),
    };
    let read = told(kit::resources::read(text("server"), text("uri")).await);
    let prompt = told(kit::prompts::get(text("server"), text("prompt"), "{}".to_owned()).await);
    let lists: Vec<Value> = vec![
        kit::parse(&kit::resources::list_resources().await),
        kit::parse(&kit::resources::list_templates().await),
        kit::parse(&kit::prompts::list_prompts().await),
    ];
    Ok(kit::json!({"read": read, "prompt": prompt, "lists": lists}).to_string())
}
