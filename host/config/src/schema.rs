//! The JSON Schema of the file, from the same tables that the parser reads by.

use crate::decode::{file_schema, foreign_server_schema};
use crate::model::Server;
use crate::read::Read;
use crate::values::limits_schema;
use serde_json::{Value, json};

/// The JSON Schema (draft 2020-12) of the configuration file.
///
/// It refuses nothing that the parser accepts. The parser refuses more: names that come twice, grants that are none,
/// files that are not there.
pub fn schema() -> Value {
    let mut schema = json!({"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Tollgate"});
    let file = file_schema();
    if let (Some(schema), Value::Object(file)) = (schema.as_object_mut(), file) {
        schema.extend(file);
        schema.insert(
            "$defs".into(),
            json!({
                "server": Server::schema(),
                "foreignServer": foreign_server_schema(),
                "limits": limits_schema(),
            }),
        );
    }
    schema
}
