//! A record as a caller wishes it: the fields of a request laid over defaults (POST, PUT) or over the stored record
//! (PATCH). Types are checked here, meaning in `dns_rules`.

use serde_json::{Map, Value, json};

use super::envelope::Refusal;
use super::state::DnsRecord;

/// The fields a caller may set.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Draft {
    pub(super) kind: String,
    pub(super) name: String,
    pub(super) content: String,
    pub(super) proxied: bool,
    pub(super) ttl: u64,
    pub(super) comment: Option<String>,
    pub(super) tags: Vec<String>,
    pub(super) priority: Option<u64>,
    pub(super) data: Option<Value>,
    pub(super) settings: Value,
}

impl Draft {
    /// What POST and PUT start from: every field that is not sent has its default, so a PUT without `proxied` takes a
    /// record out of the proxy.
    pub(super) fn blank() -> Self {
        Self {
            kind: String::new(),
            name: String::new(),
            content: String::new(),
            proxied: false,
            ttl: 1,
            comment: None,
            tags: Vec::new(),
            priority: None,
            data: None,
            settings: json!({}),
        }
    }

    /// What PATCH starts from: every field that is not sent keeps its value.
    pub(super) fn of(record: &DnsRecord) -> Self {
        Self {
            kind: record.kind.clone(),
            name: record.name.clone(),
            content: record.content.clone(),
            proxied: record.proxied,
            ttl: u64::from(record.ttl),
            comment: record.comment.clone(),
            tags: record.tags.clone(),
            priority: record.priority.map(u64::from),
            data: record.data.clone(),
            settings: record.settings.clone(),
        }
    }

    /// Lays the sent fields over this draft. Unknown fields are ignored, as Cloudflare ignores them.
    ///
    /// # Errors
    /// 400/9207 naming the field whose JSON type is wrong.
    pub(super) fn merge(mut self, body: &Map<String, Value>) -> Result<Self, Refusal> {
        for (field, value) in body {
            self.set(field, value)
                .ok_or_else(|| Refusal::new(400, 9207, format!("Request body is invalid: {field}")).at(&format!("/{field}")))?;
        }
        Ok(self)
    }

    /// `None` when the value has the wrong type.
    fn set(&mut self, field: &str, value: &Value) -> Option<()> {
        match field {
            "type" => self.kind = value.as_str()?.to_ascii_uppercase(),
            "name" => value.as_str()?.clone_into(&mut self.name),
            "content" => value.as_str()?.trim().clone_into(&mut self.content),
            "proxied" => self.proxied = value.as_bool()?,
            "ttl" => self.ttl = value.as_u64()?,
            "priority" => self.priority = Some(value.as_u64()?),
            "comment" if value.is_null() => self.comment = None,
            "comment" => self.comment = Some(value.as_str()?.to_owned()).filter(|text| !text.is_empty()),
            "tags" => self.tags = texts(value)?,
            "data" => self.data = Some(value.as_object().map(|data| Value::Object(data.clone()))?),
            "settings" => self.settings = value.as_object().map(|settings| Value::Object(settings.clone()))?,
            _ => {}
        }
        Some(())
    }
}

fn texts(value: &Value) -> Option<Vec<String>> {
    value.as_array()?.iter().map(|item| item.as_str().map(str::to_owned)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(value: &Value) -> Map<String, Value> {
        value.as_object().cloned().expect("an object")
    }

    #[test]
    fn put_resets_what_it_does_not_send_and_patch_keeps_it() {
        let full = fields(&json!({"type": "CNAME", "name": "www", "content": "a.b", "proxied": true, "comment": "mine"}));
        let stored = Draft::blank().merge(&full).expect("types are right");
        let sent = fields(&json!({"type": "CNAME", "name": "www", "content": "c.d"}));
        let put = Draft::blank().merge(&sent).expect("types are right");
        assert_eq!((put.proxied, put.comment), (false, None));
        let patched = stored.merge(&sent).expect("types are right");
        assert_eq!((patched.proxied, patched.comment.as_deref(), &*patched.content), (true, Some("mine"), "c.d"));
    }

    #[test]
    fn a_field_of_the_wrong_type_is_named() {
        for (field, value) in [
            ("type", json!(1)),
            ("name", json!(null)),
            ("content", json!({})),
            ("proxied", json!("true")),
            ("ttl", json!("60")),
            ("ttl", json!(-1)),
            ("ttl", json!(60.5)),
            ("comment", json!(7)),
            ("tags", json!(["a:b", 1])),
            ("priority", json!("10")),
            ("data", json!("10 5 5060 sip")),
            ("settings", json!([])),
        ] {
            let refusal = Draft::blank().merge(&fields(&json!({field: value}))).expect_err(field);
            assert_eq!(refusal, Refusal::new(400, 9207, format!("Request body is invalid: {field}")).at(&format!("/{field}")));
        }
    }
}
