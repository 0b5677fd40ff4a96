//! What a project may be called.

use proptest::prelude::*;
use tollgate_scaffold::{Error, check_name};

fn error(name: &str) -> String {
    check_name(name).unwrap_err().to_string()
}

#[test]
fn ordinary_names_will_do() {
    for name in ["hello", "customer-360", "a", "x1-y2-z3", "two_clocks", &"a".repeat(64)] {
        check_name(name).unwrap();
    }
}

#[test]
fn other_names_say_why_and_what_would_do() {
    for (name, why) in [
        ("", "`` cannot name a project: it is empty"),
        ("../x", "does not begin with a letter from a to z; `x` would do"),
        ("/etc", "does not begin with a letter from a to z; `etc` would do"),
        ("a/b", "use small letters a to z, digits, `-` and `_`; `a-b` would do"),
        ("myPolicy", "`my-policy` would do"),
        ("My Policy", "`my-policy` would do"),
        ("a-_b", "a `-` or `_` stands between two letters or digits; `a-b` would do"),
        ("360", "does not begin with a letter from a to z"),
        ("-a", "`a` would do"),
        ("a-", "a `-` or `_` stands between two letters or digits; `a` would do"),
        ("a--b", "`a-b` would do"),
        ("fn", "keeps this word for itself; `my-fn` would do"),
        ("tollgate", "keeps this word for itself; `my-tollgate` would do"),
        ("Test", "`my-test` would do"),
        ("node_modules", "`my-node-modules` would do"),
        ("con", "`my-con` would do"),
        ("ünï", "does not begin with a letter from a to z"),
        ("a\u{1b}[31m", "use small letters"),
    ] {
        let error = error(name);
        assert!(error.contains(why), "{name:?}: {error}");
    }
    assert!(error(&"a".repeat(65)).contains("longer than 64 bytes"));
}

proptest! {
    #[test]
    fn no_name_that_will_do_can_leave_its_folder_or_break_a_file(name in ".{0,80}") {
        if check_name(&name).is_ok() {
            prop_assert!(name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_".contains(&b)));
        }
    }

    #[test]
    fn a_name_that_is_offered_will_do(name in "[ -~]{0,80}") {
        if let Err(Error::Name { why, .. }) = check_name(&name)
            && let Some((_, offered)) = why.split_once("; `")
        {
            check_name(offered.strip_suffix("` would do").unwrap()).unwrap();
        }
    }
}
