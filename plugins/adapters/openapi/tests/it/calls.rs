//! Calls: requests of arguments, results of responses.

use adapter_openapi::operation::Output;
use adapter_openapi::{Operation, Request, Response, request, result};
use serde_json::{Value, json};

fn operation(value: Value) -> Operation {
    let mut whole = json!({"method": "POST", "server": "https://x.test/v1", "path": "/a"});
    whole.as_object_mut().unwrap().extend(value.as_object().unwrap().clone());
    serde_json::from_value(whole).unwrap()
}

fn sent(operation_members: Value, args: Value) -> Result<Request, String> {
    request(&operation(operation_members), &args)
}

fn text(request: &Request) -> String {
    String::from_utf8(request.body.clone().unwrap()).unwrap()
}

#[test]
fn parameters_stand_where_they_belong() {
    let members = json!({
        "path": "/pets/{id}/{kind}?fixed=1",
        "parameters": [
            {"arg": "id", "in": "path", "required": true},
            {"arg": "kind", "in": "path", "style": "matrix", "explode": true, "required": true},
            {"arg": "filter", "name": "filter[a]", "in": "query"},
            {"arg": "where", "in": "query", "media": "application/json"},
            {"arg": "X-Trace", "in": "header"},
            {"arg": "session", "in": "cookie"}
        ]
    });
    let args = json!({
        "id": "a/../b", "kind": ["x", "y"], "filter": "1&2", "where": {"k": [1]}, "X-Trace": ["p", "q"], "session": "s;t"
    });
    let request = sent(members, args).unwrap();
    assert_eq!(
        request.url,
        "https://x.test/v1/pets/a%2F..%2Fb/;kind=x;kind=y?fixed=1&filter%5Ba%5D=1%262&where=%7B%22k%22%3A%5B1%5D%7D"
    );
    let header = |name: &str| request.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
    assert_eq!(header("X-Trace"), Some("p,q"));
    assert_eq!(header("Cookie"), Some("session=s%3Bt"));
    assert_eq!(request.body, None);
}

#[test]
fn arguments_that_would_mean_another_request_are_refused() {
    let path = json!({"path": "/pets/{id}", "parameters": [{"arg": "id", "in": "path", "required": true}]});
    for id in ["..", ".", "", "%2e%2E", "a\u{0}", "a\r\nb"] {
        let made = sent(path.clone(), json!({"id": id}));
        // A percent sign is encoded itself, so it cannot hide a dot.
        if id.starts_with('%') {
            assert_eq!(made.unwrap().url, "https://x.test/v1/pets/%252e%252E");
        } else {
            assert!(made.is_err(), "{id:?}");
        }
    }
    let header = json!({"parameters": [{"arg": "h", "in": "header"}]});
    for value in ["a\r\nX: y", "a\0", "ü", "a\nb"] {
        assert!(sent(header.clone(), json!({"h": value})).unwrap_err().contains("`h`"), "{value:?}");
    }
    assert!(sent(json!({}), json!({"unknown": 1})).unwrap_err().contains("`unknown`"));
    assert!(sent(path, json!({})).unwrap_err().contains("missing"));
    assert!(sent(json!({}), json!([])).is_err());
}

