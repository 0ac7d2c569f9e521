//! Standard output for data, standard error for everything else.

use super::failure::Outcome;
use serde::Serialize;
use serde_json::Value;
use std::io::Write;

/// Where a command writes, and in which form.
#[derive(Debug)]
pub(super) struct Streams {
    /// True for JSON.
    pub(super) json: bool,
}

impl Streams {
    pub(super) fn new(json: bool) -> Self {
        Self { json }
    }

    /// Writes data as it is. A reader that is gone ends the command quietly.
    #[expect(clippy::unused_self, reason = "whoever holds the streams may write")]
    pub(super) fn data(&mut self, text: &str) -> Outcome {
        let mut out = std::io::stdout().lock();
        out.write_all(text.as_bytes())?;
        Ok(out.flush()?)
    }

    /// Writes a JSON document, or what people read.
    pub(super) fn answer(&mut self, document: &Value, people: impl FnOnce() -> Result<String, super::Failure>) -> Outcome {
        let text = if self.json { pretty(document) } else { people()? };
        self.data(&text)
    }

    /// Writes a line for people, control characters made visible; nothing with `--json`, whose standard error is one document.
    pub(super) fn note(&mut self, line: &str) {
        if !self.json {
            self.error(&paragraph([line]));
        }
    }

    /// Writes to standard error as it is.
    #[expect(clippy::unused_self, reason = "whoever holds the streams may write")]
    pub(super) fn error(&mut self, text: &str) {
        // Nobody is left to tell when standard error is gone.
        let _gone = std::io::stderr().lock().write_all(text.as_bytes());
    }
}

/// A document as JSON for people and programs.
pub(super) fn pretty(document: &impl Serialize) -> String {
    let text = serde_json::to_string_pretty(document).unwrap_or_else(|_| "null".to_owned());
    format!("{text}\n")
}

/// Lines for people, each ended, control characters made visible.
pub(super) fn paragraph<L: AsRef<str>>(lines: impl IntoIterator<Item = L>) -> String {
    let mut text = String::new();
    for line in lines {
        text.push_str(&printable(line.as_ref()));
        text.push('\n');
    }
    text
}

/// The text with control characters replaced: a store's log line or name must not steer the terminal.
fn printable(text: &str) -> String {
    let shown = |character: char| {
        if character.is_control() && character != '\t' { char::REPLACEMENT_CHARACTER } else { character }
    };
    text.chars().map(shown).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_steer_a_terminal_is_made_visible() {
        assert_eq!(printable("a\tä\u{1b}[31mred\u{9b}0m\r"), "a\tä\u{fffd}[31mred\u{fffd}0m\u{fffd}");
    }
}
