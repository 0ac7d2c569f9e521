//! When a failure is the last that is tolerated. Pure.

use crate::{Error, Kind};
use std::time::Duration;

/// Refusals of the token that may be spurious before they are believed: bulk zone creation is known to meet them on valid tokens.
const DENIALS: u32 = 3;
/// How long refusals of the token go on before they are believed where there is no way back.
const DENIED_FOR: Duration = Duration::from_mins(10);
/// Tries of a step that has no way back, and how long they go on, before an operator is needed.
const STUBBORN: (u32, Duration) = (20, Duration::from_mins(30));

/// What can be done when a step does not succeed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stakes {
    /// The operation turns back after this many tries.
    Turn {
        /// Tries.
        tries: u32,
    },
    /// Only an operator can help.
    Operator,
}

/// Whether the failure is the last one: the `tries`-th in a row, after failing for so long.
///
/// Where only an operator can help, a dependency that is down, slow or throttling is waited for without end: it heals without anybody looking
/// at this operation.
pub(super) fn is_last(error: &Error, tries: u32, failing_for: Duration, stakes: Stakes) -> bool {
    let denied = matches!(error.kind(), Kind::Denied | Kind::Unauthenticated) || error.code() == crate::Code::CloudflareDenied;
    match stakes {
        Stakes::Turn { .. } if denied => tries >= DENIALS,
        Stakes::Turn { tries: limit } => tries >= limit || !(error.is_transient() || error.is_unclear()),
        Stakes::Operator if denied => tries >= DENIALS && failing_for >= DENIED_FOR,
        Stakes::Operator if error.is_transient() => false,
        Stakes::Operator if error.is_unclear() => tries > STUBBORN.0 && failing_for >= STUBBORN.1,
        Stakes::Operator => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Code;

    const BACK: Stakes = Stakes::Turn { tries: 6 };

    #[test]
    fn what_cannot_heal_is_believed_at_once_and_what_can_is_tried_again() {
        let (hour, moment) = (Duration::from_hours(1), Duration::from_secs(1));
        let refused = Error::new(Code::ForeignObject, "");
        let down = Error::new(Code::Unavailable, "");
        let denied = Error::new(Code::CloudflareDenied, "");
        let garbled = Error::unclear(Code::CloudflareAnswer, "");
        for (error, tries, age, stakes, last) in [
            (&refused, 1, moment, BACK, true),
            (&refused, 1, moment, Stakes::Operator, true),
            (&down, 5, hour, BACK, false),
            (&down, 6, moment, BACK, true),
            (&down, 1000, hour, Stakes::Operator, false),
            (&denied, 2, hour, BACK, false),
            (&denied, 3, moment, BACK, true),
            (&denied, 3, moment, Stakes::Operator, false),
            (&denied, 3, hour, Stakes::Operator, true),
            (&garbled, 21, moment, Stakes::Operator, false),
            (&garbled, 20, hour, Stakes::Operator, false),
            (&garbled, 21, hour, Stakes::Operator, true),
        ] {
            assert_eq!(is_last(error, tries, age, stakes), last, "{error} {tries} {age:?} {stakes:?}");
        }
    }
}
