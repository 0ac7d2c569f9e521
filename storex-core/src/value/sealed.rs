//! Secrets at rest: sealed with a key that is not kept where they are.

use super::{Secret, text_serde};
use crate::{Code, Entropy, Error, Result};
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use std::fmt::{self, Debug, Write};
use std::str::FromStr;
use zeroize::Zeroizing;

/// Version of the format; part of what is authenticated.
const VERSION: &str = "storex-seal-1";
const KEY: usize = 32;
const NONCE: usize = 24;
/// Longest name of a key, in bytes.
const NAME: usize = 32;

type Key = Zeroizing<[u8; KEY]>;

/// Where a secret belongs. It opens at no other place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SealPlace<'a> {
    /// Collection, such as `databases`.
    pub collection: &'a str,
    /// Identifier within it.
    pub id: &'a str,
    /// Field within the document.
    pub field: &'a str,
}

impl SealPlace<'_> {
    /// What is authenticated beside the secret: each part with its length, so that no two places have one spelling.
    fn bytes(&self, key: &str) -> Vec<u8> {
        let mut bytes = Vec::new();
        for part in [VERSION, key, self.collection, self.id, self.field] {
            bytes.extend(u64::try_from(part.len()).unwrap_or(u64::MAX).to_le_bytes());
            bytes.extend(part.as_bytes());
        }
        bytes
    }
}

/// A sealed secret. What it holds can be read with its [`Keyring`] and at its [`SealPlace`] only, so it may be stored, listed and copied.
///
/// Its text is `storex-seal-1.<name of the key>.<data key>.<secret>`: the secret is sealed with a key of its own, and that with the key of the ring; both in
/// hexadecimal digits, the nonce first.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Sealed {
    text: String,
}

impl Sealed {
    /// Name of the key, sealed data key, sealed secret.
    fn parts(&self) -> Option<(&str, &str, &str)> {
        let mut parts = self.text.splitn(4, '.').skip(1);
        Some((parts.next()?, parts.next()?, parts.next()?))
    }
}

impl FromStr for Sealed {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let sealed = Self { text: text.to_owned() };
        let is_sealed = text.split('.').next() == Some(VERSION)
            && sealed.parts().is_some_and(|(key, data, secret)| {
                is_name(key) && [data, secret].iter().all(|part| !part.is_empty() && unhex(part).is_some())
            });
        // The text is not shown: whoever put a secret here by mistake finds it in no log.
        if is_sealed { Ok(sealed) } else { Err(Error::new(Code::Corrupt, "this is no sealed secret")) }
    }
}

impl fmt::Display for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

text_serde!(Sealed);

/// The keys secrets are sealed with: the first seals, all open. Kept in a file or a credential of the service, never beside what they seal.
///
/// XChaCha20-Poly1305 with random nonces of 24 bytes, which may be drawn without counting (draft-irtf-cfrg-xchacha-03 §1).
///
/// ```
/// use storex_core::{Keyring, SealPlace, Secret, SystemEntropy};
/// let keyring = Keyring::parse(Keyring::generate("main", &SystemEntropy)?.expose())?;
/// let place = SealPlace { collection: "databases", id: "store_oceanbreeze", field: "password" };
/// let sealed = keyring.seal(&SystemEntropy, place, &Secret::new("hunter2".to_owned()))?;
/// assert_eq!(keyring.open(place, &sealed)?.expose(), "hunter2");
/// assert!(keyring.open(SealPlace { id: "store_other", ..place }, &sealed).is_err());
/// # Ok::<(), storex_core::Error>(())
/// ```
#[derive(Clone)]
pub struct Keyring {
    keys: Vec<(String, Key)>,
}

impl Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.keys.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("Keyring").field("keys", &names).finish_non_exhaustive()
    }
}