#[test]
fn bodies_are_written_in_their_media_type() {
    let json_body =
        json!({"body": {"media": "application/json", "kind": "json", "required": true, "renamed": {"a_b": "a.b"}}});
    assert_eq!(text(&sent(json_body.clone(), json!({"a_b": 1, "c": null})).unwrap()), r#"{"a.b":1,"c":null}"#);
    assert_eq!(text(&sent(json_body, json!({})).unwrap()), "{}");
    let form = json!({"body": {"media": "application/x-www-form-urlencoded", "kind": "form", "fields": {
        "deep": {"style": "deepObject", "explode": true}
    }}});
    let args =
        json!({"a": "x y&z", "list": [1, 2], "object": {"k": 1}, "deep": {"a": {"b": [true, {}, "c"]}}, "none": null});
    let request = sent(form.clone(), args).unwrap();
    assert_eq!(
        text(&request),
        "a=x%20y%26z&list=1&list=2&object=%7B%22k%22%3A1%7D&deep%5Ba%5D%5Bb%5D%5B0%5D=true&deep%5Ba%5D%5Bb%5D%5B1%5D=c"
    );
    assert_eq!(sent(form, json!({})).unwrap().body, None);
    let bytes = json!({"body": {"media": "image/png", "kind": "file", "arg": "body", "required": true}});
    let request = sent(bytes.clone(), json!({"body": {"base64": "aGVs bG8="}})).unwrap();
    assert_eq!(text(&request), "hello");
    assert!(sent(bytes.clone(), json!({"body": {"base64": "?"}})).is_err());
    assert!(sent(bytes, json!({"body": {"text": "a", "media_type": "a/b\r\nX: y"}})).is_err());
}

#[test]
fn a_multipart_body_cannot_be_broken_out_of() {
    let members =
        json!({"body": {"media": "multipart/form-data", "kind": "multipart", "fields": {"file": {"file": true}}}});
    let file = json!({"text": "content", "filename": "a\"\r\nX: y", "media_type": "text/plain"});
    let request = sent(members, json!({"file": file, "meta": {"k": 1}, "tags": ["a", "b"]})).unwrap();
    let boundary =
        request.headers.iter().find(|(name, _)| name == "Content-Type").unwrap().1.split_once('=').unwrap().1;
    let text = text(&request);
    assert!(text.contains("name=\"file\"; filename=\"a%22%0D%0AX: y\"\r\nContent-Type: text/plain\r\n\r\ncontent\r\n"));
    assert!(text.contains("name=\"meta\"\r\nContent-Type: application/json\r\n\r\n{\"k\":1}\r\n"));
    assert_eq!(text.matches(boundary).count(), 5);
    assert!(text.ends_with(&format!("--{boundary}--\r\n")));
}

fn response(status: u16, media: &str, body: &str) -> Response {
    let headers = vec![("content-type".to_owned(), media.to_owned()), ("retry-after".to_owned(), "7".to_owned())];
    Response { status, headers, body: body.as_bytes().to_vec(), truncated: false }
}

#[test]
fn responses_become_content_that_fits_the_output() {
    let ok = |output, media: &str, body: &str| result(output, &response(200, media, body));
    assert_eq!(ok(Output::Object, "application/json", r#"{"a":1}"#)["structuredContent"], json!({"a": 1}));
    assert_eq!(ok(Output::Object, "application/json", "null")["structuredContent"], json!({"result": null}));
    assert_eq!(
        ok(Output::Wrapped, "application/hal+json", r#"{"a":1}"#)["structuredContent"],
        json!({"result": {"a": 1}})
    );
    assert_eq!(ok(Output::Free, "application/json", "[1]")["structuredContent"], json!({"result": [1]}));
    let text = ok(Output::Wrapped, "text/plain; charset=utf-8", "hi");
    assert_eq!((text["content"][0]["text"].as_str(), &text["structuredContent"]), (Some("hi"), &json!({})));
    assert_eq!(
        ok(Output::Free, "image/png", "x")["content"][0],
        json!({"type": "image", "data": "eA==", "mimeType": "image/png"})
    );
    assert_eq!(ok(Output::Free, "application/zip", "x")["content"][1]["resource"]["blob"], "eA==");
    assert_eq!(ok(Output::Free, "", "")["content"][0]["text"], "Done (HTTP 200).");
    assert_eq!(ok(Output::Free, "", "")["_meta"]["tollgate/http"]["headers"]["retry-after"], "7");
    let deep = "[".repeat(120) + &"]".repeat(120);
    assert!(ok(Output::Free, "application/json", &deep).get("structuredContent").is_none());
}

#[test]
fn http_errors_say_what_the_body_says() {
    for (body, expect) in [
        (r#"{"message": "Not Found"}"#, "Not Found"),
        (r#"{"error": {"message": "no such customer"}}"#, "no such customer"),
        (r#"{"type": "about:blank", "title": "Forbidden", "detail": "not yours"}"#, "not yours"),
        (r#"{"message": "Invalid", "errors": [{"message": "a"}, "b"]}"#, "Invalid (a; b)"),
        (r#"{"detail": [{"loc": ["body", "id"], "msg": "missing"}]}"#, "body.id: missing"),
        (r#"{"errors": {"name": "too long"}}"#, "name: too long"),
        (r#"{"errorMessages": ["Issue does not exist."], "errors": {}}"#, "Issue does not exist."),
        (r#"{"errorMessages": [], "errors": {"summary": "is required"}}"#, "summary: is required"),
        (r#"{"errorMessages": ["No.", 7], "errors": {"a": "b"}}"#, "No. (a: b)"),
        ("{}", "Too Many Requests"),
    ] {
        let failed = result(Output::Object, &response(429, "application/json", body));
        assert_eq!(failed["isError"], true);
        let structured = &failed["structuredContent"];
        assert_eq!((&structured["status"], &structured["retry_after_s"]), (&json!(429), &json!(7)));
        assert_eq!(structured["message"], expect);
        assert!(failed["content"][0]["text"].as_str().unwrap().starts_with("HTTP 429: "));
    }
    let page = result(Output::Free, &response(502, "text/html", "<html>oops</html>"));
    assert_eq!(page["structuredContent"]["message"], "Bad Gateway");
}
