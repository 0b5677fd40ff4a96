//! APIs as servers: what their failures are to callers, and which of them are tried again.

use crate::support::Place;
use crate::support::api::Api;
use serde_json::json;

/// A place with a server `shop` whose tool asks the API for a refusal, and tries again whatever failed.
fn place(api: &Api, on: &[&str]) -> Place {
    let place = Place::new();
    let parameters = |names: &[&str]| -> Vec<_> {
        names
            .iter()
            .map(|name| json!({"name": name, "in": "path", "required": true, "schema": {"type": "integer"}}))
            .collect()
    };
    let document = json!({
        "openapi": "3.1.0", "info": {"title": "Shop", "version": "1"}, "servers": [{"url": api.url}],
        "paths": {
            "/refuse/{status}": {"get": {"operationId": "refuse", "parameters": parameters(&["status"])},
                "post": {"operationId": "write", "parameters": parameters(&["status"])}},
            "/refuse/{status}/{seconds}": {"get": {"operationId": "later", "parameters": parameters(&["status", "seconds"])}},
        },
    });
    place.write("shop.json", document.to_string());
    let retry = json!({"max_retries": 2, "first_delay": "1ms", "on": on});
    let server = json!({"openapi": {"document": "shop.json", "server": api.url}, "retry": retry});
    place.write("tollgate.json", json!({"servers": {"shop": server}}).to_string());
    place
}

const DEFAULT: [&str; 4] = ["rate_limit", "timeout", "server_error", "connection"];

#[tokio::test(flavor = "multi_thread")]
async fn failures_of_apis_are_classified_by_their_status() {
    let with_tool_error = ["rate_limit", "timeout", "server_error", "connection", "tool_error"];
    for (on, tool, args, kind, times) in [
        (&DEFAULT[..], "refuse", json!({"status": 401}), "auth-required", 1),
        (&DEFAULT[..], "refuse", json!({"status": 429}), "rate-limited", 3),
        (&DEFAULT[..], "later", json!({"status": 429, "seconds": 0}), "rate-limited", 3),
        // Longer than the policy waits.
        (&DEFAULT[..], "later", json!({"status": 429, "seconds": 3_600}), "rate-limited", 1),
        (&DEFAULT[..], "later", json!({"status": 503, "seconds": 0}), "rate-limited", 3),
        (&DEFAULT[..], "later", json!({"status": 403, "seconds": 0}), "rate-limited", 3),
        (&DEFAULT[..], "refuse", json!({"status": 403}), "failed", 1),
        (&DEFAULT[..], "refuse", json!({"status": 500}), "failed", 3),
        (&DEFAULT[..], "refuse", json!({"status": 503}), "failed", 3),
        (&DEFAULT[..], "write", json!({"status": 503}), "failed", 1),
        (&DEFAULT[..], "write", json!({"status": 429}), "rate-limited", 3),
        (&with_tool_error[..], "refuse", json!({"status": 404}), "failed", 1),
        (&with_tool_error[..], "refuse", json!({"status": 502}), "failed", 3),
        (&["client_error"][..], "refuse", json!({"status": 404}), "failed", 3),
    ] {
        let api = Api::start().await;
        let place = place(&api, on);
        let call = ["--config", "tollgate.json", "call", &format!("shop:{tool}"), &args.to_string(), "--json"]
            .map(str::to_owned);
        let ended = tokio::task::spawn_blocking(move || place.run(call)).await.unwrap();
        let told = serde_json::from_str::<serde_json::Value>(&ended.stdout).unwrap_or_else(|_| panic!("{ended:?}"));
        assert_eq!(told["error"]["kind"], kind, "{tool} {args}: {told:#}");
        assert_eq!(api.asked(), times, "{tool} {args}, again after {on:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_says_the_services_own_words_and_where_secrets_go() {
    let api = Api::start().await;
    let place = place(&api, &DEFAULT);
    tokio::task::spawn_blocking(move || {
        let refused = place.run(["--config", "tollgate.json", "call", "shop:refuse", r#"{"status": 401}"#]);
        let said = &refused.stderr;
        assert!(said.contains("`shop`: HTTP 401: not for you; the configuration has no secret for it"), "{said}");
        let refused = place.run(["--config", "tollgate.json", "call", "shop:refuse", r#"{"status": 404}"#]);
        assert!(format!("{}{}", refused.stdout, refused.stderr).contains("HTTP 404: not for you"), "{refused:?}");
    })
    .await
    .unwrap();
}
