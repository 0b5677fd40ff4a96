//! Which language model the host asks: the key `model`.

use crate::diagnostic::quoted;
use crate::model::{At, Model, Prefer, Provider, TokenKey};
use crate::ranged::{SECOND, Time, Whole};
use crate::read::{Cx, Key, NameRule as _, Read, Unknown, keys, one_of};
use crate::secret_text::looks_secret;
use crate::tree::Node;
use crate::values::{Name, Text, Url};
use serde_json::json;
use std::net::IpAddr;
use tollgate_core::address::is_sealed;

/// The longest name of a model.
const MODEL_MAX_CHARS: usize = 256;

keys! {
    /// The language model that the host asks for components.
    struct ModelKeys {
        /// Who answers: openai or anthropic, which is how an endpoint is spoken to, or agent, the connected one alone.
        provider "provider": Provider,
        /// The endpoint, in place of the provider's own: https, or http at a loopback or private address.
        url "url": Endpoint,
        /// The host of the endpoint's URL may have a private address though it is a name; http may be spoken to it then, and the key goes along.
        private "private": bool,
        /// The model, where a request names none.
        model "model": ModelName,
        /// Other models that a request may name, with stars; a grant decides who may name which.
        models "models": Vec<ModelName>,
        /// The name of the secret that holds the endpoint's key.
        secret "secret": SecretName,
        /// The most tokens of an answer, where a request says none.
        max_tokens "max_tokens": Whole<1, 10_000_000>,
        /// What openai's interface calls that limit: max_completion_tokens, or max_tokens for servers that know no other.
        token_key "token_key": TokenKey,
        /// How long an answer may take, as 2m.
        timeout "timeout": Time<SECOND, { 3600 * SECOND }>,
        /// Who is asked first where both can answer: agent or endpoint.
        prefer "prefer": Prefer,
        /// Schemas are made to fit the provider's strict form.
        strict "strict": bool,
        /// Answers are asked for piece by piece, which they are unless this is false.
        stream "stream": bool,
    }
}

/// The keys that speak of an endpoint.
const OF_ENDPOINT: [&str; 8] = ["url", "private", "models", "secret", "token_key", "prefer", "strict", "stream"];
/// Those that speak of OpenAI's interface.
const OF_OPENAI: [&str; 1] = ["token_key"];

const PROVIDERS: [(&str, Provider); 3] =
    [("openai", Provider::OpenAi), ("anthropic", Provider::Anthropic), ("agent", Provider::Agent)];

impl Read for Provider {
    fn read(node: &Node, key: &Key<'_>, cx: &mut Cx<'_>) -> Option<Self> {
        let word = one_of(node, key, cx, &PROVIDERS.map(|(word, _)| word))?;
        PROVIDERS.iter().find(|(known, _)| *known == word).map(|(_, provider)| *provider)
    }

    fn schema() -> serde_json::Value {
        json!({"enum": PROVIDERS.map(|(word, _)| word)})
    }
}

impl Read for Prefer {
    fn read(node: &Node, key: &Key<'_>, cx: &mut Cx<'_>) -> Option<Self> {
        let word = one_of(node, key, cx, &["agent", "endpoint"])?;
        Some(if word == "agent" { Self::Agent } else { Self::Endpoint })
    }

    fn schema() -> serde_json::Value {
        json!({"enum": ["agent", "endpoint"]})
    }
}

const TOKEN_KEYS: [(&str, TokenKey); 2] =
    [("max_completion_tokens", TokenKey::MaxCompletionTokens), ("max_tokens", TokenKey::MaxTokens)];

impl Read for TokenKey {
    fn read(node: &Node, key: &Key<'_>, cx: &mut Cx<'_>) -> Option<Self> {
        let word = one_of(node, key, cx, &TOKEN_KEYS.map(|(word, _)| word))?;
        TOKEN_KEYS.iter().find(|(known, _)| *known == word).map(|(_, name)| *name)
    }

    fn schema() -> serde_json::Value {
        json!({"enum": TOKEN_KEYS.map(|(word, _)| word)})
    }
}

/// An address that a key may be sent to, whether it would go there in the clear, and whether far.
struct Endpoint {
    url: String,
    is_clear: bool,
    is_open: bool,
}

impl Read for Endpoint {
    fn read(node: &Node, key: &Key<'_>, cx: &mut Cx<'_>) -> Option<Self> {
        let authority = cx.text(node, key)?.split("://").nth(1).and_then(|rest| rest.split(['/', '?', '#']).next());
        if authority.is_some_and(|authority| authority.contains('@')) {
            cx.error_help(node.line, key, "a URL may not hold a user or password", "name a secret: `secret: NAME`");
            return None;
        }
        let Url(url) = Url::read(node, key, cx)?;
        let (scheme, host) = (url.scheme_str().unwrap_or_default(), url.host().unwrap_or_default());
        let is_clear = !is_sealed(scheme, host);
        let is_open = is_clear && !is_near(host);
        Some(Self { url: url.to_string().trim_end_matches('/').to_owned(), is_clear, is_open })
    }

    fn schema() -> serde_json::Value {
        Url::schema()
    }
}

/// Whether a host is this machine or one of the same private network, by its name or address alone.
fn is_near(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
    match host.parse::<IpAddr>() {
        Ok(IpAddr::V4(ip)) => ip.is_loopback() || ip.is_private(),
        Ok(IpAddr::V6(ip)) => ip.is_loopback() || ip.is_unique_local(),
        Err(_) => host == "localhost" || host.ends_with(".localhost"),
    }
}

