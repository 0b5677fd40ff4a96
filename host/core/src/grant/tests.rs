use super::*;
use proptest::prelude::*;

#[test]
fn scopes() {
    let table = [
        ("crm:*", "crm", "get", EffectClass::Unknown, true),
        ("tool=crm:*", "crm", "get", EffectClass::Unknown, true),
        ("crm:get_*", "crm", "set_x", EffectClass::Read, false),
        ("c?m:get", "crm", "get", EffectClass::Unknown, true),
        ("*:*", "any", "thing", EffectClass::NonIdempotent, true),
        ("read-only", "crm", "get", EffectClass::Read, true),
        ("read-only", "crm", "get", EffectClass::Unknown, false),
        ("crm:*!read-only", "crm", "set", EffectClass::Idempotent, false),
        ("crm:*!read-only", "pay", "get", EffectClass::Read, false),
    ];
    for (grant, server, tool, effect, want) in table {
        let grants = Grants::parse([grant]).unwrap();
        assert_eq!(grants.allows(server, tool, effect), want, "{grant} {server}:{tool}");
    }
    assert!(!Grants::default().allows("crm", "get", EffectClass::Read), "nothing by default");
}

#[test]
fn grants_include_narrower_ones_of_their_kind() {
    let table = [
        ("*:*", "crm:get_*", true),
        ("crm:get_*", "crm:get_?", true),
        ("crm:get_?", "crm:get_*", false),
        ("crm:*!read-only", "crm:get", false),
        ("crm:*", "crm:get!read-only", true),
        ("*:*", "resource=crm:x", false),
        ("state", "state=plan/*", true),
        ("state=plan/*", "state=plan/a", true),
        ("state=plan/a", "state=plan/*", false),
        ("model", "model=small", true),
        ("model=gpt-*", "model", false),
        ("ask", "ask", true),
        ("http=https://*.x.com/*", "http=https://api.x.com/v1/*!GET", true),
        ("http=https://*.x.com/*", "http=https://*.api.x.com/*", true),
        ("http=https://*.x.com/*", "http=https://*.evilx.com/*", false),
        ("http=https://*.x.com/*", "http=https://x.com/*", false),
        ("http=https://*/*!read-only", "http=https://x.com/*!GET", true),
        ("http=https://*/*!read-only", "http=https://x.com/*", false),
        ("http=https://x.com/v1/*", "http=https://x.com/v1/users", true),
        ("http=https://x.com/v1/*", "http=https://x.com/*", false),
        ("http=https://x.com/v1", "http=https://x.com/v1/*", false),
        ("http=https://x.com:*/*", "http=https://x.com:8443/*", true),
        ("http=https://x.com/*", "http=https://x.com:8443/*", false),
        ("http=https://x.com/*", "http=http://x.com/*", false),
        ("http=https://x.com/*", "http=https://x.com/*!private", false),
    ];
    for (given, asked, want) in table {
        let asked: Grant = asked.parse().unwrap();
        assert_eq!(Grants::parse([given]).unwrap().include(&asked), want, "{given} {asked}");
    }
    let grant: Grant = "http=https://*.x.com/v1/*".parse().unwrap();
    for (origin, want) in [
        ("https://api.x.com", true),
        ("https://*.x.com", true),
        ("https://*.y.x.com:*", true),
        ("https://x.com", false),
        ("http://api.x.com", false),
        ("https://api.x.com:8443", false),
    ] {
        assert_eq!(grant.meets(&origin.parse().unwrap()), want, "{origin}");
    }
}

