use tollgate_sdk::prelude::*;

/// Greets somebody, and tells which customers have such a name.
#[policy(name = "{{name}}", grants = ["tool=crm:search_customers"])]
async fn hello(name: String) -> Result<Value> {
    let found: Vec<Value> = call_as("crm:search_customers", json!({ "query": name })).await?;
    let customers: Vec<&Value> = found.iter().map(|customer| &customer["name"]).collect();
    Ok(json!({ "greeting": format!("Hello, {name}!"), "customers": customers }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tollgate_sdk::testing::{FakeHost, block_on};

    #[test]
    fn greets_and_tells_the_customers() {
        let host = FakeHost::new().answer("crm:search_customers", json!([{ "name": "Ada Lovelace" }])).install();
        let output = block_on(hello("Ada".into())).unwrap();
        assert_eq!(output, json!({ "greeting": "Hello, Ada!", "customers": ["Ada Lovelace"] }));
        assert_eq!(host.calls(), [("crm:search_customers".to_owned(), json!({ "query": "Ada" }))]);
    }

    #[test]
    fn a_failed_call_is_the_cause() {
        let down = CallError::Unavailable("it is down".into());
        FakeHost::new().fail("crm:search_customers", down.clone()).install();
        let error = block_on(hello("Ada".into())).unwrap_err();
        assert_eq!(error.cause().unwrap().error, down);
    }
}