/// As the provider names it.
struct ModelName(String);

impl Read for ModelName {
    fn read(node: &Node, key: &Key<'_>, cx: &mut Cx<'_>) -> Option<Self> {
        let Text(text) = Text::read(node, key, cx)?;
        if text.chars().count() > MODEL_MAX_CHARS || text.chars().any(char::is_control) {
            cx.error(node.line, key, format!("not the name of a model: use 1 to {MODEL_MAX_CHARS} characters"));
            return None;
        }
        Some(Self(text))
    }

    fn schema() -> serde_json::Value {
        json!({"type": "string", "pattern": r"\S", "maxLength": MODEL_MAX_CHARS})
    }
}

/// The name of a secret. The secret itself may stand here by mistake, so no error repeats it.
struct SecretName(String);

impl Read for SecretName {
    fn read(node: &Node, key: &Key<'_>, cx: &mut Cx<'_>) -> Option<Self> {
        let text = cx.text(node, key)?;
        if looks_secret(text) || Name::check(text).is_err() {
            let help = "write the name of one of `secrets`, or of one that `tollgate secrets set NAME` keeps";
            cx.error_help(node.line, key, "not the name of a secret; the secret itself is never written here", help);
            return None;
        }
        Some(Self(text.to_owned()))
    }

    fn schema() -> serde_json::Value {
        json!({"type": "string", "pattern": Name::PATTERN})
    }
}

impl Read for Model {
    fn read(node: &Node, key: &Key<'_>, cx: &mut Cx<'_>) -> Option<Self> {
        let keys = ModelKeys::read_keys(node, key, cx, Unknown::Refuse)?;
        let Some(provider) = keys.provider.map(|provider| provider.value) else {
            if node.get("provider").is_none() {
                let help = format!("add it: one of {}", PROVIDERS.map(|(word, _)| word).join(", "));
                cx.error_help(node.line, key, "has no `provider`", help);
            }
            return None;
        };
        let (strays, word, help): (&[&str], _, _) = match provider {
            Provider::Agent => (&OF_ENDPOINT, "agent", "remove it: the agent's own model answers"),
            Provider::Anthropic => (&OF_OPENAI, "anthropic", "remove it: its limit has one name"),
            Provider::OpenAi => (&[], "", ""),
        };
        for (name, stray) in strays.iter().filter_map(|name| Some((name, node.get(name)?))) {
            let message = format!("has no meaning with the provider {}", quoted(word));
            cx.error_help(stray.line, &key.child(name), message, help);
        }
        let is_private = keys.private.as_ref().is_some_and(|word| word.value);
        if let Some(url) = keys.url.as_ref().filter(|url| url.value.is_open && !is_private) {
            let help =
                "write https, or for an endpoint of your own its loopback or private address, or `private: true`";
            let message = "the key and all questions would cross the network for all to read";
            cx.error_help(url.line, &key.child("url"), message, help);
        } else if let Some(url) =
            keys.url.as_ref().filter(|url| url.value.is_clear && !is_private && keys.secret.is_some())
        {
            let message = "the key would go to another machine over clear http, where everybody on the way can read it";
            cx.error_help(url.line, &key.child("url"), message, "write https, or add `private: true` if it may");
        }
        if provider != Provider::Agent {
            if node.get("model").is_none() {
                cx.error_help(node.line, key, "has no `model`", "add the name of the model, as the provider writes it");
            }
            if node.get("url").is_none() && node.get("secret").is_none() {
                let help = "add `secret: NAME`, or the `url` of an endpoint that wants none";
                cx.error_help(node.line, key, "has no `secret`, and the provider's own endpoint wants a key", help);
            }
        }
        Some(Self {
            provider,
            url: keys.url.map(|url| url.value.url),
            private: keys.private.map(|word| word.value),
            model: keys.model.map(|name| name.value.0),
            models: keys.models.map_or_else(Vec::new, |names| names.value.into_iter().map(|name| name.0).collect()),
            secret: keys.secret.map(|name| At { line: name.line, value: name.value.0 }),
            max_tokens: keys.max_tokens.map(|most| most.value.0),
            token_key: keys.token_key.map(|name| name.value),
            timeout: keys.timeout.map(|time| time.value.0),
            prefer: keys.prefer.map(|who| who.value),
            strict: keys.strict.map(|word| word.value),
            stream: keys.stream.map(|word| word.value),
        })
    }

    fn schema() -> serde_json::Value {
        let mut schema = ModelKeys::schema_of_keys();
        let agent =
            json!({"properties": {"provider": {"const": "agent"}}, "propertyNames": {"not": {"enum": OF_ENDPOINT}}});
        let endpoint = json!({
            "properties": {"provider": {"enum": ["openai", "anthropic"]}},
            "required": ["model"],
            "anyOf": [{"required": ["url"]}, {"required": ["secret"]}],
            "if": {"properties": {"provider": {"const": "anthropic"}}},
            "then": {"propertyNames": {"not": {"enum": OF_OPENAI}}},
        });
        if let Some(schema) = schema.as_object_mut() {
            schema.insert("required".into(), json!(["provider"]));
            schema.insert("oneOf".into(), json!([agent, endpoint]));
        }
        schema
    }
}
