//! `config.yml`.

use super::yaml::{self, Yaml};
use super::{LocalTunnel, duration};
use storex_core::IngressRule;

impl LocalTunnel {
    /// The text of `config.yml` for `cloudflared --config FILE tunnel run`. Settings that were not made are left to cloudflared.
    #[must_use]
    pub fn config_yml(&self) -> String {
        let grace = self.grace_period.map(duration::shown);
        let proxy = self.origin.proxy_address.map(|address| address.to_string());
        let origin = [
            ("http2Origin", self.origin.http2_origin.map(Yaml::Flag)),
            ("noTLSVerify", self.origin.no_tls_verify.map(Yaml::Flag)),
            ("proxyAddress", proxy.as_deref().map(Yaml::Text)),
        ];
        let origin: Vec<_> = origin.into_iter().filter_map(|(key, value)| value.map(|value| (key, value))).collect();
        let entries = [
            ("tunnel", Some(Yaml::Text(&self.tunnel))),
            ("credentials-file", Some(Yaml::Text(&self.credentials_file))),
            ("metrics", self.metrics.as_deref().map(Yaml::Text)),
            ("retries", self.retries.map(Yaml::Number)),
            ("grace-period", grace.as_deref().map(Yaml::Text)),
            ("originRequest", (!origin.is_empty()).then_some(Yaml::Map(origin))),
            ("ingress", Some(Yaml::List(self.rules.iter().map(rule).collect()))),
        ];
        yaml::document(&entries.into_iter().filter_map(|(key, value)| value.map(|value| (key, value))).collect::<Vec<_>>())
    }
}

fn rule(rule: &IngressRule) -> Vec<(&'static str, Yaml<'_>)> {
    let path = rule.rest.get("path").and_then(|path| path.as_str());
    let hostname = rule.hostname.as_deref().map(|hostname| ("hostname", Yaml::Text(hostname)));
    let path = path.map(|path| ("path", Yaml::Text(path)));
    hostname.into_iter().chain(path).chain([("service", Yaml::Text(&rule.service))]).collect()
}
