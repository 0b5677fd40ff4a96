//! What documents become.

use adapter_openapi::{Catalog, read};
use serde_json::{Value, json};

/// A document of the given paths and schemas.
pub fn document(version: &str, paths: Value, schemas: Value) -> String {
    json!({
        "openapi": version,
        "info": {"title": "Pets", "version": "1"},
        "servers": [{"url": "https://{region}.pets.test/v1/", "variables": {
            "region": {"default": "eu", "enum": ["eu", "us"]}
        }}],
        "paths": paths,
        "components": {"schemas": schemas, "securitySchemes": {
            "key": {"type": "apiKey", "in": "query", "name": "api_key"},
            "oauth": {"type": "oauth2", "flows": {"clientCredentials": {
                "tokenUrl": "https://pets.test/token", "scopes": {"read": ""}
            }}}
        }}
    })
    .to_string()
}

pub fn catalog(version: &str, paths: Value, schemas: Value) -> Catalog {
    let catalog = read(&document(version, paths, schemas), "").unwrap();
    for entry in &catalog.tools {
        for member in ["inputSchema", "outputSchema"] {
            if let Some(schema) = entry.tool.get(member) {
                jsonschema::draft202012::meta::validate(schema).unwrap();
                jsonschema::draft202012::new(schema).unwrap();
            }
        }
    }
    catalog
}

fn names(catalog: &Catalog) -> Vec<&str> {
    catalog.tools.iter().map(|entry| entry.tool["name"].as_str().unwrap()).collect()
}

#[test]
fn tools_are_named_from_the_operation_id_or_method_and_path() {
    let long = "a".repeat(80);
    let catalog = catalog(
        "3.0.3",
        json!({
            "/pets/{id}": {"get": {"operationId": "pets/get one"}, "delete": {}},
            "/a": {"get": {"operationId": "same"}, "post": {"operationId": "same"}},
            "/long": {"get": {"operationId": long}}
        }),
        json!({}),
    );
    let names = names(&catalog);
    assert_eq!(names[..3], ["pets_get_one", "delete_pets_id", "same"]);
    assert!(names[3].starts_with("same_") && names[3].len() == 13, "{names:?}");
    assert_eq!(names[4].len(), 64);
    assert_eq!(catalog.tools[1].tool["annotations"]["destructiveHint"], true);
    assert_eq!(catalog.tools[0].tool["annotations"], json!({"readOnlyHint": true, "openWorldHint": true}));
}

