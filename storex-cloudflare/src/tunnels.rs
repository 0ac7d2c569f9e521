//! Tunnels and their configuration over the Cloudflare API.

use crate::account::CloudflareAccount;
use crate::api::tunnels;
use crate::error::Failure;
use crate::ingress::Ingress;
use crate::page;
use crate::taxonomy::Standing;
use async_trait::async_trait;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::collections::HashMap;
use storex_core::{
    Code, ConnectorFacts, ConnectorId, EffectCx, Error, IngressRule, Result, Secret, TunnelDocument, TunnelFacts, TunnelId,
    TunnelRoutes,
};

/// The [`TunnelRoutes`] over the Cloudflare API.
///
/// The configuration is one document without a precondition on the wire, and its version rises with every PUT, also one that changes nothing.
/// So `store` reads the version just before it writes, skips a write that would change nothing, and refuses a document cloudflared would not accept
/// before it is sent: two calls, or one.
#[derive(Clone, Debug)]
pub struct CloudflareTunnels {
    account: CloudflareAccount,
}

impl CloudflareTunnels {
    /// Tunnels of this account.
    pub fn new(account: CloudflareAccount) -> Self {
        Self { account }
    }

    async fn named(&self, name: &str, deadline: Option<Timestamp>) -> Result<Option<TunnelFacts>> {
        let list = tunnels::named(self.account.id(), name);
        let found = page::read_all(self.account.client(), &list, tunnels::PER_PAGE, deadline).await?;
        let live = found.into_iter().find(|tunnel| tunnel.name == name && tunnel.deleted_at.is_none());
        live.map(|tunnel| tunnel.facts()).transpose()
    }

    async fn configuration(&self, id: &TunnelId, deadline: Option<Timestamp>) -> Result<(u64, TunnelDocument)> {
        let endpoint = tunnels::configuration(self.account.id(), id);
        let found = self.account.client().read(&endpoint, deadline).await?.result;
        Ok((found.version, found.config))
    }

    async fn replace(&self, cx: &EffectCx, id: &TunnelId, document: &TunnelDocument, expected_version: u64) -> Result<u64> {
        let (version, current) = self.configuration(id, Some(cx.deadline)).await?;
        if version != expected_version {
            let message =
                format!("the tunnel's configuration has version {version}, not {expected_version}: somebody else wrote it");
            return Err(Error::new(Code::VersionConflict, message));
        }
        if same_document(&current, document) {
            return Ok(version);
        }
        check(document, &current)?;
        let put = tunnels::put_configuration(self.account.id(), id, document);
        let written = self.account.client().effect(&put, cx.deadline).await?.version;
        if written != expected_version + 1 {
            tracing::warn!(%id, expected_version, written, "somebody else wrote the tunnel's configuration in the moment between look and write");
        }
        Ok(written)
    }
}

/// Refuses what cloudflared would, since a connector that cannot read its configuration stays at the one before; and of the rules that are not there
/// yet, which are storex's own, also what storex never writes.
fn check(document: &TunnelDocument, current: &TunnelDocument) -> Result<()> {
    let mut known: HashMap<&str, Vec<Value>> = HashMap::new();
    for rule in &current.ingress {
        known.entry(rule.hostname.as_deref().unwrap_or_default()).or_default().push(canonical(&json!(rule)));
    }
    let is_own = |rule: &IngressRule| {
        let of_its_name = known.get(rule.hostname.as_deref().unwrap_or_default());
        !of_its_name.is_some_and(|known| known.contains(&canonical(&json!(rule))))
    };
    let own: Vec<usize> = (0..).zip(&document.ingress).filter(|(_, rule)| is_own(rule)).map(|(index, _)| index).collect();
    match Ingress::parse_with_own(&json!(document), &own) {
        Ok(_) => Ok(()),
        Err(invalid) => Err(Error::new(Code::CloudflareRefused, format!("the tunnel's configuration was not sent: {invalid}"))),
    }
}

/// Whether both say the same: what is absent, `null` or an empty object does not count, nor `warp-routing` switched off, which Cloudflare adds to
/// documents that do not mention it.
fn same_document(one: &TunnelDocument, other: &TunnelDocument) -> bool {
    canonical(&json!(one)) == canonical(&json!(other))
}

fn canonical(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let says_nothing = |key: &str, value: &Value| match value {
                Value::Null => true,
                Value::Object(fields) => fields.is_empty() || (key == "warp-routing" && *value == json!({"enabled": false})),
                Value::String(text) => key == "hostname" && text.is_empty(),
                _ => false,
            };
            let kept = fields
                .iter()
                .map(|(key, value)| (key.clone(), canonical(value)))
                .filter(|(key, value)| !says_nothing(key, value));
            Value::Object(kept.collect())
        }
        Value::Array(items) => items.iter().map(canonical).collect(),
        other => other.clone(),
    }
}

