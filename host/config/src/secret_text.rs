//! Whether a text is a secret, by how it looks and by the name that it stands under. A guess: it errs towards yes.

/// How the tokens of well-known services begin.
const PREFIXES: [&str; 33] = [
    "ghp_",
    "gho_",
    "ghu_",
    "ghs_",
    "ghr_",
    "github_pat_",
    "glpat-",
    "sk-",
    "sk_live_",
    "sk_test_",
    "rk_live_",
    "pk_live_",
    "xoxb-",
    "xoxp-",
    "xoxa-",
    "xoxe-",
    "xoxs-",
    "xapp-",
    "AKIA",
    "ASIA",
    "AIza",
    "ya29.",
    "eyJ",
    "hf_",
    "npm_",
    "pypi-",
    "dop_v1_",
    "SG.",
    "shpat_",
    "lin_api_",
    "ntn_",
    "tvly-",
    "-----BEGIN ",
];
/// Words in names of secrets.
const WORDS: [&str; 14] = [
    "TOKEN",
    "SECRET",
    "PASSWORD",
    "PASSWD",
    "PASS",
    "PWD",
    "PASSPHRASE",
    "PAT",
    "APIKEY",
    "CREDENTIAL",
    "CREDENTIALS",
    "BEARER",
    "COOKIE",
    "AUTHORIZATION",
];
/// From this length on, letters and digits in no order are taken for a token.
const RANDOM_MIN_CHARS: usize = 32;

/// Whether a text looks like a secret, whatever it is called.
pub(crate) fn looks_secret(text: &str) -> bool {
    let text = text.trim();
    PREFIXES.iter().any(|prefix| text.len() > prefix.len() && text.starts_with(prefix))
        || password_in_url(text)
        || is_random(text)
}

/// Whether a value that stands under a name is a secret.
pub(crate) fn is_secret(name: &str, value: &str) -> bool {
    let value = value.trim();
    if value.is_empty() || value.eq_ignore_ascii_case("true") || value.eq_ignore_ascii_case("false") {
        return false;
    }
    if looks_secret(value) {
        return true;
    }
    // A file that holds a secret, and an address without a password, are none.
    if value.starts_with(['/', '~']) || value.starts_with("./") || value.contains("://") {
        return false;
    }
    let name = words(name);
    let last = name.last().map_or("", String::as_str);
    let named = name.iter().any(|word| WORDS.contains(&word.as_str()));
    // `TOKEN_LIMIT: 4096` is a number; `PASSWORD: 4096` is not.
    let number = value.parse::<f64>().is_ok();
    if number { WORDS.contains(&last) || last == "KEY" } else { named || ["KEY", "AUTH", "PIN"].contains(&last) }
}

/// `apiKey`, `API-KEY` and `api_key` are API and KEY.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut lower = false;
    for c in name.chars().take(256) {
        let apart = !c.is_alphanumeric();
        if apart || (lower && c.is_uppercase()) {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut().filter(|_| !apart) {
            word.extend(c.to_uppercase());
        }
        lower = c.is_lowercase() || c.is_ascii_digit();
    }
    words.retain(|word| !word.is_empty());
    words
}

/// `postgresql://user:pass@host/db`
pub(crate) fn password_in_url(text: &str) -> bool {
    text.split_whitespace().any(|word| {
        let Some((_, rest)) = word.split_once("://") else { return false };
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let password = |text: &str| -> Option<String> {
            let (user, _) = text.rsplit_once('@')?;
            user.split_once(':').map(|(_, password)| password.to_owned()).filter(|password| !password.is_empty())
        };
        // A password may hold a slash or another mark that should have been escaped; `host:8080/@scope` holds a port.
        let port = |text: &str| text.split('/').next().is_some_and(|port| port.bytes().all(|b| b.is_ascii_digit()));
        password(authority).is_some() || password(rest).is_some_and(|password| !port(&password))
    })
}

fn is_random(text: &str) -> bool {
    let token = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'+' | b'/' | b'=' | b'.');
    let count = |is: fn(&u8) -> bool| text.bytes().filter(is).count();
    let (digits, letters) = (count(u8::is_ascii_digit), count(u8::is_ascii_alphabetic));
    let breaks = text.bytes().filter(|b| !b.is_ascii_alphanumeric()).count();
    text.len() >= RANDOM_MIN_CHARS
        && text.bytes().all(token)
        && digits >= 4
        && letters >= 4
        // Words, paths and host names are broken up; so is a UUID, which is an identifier more often than a secret.
        && breaks * 12 < text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_told_by_name_or_look() {
        for (name, value) in [
            ("GITHUB_PERSONAL_ACCESS_TOKEN", "ghp_xxx"),
            ("DATABASE_URL", "postgresql://user:pass@localhost/mydb"),
            ("DATABASE_URL", "redis://:pa/ss@localhost"),
            ("SLACK_BOT_TOKEN", "xoxb-xxx"),
            ("apiKey", "abc"),
            ("OPENAI_API_KEY", "x"),
            ("PASSWORD", "1234"),
            ("X-Api-Key", "k"),
            ("WHATEVER", "0f1e2d3c4b5a69788796a5b4c3d2e1f0"),
        ] {
            assert!(is_secret(name, value), "{name}: {value}");
        }
        for (name, value) in [
            ("TOKEN_LIMIT", "4096"),
            ("MAX_TOKENS", "100"),
            ("GOOGLE_APPLICATION_CREDENTIALS", "/home/a/key.json"),
            ("TOKEN_URL", "https://x.com/token"),
            ("DEBUG_TOKEN", "true"),
            ("REGISTRY", "https://npm.example.com:8080/@scope/package"),
            ("REGISTRY", "https://npm.example.com/@scope/package@1.0"),
            ("API_KEY", ""),
            ("MONKEY", "banana"),
            ("KEYBOARD", "us"),
            ("PROJECT", "123e4567-e89b-12d3-a456-426614174000"),
            ("PATH", "/usr/bin:/bin"),
            ("PACKAGE", "@modelcontextprotocol/server-filesystem-2025-01-01"),
        ] {
            assert!(!is_secret(name, value), "{name}: {value}");
        }
    }
}
