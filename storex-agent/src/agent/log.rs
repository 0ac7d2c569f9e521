//! What a store's process wrote, without what its environment keeps secret.

use super::Inner;
use serde_json::Value;
use std::collections::BTreeMap;
use storex_core::{Result, StoreId};

/// Words in the name of a variable that make its value a secret.
const SECRET_WORDS: [&str; 6] = ["PASSWORD", "SECRET", "TOKEN", "KEY", "CREDENTIAL", "DB_HOST"];
/// Shorter values are not masked: they occur in any text.
const SHORTEST: usize = 6;
/// Most that a log in an error may hold, in bytes.
const EXCERPT: usize = 4096;

impl Inner {
    pub(super) async fn log_tail(&self, store: &StoreId, lines: usize) -> Result<Vec<String>> {
        let mut tail = self.processes.log_tail(store, lines).await?;
        if let Some(entry) = self.ledger.get(store) {
            let secrets = secrets(entry.environment());
            for line in &mut tail {
                mask(line, &secrets);
            }
        }
        Ok(tail)
    }
}

/// The newest of the lines that fit an error, oldest first.
pub(super) fn excerpt(lines: &[String]) -> String {
    let text = lines.join("\n");
    let mut from = text.len().saturating_sub(EXCERPT);
    while !text.is_char_boundary(from) {
        from += 1;
    }
    text.get(from..).unwrap_or_default().to_owned()
}

fn secrets(environment: Option<&BTreeMap<String, Value>>) -> Vec<&str> {
    let is_secret = |key: &str| SECRET_WORDS.iter().any(|word| key.to_ascii_uppercase().contains(word));
    let values = environment.into_iter().flatten().filter(|(key, _)| is_secret(key)).filter_map(|(_, value)| value.as_str());
    let mut values: Vec<&str> = values.filter(|value| value.len() >= SHORTEST).collect();
    // A secret may be part of another; the longer one goes first.
    values.sort_unstable_by_key(|value| std::cmp::Reverse(value.len()));
    values
}

fn mask(line: &mut String, secrets: &[&str]) {
    for secret in secrets {
        if line.contains(secret) {
            *line = line.replace(secret, "***");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn values_of_secret_variables_are_masked_and_others_are_not() {
        let environment = [
            ("DB_PASSWORD", json!("hunter2hunter2")),
            ("STORE_NAME", json!("oceanbreeze")),
            ("API_KEY", json!("hunter2hunter2xyz")),
            ("A_KEY", json!("ab")),
        ];
        let environment = environment.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
        let mut line = "oceanbreeze: ab hunter2hunter2xyz, hunter2hunter2!".to_owned();
        mask(&mut line, &secrets(Some(&environment)));
        assert_eq!(line, "oceanbreeze: ab ***, ***!");
    }

    #[test]
    fn an_excerpt_keeps_the_newest_bytes_and_whole_characters() {
        let lines = vec!["ä".repeat(5000), "the end".to_owned()];
        let text = excerpt(&lines);
        assert!(text.len() <= EXCERPT && text.len() > EXCERPT - 2 && text.ends_with("ä\nthe end"), "{}", text.len());
        assert_eq!(excerpt(&[]), "");
    }
}