#[test]
fn resources_and_prompts_are_granted_apart_from_tools() {
    let grants = Grants::parse(["resource=files:file:///notes/*", "prompt=*:ask_*"]).unwrap();
    assert!(grants.covers(HostInterface::Resource, "files", "file:///notes/a?b=c!read-only"));
    assert!(!grants.covers(HostInterface::Resource, "files", "file:///etc/passwd"));
    assert!(!grants.covers(HostInterface::Resource, "other", "file:///notes/a"));
    assert!(grants.covers(HostInterface::Prompt, "any", "ask_me"));
    assert!(!grants.covers(HostInterface::Prompt, "files", "file:///notes/a"));
    assert!(!grants.allows("files", "file:///notes/a", EffectClass::Read));
    assert!(!Grants::parse(["*:*"]).unwrap().covers(HostInterface::Prompt, "any", "ask_me"));
    let scope = "resource=db:db://x?y=1";
    assert_eq!(scope.parse::<Grant>().unwrap().to_string(), scope);
}

#[test]
fn what_is_no_grant_is_refused() {
    for text in ["", "crm", "tools=crm:*", "crm:", ":x", "a b:*", "crm:*!readonly", "tool="] {
        assert!(text.parse::<Grant>().is_err(), "{text:?}");
    }
}

proptest! {
    #[test]
    fn glob_agrees_with_the_plain_definition(pattern in "[ab*?]{0,8}", text in "[ab]{0,10}") {
        fn slow(p: &[u8], t: &[u8]) -> bool {
            match p.split_first() {
                None => t.is_empty(),
                Some((b'*', rest)) => (0..=t.len()).any(|i| slow(rest, &t[i..])),
                Some((c, rest)) => !t.is_empty() && (*c == b'?' || *c == t[0]) && slow(rest, &t[1..]),
            }
        }
        prop_assert_eq!(glob(&pattern, &text), slow(pattern.as_bytes(), text.as_bytes()));
    }

    #[test]
    fn what_includes_a_grant_allows_all_that_it_does(
        given in "(resource=)?[ab*?]{1,3}:[ab*?]{1,4}(!read-only)?",
        asked in "(resource=)?[ab*?]{1,3}:[ab*?]{1,4}(!read-only)?",
        names in prop::collection::vec(("[ab]{1,3}", "[ab]{1,4}"), 20),
    ) {
        let (Ok(given), Ok(asked)) = (given.parse::<Grant>(), asked.parse::<Grant>()) else { return Ok(()) };
        prop_assert!(given.includes(&given));
        if given.includes(&asked) {
            let (given, asked) = (Grants::from_iter([given]), Grants::from_iter([asked]));
            for (server, name) in names {
                for effect in [EffectClass::Read, EffectClass::Unknown] {
                    prop_assert!(given.allows(&server, &name, effect) || !asked.allows(&server, &name, effect));
                }
                let covers = |grants: &Grants| grants.covers(HostInterface::Resource, &server, &name);
                prop_assert!(covers(&given) || !covers(&asked));
            }
        }
    }

    #[test]
    fn a_grant_reads_back(text in "((tool=)?[a-z*?]{1,6}:[a-z_*?]{1,8}(!read-only)?)|((resource|prompt)=[a-z*]{1,6}:[a-z:/!=]{1,8})") {
        let grant: Grant = text.parse().unwrap();
        prop_assert_eq!(grant.to_string().parse::<Grant>().unwrap(), grant);
    }

    #[test]
    fn any_text_is_read_or_refused(text in ".*") {
        let _ = text.parse::<Grant>();
    }
}

fn url(text: &str) -> HttpUrl {
    HttpUrl::parse(text).unwrap()
}

