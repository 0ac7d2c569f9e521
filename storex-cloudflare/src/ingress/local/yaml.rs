//! A little YAML: maps and lists whose every text stands in quotes, so that no text can become anything else.

use std::fmt::Write;

/// A value, as far as a configuration needs one.
#[derive(Debug)]
pub(super) enum Yaml<'t> {
    Text(&'t str),
    Number(u32),
    Flag(bool),
    Map(Vec<(&'static str, Self)>),
    List(Vec<Vec<(&'static str, Self)>>),
}

/// A document: a map, each of its lines ended.
pub(super) fn document(entries: &[(&'static str, Yaml<'_>)]) -> String {
    let mut out = String::new();
    map(entries, "", "", &mut out);
    out
}

/// Writes entries; `first` stands before the first line, `indent` before the others.
fn map(entries: &[(&'static str, Yaml<'_>)], first: &str, indent: &str, out: &mut String) {
    for (number, (key, value)) in entries.iter().enumerate() {
        let lead = if number == 0 { first } else { indent };
        let deeper = format!("{indent}  ");
        out.push_str(lead);
        out.push_str(key);
        out.push(':');
        match value {
            Yaml::Text(text) => line(&quoted(text), out),
            Yaml::Number(number) => line(&number.to_string(), out),
            Yaml::Flag(flag) => line(&flag.to_string(), out),
            Yaml::Map(entries) => {
                out.push('\n');
                map(entries, &deeper, &deeper, out);
            }
            Yaml::List(items) => {
                out.push('\n');
                for item in items {
                    map(item, &format!("{deeper}- "), &format!("{deeper}  "), out);
                }
            }
        }
    }
}

fn line(value: &str, out: &mut String) {
    out.push(' ');
    out.push_str(value);
    out.push('\n');
}

/// A double-quoted scalar in ASCII (YAML 1.2, 5.7 "Escaped Characters"): what is not printable ASCII is written by its number.
fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for symbol in text.chars() {
        let code = u32::from(symbol);
        let _written = match code {
            0x22 | 0x5c => write!(quoted, "\\{symbol}"),
            0x20..=0x7e => write!(quoted, "{symbol}"),
            0..=0xff => write!(quoted, "\\x{code:02X}"),
            0x100..=0xffff => write!(quoted, "\\u{code:04X}"),
            _ => write!(quoted, "\\U{code:08X}"),
        };
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use saphyr::{LoadableYamlNode, YamlOwned};

    fn read(text: &str) -> YamlOwned {
        YamlOwned::load_from_str(text).unwrap_or_else(|error| panic!("{error}: {text}")).remove(0)
    }

    fn entries(read: &YamlOwned) -> Option<usize> {
        Some(read.as_mapping()?.len())
    }

    /// Texts made of what breaks out of careless YAML.
    fn hostile() -> impl Strategy<Value = String> {
        let pieces = [
            "\"",
            "'",
            "\\",
            "\n",
            "\r",
            "\t",
            ": ",
            "#",
            " - ",
            "{",
            "}",
            "[",
            "]",
            "&a",
            "*a",
            "!!int ",
            "|",
            ">",
            "%",
            "@",
            "`",
            "null",
            "true",
            "1",
            "\u{85}",
            "\u{2028}",
            "\u{feff}",
            "\u{0}",
            "\u{7f}",
            "ü",
            "\u{1F600}",
            "---\n",
            "service: x\n",
            "\\x41",
            "\\",
        ];
        prop_oneof![
            any::<String>(),
            prop::collection::vec(prop::sample::select(pieces.to_vec()), 0..8).prop_map(|pieces| pieces.concat())
        ]
    }

    proptest! {
        #[test]
        fn every_text_comes_back_as_it_was_and_nothing_beside_it(one in hostile(), other in hostile()) {
            let rule = |text| vec![("hostname", Yaml::Text(text)), ("service", Yaml::Text("http://a"))];
            let written = document(&[
                ("tunnel", Yaml::Text(&one)),
                ("retries", Yaml::Number(5)),
                ("originRequest", Yaml::Map(vec![("noTLSVerify", Yaml::Flag(false)), ("proxyAddress", Yaml::Text(&other))])),
                ("ingress", Yaml::List(vec![rule(&one), rule(&other)])),
            ]);
            prop_assert!(written.is_ascii());
            let read = read(&written);
            prop_assert_eq!(entries(&read), Some(4));
            prop_assert_eq!(read["tunnel"].as_str(), Some(one.as_str()));
            prop_assert_eq!(read["retries"].as_integer(), Some(5));
            prop_assert_eq!(read["originRequest"]["noTLSVerify"].as_bool(), Some(false));
            prop_assert_eq!(read["originRequest"]["proxyAddress"].as_str(), Some(other.as_str()));
            prop_assert_eq!(read["ingress"].as_sequence().map(Vec::len), Some(2));
            for (number, text) in [&one, &other].into_iter().enumerate() {
                prop_assert_eq!(entries(&read["ingress"][number]), Some(2));
                prop_assert_eq!(read["ingress"][number]["hostname"].as_str(), Some(text.as_str()));
            }
        }
    }

    /// The control: the same texts without quotes do not come back.
    #[test]
    fn without_quotes_texts_break_out() {
        let broken = |text: &str| {
            let read = YamlOwned::load_from_str(&format!("tunnel: {text}\n"));
            read.ok().and_then(|read| read.first().and_then(|read| read["tunnel"].as_str().map(str::to_owned)))
                != Some(text.to_owned())
        };
        assert!(["a\nretries: 9", "null", "a # b", "5", "{a: b}"].into_iter().all(broken));
    }
}
