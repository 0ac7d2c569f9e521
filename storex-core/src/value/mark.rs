//! The owner mark every effect carries, and the context of a mutating call.

use super::{Epoch, InstanceId, OperationId, StoreDigits, text_serde};
use crate::{Code, Error, Result};
use jiff::Timestamp;
use std::fmt;
use std::str::FromStr;

/// Whose object it is: the platform's or one store's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Subject {
    /// Shared by all stores.
    Platform,
    /// Belongs to the store with this number.
    Store(StoreDigits),
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Platform => f.write_str("platform"),
            Self::Store(digits) => digits.fmt(f),
        }
    }
}

impl FromStr for Subject {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        if text == "platform" { Ok(Self::Platform) } else { Ok(Self::Store(text.parse()?)) }
    }
}

/// Identity of one effect: the operation and the index of its step. Repeating the effect repeats the identity.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct EffectId(String);

impl EffectId {
    /// The effect of step `step` of an operation; `undo` tells the way back from the way there.
    pub fn of(operation: &OperationId, step: usize, undo: bool) -> Self {
        let id = operation.as_str();
        let way = if undo { "u" } else { "f" };
        Self(format!("{}.{step}{way}", id.strip_prefix("op_").unwrap_or(id)))
    }

    /// The identity as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for EffectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for EffectId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'.' || b == b'-';
        if text.is_empty() || text.len() > 40 || !text.bytes().all(plain) {
            return Err(Error::new(Code::InvalidField, format!("{text:?} is no effect id")));
        }
        Ok(Self(text.to_owned()))
    }
}

text_serde!(EffectId);

/// Owner mark: `storex/1 i=<instance> s=<store digits or platform> e=<effect>`, at most 90 bytes, so that it fits the comment of a
/// DNS record on every Cloudflare plan (100 characters on the free plan).
///
/// ```
/// use storex_core::Mark;
/// let text = "storex/1 i=0a1b2c3d s=12345 e=0192f0c1.4f";
/// assert_eq!(text.parse::<Mark>()?.to_string(), text);
/// # Ok::<(), storex_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Mark {
    /// Installation that made the object.
    pub instance: InstanceId,
    /// Whose object it is.
    pub subject: Subject,
    /// Effect that made it.
    pub effect: EffectId,
}

impl Mark {
    /// What every mark of this owner begins with; used to list what is owned.
    pub fn prefix(instance: &InstanceId, subject: Subject) -> String {
        format!("storex/1 i={instance} s={subject} ")
    }

    /// True when both marks name the same installation and owner, whatever the effect.
    pub fn same_owner(&self, other: &Self) -> bool {
        self.instance == other.instance && self.subject == other.subject
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}e={}", Self::prefix(&self.instance, self.subject), self.effect)
    }
}

impl FromStr for Mark {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let refuse = || Error::new(Code::InvalidField, "not an owner mark");
        let mut parts = text.split(' ');
        let mut take = |prefix: &str| parts.next().and_then(|part| part.strip_prefix(prefix)).ok_or_else(refuse);
        take("storex/1")?;
        let mark = Self { instance: take("i=")?.parse()?, subject: take("s=")?.parse()?, effect: take("e=")?.parse()? };
        if parts.next().is_some() { Err(refuse()) } else { Ok(mark) }
    }
}

text_serde!(Mark);

/// What every mutating call carries: the mark to leave on the object, the fencing number, and the time after which nothing may be sent.
#[derive(Clone, Debug)]
pub struct EffectCx {
    /// Mark to leave on what is made.
    pub mark: Mark,
    /// Fencing number of the caller's lease.
    pub epoch: Epoch,
    /// Hard limit: after it the call must have stopped sending. An answer that comes later is not waited for.
    pub deadline: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_mark_fits_ninety_bytes() {
        let operation: OperationId = format!("op_{}", "f".repeat(32)).parse().unwrap();
        let mark = Mark {
            instance: "ffffffff".parse().unwrap(),
            subject: Subject::Store(StoreDigits::new(999_999_999_999_999).unwrap()),
            effect: EffectId::of(&operation, 999, true),
        };
        assert!(mark.to_string().len() <= 90, "{}", mark.to_string().len());
        assert_eq!(mark.to_string().parse::<Mark>().unwrap(), mark);
    }

    #[test]
    fn text_that_only_resembles_a_mark_is_not_one() {
        for bad in [
            "",
            "storex/1",
            "storex/1 i=0a1b2c3d s=12345",
            "storex/2 i=0a1b2c3d s=12345 e=a",
            "storex/1 i=zz s=1 e=a",
            "storex/1 i=0a1b2c3d s=12345 e=a more",
        ] {
            assert!(bad.parse::<Mark>().is_err(), "{bad}");
        }
    }
}
