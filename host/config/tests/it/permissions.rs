//! What a person reads before a component runs.

use tollgate_config::permissions::{SecretUse, Subject, permissions};

fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

#[test]
fn grants_become_sentences() {
    let imports = owned(&[
        "tollgate:tools/tools@0.1.0",
        "tollgate:resources/resources@0.1.0",
        "tollgate:prompts/prompts@0.1.0",
        "tollgate:state/state@0.1.0",
        "tollgate:model/model-blocking@0.1.0",
        "tollgate:ask/ask@0.1.0",
        "wasi:http/outgoing-handler@0.2.3",
        "wasi:cli/stdout@0.2.3",
    ]);
    let grants = owned(&[
        "crm:*!read-only",
        "tool=tickets:create_ticket",
        "tool=pay*:get_*",
        "pay:refund!read-only",
        "read-only",
        "tool=*:*",
        "resource=files:file:///notes/*",
        "prompt=*:*",
        "prompt=crm:ask_me",
        "http=https://api.github.com/repos/*!GET,POST",
        "http=https://*.example.com/*!read-only",
        "http=http://localhost:8080/exact!private",
        "http=https://*",
        "state",
        "state=cursor/*",
        "state=last",
        "model",
        "model=gpt-*",
        "model=small",
        "ask",
    ]);
    let secrets = [
        SecretUse { name: "github_token".into(), origin: "https://api.github.com".into() },
        SecretUse { name: "other".into(), origin: "https://elsewhere.example".into() },
    ];
    let room = Some((10_000, 64 << 20));
    let subject =
        Subject { imports: Some(&imports), grants: &grants, secrets: &secrets, state: room, ..Subject::default() };
    insta::assert_snapshot!(permissions(&subject));
}

#[test]
fn a_component_that_is_granted_nothing_says_so() {
    insta::assert_snapshot!(permissions(&Subject::default()));
}

#[test]
fn what_does_not_fit_together_is_noted() {
    let (imports, grants) = (
        owned(&["tollgate:tools/tools-blocking@0.1.0", "tollgate:ask/ask@0.1.0"]),
        owned(&["state", "http=https://x.example/*", "model"]),
    );
    let subject = Subject { imports: Some(&imports), grants: &grants, ..Subject::default() };
    insta::assert_snapshot!(permissions(&subject));
}

#[test]
fn what_is_asked_for_and_not_given_is_noted_and_so_is_a_secret_that_goes_nowhere() {
    let imports = owned(&["tollgate:tools/tools@0.1.0", "tollgate:state/state@0.1.0", "tollgate:model/model@0.1.0"]);
    let grants = owned(&["crm:get_*", "state=plan/*", "http=https://*.example.com/*"]);
    let asks = owned(&["tool=crm:get_customer", "tool=crm:*", "state", "state=plan/a", "future=`x`"]);
    let secrets = [
        SecretUse { name: "key".into(), origin: "https://api.example.com".into() },
        SecretUse { name: "key".into(), origin: "https://elsewhere.example".into() },
    ];
    let subject =
        Subject { imports: Some(&imports), grants: &grants, asks: &asks, secrets: &secrets, ..Subject::default() };
    insta::assert_snapshot!(permissions(&subject));
    // What a script uses is not known before it runs.
    let script = permissions(&Subject { grants: &grants, ..Subject::default() });
    assert_eq!(script.notes, Vec::<String>::new());
}

#[test]
fn what_is_hostile_or_unknown_is_shown_escaped_and_cut_and_never_left_out() {
    let mut grants = owned(&[
        "\u{1b}[2J:x\u{202e}",
        "future=thing",
        "tool=no-colon",
        "http=",
        "state=",
        "resource=x",
        "crm:get` of nothing, `",
    ]);
    grants.push(format!("crm:{}", "x".repeat(10_000)));
    let text = permissions(&Subject { imports: Some(&[]), grants: &grants, ..Subject::default() }).to_string();
    assert!(!text.contains(['\u{1b}', '\u{202e}']) && text.len() < 2_000, "{text}");
    insta::assert_snapshot!(text);
    let many: Vec<_> = (0..1_000).map(|i| format!("crm:t{i}")).collect();
    let said = permissions(&Subject { grants: &many, ..Subject::default() });
    assert_eq!(said.may.len(), 52);
    assert_eq!(said.may[50], "and 950 more grants like these");
}
