//! What goes wrong at the endpoint, and what is said of it.

use crate::support::*;
use serde_json::json;
use std::time::{Duration, Instant};
use tollgate_core::model::{Finish, Meter, Usage};
use tollgate_core::{Model as _, ModelError};
use tollgate_model::Provider;
use tollgate_scripted_model::{Counted, Fault, Script, Turn, Use};

async fn fails(provider: Provider, turn: Turn) -> ModelError {
    let world = world(provider, [turn]).await;
    world.ask(question()).await.unwrap_err()
}

fn limited(after: Option<&str>) -> Turn {
    Turn::fault(Fault::Status { status: 429, retry_after: after.map(str::to_owned) })
}

#[tokio::test]
async fn a_busy_provider_is_asked_again_twice() {
    for provider in BOTH {
        let good = world(provider, [limited(Some("3")), Turn::status(529), Turn::text("At last.")]).await;
        assert_eq!(good.ask(question()).await.unwrap().message.content, "At last.");
        let waits = good.waits();
        assert_eq!(waits[0], Duration::from_secs(3), "what it said");
        assert!(
            waits[1] >= Duration::from_millis(500) && waits[1] <= Duration::from_secs(1),
            "ours, doubled: {waits:?}"
        );

        let bad = world(provider, (0..5).map(|_| limited(Some("2")))).await;
        assert_eq!(bad.ask(question()).await, Err(ModelError::RateLimited(Some(2_000))));
        assert_eq!(bad.scripted.requests().len(), 3);
        let silent = world(provider, (0..3).map(|_| limited(None))).await;
        assert_eq!(silent.ask(question()).await, Err(ModelError::RateLimited(None)));
    }
}

#[tokio::test]
async fn a_wait_that_is_too_long_is_the_callers_to_decide() {
    for (after, ms) in [("3600", 3_600_000), ("18446744073709551615", 86_400_000)] {
        let world = world(Provider::OpenAi, [limited(Some(after))]).await;
        assert_eq!(world.ask(question()).await, Err(ModelError::RateLimited(Some(ms))));
        assert_eq!(world.scripted.requests().len(), 1);
    }
    let world = world(Provider::OpenAi, [limited(Some("Wed, 21 Oct 2065 07:28:00 GMT"))]).await;
    assert_eq!(world.ask(question()).await, Err(ModelError::RateLimited(Some(86_400_000))));
}

#[tokio::test]
async fn a_provider_in_trouble_is_asked_again_and_then_unavailable() {
    for provider in BOTH {
        for status in [500, 502, 503] {
            let world = world(provider, (0..3).map(|_| Turn::status(status))).await;
            let error = world.ask(question()).await.unwrap_err();
            assert!(matches!(&error, ModelError::Unavailable(why) if why.contains(&status.to_string())), "{error}");
            assert_eq!(world.scripted.turns_left(), 0);
        }
    }
}

#[tokio::test]
async fn what_a_provider_refuses_is_told_in_its_own_words_and_not_tried_again() {
    for provider in BOTH {
        let mut hot = question();
        hot.options.temperature = Some(9.0);
        let world = world(provider, [Turn::text("x")]).await;
        let error = world.ask(hot).await.unwrap_err();
        assert!(
            matches!(&error, ModelError::Rejected(why) if why.contains("temperature") && why.contains("400")),
            "{error}"
        );
        assert_eq!(world.scripted.requests().len(), 1);
        let error = fails(provider, Turn::status(404)).await;
        assert!(matches!(&error, ModelError::Rejected(why) if why.contains("model.url")), "{error}");
    }
    let body = r#"{"error":{"message":"Invalid schema for function 'a': 'x' is not permitted","type":"invalid_request_error"}}"#;
    let raw = Fault::Raw { status: 400, content_type: "application/json".into(), body: body.into() };
    let error = fails(Provider::OpenAi, Turn::fault(raw)).await;
    assert!(matches!(&error, ModelError::Rejected(why) if why.contains("model.strict")), "{error}");
    let quota = r#"{"error":{"message":"You exceeded your current quota","type":"insufficient_quota","code":"insufficient_quota"}}"#;
    let raw = Fault::Raw { status: 429, content_type: "application/json".into(), body: quota.into() };
    let error = fails(Provider::OpenAi, Turn::fault(raw)).await;
    assert!(matches!(&error, ModelError::Rejected(why) if why.contains("quota")), "{error}");
}

