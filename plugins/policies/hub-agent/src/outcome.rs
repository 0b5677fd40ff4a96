//! What a tool's call came to, as the model and the transcript are told.

use tollgate_sdk::prelude::*;

/// How much of one result the model sees, in bytes: some 5,000 tokens.
const MAX_BYTES: usize = 20_000;

/// What a call came to.
pub struct Outcome {
    /// For the model.
    pub text: String,
    /// `ok`, the failed call's kind, or `mistake` where the model asked for something that cannot be.
    pub outcome: String,
}

impl Outcome {
    pub fn of(answer: Result<ToolResult, CallFailure>) -> Self {
        match answer {
            Ok(result) => Self { text: bounded(text(&result)), outcome: "ok".to_owned() },
            Err(failure) => {
                let words = match &failure.error {
                    CallError::Failed(result) => text(result),
                    _ => failure.to_string(),
                };
                Self { text: bounded(words), outcome: failure.error.kind().to_owned() }
            }
        }
    }

    pub fn found(text: String) -> Self {
        Self { text: bounded(text), outcome: "ok".to_owned() }
    }

    pub fn mistake(text: String) -> Self {
        Self { text: bounded(text), outcome: "mistake".to_owned() }
    }

    pub fn is_error(&self) -> bool {
        self.outcome != "ok"
    }
}

/// A result as text: structured content as JSON, else the texts, and a word for each other thing in it.
fn text(result: &ToolResult) -> String {
    let raw: Value = serde_json::from_str(result.raw()).unwrap_or_default();
    if let Some(structured @ Value::Object(_)) = raw.get("structuredContent") {
        return structured.to_string();
    }
    let block = |block: &Value| match block.get("text").and_then(Value::as_str) {
        Some(text) => text.to_owned(),
        None => {
            let text = |key: &str| block.get(key).and_then(Value::as_str);
            format!("[{} {}]", text("type").unwrap_or("content"), text("uri").or(text("mimeType")).unwrap_or_default())
        }
    };
    let blocks: Vec<_> = raw.get("content").and_then(Value::as_array).into_iter().flatten().map(block).collect();
    if blocks.is_empty() { "(nothing)".to_owned() } else { blocks.join("\n") }
}

fn bounded(text: String) -> String {
    if text.len() <= MAX_BYTES {
        return text;
    }
    let end = (0..=MAX_BYTES).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    let shown = text.get(..end).unwrap_or_default();
    format!("{shown}\n[cut: {end} of {} bytes are shown; ask for less]", text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_is_text_and_bounded() {
        let of = |raw: Value| Outcome::of(Ok(ToolResult::from_raw(raw.to_string()))).text;
        assert_eq!(of(json!({"content": [], "structuredContent": {"a": 1}})), "{\"a\":1}");
        let mixed =
            json!({"content": [{"type": "text", "text": "a"}, {"type": "image", "data": "", "mimeType": "image/png"}]});
        assert_eq!(of(mixed), "a\n[image image/png]");
        assert_eq!(of(json!({"content": []})), "(nothing)");
        let long = of(json!({"content": [{"type": "text", "text": "ü".repeat(20_001)}]}));
        assert!(long.ends_with("[cut: 20000 of 40002 bytes are shown; ask for less]"), "{}", &long[20_000..]);
    }
}
