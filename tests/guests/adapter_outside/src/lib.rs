//! Does what it is told with HTTP and with state, and tells all that it sees.

use std::collections::BTreeMap;
use tollgate_sdk::prelude::*;
use tollgate_sdk::{http, state};

#[derive(Serialize, JsonSchema)]
struct Answer {
    status: Option<u16>,
    headers: BTreeMap<String, String>,
    body: String,
    error: Option<String>,
}

#[derive(Serialize, JsonSchema)]
struct Kept {
    value: Option<Value>,
    version: Option<u64>,
}

#[derive(Serialize, JsonSchema)]
struct Keys {
    keys: Vec<String>,
}

#[derive(Serialize, JsonSchema)]
struct Touched {
    answered: u32,
    error: Option<String>,
}

struct Outside;

#[adapter]
impl Outside {
    /// Sends one request; redirects are followed up to `redirects`.
    #[tool]
    async fn fetch(
        url: String,
        #[serde(default = "get")] method: String,
        #[serde(default)] headers: BTreeMap<String, String>,
        #[serde(default)] body: String,
        #[serde(default)] redirects: u32,
    ) -> Result<Answer> {
        Ok(fetched(request(url, method, headers, body).redirects(redirects)).await)
    }

    /// Sends as many requests at once.
    #[tool]
    async fn fetch_many(url: String, times: usize) -> Result<Vec<Option<u16>>> {
        let requests = (0..times).map(|_| http::Request::get(url.clone()));
        let answers = http::send_all(requests).await;
        Ok(answers.into_iter().map(|answer| answer.ok().map(|answer| answer.status())).collect())
    }

    /// Keeps a value.
    #[tool(idempotent)]
    async fn keep(key: String, value: Value) -> Result<Kept> {
        let version = state::set(&key, &value).await?;
        Ok(Kept { value: Some(value), version: Some(version) })
    }

    /// What is kept under a key.
    #[tool(read_only)]
    async fn kept(key: String) -> Result<Kept> {
        let entry = state::get::<Value>(&key).await?;
        Ok(match entry {
            Some(entry) => Kept { value: Some(entry.value), version: Some(entry.version) },
            None => Kept { value: None, version: None },
        })
    }

    /// Reads a key over and over: how often it was answered, and what was said at last.
    #[tool(read_only)]
    async fn touch(key: String, times: u32) -> Result<Touched> {
        let mut touched = Touched { answered: 0, error: None };
        for _ in 0..times {
            match state::get::<Value>(&key).await {
                Ok(_) => touched.answered += 1,
                Err(error) => touched.error = Some(error.to_string()),
            }
        }
        Ok(touched)
    }

    /// The keys that begin so.
    #[tool(read_only)]
    async fn keys(#[serde(default)] prefix: String) -> Result<Keys> {
        let page = state::list(&prefix, None).await?;
        Ok(Keys { keys: page.keys.into_iter().map(|info| info.key).collect() })
    }
}

fn get() -> String {
    "GET".to_owned()
}

fn request(url: String, method: String, headers: BTreeMap<String, String>, body: String) -> http::Request {
    let mut request = http::Request::new(method, url);
    for (name, value) in headers {
        request = request.header(name, value.into_bytes());
    }
    if body.is_empty() { request } else { request.body(body.into_bytes()) }
}

async fn fetched(request: http::Request) -> Answer {
    let failed = |error: http::Error| Answer {
        status: None,
        headers: BTreeMap::new(),
        body: String::new(),
        error: Some(error.to_string()),
    };
    match request.send().await {
        Ok(mut answer) => {
            let headers = answer.headers().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
            let status = Some(answer.status());
            match answer.text().await {
                Ok(body) => Answer { status, headers, body, error: None },
                Err(error) => Answer { status, headers, ..failed(error) },
            }
        }
        Err(error) => failed(error),
    }
}
