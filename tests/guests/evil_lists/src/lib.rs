//! Asks for lists over and over. Input: `{"what", "times"}`, where `what` is `resources`, `templates`, `prompts` or `tools`. Output:
//! how many items the last list had.

kit::policy!(run);

async fn run(input: String) -> kit::Output {
    let input = kit::parse(&input);
    let mut last = 0;
    for _ in 0..input["times"].as_u64().expect("`times` is a number") {
        let items = |list: String| kit::parse(&list).as_array().map_or(0, Vec::len);
        last = match input["what"].as_str() {
            Some("resources") => items(kit::resources::list_resources().await),
            Some("templates") => items(kit::resources::list_templates().await),
            Some("prompts") => items(kit::prompts::list_prompts().await),
            Some("tools") => kit::servers::list_tools().await.len(),
            _ => panic!("no such list"),
        };
    }
    Ok(last.to_string())
}
