//! Which addresses the client may talk to.

use reqwest::Url;
use std::net::IpAddr;
use storex_core::{Code, Error, Result};

/// Where Cloudflare's API is. Source: Cloudflare API reference, "Getting started".
pub(crate) const CLOUDFLARE: &str = "https://api.cloudflare.com/client/v4";

/// A checked base address of the API, without a trailing slash.
#[derive(Clone, Debug)]
pub(crate) struct BaseUrl {
    text: String,
    loopback: bool,
}

impl BaseUrl {
    /// Checks an address: https anywhere, http on loopback only; no user, query or fragment.
    pub(crate) fn parse(text: &str, loopback_only: bool) -> Result<Self> {
        let refuse =
            |why: &str| Err(Error::new(Code::Unusable, format!("the Cloudflare base URL {why}")).with("detail", shown(text)));
        let Ok(url) = Url::parse(text) else {
            return refuse("is not a URL");
        };
        let Some(host) = url.host_str() else {
            return refuse("names no host");
        };
        if !url.username().is_empty() || url.password().is_some() {
            return refuse("holds user information");
        }
        if url.query().is_some() || url.fragment().is_some() {
            return refuse("holds a query or a fragment");
        }
        let loopback = is_loopback(host);
        match url.scheme() {
            "https" => {}
            "http" if loopback => {}
            "http" => return refuse("is plain http to another machine: the token would travel in the clear"),
            _ => return refuse("is neither https nor http"),
        }
        if loopback_only && !loopback {
            return refuse("is not on loopback, and this client was told to stay there");
        }
        Ok(Self { text: url.as_str().trim_end_matches('/').to_owned(), loopback })
    }

    /// The address as text.
    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it is a plain http address on this machine: no certificate is needed then, and none is trusted.
    pub(crate) fn is_plain_loopback(&self) -> bool {
        self.loopback && self.text.starts_with("http://")
    }
}

fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare == "localhost" || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// The address without what may be a password in it.
fn shown(text: &str) -> String {
    let bare = text.rsplit('@').next().unwrap_or_default();
    bare.chars().take(100).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn https_and_loopback_http_are_usable_and_spelled_without_trailing_slash() {
        for (good, spelled) in [
            (CLOUDFLARE, CLOUDFLARE),
            ("http://127.0.0.1:8089/client/v4/", "http://127.0.0.1:8089/client/v4"),
            ("http://[::1]:1/client/v4", "http://[::1]:1/client/v4"),
            ("http://localhost:1", "http://localhost:1"),
        ] {
            assert_eq!(BaseUrl::parse(good, false).expect(good).as_str(), spelled);
        }
        assert!(BaseUrl::parse("http://127.0.0.1:1", true).expect("loopback").is_plain_loopback());
        assert!(!BaseUrl::parse(CLOUDFLARE, false).expect("https").is_plain_loopback());
    }

    #[test]
    fn addresses_that_would_leak_the_token_are_refused() {
        for bad in [
            "http://api.cloudflare.com/client/v4",
            "http://127.0.0.1.evil.com/",
            "http://10.0.0.1/",
            "ftp://127.0.0.1/",
            "https://user:pass@api.cloudflare.com/",
            "https://api.cloudflare.com/?x=1",
            "https://api.cloudflare.com/#x",
            "api.cloudflare.com",
            "",
        ] {
            let error = BaseUrl::parse(bad, false).expect_err(bad);
            assert_eq!(error.code(), Code::Unusable, "{bad}");
            assert!(!error.to_string().contains("pass"), "{error}");
        }
        for bad in [CLOUDFLARE, "https://1.1.1.1/client/v4"] {
            assert_eq!(BaseUrl::parse(bad, true).expect_err(bad).code(), Code::Unusable);
        }
    }
}
