//! The text of a TXT record, and the quoted strings it is written as.

use super::refused;
use crate::{Error, Result};
use std::fmt;
use std::str::FromStr;

/// Longest text. Cloudflare takes records of 4,096 bytes on the wire (cloudflare/cloudflare-docs pull request 29286, 2026-03-24), of which the longest
/// name, the lengths of the strings and the record's head take 280 at most.
const MOST: usize = 3800;
/// Longest single string (RFC 1035 §3.3.14; Cloudflare's API reference, TXT record: quoted "character strings" of up to 255 bytes each).
const STRING: usize = 255;

/// The text of a TXT record: printable ASCII, 1 to 3,800 bytes. How it is cut into strings has no meaning (RFC 7208 §3.3), so it is kept whole.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TxtText(String);

impl TxtText {
    /// The text, without quotes.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The text as quoted strings of at most 255 bytes, escapes counted: `"v=spf1 -all"`, `"aaa…" "aa"`.
    pub fn quoted(&self) -> String {
        let mut strings = vec![String::new()];
        for sign in self.0.chars() {
            let escape = matches!(sign, '"' | '\\');
            let room = strings.last().is_some_and(|last| last.len() + 1 + usize::from(escape) <= STRING);
            if !room {
                strings.push(String::new());
            }
            if let Some(last) = strings.last_mut() {
                last.extend(escape.then_some('\\'));
                last.push(sign);
            }
        }
        format!("\"{}\"", strings.join("\" \""))
    }

    /// The text of a record's content as a zone file or a provider spells it: `"a" "b"` is `ab`, text without quotes is itself. Escapes are `\x` and
    /// `\DDD` (RFC 1035 §5.1). None when quotes do not pair up or the text is no UTF-8.
    pub fn unquote(content: &str) -> Option<String> {
        if !content.starts_with('"') {
            return Some(content.to_owned());
        }
        let (mut bytes, mut quoted) = (Vec::new(), false);
        let mut rest = content.bytes().peekable();
        while let Some(byte) = rest.next() {
            match byte {
                b'"' => quoted = !quoted,
                b'\\' if quoted => {
                    let first = rest.next()?;
                    let mut number = u16::from(first.wrapping_sub(b'0'));
                    if !first.is_ascii_digit() {
                        bytes.push(first);
                        continue;
                    }
                    for _ in 0..2 {
                        let digit = rest.next_if(u8::is_ascii_digit)?;
                        number = number * 10 + u16::from(digit - b'0');
                    }
                    bytes.push(u8::try_from(number).ok()?);
                }
                _ if quoted => bytes.push(byte),
                b' ' | b'\t' => {}
                _ => return None,
            }
        }
        if quoted { None } else { String::from_utf8(bytes).ok() }
    }
}

impl FromStr for TxtText {
    type Err = Error;

    /// Reads the text itself; quotes in it are part of it.
    fn from_str(text: &str) -> Result<Self> {
        let refuse = |why, fix| Err(refused("content", text, why, fix));
        if text.is_empty() {
            return refuse("is an empty text", "send the text of the TXT record");
        }
        if text.len() > MOST {
            return refuse("is longer than 3,800 bytes", "send less, or spread it over several records");
        }
        // Providers spell other bytes in several ways, so that what is read back could not be compared.
        if !text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()) {
            return refuse("holds other signs than printable ASCII", "send it encoded, such as in base64");
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for TxtText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn quotes_and_escapes_are_taken_off() {
        for (given, text) in [
            ("plain", Some("plain")),
            (r#""v=spf1 -all""#, Some("v=spf1 -all")),
            (r#""one" "two""#, Some("onetwo")),
            (r#""say \"hi\" \\""#, Some(r#"say "hi" \"#)),
            (r#""\065\066C""#, Some("ABC")),
            (r#""\195\188""#, Some("ü")),
            (r#""""#, Some("")),
            (r#"""#, None),
            (r#""open"#, None),
            (r#""a" b"#, None),
            (r#""\25""#, None),
            (r#""\256""#, None),
            (r#""\255""#, None),
        ] {
            assert_eq!(TxtText::unquote(given).as_deref(), text, "{given}");
        }
    }

    #[test]
    fn long_text_is_cut_at_255_bytes_and_never_inside_an_escape() {
        let text: TxtText = "a".repeat(600).parse().unwrap();
        let lengths: Vec<usize> = text.quoted().split(' ').map(|part| part.len() - 2).collect();
        assert_eq!(lengths, [255, 255, 90]);
        let odd: TxtText = format!("{}\"b", "a".repeat(254)).parse().unwrap();
        assert_eq!(odd.quoted(), format!("\"{}\" \"\\\"b\"", "a".repeat(254)));
    }

    #[test]
    fn text_that_could_not_be_compared_is_refused_with_a_fix() {
        for text in ["", "tab\t", "line\n", "ü", &"a".repeat(3801)] {
            let error = text.parse::<TxtText>().expect_err(text);
            assert_eq!(error.pointer_str(), Some("/content"));
            assert!(error.message().contains("; send "), "{error}");
        }
    }

    proptest! {
        #[test]
        fn what_is_quoted_reads_back_as_itself(text in "[ -~]{1,700}") {
            let text: TxtText = text.parse().unwrap();
            let quoted = text.quoted();
            prop_assert_eq!(TxtText::unquote(&quoted), Some(text.to_string()));
        }
    }
}