#[async_trait]
impl TunnelRoutes for CloudflareTunnels {
    async fn find(&self, name: &str) -> Result<Option<TunnelFacts>> {
        self.named(name, None).await.map_err(|error| error.during("tunnel.find"))
    }

    async fn create(&self, cx: &EffectCx, name: &str) -> Result<TunnelFacts> {
        let during = |error: Error| error.during("tunnel.create").with("detail", name);
        match self.account.client().effect(&tunnels::create(self.account.id(), name), cx.deadline).await {
            Ok(tunnel) => tunnel.facts().map_err(|error| during(error.into_unclear())),
            Err(Failure::Refused(refusal)) if refusal.is_tunnel_exists() => {
                Err(during(Error::new(Code::ForeignObject, format!("the account has a tunnel {name} already"))))
            }
            Err(failure) => Err(during(failure.into())),
        }
    }

    async fn load(&self, id: &TunnelId) -> Result<(u64, TunnelDocument)> {
        self.configuration(id, None).await.map_err(|error| error.during("tunnel.load"))
    }

    async fn store(&self, cx: &EffectCx, id: &TunnelId, document: &TunnelDocument, expected_version: u64) -> Result<u64> {
        self.replace(cx, id, document, expected_version).await.map_err(|error| error.during("tunnel.store"))
    }

    async fn remove(&self, cx: &EffectCx, id: &TunnelId) -> Result<()> {
        match self.account.client().effect(&tunnels::delete(self.account.id(), id), cx.deadline).await {
            Ok(_) => Ok(()),
            Err(Failure::Refused(refusal)) if refusal.standing() == Standing::Done => Ok(()),
            Err(failure) => Err(Error::from(failure).during("tunnel.remove")),
        }
    }

    async fn connectors(&self, id: &TunnelId) -> Result<Vec<ConnectorFacts>> {
        let during = |error: Error| error.during("tunnel.connectors");
        let endpoint = tunnels::connections(self.account.id(), id);
        let answer = self.account.client().read(&endpoint, None).await.map_err(|failure| during(failure.into()))?;
        answer.result.iter().flatten().map(|connector| connector.facts().map_err(during)).collect()
    }

    async fn reset_connector(&self, cx: &EffectCx, id: &TunnelId, connector: &ConnectorId) -> Result<()> {
        let endpoint = tunnels::drop_connections(self.account.id(), id, connector);
        match self.account.client().effect(&endpoint, cx.deadline).await {
            Ok(_) => Ok(()),
            Err(failure) => Err(Error::from(failure).during("tunnel.reset_connector").with("detail", connector)),
        }
    }

    async fn run_token(&self, id: &TunnelId) -> Result<Secret<String>> {
        let endpoint = tunnels::token(self.account.id(), id);
        let answer = self.account.client().read(&endpoint, None).await;
        answer.map(|answer| Secret::new(answer.result)).map_err(|failure| Error::from(failure).during("tunnel.run_token"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(value: Value) -> TunnelDocument {
        serde_json::from_value(value).expect("a document")
    }

    #[test]
    fn documents_that_differ_only_in_what_says_nothing_are_the_same() {
        let plain =
            json!({"ingress": [{"hostname": "a.com", "service": "http://127.0.0.1:4001"}, {"service": "http_status:404"}]});
        for same in [
            json!({"warp-routing": {"enabled": false}, "ingress": [{"service": "http://127.0.0.1:4001", "originRequest": {}, "hostname": "a.com"}, {"hostname": "", "service": "http_status:404"}]}),
            json!({"originRequest": {}, "ingress": [{"hostname": "a.com", "path": null, "service": "http://127.0.0.1:4001"}, {"service": "http_status:404"}]}),
        ] {
            assert!(same_document(&document(plain.clone()), &document(same.clone())), "{same}");
        }
        for other in [
            json!({"warp-routing": {"enabled": true}, "ingress": plain["ingress"]}),
            json!({"originRequest": {"connectTimeout": 5}, "ingress": plain["ingress"]}),
            json!({"ingress": [{"service": "http_status:404"}, {"hostname": "a.com", "service": "http://127.0.0.1:4001"}]}),
            json!({"ingress": [{"hostname": "a.com", "service": "http://127.0.0.1:4002"}, {"service": "http_status:404"}]}),
        ] {
            assert!(!same_document(&document(plain.clone()), &document(other.clone())), "{other}");
        }
    }
}