#[test]
fn requests_are_granted_by_scheme_host_port_path_and_method() {
    let table = [
        ("https://api.x.com/v1/*", "GET", "https://api.x.com/v1/users", true),
        ("https://api.x.com/v1/*", "DELETE", "https://API.x.com:443/v1/", true),
        ("https://api.x.com/v1/*", "GET", "http://api.x.com/v1/users", false),
        ("https://api.x.com/v1/*", "GET", "https://api.x.com:8443/v1/users", false),
        ("https://api.x.com/v1/*", "GET", "https://api.x.com/v1", false),
        ("https://api.x.com/v1/*", "GET", "https://api.x.com/v2/users", false),
        ("https://api.x.com/v1/*", "GET", "https://api.x.com/V1/users", false),
        ("https://api.x.com/v1/*", "GET", "https://api.x.com//v1/users", false),
        ("https://api.x.com/v1/*", "GET", "https://evil.com/v1/users", false),
        ("https://api.x.com/v1/*", "GET", "https://api.x.com.evil.com/v1/users", false),
        ("https://api.x.com/v1/*", "GET", "https://api.x.com/%76%31/users", true),
        ("https://api.x.com/v1/*", "GET", "https://api.x.com/v1%2Fusers", false),
        ("https://api.x.com/v1/*", "GET", "https://api.x.com/v1/a%2Fb", true),
        ("https://api.x.com/v1*", "GET", "https://api.x.com/v1beta%252Fx", true),
        ("https://api.x.com/v1/a", "GET", "https://api.x.com/v1/a", true),
        ("https://api.x.com/v1/a", "GET", "https://api.x.com/v1/a/", false),
        ("https://api.x.com/v1/a", "GET", "https://api.x.com/v1/a?b=c", true),
        ("https://api.x.com/a%20b/*", "GET", "https://api.x.com/a%20b/c", true),
        ("https://api.x.com/a%20b/*", "GET", "https://api.x.com/a%2520b/c", false),
        ("https://api.x.com/", "GET", "https://api.x.com", true),
        ("https://api.x.com:8443/*", "GET", "https://api.x.com:8443/", true),
        ("https://api.x.com:*/*", "GET", "https://api.x.com:1/", true),
        ("https://*.x.com/*", "GET", "https://a.b.x.com/", true),
        ("https://*.x.com/*", "GET", "https://x.com/", false),
        ("https://*.x.com/*", "GET", "https://notx.com/", false),
        ("https://*.x.com/*", "GET", "https://evilx.com/", false),
        ("https://*/*", "GET", "https://any.example/", true),
        ("https://*/*", "GET", "http://any.example/", false),
        ("https://x.com/*!GET,POST", "POST", "https://x.com/", true),
        ("https://x.com/*!GET,POST", "PUT", "https://x.com/", false),
        ("https://x.com/*!GET,POST", "get", "https://x.com/", false),
        ("https://x.com/*!read-only", "HEAD", "https://x.com/", true),
        ("https://x.com/*!read-only", "POST", "https://x.com/", false),
        ("https://x.com/*!read-only,PUT", "PUT", "https://x.com/", true),
        ("https://x.com/*!private", "PUT", "https://x.com/", true),
        ("https://x.com/a%21*", "GET", "https://x.com/a!b", true),
    ];
    for (grant, method, asked, want) in table {
        let grants = Grants::parse([format!("http={grant}")]).unwrap();
        assert_eq!(grants.http(method, &url(asked)).is_some(), want, "{grant} {method} {asked}");
    }
    assert!(Grants::all().http("GET", &url("https://x.com/")).is_none(), "all() is what servers have");
    assert!(Grants::parse(["*:*", "resource=*:*"]).unwrap().http("GET", &url("https://x.com/")).is_none());
    assert!(!Grants::parse(["http=https://*/*"]).unwrap().allows("https", "x", EffectClass::Read));
}

