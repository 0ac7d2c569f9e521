//! What a fault does to a call, and how that is written in JSON: an object with exactly one of `hold`, `reset`, `html`,
//! `truncated`, `stale`, `twice`, `rate_limited`, `delay_ms`, or `status` with `code` and `message`.

use serde::{Deserialize, Serialize};

/// What happens to a call that is struck.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Document", into = "Document")]
#[non_exhaustive]
pub enum FaultAction {
    /// It waits until it is released; dropped when the simulator stops.
    Hold,
    /// It is answered with an error envelope.
    Answer {
        /// HTTP status.
        status: u16,
        /// Code of the error.
        code: i64,
        /// Text of the error.
        message: String,
    },
    /// Its connection is closed without an answer.
    Reset,
    /// It is answered 502 with a page of HTML, as the edge does when something in front of the API fails.
    Html,
    /// Half of its answer arrives; before the effect, half of an error.
    Truncated,
    /// A GET is answered from the world as it was when the rule was added; other calls go on.
    Stale,
    /// It arrives twice: the effect is attempted a second time, and the first answer is sent.
    Twice,
    /// It is answered 429.
    RateLimited {
        /// `Retry-After`, seconds.
        retry_after: u64,
    },
    /// It is answered late.
    Delay {
        /// Milliseconds.
        milliseconds: u64,
    },
}

impl FaultAction {
    /// An error envelope.
    pub fn answer(status: u16, code: i64, message: &str) -> Self {
        Self::Answer { status, code, message: message.to_owned() }
    }
}

/// The JSON form.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "the JSON form has one key per action")]
struct Document {
    #[serde(skip_serializing_if = "is_false")]
    hold: bool,
    #[serde(skip_serializing_if = "is_false")]
    reset: bool,
    #[serde(skip_serializing_if = "is_false")]
    html: bool,
    #[serde(skip_serializing_if = "is_false")]
    truncated: bool,
    #[serde(skip_serializing_if = "is_false")]
    stale: bool,
    #[serde(skip_serializing_if = "is_false")]
    twice: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rate_limited: Option<RateLimited>,
    #[serde(skip_serializing_if = "Option::is_none")]
    delay_ms: Option<u64>,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RateLimited {
    retry_after: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes the field by reference")]
const fn is_false(value: &bool) -> bool {
    !*value
}

impl TryFrom<Document> for FaultAction {
    type Error = String;

    fn try_from(document: Document) -> Result<Self, String> {
        let switches = [
            (document.hold, Self::Hold),
            (document.reset, Self::Reset),
            (document.html, Self::Html),
            (document.truncated, Self::Truncated),
            (document.stale, Self::Stale),
            (document.twice, Self::Twice),
        ];
        let Document { status, code, message, rate_limited, delay_ms, .. } = document;
        if status.is_none() && (code.is_some() || message.is_some()) {
            return Err("code and message belong to status".to_owned());
        }
        let mut chosen: Vec<Self> = switches.into_iter().filter(|(on, _)| *on).map(|(_, action)| action).collect();
        if let Some(status @ 200..=599) = status {
            chosen.push(Self::Answer { status, code: code.unwrap_or(0), message: message.unwrap_or_default() });
        }
        chosen.extend(rate_limited.map(|limit| Self::RateLimited { retry_after: limit.retry_after }));
        chosen.extend(delay_ms.map(|milliseconds| Self::Delay { milliseconds }));
        match (chosen.pop(), chosen.is_empty()) {
            (Some(action), true) => Ok(action),
            _ => Err("an action is exactly one of hold, reset, html, truncated, stale, twice, status (200 to 599), rate_limited, delay_ms".to_owned()),
        }
    }
}

impl From<FaultAction> for Document {
    fn from(action: FaultAction) -> Self {
        match action {
            FaultAction::Hold => Self { hold: true, ..Self::default() },
            FaultAction::Reset => Self { reset: true, ..Self::default() },
            FaultAction::Html => Self { html: true, ..Self::default() },
            FaultAction::Truncated => Self { truncated: true, ..Self::default() },
            FaultAction::Stale => Self { stale: true, ..Self::default() },
            FaultAction::Twice => Self { twice: true, ..Self::default() },
            FaultAction::Answer { status, code, message } => {
                Self { status: Some(status), code: Some(code), message: Some(message), ..Self::default() }
            }
            FaultAction::RateLimited { retry_after } => {
                Self { rate_limited: Some(RateLimited { retry_after }), ..Self::default() }
            }
            FaultAction::Delay { milliseconds } => Self { delay_ms: Some(milliseconds), ..Self::default() },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_action_survives_json() {
        for (text, action) in [
            (r#"{"hold":true}"#, FaultAction::Hold),
            (r#"{"reset":true}"#, FaultAction::Reset),
            (r#"{"html":true}"#, FaultAction::Html),
            (r#"{"truncated":true}"#, FaultAction::Truncated),
            (r#"{"stale":true}"#, FaultAction::Stale),
            (r#"{"twice":true}"#, FaultAction::Twice),
            (r#"{"status":502,"code":7,"message":"no"}"#, FaultAction::answer(502, 7, "no")),
            (r#"{"rate_limited":{"retry_after":9}}"#, FaultAction::RateLimited { retry_after: 9 }),
            (r#"{"delay_ms":5}"#, FaultAction::Delay { milliseconds: 5 }),
        ] {
            assert_eq!(serde_json::from_str::<FaultAction>(text).expect(text), action);
            assert_eq!(serde_json::to_string(&action).expect("serializable"), text);
        }
    }

    #[test]
    fn an_action_that_is_none_or_several_is_refused() {
        for text in [
            "{}",
            r#"{"hold":false}"#,
            r#"{"hold":true,"reset":true}"#,
            r#"{"code":1}"#,
            r#"{"status":99}"#,
            r#"{"explode":true}"#,
        ] {
            assert!(serde_json::from_str::<FaultAction>(text).is_err(), "{text}");
        }
    }
}