impl Keyring {
    /// Reads a keyring: a line for each key with its name (up to 32 letters, digits, `-` and `_`) and 64 hexadecimal digits; empty lines and lines that begin
    /// with `#` are left out.
    ///
    /// # Errors
    /// `unusable` naming the line, never its content: one that is no key, a name twice, no key at all.
    pub fn parse(text: &str) -> Result<Self> {
        let mut keys: Vec<(String, Key)> = Vec::new();
        for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#')) {
            let refuse = |why: &str| Error::new(Code::Unusable, format!("line {} of the keyring {why}", number + 1));
            let mut words = line.split_whitespace();
            let (name, digits) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
            let key = unhex(digits).and_then(|bytes| <[u8; KEY]>::try_from(bytes.as_slice()).ok()).map(Zeroizing::new);
            let key = key.filter(|_| is_name(name) && words.next().is_none());
            let key = key.ok_or_else(|| refuse("is not a name and 64 hexadecimal digits"))?;
            if keys.iter().any(|(known, _)| known == name) {
                return Err(refuse("has the name of a key before it"));
            }
            keys.push((name.to_owned(), key));
        }
        if keys.is_empty() { Err(Error::new(Code::Unusable, "the keyring holds no key")) } else { Ok(Self { keys }) }
    }

    /// The text of a keyring with one new key of this name.
    ///
    /// # Errors
    /// `invalid_field` for a name a key cannot have; as [`Entropy::fill`].
    pub fn generate(name: &str, entropy: &dyn Entropy) -> Result<Secret<String>> {
        if !is_name(name) {
            let why = format!("a key has a name of up to {NAME} letters, digits, - and _");
            return Err(Error::new(Code::InvalidField, why));
        }
        let mut key = Key::default();
        entropy.fill(key.as_mut_slice())?;
        let digits = Zeroizing::new(hex(key.as_slice()));
        Ok(Secret::new(format!("{name} {}\n", digits.as_str())))
    }

    /// Seals the secret for this place with the first key.
    ///
    /// # Errors
    /// As [`Entropy::fill`].
    pub fn seal(&self, entropy: &dyn Entropy, place: SealPlace<'_>, secret: &Secret<String>) -> Result<Sealed> {
        let (name, key) = self.keys.first().ok_or_else(|| Error::new(Code::Unusable, "the keyring holds no key"))?;
        let bound = place.bytes(name);
        let mut data = Key::default();
        entropy.fill(data.as_mut_slice())?;
        let outer = shut(entropy, key, data.as_slice(), &bound)?;
        let inner = shut(entropy, &data, secret.expose().as_bytes(), &bound)?;
        Ok(Sealed { text: format!("{VERSION}.{name}.{}.{}", hex(&outer), hex(&inner)) })
    }

    /// Opens what was sealed for this place.
    ///
    /// # Errors
    /// `unusable` naming the key this keyring lacks; `corrupt` when it was changed, cut short, or sealed for another place.
    pub fn open(&self, place: SealPlace<'_>, sealed: &Sealed) -> Result<Secret<String>> {
        let SealPlace { collection, id, field } = place;
        let corrupt = || {
            let why = format!("the sealed {field} of {collection}/{id} was changed, or sealed for another place");
            Error::new(Code::Corrupt, why).with("document", format!("{collection}/{id}"))
        };
        let (name, outer, inner) = sealed.parts().ok_or_else(corrupt)?;
        let key = self.keys.iter().find(|(known, _)| known == name).map(|(_, key)| key);
        let key = key.ok_or_else(|| {
            let why = format!("the {field} of {collection}/{id} is sealed with the key {name}, which the keyring does not hold");
            Error::new(Code::Unusable, why).with("document", format!("{collection}/{id}"))
        })?;
        let bound = place.bytes(name);
        let data = unshut(key, outer, &bound).ok_or_else(corrupt)?;
        let data = <[u8; KEY]>::try_from(data.as_slice()).map(Zeroizing::new).map_err(|_| corrupt())?;
        let secret = unshut(&data, inner, &bound).ok_or_else(corrupt)?;
        std::str::from_utf8(&secret).map(|text| Secret::new(text.to_owned())).map_err(|_| corrupt())
    }
}

/// Nonce and ciphertext with its tag.
fn shut(entropy: &dyn Entropy, key: &Key, plain: &[u8], bound: &[u8]) -> Result<Vec<u8>> {
    let mut nonce = [0; NONCE];
    entropy.fill(&mut nonce)?;
    let cipher = XChaCha20Poly1305::new(&(**key).into());
    let sealed = cipher.encrypt(&XNonce::from(nonce), Payload { msg: plain, aad: bound });
    let sealed = sealed.map_err(|_| Error::new(Code::Internal, "a secret is too long to be sealed"))?;
    Ok([nonce.as_slice(), &sealed].concat())
}

fn unshut(key: &Key, digits: &str, bound: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let bytes = unhex(digits)?;
    let (nonce, sealed) = bytes.split_first_chunk::<NONCE>()?;
    let cipher = XChaCha20Poly1305::new(&(**key).into());
    cipher.decrypt(&XNonce::from(*nonce), Payload { msg: sealed, aad: bound }).ok().map(Zeroizing::new)
}