#[test]
fn addresses_that_are_not_public_need_more_than_a_name() {
    let table = [
        ("https://x.com/*", "https://x.com/", "93.184.216.34", true),
        ("https://x.com/*", "https://x.com/", "10.0.0.1", false),
        ("https://x.com/*", "https://x.com/", "127.0.0.1", false),
        ("https://x.com/*!private", "https://x.com/", "10.0.0.1", true),
        ("https://x.com/*!private", "https://x.com/", "::ffff:127.0.0.1", true),
        ("https://x.com/*!private", "https://x.com/", "169.254.169.254", false),
        ("https://x.com/*!private", "https://x.com/", "fd00:ec2::254", false),
        ("https://x.com/*!private", "https://x.com/", "0.0.0.0", false),
        ("http://localhost:8080/*", "http://localhost:8080/", "127.0.0.1", true),
        ("http://localhost:8080/*", "http://localhost:8080/", "::1", true),
        ("http://localhost:8080/*", "http://localhost:8080/", "10.0.0.1", false),
        ("http://*:*/*", "http://localhost:8080/", "127.0.0.1", false),
        ("http://*:*/*", "http://127.0.0.1:8080/", "127.0.0.1", false),
        ("http://*:*/*!private", "http://127.0.0.1:8080/", "127.0.0.1", true),
        ("http://*:*/*!private", "http://169.254.169.254/", "169.254.169.254", false),
        ("http://127.0.0.1/*", "http://127.0.0.1/", "127.0.0.1", true),
        ("http://10.0.0.1/*", "http://10.0.0.1/", "10.0.0.1", true),
        ("http://10.0.0.1/*", "http://10.0.0.1/", "10.0.0.2", false),
        ("http://169.254.169.254/latest/*", "http://169.254.169.254/latest/x", "169.254.169.254", true),
        ("http://[fe80::1]/*", "http://[fe80::1]/", "fe80::1", true),
        ("https://*.x.com/*", "https://a.x.com/", "127.0.0.1", false),
    ];
    for (grant, asked, address, want) in table {
        let grants = Grants::parse([format!("http={grant}")]).unwrap();
        let url = url(asked);
        let reach = grants.http("GET", &url).unwrap();
        assert_eq!(reach.permits(&url.host, address.parse().unwrap()), want, "{grant} {asked} {address}");
    }
    // A literal that is granted says nothing about a name that resolves to it.
    let grants = Grants::parse(["http=http://10.0.0.1/*", "http=http://x.com/*"]).unwrap();
    let url = url("http://x.com/");
    assert!(!grants.http("GET", &url).unwrap().permits(&url.host, "10.0.0.1".parse().unwrap()));
}

#[test]
fn what_is_no_grant_of_http_is_refused_with_its_reason() {
    for (text, why) in [
        ("https://x.com", "no path"),
        ("x.com/*", "https://"),
        ("ftp://x.com/*", "ftp"),
        ("https://*.com/*", "top-level"),
        ("https://*.7.8/*", "top-level"),
        ("https://*.co.uk/*", "public suffix"),
        ("https://*.CO.uk/*", "as *.example.co.uk"),
        ("https://*.kawasaki.jp/*", "public suffix"),
        ("https://*.any.ck/*", "public suffix"),
        ("https://*.xn--55qx5d.cn/*", "public suffix"),
        ("https://a*.x.com/*", "not a host name"),
        ("https://**/*", "not a host name"),
        ("https:///*", "no host"),
        ("https://me@x.com/*", "not a host name"),
        ("https://x.com:0/*", "not a port"),
        ("https://x.com./*", "dot"),
        ("https://bücher.de/*", "Punycode"),
        ("http://0.0.0.0/*", "reserved"),
        ("http://[::ffff:127.0.0.1]/*", "inside"),
        ("http://2130706433/*", "IPv4"),
        ("https://x.com/*/y", "before its end"),
        ("https://x.com/a?b=*", "query"),
        ("https://x.com/../*", "segment"),
        ("https://x.com/..*", "segment"),
        ("https://x.com/a%2Fb/*", "escaped slash"),
        ("https://x.com//*", "empty segment"),
        ("https://x.com/*!", "not a method"),
        ("https://x.com/*!get", "not a method"),
        ("https://x.com/*!GET,", "not a method"),
        ("https://x.com/*!readonly", "not a method"),
        ("https://x.com/*!TRACE", "never sent"),
        ("https://x.com/*!GET!POST", "not a method"),
    ] {
        let error = format!("http={text}").parse::<Grant>().unwrap_err().to_string();
        assert!(error.contains(why), "{text}: {error}");
    }
}

