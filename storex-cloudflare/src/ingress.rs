//! Ingress documents: what cloudflared makes of them, decided here before it is asked.
//!
//! [`Ingress::parse`] accepts and refuses what cloudflared does, in its words, and [`Ingress::rule_for`] answers the rule it would take. Sources: cloudflared's
//! `ingress/ingress.go` (checks and their order, matching), `ingress/rule.go`, `ingress/config.go` and `config/configuration.go` (types),
//! `ipaccess/access.go`. The fixture `tests/fixtures/ingress-oracle.json` holds what a real cloudflared (2023.6.0) answered.
//!
//! What decides, and is easy to get wrong:
//!
//! - Rules are tried in order; the first that matches wins. The last must match everything, and no other may.
//! - The request's host is compared as it is, without its port: in its own case and script, a dot at the end included.
//! - `*.x.y` matches what ends in `.x.y` at any depth, and not `x.y`.
//! - A host name without a star also matches in lower case and punycode; a wildcard does not.
//! - `path` is an unanchored regular expression of Go's on the decoded path.
//!
//! # Stricter refusals
//!
//! | name | accepted by cloudflared | refused by storex |
//! |---|---|---|
//! | `wildcard_without_dot` | `*shop.com`, which matches no host name | always |
//! | `path_unicode_class` | `\pL`, `\p{Greek}`: as the Unicode tables of its Go have them | always |
//! | `path_named_group` | `(?<name>a)`, when built with Go 1.22 or later | always |
//! | `path_too_large` | patterns of up to 128 MiB and 1,000 levels; here 10 MiB and 250 levels | always |
//! | `ambiguous_address` | `http://a:b:80`, `http://[name]`, when built with Go before 1.26 | always |
//! | `repeated_key` | `hostname` and `Hostname` in one object | always |
//! | `upper_case` | `*.Storex.com`, which matches only requests written like that | in its own rules |
//! | `not_ascii` | `*.münchen.de`, which matches only requests that are not in punycode | in its own rules |
//! | `trailing_dot` | `storex.com.`, which matches only requests with that dot | in its own rules |
//! | `not_a_hostname` | any other text | in its own rules |
//! | `duplicate` | the same host name and path again | in its own rules |
//! | `unreachable` | `a.storex.com` behind `*.storex.com` | in its own rules |
//!
//! A rule somebody else wrote may be any of the last six: it is kept, and works as its author sees it work.

mod fields;
mod go_regexp;
mod go_text;
mod go_url;
mod host_index;
mod hostname;
mod invalid;
mod local;
mod order;
mod origin_request;
mod own;
mod service;
mod stricter;

pub use invalid::Invalid;
pub use local::{LocalTunnel, UnitOptions};
pub use order::canonical_order;
pub use stricter::Stricter;

use fields::Fields;
use go_regexp::GoRegexp;
use go_url::GoUrl;
use host_index::HostIndex;
use origin_request::OriginRequest;
use serde_json::Value;

/// A valid document, ready to answer which rule a request takes.
#[derive(Clone, Debug)]
pub struct Ingress {
    rules: Vec<Rule>,
    index: HostIndex,
}

/// A rule of a valid document.
#[derive(Clone, Debug)]
pub struct Rule {
    hostname: String,
    service: String,
    path: Option<(String, GoRegexp)>,
}

impl Rule {
    /// The host name as it is written; empty or `*` for all of them.
    pub fn hostname(&self) -> &str {
        &self.hostname
    }

    /// The pattern of the path; none matches all of them.
    pub fn path(&self) -> Option<&str> {
        self.path.as_ref().map(|(text, _)| text.as_str())
    }

    /// Where requests go.
    pub fn service(&self) -> &str {
        &self.service
    }
}

impl Ingress {
    /// Reads `{"ingress": […], "originRequest": {…}}`, the document of a remotely managed tunnel. Keys cloudflared does not know count for nothing.
    ///
    /// # Errors
    /// The first reason in cloudflared's order and words; where it has none, the first of storex's own that hold for every document.
    pub fn parse(document: &Value) -> Result<Self, Invalid> {
        let fields = Fields::of(Some(document), "the document")?;
        let defaults = OriginRequest::decode(fields.get("originRequest"))?;
        let written = fields.list("ingress")?.iter().map(Written::decode).collect::<Result<Vec<_>, _>>()?;
        if written.is_empty() {
            return Err(Invalid::by_cloudflared("The config file doesn't contain any ingress rules"));
        }
        let mut stricter = None;
        let mut ingress = Self { rules: Vec::with_capacity(written.len()), index: HostIndex::default() };
        for (index, rule) in written.iter().enumerate() {
            let (compiled, refused) = rule.check(index, written.len(), defaults)?;
            if stricter.is_none() {
                stricter = refused.map(|(kind, detail)| Invalid::by_storex(kind, index, &detail));
            }
            let punycode = hostname::punycode(rule.hostname);
            ingress.index.add(index, rule.hostname, punycode.as_deref());
            let path = compiled.map(|compiled| (rule.path.to_owned(), compiled));
            ingress.rules.push(Rule { hostname: rule.hostname.to_owned(), service: rule.service.to_owned(), path });
        }
        let repeated = fields.repeated().or_else(|| defaults.fields().repeated());
        let repeated = repeated.map(|(kind, detail)| Invalid::by_storex(kind, 0, &detail));
        stricter.or(repeated).map_or(Ok(ingress), Err)
    }

