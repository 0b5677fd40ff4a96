//! The one place that builds HTTP clients of reqwest, and the rules that they and `http::client` keep.
//!
//! - No proxy of the environment is used: it would see each token on its way. A server has the proxy that its configuration names;
//!   nothing goes through a proxy to this machine.
//! - Redirects are not followed, so there is no `Referer`; cookies are not kept.
//! - A secret goes over `https`, or within this machine, unless the operator allows it for that server.

use reqwest::{ClientBuilder, Proxy, Url};
use std::time::Duration;
use tollgate_core::Configured;
use tollgate_core::address::{is_loopback_host, is_sealed};

pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);
pub(crate) const USER_AGENT: &str = concat!("tollgate/", env!("CARGO_PKG_VERSION"));

/// Begins an HTTP client, with this proxy or none.
pub fn client_builder(proxy: Option<Proxy>) -> ClientBuilder {
    let builder = reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        .connect_timeout(CONNECT_TIMEOUT)
        .user_agent(USER_AGENT);
    match proxy {
        Some(proxy) => builder.proxy(proxy),
        None => builder,
    }
}

/// The operator's proxy, for those URLs for which `wanted` says so. Never for this machine.
///
/// # Errors
/// It is not an http or https URL.
pub(crate) fn through(
    proxy: &Configured<String>,
    wanted: impl Fn(&Url) -> bool + Send + Sync + 'static,
) -> Result<Proxy, String> {
    let parsed = Url::parse(proxy).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.host().is_some());
    let proxy = parsed.ok_or("its `proxy` is not a URL; write it as http://proxy.example.com:3128")?;
    let is_far = |url: &Url| url.host_str().is_some_and(|host| !is_loopback_host(host));
    Ok(Proxy::custom(move |url| (is_far(url) && wanted(url)).then(|| proxy.clone())))
}

/// Why `what` must not be sent to this URL: everybody on the way could read it. `None` where nobody can.
pub fn in_the_clear(url: &Url, what: &str) -> Option<String> {
    let host = url.host_str().unwrap_or_default();
    (!is_sealed(url.scheme(), host))
        .then(|| format!("{what} would go to `{host}` over clear http, where everybody on the way can read it"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_is_a_url() {
        for (text, fine) in [
            ("http://proxy.corp:3128", true),
            ("https://proxy.corp", true),
            ("proxy.corp:3128", false),
            ("socks5://proxy.corp", false),
            ("", false),
        ] {
            assert_eq!(through(&Configured::by_operator(text.to_owned()), |_| true).is_ok(), fine, "{text}");
        }
    }

    #[test]
    fn what_goes_in_the_clear_is_said_with_its_host() {
        let url = |text| Url::parse(text).unwrap();
        assert_eq!(in_the_clear(&url("https://10.0.0.1/mcp"), "a token"), None);
        assert_eq!(in_the_clear(&url("http://[::1]:3/mcp"), "a token"), None);
        let why = in_the_clear(&url("http://mcp.corp/mcp?k=hunter2"), "a token").unwrap();
        assert!(why.starts_with("a token would go to `mcp.corp` over clear http") && !why.contains("hunter2"), "{why}");
    }
}