#[test]
fn a_wildcard_over_names_that_a_company_gives_out_is_doubtful() {
    for (host, doubtful) in [
        ("*.github.io", true),
        ("*.googleapis.com", true),
        ("*.westeurope.azurecontainer.io", true),
        ("me.github.io", false),
        ("*.me.github.io", false),
        ("*.example.co.uk", false),
        ("*.city.kawasaki.jp", false),
        ("*.corp.internal", false),
        ("*.x.test", false),
        ("*", false),
    ] {
        let grant: Grant = format!("http=https://{host}/*").parse().unwrap();
        assert_eq!(grant.doubt().is_some(), doubtful, "{host}");
    }
}

proptest! {
    #[test]
    fn a_grant_of_http_reads_back(
        scheme in "https?",
        host in prop_oneof!["[a-zA-Z0-9-]{1,8}(\\.[a-z]{2,4}){0,2}", Just("*".to_owned()), "\\*\\.[a-z]{1,5}\\.[a-z]{2,3}",
            any::<std::net::Ipv4Addr>().prop_map(|a| a.to_string()), any::<std::net::Ipv6Addr>().prop_map(|a| format!("[{a}]"))],
        port in prop_oneof![Just(String::new()), Just(":*".to_owned()), (1u16..).prop_map(|p| format!(":{p}"))],
        path in "(/[a-zA-Z0-9._~%!$&'()+,;=:@|-]{0,6}){1,4}\\*?",
        words in prop_oneof![Just(String::new()), "!(GET|PUT|read-only|private|M-X)(,(POST|HEAD|GET|OPTIONS|private)){0,3}"],
    ) {
        if let Ok(grant) = format!("http={scheme}://{host}{port}{path}{words}").parse::<Grant>() {
            let text = grant.to_string();
            prop_assert_eq!(text.parse::<Grant>().unwrap(), grant, "{}", text);
        }
    }

    #[test]
    fn the_grant_that_is_suggested_is_enough(
        method in "GET|POST|PROPFIND|M-SEARCH|odd",
        path in "(/[a-z.~!*%25F0;-]{0,6}){1,4}",
        host in "[a-z]{1,5}\\.[a-z]{2,3}|127\\.0\\.0\\.1|\\[::1\\]",
    ) {
        if let Ok(url) = HttpUrl::parse(&format!("https://{host}{path}")) {
            let grant = Grant::for_request(&method, &url, false).to_string();
            let grants = Grants::parse([&grant]).unwrap();
            prop_assert!(grants.http(&method, &url).is_some(), "{} {}", grant, url);
        }
    }

    #[test]
    fn no_path_outside_of_a_prefix_is_granted_by_it(rest in "[a-z./%25Ff;\\\\]{0,14}") {
        let grants = Grants::parse(["http=https://x.com/v1/*"]).unwrap();
        if let Ok(url) = HttpUrl::parse(&format!("https://x.com/{rest}"))
            && grants.http("GET", &url).is_some()
        {
            // However often it is unescaped and its dots are followed, it stays below.
            let mut path = rest;
            for _ in 0..5 {
                let bytes = path.replace('\\', "/");
                let mut at: Vec<&str> = Vec::new();
                for segment in bytes.split('/').filter(|s| !s.is_empty()) {
                    match segment.split(';').next().unwrap() {
                        ".." => drop(at.pop()),
                        "." => {}
                        _ => at.push(segment),
                    }
                }
                prop_assert_eq!(at.first().copied(), Some("v1"), "{}", path);
                path = unescaped(&path);
            }
        }
    }
}

/// Undoes `%2f`, `%5c`, `%2e`, `%25` and what else there is, once, and plainly.
fn unescaped(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        match rest.get(1..3).filter(|_| c == '%').and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                out.push(char::from(byte));
                rest = &rest[3..];
            }
            None => {
                out.push(c);
                rest = &rest[c.len_utf8()..];
            }
        }
    }
    out
}
