//! Standard base64 with padding (RFC 4648 §4), as tunnel secrets and connector tokens use it. Written here because the
//! simulator shares no code with the client it examines.

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Encodes `bytes` with padding.
pub(super) fn encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let group = chunk.iter().fold(0_u32, |sum, byte| (sum << 8) | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for position in 0..4 {
            let index = (group >> (18 - 6 * position)) & 0x3f;
            let symbol = ALPHABET.get(index as usize).copied().unwrap_or(b'=');
            text.push(if position <= chunk.len() { char::from(symbol) } else { '=' });
        }
    }
    text
}

/// How many bytes `text` stands for; `None` when it is not standard base64.
pub(super) fn decoded_length(text: &str) -> Option<usize> {
    let body = text.trim_end_matches('=');
    let padding = text.len() - body.len();
    let well_formed = text.len().is_multiple_of(4) && padding <= 2 && body.bytes().all(|byte| ALPHABET.contains(&byte));
    well_formed.then(|| text.len() / 4 * 3 - padding)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vectors_of_the_standard_hold() {
        for (plain, coded) in
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("foobar", "Zm9vYmFy")]
        {
            assert_eq!(encode(plain.as_bytes()), coded);
            assert_eq!(decoded_length(coded), Some(plain.len()));
        }
    }

    #[test]
    fn text_that_is_not_base64_has_no_length() {
        for text in ["Zg=", "Zg", "Z===", "Zm9v!mFy", "Zm9v Zm9"] {
            assert_eq!(decoded_length(text), None, "{text}");
        }
    }
}