#[test]
fn a_filter_changes_no_name_and_tells_what_it_left() {
    let paths = json!({
        "/a": {"get": {"operationId": "same", "tags": ["x"]}, "post": {"operationId": "same", "tags": ["y"]}},
        "/b/c": {"put": {"tags": ["y"]}}
    });
    let text = document("3.1.0", paths, json!({}));
    let whole = read(&text, "").unwrap();
    for (options, expect) in [
        (r#"{"category": "read"}"#, vec![0]),
        (r#"{"category": "write"}"#, vec![1, 2]),
        (r#"{"tags": ["y"]}"#, vec![1, 2]),
        (r#"{"paths": ["/b/*"]}"#, vec![2]),
        (r#"{"methods": ["post", "PUT"]}"#, vec![1, 2]),
        (r#"{"operations": ["same"]}"#, vec![0]),
        (r#"{"tags": ["y"], "methods": ["put"]}"#, vec![2]),
    ] {
        let filtered = read(&text, options).unwrap();
        let expect: Vec<&str> = expect.into_iter().map(|at| names(&whole)[at]).collect();
        assert_eq!(names(&filtered), expect, "{options}");
    }
    let none = read(&text, r#"{"tags": ["z"]}"#).unwrap();
    assert!(none.warnings[0].contains("left out 3"), "{:?}", none.warnings);
}

#[test]
fn names_that_collide_tell_their_place() {
    let paths = json!({"/pets/{id}": {"put": {
        "operationId": "put",
        "parameters": [
            {"name": "id", "in": "query", "schema": {"type": "integer"}},
            {"name": "id", "in": "header", "schema": {"type": "string"}},
            {"name": "filter[a]", "in": "query", "schema": {"type": "string"}},
            {"name": "api_key", "in": "query", "schema": {"type": "string"}},
            {"name": "Authorization", "in": "header", "schema": {"type": "string"}}
        ],
        "security": [{"key": []}],
        "requestBody": {"required": true, "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Pet"}}}}
    }}});
    let schemas = json!({"Pet": {"type": "object", "required": ["id", "name"], "properties": {
        "id": {"type": "integer"}, "name": {"type": "string"}
    }}});
    let catalog = catalog("3.0.3", paths, schemas);
    let schema = &catalog.tools[0].tool["inputSchema"];
    let args: Vec<&String> = schema["properties"].as_object().unwrap().keys().collect();
    // What the host adds is no argument; the body's `id` is taken, so the body is one argument.
    assert_eq!(args, ["id", "id_query", "filter_a", "id_header", "body"]);
    assert_eq!(schema["required"], json!(["id", "body"]));
    assert_eq!(schema["properties"]["body"]["$ref"], "#/$defs/Pet");
}

#[test]
fn a_bearer_token_that_is_also_declared_as_a_parameter_is_no_argument() {
    let text = json!({"type": "string"});
    let parameter = |name: &str, place: &str, description: &str| {
        json!({"name": name, "in": place, "required": true,
        "description": description, "schema": text})
    };
    let args = |name: &str, place: &str, description: &str, scheme: &str| -> Vec<String> {
        let paths = json!({"/x": {"get": {
            "parameters": [parameter(name, place, description)], "security": [{scheme: []}]
        }}});
        let catalog = catalog("3.0.3", paths, json!({}));
        catalog.tools[0].tool["inputSchema"]["properties"].as_object().unwrap().keys().cloned().collect()
    };
    for (name, place, description) in [
        ("token", "header", "Authentication token. Requires scope: `admin`"),
        ("token", "query", "Authentication token. Requires scope: `none`"),
        ("access_token", "query", "OAuth access token."),
        ("oauth_token", "query", "OAuth 2.0 token for the current user."),
        ("Access_Token", "query", "Your access token\nMore of it."),
    ] {
        assert_eq!(args(name, place, description, "oauth"), Vec::<String>::new(), "{name} {place} {description}");
        // Another scheme sends no bearer token, so this is what the API calls so.
        assert_eq!(args(name, place, description, "key"), [name], "{name} {place} {description}");
    }
    for (name, place, description) in [
        ("token", "query", "Pagination token. If empty, list starts at the first product."),
        ("token", "query", "The invite token to resolve"),
        ("token", "query", "The access token to revoke."),
        ("token", "query", "The token"),
        ("token", "query", ""),
        ("page_token", "query", "Access token."),
        ("token", "cookie", "Access token."),
    ] {
        assert_eq!(args(name, place, description, "oauth"), [name], "{name} {place} {description}");
    }
}

#[test]
fn a_token_in_a_form_is_no_argument_and_the_rest_of_the_form_is() {
    let of = |media: &str, properties: Value, required: Value| {
        let schema = json!({"type": "object", "required": required, "properties": properties});
        let body = json!({"required": true, "content": {media: {"schema": schema}}});
        let paths = json!({"/x": {"post": {"security": [{"oauth": []}], "requestBody": body}}});
        let catalog = catalog("3.0.3", paths, json!({}));
        let entry = catalog.tools[0].clone();
        let args: Vec<String> = entry.tool["inputSchema"]["properties"].as_object().unwrap().keys().cloned().collect();
        (args, entry)
    };
    let token = json!({"type": "string", "description": "Authentication token. Requires scope: `x`"});
    let form = "application/x-www-form-urlencoded";
    let (args, entry) = of(form, json!({"token": token, "name": {"type": "string"}}), json!(["token", "name"]));
    assert_eq!(args, ["name"]);
    assert_eq!(entry.tool["inputSchema"]["required"], json!(["name"]));
    let sent = adapter_openapi::request(&entry.operation, &json!({"name": "a"})).unwrap();
    assert_eq!(sent.body.as_deref(), Some(&b"name=a"[..]));
    // A form that is nothing but the token is empty.
    let (args, entry) = of(form, json!({"token": token}), json!(["token"]));
    assert_eq!(args, Vec::<String>::new());
    let sent = adapter_openapi::request(&entry.operation, &json!({})).unwrap();
    assert_eq!(sent.body.as_deref(), Some(&b""[..]));
    // No scheme sends a token in JSON.
    let (args, _) = of("application/json", json!({"token": token}), json!(["token"]));
    assert_eq!(args, ["token"]);
}

#[test]
fn a_plain_body_becomes_arguments_without_what_is_read_only() {
    let paths = json!({"/pets": {"post": {"requestBody": {"required": true, "content": {"application/json": {"schema": {
        "allOf": [{"$ref": "#/components/schemas/Base"}, {"type": "object", "properties": {"tag": {"type": "string"}}}]
    }}}}}}});
    let schemas = json!({"Base": {"type": "object", "required": ["id", "name"], "properties": {
        "id": {"type": "integer", "readOnly": true},
        "name": {"type": "string", "nullable": true, "maxLength": 3.0},
        "age": {"type": "integer", "minimum": 0, "exclusiveMinimum": true}
    }}});
    let catalog = catalog("3.0.3", paths, schemas);
    let schema = &catalog.tools[0].tool["inputSchema"];
    assert_eq!(schema["required"], json!(["name"]));
    assert_eq!(
        schema["properties"],
        json!({
            "name": {"type": ["string", "null"], "maxLength": 3},
            "age": {"type": "integer", "exclusiveMinimum": 0},
            "tag": {"type": "string"}
        })
    );
}

#[test]
fn recursive_schemas_become_definitions() {
    let node =
        json!({"type": "object", "properties": {"next": {"$ref": "#/components/schemas/Node"}}, "required": ["next"]});
    let paths = json!({"/nodes": {
        "post": {"requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Node"}}}}},
        "get": {"responses": {"200": {"content": {"application/json": {"schema": {"type": "array", "items": {"$ref": "#/components/schemas/Node"}}}}}}}
    }});
    let catalog = catalog("3.1.0", paths, json!({"Node": node}));
    let input = &catalog.tools[0].tool["inputSchema"];
    assert_eq!(input["$defs"]["Node"]["properties"]["next"]["$ref"], "#/$defs/Node");
    let output = &catalog.tools[1].tool["outputSchema"];
    assert_eq!(output["properties"]["result"]["items"]["$ref"], "#/$defs/Node");
    assert!(output["$defs"]["Node"].get("required").is_none());
    let validator = jsonschema::draft202012::new(output).unwrap();
    assert!(validator.is_valid(&json!({})) && validator.is_valid(&json!({"result": [{"next": null, "more": 1}]})));
    assert!(!validator.is_valid(&json!({"result": "no list"})));
}

#[test]
fn what_cannot_be_read_is_skipped_with_its_reason() {
    let paths = json!({
        "/ok": {"get": {}},
        "/external": {"get": {"parameters": [{"$ref": "other.yaml#/p"}]}},
        "/nowhere": {"post": {"requestBody": {"$ref": "#/components/requestBodies/None"}}},
        "/loop": {"get": {"parameters": [{"$ref": "#/paths/~1loop/get/parameters/0"}]}},
        "/trace": {"trace": {}},
        "/brace/{": {"get": {}}
    });
    let catalog = catalog("3.0.0", paths, json!({}));
    assert_eq!(catalog.tools.len(), 1);
    let reasons: Vec<&str> = catalog.skipped.iter().map(|skipped| skipped.reason.as_str()).collect();
    let expect = ["another document", "leads nowhere", "lead to each other", "TRACE", "not closed"];
    assert_eq!(reasons.len(), expect.len());
    for (reason, expect) in reasons.iter().zip(expect) {
        assert!(reason.contains(expect), "{reason}");
    }
}

#[test]
fn servers_and_security_are_told() {
    let paths = json!({"/a": {"get": {"security": [{"oauth": ["read"]}, {}]}}, "/b": {"servers": [{"url": "https://b.test"}], "get": {}}});
    let text = document("3.0.0", paths, json!({}));
    let catalog = read(&text, r#"{"variables": {"region": "us"}}"#).unwrap();
    assert_eq!(catalog.servers.iter().collect::<Vec<_>>(), ["https://b.test", "https://us.pets.test/v1"]);
    assert_eq!(catalog.security["oauth"]["tokenUrl"], "https://pets.test/token");
    assert_eq!(catalog.security["oauth"]["scopes"], json!(["read"]));
    assert_eq!(serde_json::to_value(&catalog.tools[0].operation.security).unwrap(), json!([{"oauth": ["read"]}, {}]));
    let error = read(&text, r#"{"variables": {"region": "moon"}, "paths": ["/a"]}"#).unwrap_err();
    assert!(error.contains("one of eu, us"), "{error}");
    let server = read(&text, r#"{"server": "http://127.0.0.1:8080/api/"}"#).unwrap();
    assert_eq!(server.servers.iter().collect::<Vec<_>>(), ["http://127.0.0.1:8080/api"]);
}

#[test]
fn yaml_reads_like_json() {
    let yaml = "openapi: 3.1.0\ninfo: {title: Pets, version: 1.0}\nservers: [{url: https://pets.test}]\npaths:\n  /pets:\n    get:\n      parameters:\n      - {name: on, in: query, schema: {type: string, enum: [on, no, 1]}}\n      responses:\n        200: {description: ok, content: {application/json: {schema: {type: object}}}}\n";
    let catalog = read(yaml, "").unwrap();
    let tool = &catalog.tools[0].tool;
    assert_eq!(tool["inputSchema"]["properties"]["on"]["enum"], json!(["on", "no", "1"]));
    assert_eq!(tool["outputSchema"]["type"], "object");
}

#[test]
fn other_documents_are_refused_with_what_to_do() {
    for (text, expect) in [
        (r#"{"swagger": "2.0"}"#, "npx swagger2openapi"),
        (r#"{"openapi": "4.0.0"}"#, "3.0 and 3.1 are"),
        ("{}", "no member `openapi`"),
        ("{", "not JSON"),
        ("a: [", "not YAML"),
        (r#"{"openapi": "3.0.0", "paths": {"/a": {"get": {}}}}"#, "give one by `server`"),
        (r#"{"openapi": "3.0.0", "servers": [{"url": "/v1"}], "paths": {"/a": {"get": {}}}}"#, "relative"),
        (r#"{"openapi": "3.0.0", "servers": [{"url": "ftp://x"}], "paths": {"/a": {"get": {}}}}"#, "no http"),
        (r#"{"openapi": "3.0.0", "servers": [{"url": "https://u:p@x"}], "paths": {"/a": {"get": {}}}}"#, "user name"),
    ] {
        let error = read(text, "").unwrap_err();
        assert!(error.contains(expect), "{text}: {error}");
    }
}
