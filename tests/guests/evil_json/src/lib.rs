//! Returns an output that is no JSON, or JSON that nobody should have to read. Input: which.

kit::policy!(run);

async fn run(input: String) -> kit::Output {
    Ok(match kit::parse(&input).as_str() {
        Some("empty") => String::new(),
        Some("prose") => "All done!".into(),
        Some("two documents") => "{} {}".into(),
        Some("cut off") => r#"{"a": [1, 2"#.into(),
        Some("not a number") => r#"{"a": NaN}"#.into(),
        Some("byte order mark") => "\u{feff}{}".into(),
        Some("control character") => "\"\u{1}\"".into(),
        Some("half a surrogate pair") => r#""\ud800""#.into(),
        Some("half a surrogate pair in a key") => r#"{"\ud800": 1}"#.into(),
        Some("nested too deep") => "[".repeat(200) + &"]".repeat(200),
        Some("nested a million deep") => r#"{"a":"#.repeat(1_000_000) + "1" + &"}".repeat(1_000_000),
        _ => panic!("no such output"),
    })
}
