//! Identifiers and secrets the simulator hands out: deterministic, so that two runs with the same seed and the same calls
//! agree byte for byte, and unpredictable enough that nobody writes one down by accident.

use serde::{Deserialize, Serialize};

use super::base64;

/// Issues identifiers from a seed and a counter. Part of the saved state, so a restarted simulator never repeats one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identifiers {
    /// What distinguishes this world's identifiers from another's.
    pub seed: u64,
    /// How many identifiers were issued so far.
    pub issued: u64,
}

impl Identifiers {
    /// Starts counting at zero.
    pub(super) const fn new(seed: u64) -> Self {
        Self { seed, issued: 0 }
    }

    /// The next 32 hexadecimal digits: the shape of account, zone, record and token ids.
    pub(super) fn next_hex(&mut self, kind: &str) -> String {
        format!("{:032x}", self.next(kind))
    }

    /// The next version 4 UUID: the shape of tunnel and connector ids.
    pub(super) fn next_uuid(&mut self, kind: &str) -> String {
        uuid::Builder::from_random_bytes(self.next(kind).to_be_bytes()).into_uuid().to_string()
    }

    /// The next 32-byte secret in base64.
    pub(super) fn next_secret(&mut self, kind: &str) -> String {
        let (high, low) = (self.next(kind), self.next(kind));
        base64::encode(&[high.to_be_bytes(), low.to_be_bytes()].concat())
    }

    fn next(&mut self, kind: &str) -> u128 {
        self.issued += 1;
        let base = self.seed ^ digest(kind) ^ self.issued.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let high = scramble(base);
        (u128::from(high) << 64) | u128::from(scramble(high ^ base.rotate_left(17)))
    }
}

/// A stable 64-bit digest of `text` (FNV-1a, then scrambled): the same in every build, unlike the standard hasher.
pub(super) fn digest(text: &str) -> u64 {
    let folded =
        text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |sum, byte| (sum ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
    scramble(folded)
}

/// The finishing step of splitmix64: a bijection, so different inputs stay different.
const fn scramble(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

/// Whether `text` has the shape of a zone, record or account id: 32 lower-case hexadecimal digits.
pub(super) fn is_hex_id(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

/// Whether `text` is a UUID in its hyphenated form, the shape of tunnel and connector ids.
pub(super) fn is_uuid(text: &str) -> bool {
    text.len() == 36 && uuid::Uuid::try_parse(text).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_issues_the_same_identifiers_and_another_seed_others() {
        let (mut first, mut again, mut other) = (Identifiers::new(7), Identifiers::new(7), Identifiers::new(8));
        let issued: Vec<String> = (0..50).map(|_| first.next_hex("zone")).collect();
        assert_eq!(issued, (0..50).map(|_| again.next_hex("zone")).collect::<Vec<_>>());
        assert_ne!(issued[0], other.next_hex("zone"));
        assert_eq!(issued.iter().collect::<std::collections::BTreeSet<_>>().len(), 50);
    }

    #[test]
    fn identifiers_have_the_shapes_cloudflare_gives_them() {
        let mut identifiers = Identifiers::new(1);
        assert!(is_hex_id(&identifiers.next_hex("zone")));
        let uuid = identifiers.next_uuid("tunnel");
        assert!(is_uuid(&uuid));
        assert_eq!(uuid.as_bytes()[14], b'4', "version 4: {uuid}");
        assert!(!is_hex_id("023E105F4ECEF8AD9CA31A8372D0C353"), "upper case is not an id");
        assert!(!is_hex_id("storex.com"));
        assert!(!is_uuid("023e105f4ecef8ad9ca31a8372d0c353"));
    }

    #[test]
    fn a_secret_is_thirty_two_bytes_of_base64() {
        assert_eq!(base64::decoded_length(&Identifiers::new(3).next_secret("tunnel")), Some(32));
    }
}
