//! What tools answer: [`ToolResult`] on both sides of a call.

use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::bindings::types as wit;
use crate::{Error, Result, schema};

/// What a tool answered: MCP's `CallToolResult`.
///
/// [`call`](crate::call) returns one. A tool of an adapter may return one too, where it wants to set the
/// content itself; it then declares no output schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToolResult {
    raw: String,
}

impl ToolResult {
    /// A result that is a text for people and models, without structured content.
    pub fn from_text(text: impl Into<String>) -> Self {
        Self::from_raw(json!({"content": [{"type": "text", "text": text.into()}]}).to_string())
    }

    /// A result from the JSON of a whole `CallToolResult`.
    pub fn from_raw(raw: String) -> Self {
        Self { raw }
    }

    /// The JSON of the whole `CallToolResult`, as the server sent it.
    pub fn raw(&self) -> &str {
        &self.raw
    }

    /// All text content, a line break between two pieces.
    pub fn text(&self) -> String {
        texts(&self.parsed()).collect::<Vec<_>>().join("\n")
    }

    /// The result as a `T`: its structured content if there is any, else its first text read as JSON,
    /// else that text as a string.
    ///
    /// Structured content is always an object, so servers wrap other values: `{"result": …}` alone is read from the member, unless
    /// the text is that object, or the member does not fit `T`.
    ///
    /// # Errors
    /// Code `unexpected-result` where the result does not fit `T`; the message says where.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T> {
        let mut first_error = None;
        for reading in self.readings() {
            match schema::decode(reading) {
                Ok(value) => return Ok(value),
                Err(error) => first_error = first_error.or(Some(error)),
            }
        }
        let error = first_error.unwrap_or_else(|| "there is neither structured content nor text".into());
        Err(Error::new(format!("the result is not what was expected: {error}")).code("unexpected-result"))
    }

    /// What the result may mean, most likely first.
    fn readings(&self) -> Vec<Value> {
        let mut parsed = self.parsed();
        if let Some(structured @ Value::Object(_)) = parsed.get_mut("structuredContent").map(Value::take) {
            let Some(wrapped) =
                structured.as_object().filter(|members| members.len() == 1).and_then(|m| m.get("result"))
            else {
                return vec![structured];
            };
            let said = texts(&parsed).next().and_then(|text| serde_json::from_str::<Value>(text).ok());
            let wrapped = wrapped.clone();
            // Where the text is that object, it is the tool's own.
            return if said.is_some_and(|said| said == structured) {
                vec![structured, wrapped]
            } else {
                vec![wrapped, structured]
            };
        }
        let Some(text) = texts(&parsed).next() else { return Vec::new() };
        serde_json::from_str(text).ok().into_iter().chain([Value::from(text)]).collect()
    }

    fn parsed(&self) -> Value {
        serde_json::from_str(&self.raw).unwrap_or_default()
    }
}

fn texts(result: &Value) -> impl Iterator<Item = &str> {
    let content = result.get("content").and_then(Value::as_array);
    content.into_iter().flatten().filter_map(|block| block.get("text")?.as_str())
}

impl From<ToolResult> for wit::ToolResult {
    fn from(result: ToolResult) -> Self {
        Self { json: result.raw }
    }
}

/// What a tool of an adapter may return: any type that is [`Serialize`] and [`JsonSchema`], or a
/// [`ToolResult`].
pub trait ToolOutput: Sized {
    /// The JSON Schema of the structured content, where there is one.
    fn output_schema() -> Option<String>;

    /// The result as MCP has it.
    ///
    /// # Errors
    /// Where the value cannot be written as JSON.
    fn into_tool_result(self) -> Result<ToolResult>;
}

impl ToolOutput for ToolResult {
    fn output_schema() -> Option<String> {
        None
    }

    fn into_tool_result(self) -> Result<ToolResult> {
        Ok(self)
    }
}

// MCP wants an object as structured content; by convention, other values become its member `result`. Not a doc
// comment: that would be in the schema.
#[derive(JsonSchema)]
// FastMCP's mark: by it whoever writes the tool's signature knows that its value stands in the member.
#[schemars(extend("x-fastmcp-wrap-result" = true))]
struct Wrapped<T> {
    #[allow(dead_code, reason = "only its schema is used")]
    result: T,
}