/// Some servers know no streams, and some gateways gather them.
#[tokio::test]
async fn an_answer_that_comes_whole_is_read_too() {
    for provider in BOTH {
        let world = world(provider, [Turn { fault: Some(Fault::NoStream), ..Turn::text("All of it.") }]).await;
        assert_eq!(world.ask(question()).await.unwrap().message.content, "All of it.");
    }
    let openai = json!({"object": "chat.completion", "model": "m", "choices": [{"index": 0, "finish_reason": "tool_calls", "message": {
        "role": "assistant", "content": "So.", "tool_calls": [
            {"id": "c1", "type": "function", "function": {"name": "a", "arguments": "{\"x\":1}"}},
            {"id": "c2", "type": "function", "function": {"name": "b", "arguments": "{}"}},
        ],
    }}], "usage": {"prompt_tokens": 3, "completion_tokens": 5}});
    let anthropic = json!({"type": "message", "id": "msg_1", "role": "assistant", "model": "m", "stop_reason": "tool_use", "content": [
        {"type": "text", "text": "So."},
        {"type": "tool_use", "id": "c1", "name": "a", "input": {"x": 1}},
        {"type": "tool_use", "id": "c2", "name": "b", "input": {}},
    ], "usage": {"input_tokens": 3, "output_tokens": 5}});
    for (provider, whole) in [(Provider::OpenAi, openai), (Provider::Anthropic, anthropic)] {
        let raw = |body: String| {
            Turn::fault(Fault::Raw { status: 200, content_type: "application/json; charset=utf-8".into(), body })
        };
        let answer = world(provider, [raw(whole.to_string())]).await.ask(question()).await.unwrap();
        assert_eq!((answer.message.content.as_str(), answer.model.as_str()), ("So.", "m"));
        assert_eq!(answer.finish, Finish::ToolUse);
        assert_eq!(answer.usage, Usage { input_tokens: 3, output_tokens: 5 });
        let uses: Vec<_> =
            answer.message.tool_uses.iter().map(|one| (one.id.as_str(), one.arguments.as_str())).collect();
        assert_eq!(uses, [("c1", r#"{"x":1}"#), ("c2", "{}")]);
        for none in ["{}", "[1]", "{", "7", ""] {
            let error = fails(provider, raw(none.to_owned())).await;
            assert!(matches!(error, ModelError::InvalidResponse(_)), "{none}: {error:?}");
        }
    }
}

#[tokio::test]
async fn the_text_of_an_error_is_short_and_tame() {
    let body = format!("<html>\u{1b}[31m\r\n\u{202e}{}", "x".repeat(2 << 20));
    let raw = Fault::Raw { status: 418, content_type: "text/html".into(), body };
    let error = fails(Provider::OpenAi, Turn::fault(raw)).await.to_string();
    assert!(error.len() < 800 && !error.contains(['\u{1b}', '\r', '\n', '\u{202e}']), "{error}");
}

#[tokio::test]
async fn a_wrong_key_names_its_configuration_and_is_nowhere_in_the_error() {
    for provider in BOTH {
        let script = Script { key: Some("another".to_owned()), ..Script::new([Turn::text("x")]) };
        let world = world_with(provider, script, |_| {}).await;
        let error = world.ask(question()).await.unwrap_err();
        let text = format!("{error} {error:?}");
        assert!(matches!(error, ModelError::Unavailable(_)));
        assert!(text.contains("model.secret") && text.contains("`model-key`") && !text.contains("hunter2"), "{text}");
        assert!(text.contains("[secret model-key]"), "what the provider repeats is taken out: {text}");
        let seen = world.scripted.requests()[0].clone();
        assert!(seen.refused.unwrap().contains(KEY), "it was sent");
    }
}

#[tokio::test]
async fn no_error_tells_the_key() {
    let kinds = |text: &str| {
        vec![
            Fault::Raw { status: 400, content_type: "application/json".into(), body: text.to_owned() },
            Fault::Raw { status: 302, content_type: text.to_owned(), body: text.to_owned() },
            Fault::Raw { status: 200, content_type: text.to_owned(), body: text.to_owned() },
            Fault::Raw { status: 200, content_type: "text/event-stream".into(), body: format!("data: {text}\n\n") },
            Fault::Raw {
                status: 200,
                content_type: "text/event-stream".into(),
                body: format!("event: {text}\ndata: 1\n\n"),
            },
            Fault::Error { error: text.to_owned() },
        ]
    };
    for provider in BOTH {
        for text in [KEY.to_owned(), json!({"error": {"message": KEY, "code": KEY, "type": KEY}}).to_string()] {
            for fault in kinds(&text) {
                let error = fails(provider, Turn::fault(fault.clone())).await;
                assert!(!format!("{error} {error:?}").contains("hunter2"), "{fault:?}: {error}");
            }
        }
    }
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_none() {
    for provider in BOTH {
        for fault in [Fault::Truncated, Fault::Broken, Fault::Garbage] {
            let turn =
                Turn { fault: Some(fault.clone()), ..Turn::text("A rather long text that is said in many pieces.") };
            let error = fails(provider, turn).await;
            assert!(matches!(error, ModelError::InvalidResponse(_)), "{fault:?}: {error}");
            assert!(error.to_string().contains("http://127.0.0.1:"), "{error}");
        }
        let turn = Turn { fault: Some(Fault::Truncated), ..Turn::uses([Use::new("a", json!({"q": "a longer text"}))]) };
        assert!(matches!(fails(provider, turn).await, ModelError::InvalidResponse(_)));
    }
}

#[tokio::test]
async fn streams_that_are_none_of_the_interface_are_told_apart_from_answers() {
    let events = |body: &str| Fault::Raw { status: 200, content_type: "text/event-stream".into(), body: body.into() };
    for (provider, body) in [
        (Provider::OpenAi, "data: [DONE]\n\n"),
        (Provider::OpenAi, "data: {}\n\ndata: [DONE]\n\n"),
        (Provider::OpenAi, "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":7}}]}\n\n"),
        (Provider::OpenAi, ""),
        (Provider::OpenAi, "data: {\"choices\":[]}\n\n"),
        (Provider::Anthropic, "data: {\"type\":\"message_stop\"}\n\n"),
        (
            Provider::Anthropic,
            "data: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"x\"}}\n\n",
        ),
        (Provider::Anthropic, "data: [DONE]\n\n"),
        (Provider::Anthropic, "not events at all"),
    ] {
        let error = fails(provider, Turn::fault(events(body))).await;
        assert!(matches!(error, ModelError::InvalidResponse(_)), "{body}: {error}");
    }
    let calls: String = (0..300)
        .map(|i| format!("data: {{\"choices\":[{{\"index\":0,\"delta\":{{\"tool_calls\":[{{\"index\":{i},\"id\":\"c{i}\"}}]}}}}]}}\n\n"))
        .collect();
    let error = fails(Provider::OpenAi, Turn::fault(events(&calls))).await;
    assert!(error.to_string().contains("more than 256 tools"), "{error}");
}

#[tokio::test]
async fn errors_within_the_stream_are_judged_like_statuses() {
    let turns = [Turn::fault(Fault::Error { error: "overloaded_error".into() }), Turn::text("Now.")];
    let good = world(Provider::Anthropic, turns).await;
    assert_eq!(good.ask(question()).await.unwrap().message.content, "Now.");
    let error = fails(Provider::OpenAi, Turn::fault(Fault::Error { error: "invalid_request_error".into() })).await;
    assert!(matches!(&error, ModelError::Rejected(why) if why.contains("The model gave up.")), "{error}");
}

#[tokio::test]
async fn an_endpoint_that_hangs_is_noticed_before_its_time_is_over() {
    for provider in BOTH {
        let world = world_with(provider, Script::new([Turn::fault(Fault::Hang)]), |endpoint| {
            endpoint.idle = Duration::from_millis(200);
        });
        let world = world.await;
        let started = Instant::now();
        let error = world.ask(question()).await.unwrap_err();
        assert!(matches!(error, ModelError::TimedOut(_)), "{error}");
        assert!(started.elapsed() < Duration::from_secs(20));
    }
}

#[tokio::test]
async fn an_endpoint_that_trickles_ends_with_its_time() {
    let turn = Turn { pause_ms: 50, ..Turn::text("word ".repeat(1_000)) };
    let world = world_with(Provider::OpenAi, Script::new([turn]), |endpoint| {
        endpoint.timeout = Duration::from_millis(400);
    });
    let error = world.await.ask(question()).await.unwrap_err();
    assert!(matches!(error, ModelError::TimedOut(_)), "{error}");
}

#[tokio::test]
async fn an_answer_without_end_ends_at_its_limit() {
    for provider in BOTH {
        let turn = Turn { fault: Some(Fault::Endless), ..Turn::text("word ".repeat(50)) };
        let error = fails(provider, turn).await;
        assert!(matches!(&error, ModelError::InvalidResponse(why) if why.contains("8388608")), "{error}");
    }
}

#[tokio::test]
async fn nobody_there_is_unavailable_at_once() {
    let world = world(Provider::OpenAi, []).await;
    let endpoint = endpoint(Provider::OpenAi, &world.scripted);
    drop(world);
    tokio::time::sleep(Duration::from_millis(50)).await;
    let models =
        models(tollgate_model::ModelSettings { endpoint: Some(endpoint), ..Default::default() }).await.unwrap();
    let meter = Meter::default();
    let error = models.complete(question(), &run(None), &meter).await.unwrap_err();
    assert_eq!(meter.usage(), Usage::default(), "nothing was sent");
    assert!(matches!(&error, ModelError::Unavailable(why) if why.contains("refuses connections")), "{error}");
}

#[tokio::test]
async fn tries_that_fail_cost_what_they_cost() {
    let counted = Counted::As { input: 1_000, output: 7 };
    let fault = |fault| Turn { usage: counted, ..Turn::fault(fault) };
    let overloaded = || fault(Fault::Error { error: "overloaded_error".into() });
    for provider in BOTH {
        // Anthropic tells at the beginning what it read; of others, only the bytes are known.
        let begun = |sent: u64| if provider == Provider::Anthropic { 1_000 } else { sent.div_ceil(4) };
        let sent = |world: &World| world.scripted.requests()[0].body.to_string().len() as u64;
        let good = world(provider, [overloaded(), Turn { usage: counted, ..Turn::text("At last.") }]).await;
        let (answer, metered) = good.ask_metered(question()).await;
        let usage = answer.unwrap().usage;
        assert_eq!((usage.input_tokens, metered), (begun(sent(&good)) + 1_000, usage));

        let bad = world(provider, [overloaded(), overloaded(), overloaded()]).await;
        let (answer, usage) = bad.ask_metered(question()).await;
        assert!(answer.is_err());
        assert_eq!(usage.input_tokens, 3 * begun(sent(&bad)));

        let long = Turn { usage: counted, fault: Some(Fault::Truncated), ..Turn::text("word ".repeat(1_000)) };
        let cut = world(provider, [long]).await;
        let (answer, usage) = cut.ask_metered(question()).await;
        assert!(answer.is_err());
        assert!(usage.input_tokens == begun(sent(&cut)) && usage.output_tokens > 400, "{usage:?}");

        let refused = world(provider, [limited(None), limited(None), limited(None)]).await;
        assert_eq!(refused.ask_metered(question()).await.1, Usage::default(), "a refusal costs nothing");
    }
}

#[tokio::test]
async fn a_request_that_is_given_up_costs_what_came_of_it() {
    let turn = Turn { pause_ms: 20, ..Turn::text("word ".repeat(10_000)) };
    let world = world(Provider::OpenAi, [turn]).await;
    let meter = Meter::default();
    let (question, run) = (question(), run(None));
    let asking = world.models.complete(question, &run, &meter);
    assert!(tokio::time::timeout(Duration::from_millis(500), asking).await.is_err());
    let usage = meter.usage();
    assert!(usage.input_tokens > 0 && usage.output_tokens > 0 && usage.output_tokens < 10_000, "{usage:?}");
}

#[tokio::test]
async fn a_request_that_is_dropped_is_over_at_the_endpoint_too() {
    let turn = Turn { pause_ms: 20, repeat: true, ..Turn::text("word ".repeat(10_000)) };
    let world = world(Provider::OpenAi, [turn]).await;
    let asked = tokio::time::timeout(Duration::from_millis(300), world.ask(question())).await;
    assert!(asked.is_err(), "it was still being answered");
    assert_eq!(world.outbound.idle_connections(), 0, "and its connection is closed");
}

#[tokio::test]
async fn a_secret_that_is_not_there_says_how_to_set_it() {
    let world = world_with(Provider::OpenAi, Script::new([Turn::text("x")]), |endpoint| {
        endpoint.secret = Some("gone".to_owned());
    });
    let error = world.await.ask(question()).await.unwrap_err();
    assert!(matches!(&error, ModelError::Unavailable(why) if why.contains("tollgate secrets set gone")), "{error}");
}
