//! A DNS record and the answer of a batch.

use super::or_default;
use serde::Deserialize;
use storex_core::{RecordFacts, Result};

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
    comment: Option<String>,
}

impl WireRecord {
    /// What is known of the record. Quotes around the content of a TXT record are the provider's spelling and are taken off.
    ///
    /// # Errors
    /// `cloudflare_answer` when the identifier cannot be one.
    pub(crate) fn facts(self) -> Result<RecordFacts> {
        let content = if self.record_type == "TXT" { unquoted(&self.content) } else { self.content };
        Ok(RecordFacts {
            id: self.id.parse()?,
            record_type: self.record_type,
            name: self.name.to_ascii_lowercase(),
            content,
            proxied: self.proxied,
            comment: self.comment.filter(|comment| !comment.is_empty()),
        })
    }
}

/// The text of a TXT record: `"a" "b"` is `ab`, text without quotes is itself (RFC 1035 §5.1).
fn unquoted(content: &str) -> String {
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
    use super::unquoted;

    #[test]
    fn the_quotes_of_txt_content_are_taken_off() {
        for (given, text) in [
            ("plain", "plain"),
            (r#""v=spf1 -all""#, "v=spf1 -all"),
            (r#""one" "two""#, "onetwo"),
            (r#""say \"hi\" \\""#, r#"say "hi" \"#),
            (r#"""#, r#"""#),
            (r#""""#, ""),
        ] {
            assert_eq!(unquoted(given), text, "{given}");
        }
    }
}
