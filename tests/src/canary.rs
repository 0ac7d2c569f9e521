//! Looking for secrets where they do not belong, in every spelling they could have there.

use crate::installation::Failure;
use std::fmt;
use std::path::{Path, PathBuf};
use storex_core::Secret;

/// Fewest characters of a secret that chance does not write.
const FEWEST: usize = 12;

/// Something that could hold a secret.
#[derive(Clone, Debug)]
pub struct Sink {
    /// Its kind, a blank, and its name.
    pub name: String,
    /// All of it.
    pub bytes: Vec<u8>,
}

impl Sink {
    /// What is of this kind and has this name.
    pub fn new(kind: &str, name: impl fmt::Display, bytes: impl Into<Vec<u8>>) -> Self {
        Self { name: format!("{kind} {name}"), bytes: bytes.into() }
    }

    /// Whether it is of this kind.
    pub fn is(&self, kind: &str) -> bool {
        self.name.strip_prefix(kind).is_some_and(|rest| rest.starts_with(' '))
    }
}

/// A secret that is looked for.
pub struct Sought {
    name: String,
    spellings: Vec<Vec<u8>>,
}

/// The name, and nothing of the secret.
impl fmt::Debug for Sought {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sought").field("name", &self.name).field("spellings", &self.spellings.len()).finish()
    }
}

impl Sought {
    /// A secret of digits and letters, which no URL, no JSON and no environment file spells otherwise.
    ///
    /// # Errors
    /// When it has other characters or is so short that chance could write it.
    pub fn text(name: &str, secret: &Secret<String>) -> Result<Self, Failure> {
        let text = secret.expose();
        if text.len() < FEWEST || !text.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err(format!("the {name} is not {FEWEST} digits and letters or more").into());
        }
        Ok(Self { name: name.to_owned(), spellings: spellings(text.as_bytes()) })
    }

    /// A secret that is kept as hexadecimal digits and used as the bytes they mean: both are looked for.
    ///
    /// # Errors
    /// When it is something else, or too short.
    pub fn digits(name: &str, secret: &Secret<String>) -> Result<Self, Failure> {
        let mut sought = Self::text(name, secret)?;
        let pairs: Vec<&str> = (0..secret.expose().len()).step_by(2).filter_map(|at| secret.expose().get(at..at + 2)).collect();
        let bytes = pairs.into_iter().map(|pair| u8::from_str_radix(pair, 16)).collect::<Result<Vec<u8>, _>>()?;
        sought.spellings.extend(spellings(&bytes));
        Ok(sought)
    }

    /// What it is called.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How it could be written; the first is the secret itself.
    pub fn spellings(&self) -> &[Vec<u8>] {
        &self.spellings
    }

    /// The spellings that are text.
    pub fn texts(&self) -> impl Iterator<Item = (usize, &str)> {
        self.spellings.iter().enumerate().filter_map(|(number, spelling)| Some((number, std::str::from_utf8(spelling).ok()?)))
    }
}

/// Bytes as they are, in hexadecimal digits of either case, in the three alignments of base64, and as the lists of numbers that Rust and JSON make of them.
fn spellings(bytes: &[u8]) -> Vec<Vec<u8>> {
    let digit = |value: u8| char::from_digit(value.into(), 16).unwrap_or_default();
    let hex: String = bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect();
    let numbers: Vec<String> = bytes.iter().map(u8::to_string).collect();
    let mut all = vec![bytes.to_vec(), hex.to_uppercase().into_bytes(), hex.into_bytes()];
    for skipped in 0..3 {
        let padded = [vec![0; skipped], bytes.to_vec()].concat();
        let encoded = base64(&padded);
        // The signs at both ends depend on what is beside it.
        let from = if skipped == 0 { 0 } else { skipped + 1 };
        let to = encoded.len() - (padded.len() % 3).min(1);
        all.push(encoded.get(from..to).unwrap_or_default().to_vec());
    }
    all.push(numbers.join(", ").into_bytes());
    all.push(numbers.join(",").into_bytes());
    all
}

/// Every regular file below the folder. What goes away meanwhile is left out.
pub fn files_below(folder: &Path) -> Vec<PathBuf> {
    let (mut open, mut files) = (vec![folder.to_owned()], Vec::new());
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => open.push(entry.path()),
                Ok(kind) if kind.is_file() => files.push(entry.path()),
                _ => {}
            }
        }
    }
    files
}

