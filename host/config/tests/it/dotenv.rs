//! `envFile`.

use proptest::prelude::*;
use std::fs;
use std::path::Path;
use tollgate_config::dotenv::parse_env_file;
use tollgate_config::{load, resolve};

fn values(text: &str) -> Vec<(String, String)> {
    let read = parse_env_file(Path::new(".env"), text).unwrap_or_else(|errors| panic!("{text:?}: {errors:?}"));
    read.into_iter().map(|(name, value)| (name, value.expose().to_owned())).collect()
}

#[test]
fn values_are_read_as_other_clients_read_them() {
    for (text, name, value) in [
        ("A=b", "A", "b"),
        ("  A = b c  ", "A", "b c"),
        ("export A=b", "A", "b"),
        ("export\tA=b", "A", "b"),
        ("exportA=b", "exportA", "b"),
        ("A=", "A", ""),
        ("A= # none", "A", ""),
        ("A=b # comment", "A", "b"),
        ("A=b=c", "A", "b=c"),
        ("A='b # c'", "A", "b # c"),
        ("A=\"b # c\" # d", "A", "b # c"),
        (r#"A="one\ntwo""#, "A", "one\ntwo"),
        (r"A='one\ntwo'", "A", r"one\ntwo"),
        ("A=`it's \"it\"`", "A", "it's \"it\""),
        ("A=\"one\ntwo\"", "A", "one\ntwo"),
        (r#"A="say \"x\"""#, "A", r#"say \"x\""#),
        ("A=$B", "A", "$B"),
        ("\u{feff}# first\r\n\r\nA=b\r\n", "A", "b"),
        ("a.b-c=d", "a.b-c", "d"),
    ] {
        assert_eq!(values(text), [(name.to_owned(), value.to_owned())], "{text:?}");
    }
    assert_eq!(values("A=\"b\"\nC=d\n").len(), 2);
}

#[test]
fn what_is_wrong_is_said_by_line_and_without_the_text() {
    let text = "A=b\nhunter2\n=hunter2\nhunter 2=x\nB='x\ny' z\nC=\"hunter2\n";
    let errors = parse_env_file(Path::new(".env"), text).unwrap_err();
    insta::assert_snapshot!(errors.iter().map(|e| format!("{e}\n")).collect::<String>());
}

#[test]
fn load_reads_it_and_env_goes_before_it() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("tollgate.yaml");
    fs::write(&file, "servers:\n  a: {command: x, envFile: a.env, env: {A: over}}\n  b: {command: x, envFile: gone.env, disabled: true}").unwrap();
    fs::write(dir.path().join("a.env"), "A=under\nA=last\nB=kept\n").unwrap();
    let first = load(&file, None).unwrap();
    let env = resolve(&first, &first.servers[0], &|_, _| None).unwrap();
    let env: Vec<_> = env.iter().map(|(n, v)| (n.as_str(), v.expose())).collect();
    assert_eq!(env, [("A", "over"), ("B", "kept")]);

    fs::write(dir.path().join("a.env"), "A=under\nB=changed\n").unwrap();
    assert_ne!(load(&file, None).unwrap().digest, first.digest, "what is trusted covers the envFile");
}

#[test]
fn a_file_that_cannot_be_read_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("tollgate.yaml");
    fs::write(dir.path().join("bad.env"), "A=b\nwrong\n").unwrap();
    fs::write(&file, "servers:\n  a: {command: x, envFile: gone.env}\n  b: {command: x, envFile: /dev/zero}\n  c: {command: x, envFile: bad.env}").unwrap();
    let error = load(&file, None).unwrap_err().to_string();
    insta::assert_snapshot!(error.replace(&*dir.path().to_string_lossy(), "DIR"));
    let error = load(&dir.path().join("tollgate.toml"), None).unwrap_err().to_string();
    insta::assert_snapshot!(error.replace(&*dir.path().to_string_lossy(), "DIR"));
}

#[test]
fn a_large_file_is_read_in_time() {
    let text: String = (0..100_000).map(|i| format!("A{i}=1\n")).collect();
    assert_eq!(values(&text).len(), 100_000);
    let errors = parse_env_file(Path::new(".env"), &"x\n".repeat(1 << 19)).unwrap_err();
    assert!(errors.len() < 200);
    let _ = parse_env_file(Path::new(".env"), &"A='\\'\n".repeat(1 << 17));
    let _ = parse_env_file(Path::new(".env"), &"A=\"\n".repeat(1 << 18));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_read_or_refused(text in "([A-C =#'\"`\\\\\r\n]|export |é|\0){0,60}") {
        let _ = parse_env_file(Path::new(".env"), &text);
    }

    #[test]
    fn a_quoted_value_reads_back(value in "[^'\\\\\0]{0,40}") {
        prop_assert_eq!(values(&format!("A='{value}'\n")), [("A".to_owned(), value)]);
    }
}
