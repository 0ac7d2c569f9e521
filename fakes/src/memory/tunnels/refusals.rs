//! Documents the twin refuses: what cloudflared does, and new rules storex would not write.

use crate::cloudflare::ingress;
use serde_json::{Value, json};
use storex_core::{Code, Error, Hostname, IngressRule, Result, TunnelDocument};

/// Refuses a document in place of the current one.
pub(super) fn check(document: &TunnelDocument, current: &TunnelDocument) -> Result<()> {
    let refused = |why: String| Error::new(Code::CloudflareRefused, why);
    if document.ingress.is_empty() {
        return Err(refused("the document has no ingress rules".to_owned()));
    }
    if let Value::Object(config) = json!(document) {
        ingress::validate(&config).map_err(refused)?;
    }
    for (index, rule) in document.ingress.iter().enumerate().filter(|(_, rule)| !current.ingress.contains(rule)) {
        let earlier = document.ingress.get(..index).unwrap_or_default();
        if let Some(why) = of_itself(rule).or_else(|| earlier.iter().find_map(|first| beside(first, rule))) {
            return Err(refused(format!("rule #{} {why}", index + 1)));
        }
    }
    Ok(())
}

fn name(rule: &IngressRule) -> &str {
    rule.hostname.as_deref().filter(|name| *name != "*").unwrap_or_default()
}

fn path(rule: &IngressRule) -> &str {
    rule.rest.get("path").and_then(Value::as_str).unwrap_or_default()
}

fn of_itself(rule: &IngressRule) -> Option<String> {
    let plain = name(rule).strip_prefix("*.").unwrap_or_else(|| name(rule));
    let sound = plain.is_empty() || plain.parse::<Hostname>().is_ok_and(|parsed| parsed.as_str() == plain);
    (!sound).then(|| format!("has the host name {plain}, which no browser asks for"))
}

fn beside(first: &IngressRule, rule: &IngressRule) -> Option<String> {
    let paths = path(first).is_empty() || path(first) == path(rule);
    let hosts = match name(first).strip_prefix('*') {
        Some(end) => !name(rule).is_empty() && name(rule).trim_start_matches('*').ends_with(end),
        None => name(first).is_empty() || name(first) == name(rule),
    };
    (paths && hosts).then(|| format!("for {} takes no request: an earlier rule does", name(rule)))
}