    /// As [`Ingress::parse`] for a document all of whose rules are storex's own.
    ///
    /// # Errors
    /// As [`Ingress::parse`]; where it has none, the first of storex's own that hold for its own rules.
    pub fn parse_own(document: &Value) -> Result<Self, Invalid> {
        let ingress = Self::parse(document)?;
        ingress.judge_own(|_| true)
    }

    /// As [`Ingress::parse`] for a document of which the rules with these numbers, from 0 and ascending, are storex's own.
    ///
    /// # Errors
    /// As [`Ingress::parse_own`], of those rules only.
    pub fn parse_with_own(document: &Value, own: &[usize]) -> Result<Self, Invalid> {
        let ingress = Self::parse(document)?;
        ingress.judge_own(|index| own.binary_search(&index).is_ok())
    }

    fn judge_own(self, is_own: impl Fn(usize) -> bool) -> Result<Self, Invalid> {
        match own::refused(&self.rules, is_own) {
            Some((kind, index, detail)) => Err(Invalid::by_storex(kind, index, &detail)),
            None => Ok(self),
        }
    }

    /// The rules in their order.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// The number, from 0, of the rule that takes a request for this host, with or without port, and this decoded path.
    pub fn rule_for(&self, host: &str, path: &str) -> usize {
        let host = hostname::split_port(host).unwrap_or(host);
        let matches = |rule: usize| {
            let pattern = self.rules.get(rule).and_then(|rule| rule.path.as_ref());
            pattern.is_none_or(|(_, pattern)| pattern.is_match(path))
        };
        self.index.first(host, matches).unwrap_or(self.rules.len() - 1)
    }

    /// As [`Ingress::rule_for`] for a URL, read as `cloudflared tunnel ingress rule URL` does; none when it is no URL with a host or a scheme, or has a host
    /// that current versions of Go refuse, such as `a:b:80`.
    pub fn rule_for_url(&self, url: &str) -> Option<usize> {
        let url = GoUrl::parse(url)
            .ok()
            .filter(|url| !url.has_ambiguous_host() && (!url.scheme.is_empty() || !url.host().is_empty()))?;
        Some(self.rule_for(url.host(), &url.path))
    }
}

/// What is compiled of a rule, and what storex refuses of it.
type Checked = (Option<GoRegexp>, Option<(Stricter, String)>);

/// A rule as it is written.
#[derive(Clone, Copy, Debug)]
struct Written<'v> {
    hostname: &'v str,
    path: &'v str,
    service: &'v str,
    origin_request: OriginRequest<'v>,
    fields: Fields<'v>,
}

impl<'v> Written<'v> {
    fn decode(rule: &'v Value) -> Result<Self, Invalid> {
        let fields = Fields::of(Some(rule), "ingress")?;
        let origin_request = OriginRequest::decode(fields.get("originRequest"))?;
        let text = |name| fields.text(name);
        Ok(Self { hostname: text("hostname")?, path: text("path")?, service: text("service")?, origin_request, fields })
    }

    /// The order of the checks is cloudflared's, so that the first refusal is the same.
    fn check(self, index: usize, total: usize, defaults: OriginRequest<'_>) -> Result<Checked, Invalid> {
        let bastion = self.origin_request.bastion().or(defaults.bastion()).unwrap_or(false);
        let address = service::check(self.service, self.origin_request, bastion)?;
        self.origin_request.check_access()?;
        hostname::check(self.hostname, !self.path.is_empty(), index, total)?;
        let repeated = self.fields.repeated().or_else(|| self.origin_request.fields().repeated());
        let wildcard =
            self.hostname.len() > 1 && self.hostname.starts_with('*') && hostname::wildcard_suffix(self.hostname).is_none();
        let wildcard = wildcard.then(|| (Stricter::WildcardWithoutDot, format!("hostname {}", self.hostname)));
        let refused = address.or(repeated).or(wildcard);
        if self.path.is_empty() {
            return Ok((None, refused));
        }
        let invalid = |error| Invalid::by_cloudflared(format!("Rule #{} has an invalid regex: {error}", index + 1));
        match GoRegexp::compile(self.path).map_err(invalid)? {
            Ok(pattern) => Ok((Some(pattern), refused)),
            Err(stricter) => Ok((None, refused.or(Some(stricter)))),
        }
    }
}