/// RFC 4648 §4 without padding.
fn base64(bytes: &[u8]) -> Vec<u8> {
    const SIGNS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = Vec::new();
    for group in bytes.chunks(3) {
        let number = group.iter().fold(0_usize, |number, byte| number << 8 | usize::from(*byte)) << (8 * (3 - group.len()));
        text.extend((0..=group.len()).filter_map(|place| SIGNS.get(number >> (18 - 6 * place) & 63)));
    }
    text
}

/// A secret that is where it was looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hit {
    /// Name of the secret.
    pub secret: String,
    /// Which of its [spellings](Sought::spellings).
    pub spelling: usize,
    /// Name of the sink.
    pub sink: String,
}

/// Where the secrets are, each once for a sink and a spelling.
pub fn hits(sought: &[Sought], sinks: &[Sink]) -> Vec<Hit> {
    let needles: Vec<(&str, usize, &[u8])> = sought
        .iter()
        .flat_map(|secret| secret.spellings.iter().enumerate().map(|(number, bytes)| (secret.name.as_str(), number, &**bytes)))
        .collect();
    // Most places begin no needle, and one look says so.
    let mut begins = vec![false; 1 << 16];
    for (_, _, needle) in &needles {
        if let Some(begin) = pair(needle).and_then(|pair| begins.get_mut(pair)) {
            *begin = true;
        }
    }
    let mut hits = Vec::new();
    for sink in sinks {
        let mut found = vec![false; needles.len()];
        for at in 0..sink.bytes.len() {
            let rest = sink.bytes.get(at..).unwrap_or_default();
            if pair(rest).and_then(|pair| begins.get(pair)) != Some(&true) {
                continue;
            }
            for ((_, _, needle), found) in needles.iter().zip(&mut found) {
                *found |= rest.starts_with(needle);
            }
        }
        let seen = needles.iter().zip(found).filter(|(_, found)| *found);
        hits.extend(seen.map(|((secret, spelling, _), _)| Hit {
            secret: (*secret).to_owned(),
            spelling: *spelling,
            sink: sink.name.clone(),
        }));
    }
    hits
}

fn pair(bytes: &[u8]) -> Option<usize> {
    bytes.first_chunk::<2>().map(|[first, second]| usize::from(*first) << 8 | usize::from(*second))
}

/// The same sinks with the secret planted: in each kind of sink, in each spelling.
pub fn planted(secret: &Sought, sinks: &[Sink], kinds: &[&str]) -> Vec<Sink> {
    let mut planted = Vec::new();
    for place in kinds.iter().filter_map(|kind| sinks.iter().find(|sink| sink.is(kind))) {
        for spelling in &secret.spellings {
            let (before, after) = place.bytes.split_at(place.bytes.len() / 2);
            planted.push(Sink { name: place.name.clone(), bytes: [before, spelling, after].concat() });
        }
    }
    planted
}

/// Bytes of all sinks.
pub fn bytes(sinks: &[Sink]) -> usize {
    sinks.iter().map(|sink| sink.bytes.len()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_is_found_wherever_it_stands_and_nothing_else() {
        let secret = Secret::new("00ab12cd34ef5678".to_owned());
        let sought = Sought::digits("key", &secret).unwrap();
        assert!(!format!("{sought:?}").contains("ab12"));
        assert_eq!(sought.spellings().len(), 16);
        for (number, spelling) in sought.spellings().iter().enumerate() {
            for around in ["", "0", "0000"] {
                let bytes = [around.as_bytes(), spelling, around.as_bytes()].concat();
                let found = hits(
                    std::slice::from_ref(&sought),
                    &[Sink::new("file", "a", bytes), Sink::new("file", "b", &b"00ab12cd34ef567"[..])],
                );
                assert!(
                    found.iter().any(|hit| hit.spelling == number) && found.iter().all(|hit| hit.sink == "file a"),
                    "{number}"
                );
            }
        }
        assert!(Sought::text("key", &Secret::new("short".to_owned())).is_err());
        assert!(Sought::text("key", &Secret::new("not/as/it/would/be/in/a/url".to_owned())).is_err());
    }

    #[test]
    fn base64_is_found_in_each_alignment_whatever_is_beside_it() {
        let sought = Sought::text("word", &Secret::new("correcthorsebattery".to_owned())).unwrap();
        for before in ["", "a", "ab", "abc", "?~é"] {
            for after in ["", "z", "~z", "xyz"] {
                let bytes = base64(format!("{before}correcthorsebattery{after}").as_bytes());
                assert_eq!(
                    hits(std::slice::from_ref(&sought), &[Sink::new("file", "a", bytes)]).len(),
                    1,
                    "{before:?} {after:?}"
                );
            }
        }
    }
}
