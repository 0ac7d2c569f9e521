//! Looking for secrets where they do not belong, in every spelling they could have there.

use storex_core::Secret;

/// Something that could hold a secret.
#[derive(Clone, Debug)]
pub(crate) struct Sink {
    /// Its kind and its name.
    pub(crate) name: String,
    pub(crate) bytes: Vec<u8>,
}

/// How a text looks in hexadecimal digits, in the three alignments of base64, and as it is. Passwords are digits and letters: no URL and no JSON spells them
/// otherwise.
fn spellings(secret: &Secret<String>) -> Vec<Vec<u8>> {
    let text = secret.expose().as_bytes();
    let digit = |value: u8| char::from_digit(value.into(), 16).unwrap();
    let hex: String = text.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect();
    let mut all = vec![text.to_vec(), hex.to_uppercase().into_bytes(), hex.into_bytes()];
    for skipped in 0..3 {
        let padded = [vec![0; skipped], text.to_vec()].concat();
        let encoded = base64(&padded);
        // The signs at both ends depend on what is beside it.
        let from = [0, 2, 3][skipped];
        let to = encoded.len() - (padded.len() % 3).min(1) * 2;
        all.push(encoded[from..to].to_vec());
    }
    all
}

/// RFC 4648 §4 without padding.
fn base64(bytes: &[u8]) -> Vec<u8> {
    const SIGNS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = Vec::new();
    for group in bytes.chunks(3) {
        let number = group.iter().fold(0_usize, |number, byte| number << 8 | usize::from(*byte)) << (8 * (3 - group.len()));
        text.extend((0..=group.len()).map(|place| SIGNS[number >> (18 - 6 * place) & 63]));
    }
    text
}

/// Where a secret was found, and in which spelling.
pub(crate) fn hits(secrets: &[Secret<String>], sinks: &[Sink]) -> Vec<String> {
    let mut hits = Vec::new();
    for (number, secret) in secrets.iter().enumerate() {
        for (spelling, needle) in spellings(secret).iter().enumerate() {
            let holds = |sink: &&Sink| sink.bytes.windows(needle.len()).any(|window| window == needle);
            hits.extend(sinks.iter().filter(holds).map(|sink| format!("secret {number}, spelling {spelling}: {}", sink.name)));
        }
    }
    hits
}

/// The same sinks with the secret planted: in each kind of sink, in each spelling.
pub(crate) fn planted(secret: &Secret<String>, sinks: &[Sink], kinds: &[&str]) -> Vec<(String, Vec<Sink>)> {
    let mut planted = Vec::new();
    for kind in kinds {
        let Some(place) = sinks.iter().find(|sink| sink.name.starts_with(kind)) else { continue };
        for spelling in spellings(secret) {
            let half = place.bytes.len() / 2;
            let bytes = [&place.bytes[..half], &spelling, &place.bytes[half..]].concat();
            planted.push((place.name.clone(), vec![Sink { name: place.name.clone(), bytes }]));
        }
    }
    planted
}

/// Bytes of all sinks.
pub(crate) fn bytes(sinks: &[Sink]) -> usize {
    sinks.iter().map(|sink| sink.bytes.len()).sum()
}
