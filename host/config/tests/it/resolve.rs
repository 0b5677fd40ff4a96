//! Filling in values.

use crate::config;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use tollgate_config::{AuthSecret, Config, Source, load, resolve, resolve_auth};

fn lookup(source: Source, name: &str) -> Option<String> {
    match (source, name) {
        (Source::Env, "TOKEN") => Some("t0ken".into()),
        (Source::Env, "LINES") => Some("a\nb".into()),
        (Source::Secret, "embedded") => Some("held".into()),
        _ => None,
    }
}

fn values(config: &Config) -> Result<Vec<(String, String)>, String> {
    let values = resolve(config, &config.servers[0], &lookup).map_err(|error| error.to_string())?;
    Ok(values.into_iter().map(|(name, value)| (name, value.expose().to_owned())).collect())
}

#[test]
fn values_are_filled_in() {
    for (written, filled) in [
        ("plain", "plain"),
        ("Bearer ${env:TOKEN}!", "Bearer t0ken!"),
        ("${env:TOKEN}${env:TOKEN}", "t0kent0ken"),
        ("${secret:crm}", "t0ken"),
        ("${secret:embedded}", "held"),
        ("$${env:TOKEN}", "${env:TOKEN}"),
        ("$$${env:TOKEN}", "$${env:TOKEN}"),
        ("$5 $X $", "$5 $X $"),
        ("é${env:TOKEN}é", "ét0kené"),
    ] {
        let text = format!("secrets: {{crm: {{env: TOKEN}}}}\nservers: {{a: {{command: x, env: {{V: '{written}'}}}}}}");
        assert_eq!(values(&config("a.yaml", &text)).unwrap(), [("V".to_owned(), filled.to_owned())], "{written}");
    }
}

#[test]
fn what_is_filled_in_is_not_filled_in_again() {
    let config = config("a.yaml", "servers: {a: {command: x, env: {V: '${env:X}'}}}");
    let values = resolve(&config, &config.servers[0], &|_, _| Some("${env:TOKEN}".into())).unwrap();
    assert_eq!(values[0].1.expose(), "${env:TOKEN}");
}

#[test]
fn a_value_that_is_missing_names_server_key_and_line() {
    let text = "secrets:\n  gone: {env: GONE}\nservers:\n  crm:\n    url: https://x.com/mcp\n    headers:\n      Authorization: Bearer ${env:CRM_TOKEN}\n      X-A: ${secret:gone}\n      X-B: ${secret:nowhere}\n      X-C: ${env:LINES}\n";
    insta::assert_snapshot!(values(&config("tollgate.yaml", text)).unwrap_err().replace("/etc/gate/", ""));
}

#[test]
fn the_secret_of_auth_is_filled_in() {
    let text = |auth: &str| {
        format!(
            "servers: {{a: {{url: 'https://x.com', auth: {{type: oauth, client_id: c, issuer: 'https://x.com', {auth}}}}}}}"
        )
    };
    let filled = |auth: &str| {
        let config = config("a.yaml", &text(auth));
        resolve_auth(&config, &config.servers[0], &lookup).map_err(|error| error.to_string())
    };
    assert_eq!(filled("client_secret: '${env:TOKEN}'").unwrap(), Some(AuthSecret::Secret("t0ken".into())));
    let key = "client_key: '${env:TOKEN}', grant: client_credentials";
    assert_eq!(filled(key).unwrap(), Some(AuthSecret::Key("t0ken".into())));
    assert_eq!(filled("scopes: [a]").unwrap(), None);
    let error = filled("client_secret: '${env:GONE}'").unwrap_err();
    assert!(error.contains("servers.a.auth.client_secret") && error.contains("`GONE` is not set"), "{error}");
}

#[test]
fn a_resolved_value_cannot_be_printed() {
    let config = config("a.yaml", "servers: {a: {command: x, env: {V: '${env:TOKEN}'}}}");
    let values = resolve(&config, &config.servers[0], &lookup).unwrap();
    assert!(!format!("{values:?}").contains("t0ken"));
}

#[test]
fn the_file_of_a_secret_is_its_owners_alone() {
    let dir = tempfile::tempdir().unwrap();
    let (file, token) = (dir.path().join("tollgate.yaml"), dir.path().join("token"));
    fs::write(&file, "secrets: {s: {file: token}}\nservers: {a: {command: x, env: {V: '${secret:s}'}}}").unwrap();
    let attempt = |content: &[u8], mode| {
        fs::write(&token, content).unwrap();
        fs::set_permissions(&token, fs::Permissions::from_mode(mode)).unwrap();
        values(&load(&file, None).unwrap()).map_err(|e| e.replace(&*dir.path().to_string_lossy(), "DIR"))
    };
    for content in ["hush", "hush\n", "hush\r\n"] {
        assert_eq!(attempt(content.as_bytes(), 0o600).unwrap()[0].1, "hush");
    }
    assert_eq!(attempt(b"hush\n\n", 0o400).unwrap()[0].1, "hush\n", "one newline is the editor's");
    let mut errors = vec![
        attempt(b"hush", 0o640).unwrap_err(),
        attempt(b"hush\xff", 0o600).unwrap_err(),
        attempt(&[b'x'; (64 << 10) + 1], 0o600).unwrap_err(),
    ];
    fs::remove_file(&token).unwrap();
    errors.push(values(&load(&file, None).unwrap()).unwrap_err().replace(&*dir.path().to_string_lossy(), "DIR"));
    fs::create_dir(&token).unwrap();
    errors.push(values(&load(&file, None).unwrap()).unwrap_err().replace(&*dir.path().to_string_lossy(), "DIR"));
    insta::assert_snapshot!(errors.join("\n"));
}

#[test]
fn a_command_gives_a_secret_when_a_server_needs_it_and_not_before() {
    let dir = tempfile::tempdir().unwrap();
    let marker = dir.path().join("ran");
    let text = format!(
        "secrets: {{s: {{command: [sh, -c, 'echo x >> {}; echo hush']}}, t: {{command: ['false']}}}}\n\
         servers: {{a: {{command: x, env: {{V: 'a-${{secret:s}}'}}}}, b: {{command: x}}, c: {{command: x, env: {{V: '${{secret:t}}'}}}}}}",
        marker.display()
    );
    let config = config("a.yaml", &text);
    assert!(resolve(&config, &config.servers[1], &lookup).unwrap().is_empty());
    assert!(!marker.exists());
    let values = resolve(&config, &config.servers[0], &lookup).unwrap();
    assert_eq!(values[0].1.expose(), "a-hush");
    assert!(marker.exists());
    let error = resolve(&config, &config.servers[2], &lookup).unwrap_err().to_string();
    assert!(error.contains("servers.c.env.V: secret `t`: `false` failed"), "{error}");
}
