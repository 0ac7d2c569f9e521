//! A DNS record and the answer of a batch.

use super::or_default;
use serde::Deserialize;
use serde_json::Value;
use storex_core::{RecordContent, RecordFacts, RecordType, Result, TxtText};

/// A record as answered.
#[derive(Debug, Deserialize)]
pub(crate) struct WireRecord {
    id: String,
    #[serde(rename = "type")]
    record_type: String,
    name: String,
    #[serde(default, deserialize_with = "or_default")]
    content: String,
    #[serde(default, deserialize_with = "or_default")]
    proxied: bool,
    #[serde(default)]
    ttl: Option<u32>,
    #[serde(default)]
    priority: Option<Value>,
    #[serde(default)]
    data: Option<Value>,
    #[serde(default)]
    comment: Option<String>,
}

impl WireRecord {
    /// What is known of the record. The content of a type storex writes is in its one spelling; any other, and what storex would not write, is as
    /// Cloudflare spells it.
    ///
    /// # Errors
    /// `cloudflare_answer` when the identifier cannot be one.
    pub(crate) fn facts(self) -> Result<RecordFacts> {
        let content = self.canonical().map_or_else(|| self.content.clone(), |content| content.to_string());
        Ok(RecordFacts {
            id: self.id.parse()?,
            record_type: self.record_type,
            name: self.name.to_ascii_lowercase(),
            content,
            proxied: self.proxied,
            ttl: self.ttl.unwrap_or(1),
            comment: self.comment.filter(|comment| !comment.is_empty()),
        })
    }

    /// The content as a typed one. Cloudflare keeps an MX record's priority beside its content, and the parts of SRV and CAA in `data`; the text it derives
    /// from these differs between versions of its API, so it is read only where there is no `data`.
    fn canonical(&self) -> Option<RecordContent> {
        let part = |field: &str| {
            let value =
                self.data.as_ref().and_then(|data| data.get(field)).or(self.priority.as_ref().filter(|_| field == "priority"))?;
            Some(value.as_str().map_or_else(|| value.to_string(), str::to_owned))
        };
        let parts =
            |fields: &[&str]| fields.iter().map(|field| part(field)).collect::<Option<Vec<_>>>().map(|parts| parts.join(" "));
        let record_type: RecordType = self.record_type.parse().ok()?;
        let text = match record_type {
            RecordType::Txt => TxtText::unquote(&self.content)?,
            RecordType::Mx => format!("{} {}", part("priority")?, self.content),
            RecordType::Srv => parts(&["priority", "weight", "port", "target"]).unwrap_or_else(|| self.content.clone()),
            RecordType::Caa => parts(&["flags", "tag", "value"]).unwrap_or_else(|| self.content.clone()),
            _ => self.content.clone(),
        };
        RecordContent::parse(record_type, &text).ok()
    }
}

/// The text of a TXT record: `"a" "b"` is `ab`, text without quotes is itself (RFC 1035 §5.1).
pub(crate) fn unquoted(content: &str) -> String {
    if !(content.len() >= 2 && content.starts_with('"') && content.ends_with('"')) {
        return content.to_owned();
    }
    let (mut text, mut quoted, mut escaped) = (String::new(), false, false);
    for sign in content.chars() {
        match sign {
            _ if escaped => {
                text.push(sign);
                escaped = false;
            }
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ if quoted => text.push(sign),
            _ => {}
        }
    }
    text
}

/// What a review answers: the records that were added.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct WireReview {
    /// Records as made.
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) accepts: Vec<WireRecord>,
}

/// How many records a zone holds and may hold (API reference, "DNS record usage"); no quota is none known.
#[derive(Debug, Deserialize)]
pub(crate) struct WireUsage {
    /// Records the plan allows.
    #[serde(default)]
    pub(crate) record_quota: Option<usize>,
    /// Records there are.
    #[serde(default)]
    pub(crate) record_usage: usize,
}

/// What a batch answers: the records of each list, in the order they were sent.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct WireBatch {
    /// Records as patched.
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) patches: Vec<WireRecord>,
    /// Records as made.
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) posts: Vec<WireRecord>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_type_is_read_into_its_one_spelling() {
        for (record, content) in [
            (json!({"type": "A", "content": "198.51.100.7"}), "198.51.100.7"),
            (json!({"type": "AAAA", "content": "2001:DB8:0::7"}), "2001:db8::7"),
            (json!({"type": "CNAME", "content": "T.CfArgoTunnel.com"}), "t.cfargotunnel.com"),
            (json!({"type": "TXT", "content": "\"one\" \"two\""}), "onetwo"),
            (json!({"type": "TXT", "content": "plain"}), "plain"),
            (json!({"type": "MX", "content": "Mail.net", "priority": 10}), "10 mail.net"),
            (
                json!({"type": "SRV", "content": "5\t5060\tsip.net", "priority": 10, "data": {"priority": 10, "weight": 5, "port": 5060, "target": "sip.net"}}),
                "10 5 5060 sip.net",
            ),
            (json!({"type": "SRV", "content": "10 5 5060 sip.net."}), "10 5 5060 sip.net"),
            (
                json!({"type": "CAA", "content": "0 issue letsencrypt.org", "data": {"flags": 0, "tag": "issue", "value": "letsencrypt.org"}}),
                "0 issue \"letsencrypt.org\"",
            ),
            (json!({"type": "CAA", "content": "0 issue \"ca.net; policy=ev\""}), "0 issue \"ca.net; policy=ev\""),
            // What storex would not write stays as Cloudflare spells it.
            (json!({"type": "TXT", "content": "\"ü\""}), "\"ü\""),
            (json!({"type": "LOC", "content": "51 30 12.748 N"}), "51 30 12.748 N"),
            (json!({"type": "MX", "content": "mail.net"}), "mail.net"),
        ] {
            let mut record = record;
            record["id"] = json!("a1");
            record["name"] = json!("WWW.shop.com");
            let facts = serde_json::from_value::<WireRecord>(record.clone()).expect("a record").facts().expect("facts");
            assert_eq!((facts.content.as_str(), facts.name.as_str(), facts.ttl), (content, "www.shop.com", 1), "{record}");
        }
    }
}