fn is_name(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    (1..=NAME).contains(&text.len()) && text.bytes().all(plain)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Lower-case digits only: one value has one spelling.
fn unhex(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let digit = |byte: &u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let pairs = text.as_bytes().chunks(2);
    let bytes = pairs.map(|pair| match pair {
        [high, low] => Some(digit(high)? << 4 | digit(low)?),
        _ => None,
    });
    bytes.collect::<Option<Vec<u8>>>().map(Zeroizing::new)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SystemEntropy;

    const PLACE: SealPlace<'_> = SealPlace { collection: "databases", id: "store_a", field: "password" };

    fn keyring(name: &str) -> Keyring {
        Keyring::parse(Keyring::generate(name, &SystemEntropy).unwrap().expose()).unwrap()
    }

    fn seal(keyring: &Keyring, text: &str) -> Sealed {
        keyring.seal(&SystemEntropy, PLACE, &Secret::new(text.to_owned())).unwrap()
    }

    #[test]
    fn what_is_changed_cut_or_moved_does_not_open() {
        let keyring = keyring("main");
        let sealed = seal(&keyring, "correct horse");
        let text = sealed.to_string();
        let mut spoiled: Vec<String> = (0..text.len()).map(|end| text[..end].to_owned()).collect();
        for place in 0..text.len() {
            let mut bytes = text.clone().into_bytes();
            bytes[place] = if bytes[place] == b'0' { b'1' } else { b'0' };
            spoiled.extend(String::from_utf8(bytes));
        }
        let opens = |text: &String| text.parse::<Sealed>().and_then(|sealed| keyring.open(PLACE, &sealed)).is_ok();
        let opened = spoiled.iter().filter(|text| opens(text)).count();
        for place in [
            SealPlace { collection: "database", id: "sstore_a", ..PLACE },
            SealPlace { id: "store_b", ..PLACE },
            SealPlace { field: "second_password", ..PLACE },
        ] {
            assert_eq!(keyring.open(place, &sealed).unwrap_err().code(), Code::Corrupt);
        }
        let whole = (0..100).filter(|_| opens(&seal(&keyring, "correct horse").to_string())).count();
        println!("sealed: {opened} of {} spoiled opened; control: {whole} of 100 whole opened", spoiled.len());
        assert_eq!((opened, whole), (0, 100));
    }

    #[test]
    fn parts_of_two_sealed_secrets_do_not_fit_together() {
        let keyring = keyring("main");
        let (one, two) = (seal(&keyring, "one").to_string(), seal(&keyring, "two").to_string());
        let (outer, inner) = (one.rsplit_once('.').unwrap().0, two.rsplit_once('.').unwrap().1);
        let mixed: Sealed = format!("{outer}.{inner}").parse().unwrap();
        assert_eq!(keyring.open(PLACE, &mixed).unwrap_err().code(), Code::Corrupt);
    }

    #[test]
    fn a_new_key_in_front_seals_and_the_old_one_still_opens() {
        let (old, new) = (Keyring::generate("old", &SystemEntropy).unwrap(), Keyring::generate("new", &SystemEntropy).unwrap());
        let sealed = seal(&Keyring::parse(old.expose()).unwrap(), "x");
        let both = Keyring::parse(&format!("# two\n{}\n{}", new.expose(), old.expose())).unwrap();
        assert_eq!(both.open(PLACE, &sealed).unwrap().expose(), "x");
        let resealed = seal(&both, "x");
        assert!(resealed.to_string().starts_with("storex-seal-1.new."));
        let error = Keyring::parse(old.expose()).unwrap().open(PLACE, &resealed).unwrap_err();
        assert_eq!(error.code(), Code::Unusable);
        assert!(error.message().contains("key new"), "{error}");
    }

    #[test]
    fn a_keyring_that_cannot_be_read_names_the_line_and_not_the_key() {
        let digits = "0f".repeat(32);
        for text in [
            String::new(),
            "# nothing\n".to_owned(),
            format!("main {}", &digits[1..]),
            format!("main {}", digits.to_uppercase()),
            format!("ma.in {digits}"),
            format!("main {digits} more"),
            format!("main {digits}\nmain {digits}"),
        ] {
            let error = Keyring::parse(&text).unwrap_err();
            assert_eq!(error.code(), Code::Unusable, "{text}");
            assert!(!error.to_string().contains("0f0f"), "{error}");
        }
        let shown = format!("{:?}", Keyring::parse(&format!("main {digits}")).unwrap());
        assert!(shown.contains("main") && !shown.contains("0f0f"), "{shown}");
    }
}
