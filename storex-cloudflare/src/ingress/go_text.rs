//! Text as Go prints and decodes it.

use std::fmt::Write;

/// A quoted text as in Go's messages (`strconv.Quote`), for the characters that occur in documents.
pub(super) fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for symbol in text.chars() {
        let letter = match symbol {
            '\u{7}' => 'a',
            '\u{8}' => 'b',
            '\u{c}' => 'f',
            '\n' => 'n',
            '\r' => 'r',
            '\t' => 't',
            '\u{b}' => 'v',
            '"' | '\\' => symbol,
            _ if symbol.is_ascii_control() => {
                let _written = write!(quoted, "\\x{:02x}", u32::from(symbol));
                continue;
            }
            _ => {
                quoted.push(symbol);
                continue;
            }
        };
        quoted.extend(['\\', letter]);
    }
    quoted.push('"');
    quoted
}

/// Bytes as characters, each byte that belongs to none as U+FFFD: what Go's loops over a text see (`unicode/utf8`).
pub(super) fn text_of(bytes: impl IntoIterator<Item = u8>) -> String {
    let bytes: Vec<u8> = bytes.into_iter().collect();
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|_| char::REPLACEMENT_CHARACTER));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_and_control_characters_are_written_as_go_writes_them() {
        assert_eq!(quoted("a\"\\\n\u{1}ü"), "\"a\\\"\\\\\\n\\x01ü\"");
    }

    #[test]
    fn each_byte_that_is_no_character_stands_for_itself() {
        assert_eq!(text_of(*b"a\xe2\x82z\xff"), "a\u{fffd}\u{fffd}z\u{fffd}");
    }
}
