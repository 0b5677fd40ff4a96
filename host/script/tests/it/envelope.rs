use tollgate_script::envelope::EnvelopeError;
use tollgate_script::{Input, Output};

#[test]
fn json_is_passed_on_as_it_is() {
    let input = Input { code: "a\"b", file: "x.js", input: "{\"n\": 1.0000000000000000001}", session: Some("{}") };
    assert_eq!(
        input.to_json().unwrap(),
        r#"{"code":"a\"b","file":"x.js","input":{"n": 1.0000000000000000001},"session":{}}"#
    );
    assert!(matches!(Input { input: "{", ..input }.to_json(), Err(EnvelopeError::Input(_))));
    assert!(matches!(Input { session: Some("1,2"), ..input }.to_json(), Err(EnvelopeError::Session(_))));
}

#[test]
fn a_hostile_answer_is_an_error() {
    let read = |answer: &str| Output::read(answer);
    let good = read(r#"{"session": {"a": 1}, "output": 1.00000000000000000001, "more": 2}"#).unwrap();
    assert_eq!((good.output.as_str(), good.session.as_deref()), ("1.00000000000000000001", Some(r#"{"a": 1}"#)));
    assert_eq!(read("{}").unwrap(), Output { output: "null".into(), session: None });
    assert_eq!(read(r#"{"session": null}"#).unwrap().session, None);
    assert!(matches!(read(r#"{"session": []}"#), Err(EnvelopeError::AnswerSession)));
    for bad in ["", "[]", "1", r#"{"output": 1, "output": 2}"#, &("{\"output\":".to_owned() + &"[".repeat(100_000))] {
        assert!(matches!(read(bad), Err(EnvelopeError::Answer(_))), "{}", &bad[..bad.len().min(40)]);
    }
}
