//! Settings that cannot be, each with its key; and addresses that are not reached by accident.

use crate::support::*;
use std::time::Duration;
use tollgate_core::model::Meter;
use tollgate_core::{Model, ModelError};
use tollgate_model::{Endpoint, ModelSettings, Place, Provider};
use tollgate_scripted_model::{Script, Scripted, Turn};

async fn wrong(change: impl FnOnce(&mut Endpoint)) -> String {
    let mut endpoint = Endpoint::new(Provider::OpenAi, "https://api.example.com/v1", "m");
    endpoint.secret = Some("model-key".into());
    change(&mut endpoint);
    models(ModelSettings { endpoint: Some(endpoint), ..ModelSettings::default() }).await.err().unwrap_or_default()
}

#[tokio::test]
async fn what_cannot_be_is_said_with_its_key() {
    assert_eq!(wrong(|_| {}).await, "");
    for url in ["", "example.com", "ftp://x/v1", "https://u:p@x.example/v1", "https://x.example/v1#y", "https://x y/"] {
        let why = wrong(|endpoint| endpoint.url = url.into()).await;
        assert!(why.starts_with("the key `model.url`: "), "{url}: {why}");
    }
    for url in ["http://api.example.com/v1", "http://93.184.216.34/v1", "http://ollama:11434/v1"] {
        assert!(wrong(|endpoint| endpoint.url = url.into()).await.contains("use https"), "{url}");
    }
    for url in ["http://127.0.0.1:1/v1", "http://localhost:1/v1", "http://[::1]:1/v1"] {
        assert_eq!(wrong(|endpoint| endpoint.url = url.into()).await, "", "{url}");
    }
    let near = "http://10.0.0.7/v1";
    let why = wrong(|endpoint| endpoint.url = near.into()).await;
    assert!(why.contains("over clear http") && why.contains("add `private: true`"), "{why}");
    assert_eq!(wrong(|endpoint| (endpoint.url, endpoint.secret) = (near.into(), None)).await, "", "there is no key");
    assert_eq!(wrong(|endpoint| (endpoint.url, endpoint.private) = (near.into(), true)).await, "");
    let private = |endpoint: &mut Endpoint| (endpoint.url, endpoint.private) = ("http://ollama:11434/v1".into(), true);
    assert_eq!(wrong(private).await, "");
    assert!(wrong(|endpoint| endpoint.model = " ".into()).await.starts_with("the key `model.model`"));
    assert!(wrong(|endpoint| endpoint.timeout = Duration::ZERO).await.starts_with("the key `model.timeout`"));
    assert!(wrong(|endpoint| endpoint.idle = Duration::ZERO).await.starts_with("the key `model.idle`"));
    assert!(wrong(|endpoint| endpoint.max_tokens = Some(0)).await.starts_with("the key `model.max_tokens`"));
    for (name, value) in [("Authorization", "x"), ("x-api-key", "x"), ("a b", "x"), ("x", "a\nb"), ("Host", "x")] {
        let why = wrong(|endpoint| endpoint.headers = vec![(name.into(), value.into())]).await;
        assert!(why.starts_with("the key `model.headers`"), "{name}: {why}");
    }
    let why = wrong(|endpoint| endpoint.place = Some(Place::Basic { user: "a:b".into() })).await;
    assert!(why.starts_with("the key `model.secret`"), "{why}");
}

#[tokio::test]
async fn a_name_with_a_private_address_needs_a_word() {
    let scripted = Scripted::start(Script::new([Turn::text("x")])).await.unwrap();
    let mut endpoint = endpoint(Provider::OpenAi, &scripted);
    // The system resolves names below `localhost` to this machine, or not at all.
    endpoint.url = endpoint.url.replace("127.0.0.1", "model.localhost");
    let settings = ModelSettings { endpoint: Some(endpoint), ..ModelSettings::default() };
    let error = models(settings).await.unwrap().complete(question(), &run(None), &Meter::default()).await.unwrap_err();
    assert!(matches!(error, ModelError::Unavailable(_)), "{error}");
    assert!(scripted.requests().is_empty());
    let text = error.to_string();
    assert!(text.contains("model.private") || text.contains("cannot be resolved"), "{text}");
}

#[tokio::test]
async fn a_key_may_stand_elsewhere() {
    let world =
        world_with(Provider::OpenAi, Script { key: Some(String::new()), ..Script::new([Turn::text("x")]) }, |e| {
            e.place = Some(Place::Header { name: "api-key".parse().unwrap(), prefix: String::new() });
        });
    let world = world.await;
    world.ask(question()).await.unwrap();
    let seen = &world.scripted.requests()[0];
    assert_eq!((seen.header("api-key"), seen.header("authorization")), (Some(KEY), None));
}