impl<T: Serialize + JsonSchema> ToolOutput for T {
    fn output_schema() -> Option<String> {
        if schema::is_object::<T>() { schema::output::<T>() } else { schema::output::<Wrapped<T>>() }
    }

    fn into_tool_result(self) -> Result<ToolResult> {
        // Put together as text: a `Value` would sort the members.
        let json = serde_json::to_string(&self)?;
        let text = Value::from(serde_json::from_str::<String>(&json).unwrap_or_else(|_| json.clone()));
        let structured = if schema::is_object::<T>() { json } else { format!(r#"{{"result":{json}}}"#) };
        let content = format!(r#"[{{"type":"text","text":{text}}}]"#);
        Ok(ToolResult::from_raw(format!(r#"{{"content":{content},"structuredContent":{structured}}}"#)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
    struct Customer {
        name: String,
    }

    fn result(raw: Value) -> ToolResult {
        ToolResult::from_raw(raw.to_string())
    }

    fn ada() -> Customer {
        Customer { name: "Ada".into() }
    }

    #[test]
    fn structured_content_comes_before_text() {
        let both = result(json!({
            "content": [{"type": "text", "text": "{\"name\": \"Bob\"}"}],
            "structuredContent": {"name": "Ada"},
        }));
        assert_eq!(both.json::<Customer>().unwrap(), ada());
    }

    #[test]
    fn text_is_read_as_json_then_as_a_string() {
        assert_eq!(ToolResult::from_text("{\"name\": \"Ada\"}").json::<Customer>().unwrap(), ada());
        assert_eq!(ToolResult::from_text("all is well").json::<String>().unwrap(), "all is well");
        assert_eq!(ToolResult::from_text("42").json::<String>().unwrap(), "42");
        assert_eq!(ToolResult::from_text("42").json::<u32>().unwrap(), 42);
    }

    #[test]
    fn what_a_tool_returns_comes_back_from_a_call() {
        let list = vec![ada()].into_tool_result().unwrap();
        assert_eq!(list.json::<Vec<Customer>>().unwrap(), [ada()]);
        assert_eq!(list.json::<Value>().unwrap(), json!([{"name": "Ada"}]));
        let own = result(
            json!({"content": [{"type": "text", "text": "{\"result\": 1}"}], "structuredContent": {"result": 1}}),
        );
        assert_eq!(own.json::<Value>().unwrap(), json!({"result": 1}));
        assert_eq!(own.json::<u32>().unwrap(), 1);
        assert_eq!(list.text(), r#"[{"name":"Ada"}]"#);
        assert_eq!(ada().into_tool_result().unwrap().json::<Customer>().unwrap(), ada());
        assert_eq!("hi".to_owned().into_tool_result().unwrap().text(), "hi");
        assert_eq!(None::<Customer>.into_tool_result().unwrap().json::<Option<Customer>>().unwrap(), None);
    }

    #[test]
    fn the_output_schema_is_that_of_the_structured_content() {
        let of = |schema: Option<String>| serde_json::from_str::<Value>(&schema.unwrap()).unwrap();
        assert_eq!(of(Customer::output_schema())["properties"]["name"]["type"], "string");
        let list = of(Vec::<Customer>::output_schema());
        assert_eq!(list["type"], "object");
        assert_eq!(list["properties"]["result"]["type"], "array");
        assert_eq!(list["x-fastmcp-wrap-result"], true);
        assert_eq!(ToolResult::output_schema(), None);
    }

    #[test]
    fn an_unexpected_result_says_where_it_differs() {
        let error = result(json!({"structuredContent": {"name": 7}})).json::<Customer>().unwrap_err();
        assert!(error.to_string().contains("name: invalid type"), "{error}");
        let error = result(json!({"content": []})).json::<Customer>().unwrap_err();
        assert!(error.to_string().contains("neither"), "{error}");
        let error = ToolResult::from_raw("no JSON".into()).json::<Customer>().unwrap_err();
        assert!(error.to_string().contains("neither"), "{error}");
    }

    #[test]
    fn text_joins_all_text_content() {
        let blocks = json!({"content": [
            {"type": "text", "text": "a"}, {"type": "image", "data": ""}, {"type": "text", "text": "b"},
        ]});
        assert_eq!(result(blocks).text(), "a\nb");
    }
}
