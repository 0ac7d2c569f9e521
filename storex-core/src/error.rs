//! The one public error of storex.
//!
//! One word wide, so results stay small. Callers branch on [`Error::kind`] or [`Error::code`], people read the message, the context
//! and the next step. Messages and context never hold secrets.

mod code;
mod record;

pub use code::{Code, Entry, Kind};
pub use record::ErrorRecord;

use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

/// Result of every fallible storex call.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Whether a failed mutating call may have taken effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Certainty {
    /// Proved: the call had no effect.
    Refused,
    /// Unknown: a timeout, a reset, a 5xx or an undecodable answer. Observe before anything else.
    Unclear,
}

/// What went wrong: a stable code, whether the effect is in doubt, and ordered context.
///
/// ```
/// use storex_core::{Code, Error, Kind};
///
/// let error = Error::new(Code::DomainTaken, "oceanbreezestore.com belongs to another store").pointer("/domain");
/// assert_eq!(error.kind(), Kind::Conflict);
/// assert_eq!(error.code().as_str(), "domain_taken");
/// assert!(!error.is_unclear());
/// ```
pub struct Error(Box<Inner>);

struct Inner {
    code: Code,
    certainty: Certainty,
    message: String,
    operation: Option<&'static str>,
    pointer: Option<String>,
    context: Vec<(&'static str, String)>,
    retry_after: Option<Duration>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl Error {
    /// A refusal: proved to have had no effect.
    #[must_use]
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            code,
            certainty: Certainty::Refused,
            message: message.into(),
            operation: None,
            pointer: None,
            context: Vec::new(),
            retry_after: None,
            source: None,
        }))
    }

    /// A failure whose effect is in doubt.
    #[must_use]
    pub fn unclear(code: Code, message: impl Into<String>) -> Self {
        let mut error = Self::new(code, message);
        error.0.certainty = Certainty::Unclear;
        error
    }

    /// The same error with the effect marked as in doubt.
    #[must_use]
    pub fn into_unclear(mut self) -> Self {
        self.0.certainty = Certainty::Unclear;
        self
    }

    /// Names the operation that failed, as `area.verb` (`dns.ensure_records`). The innermost name is kept.
    #[must_use]
    pub fn during(mut self, operation: &'static str) -> Self {
        self.0.operation.get_or_insert(operation);
        self
    }

    /// Points at the offending field of the request, as a JSON pointer (`/storeDetails/email`).
    #[must_use]
    pub fn pointer(mut self, pointer: impl Into<String>) -> Self {
        self.0.pointer = Some(pointer.into());
        self
    }

    /// Adds one fact. Never a secret.
    #[must_use]
    pub fn with(mut self, key: &'static str, value: impl fmt::Display) -> Self {
        self.0.context.push((key, value.to_string()));
        self
    }

    /// Earliest moment at which a retry makes sense, from now.
    #[must_use]
    pub fn retry_after(mut self, delay: Duration) -> Self {
        self.0.retry_after = Some(delay);
        self
    }

    /// Keeps the cause for the source chain.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// Stable machine-readable code.
    pub fn code(&self) -> Code {
        self.0.code
    }

    /// Class of the failure, from the code table.
    pub fn kind(&self) -> Kind {
        self.0.code.entry().kind
    }

    /// Whether the effect is in doubt.
    pub fn certainty(&self) -> Certainty {
        self.0.certainty
    }

    /// True when the call may have taken effect.
    pub fn is_unclear(&self) -> bool {
        self.0.certainty == Certainty::Unclear
    }

    /// True when the same call may succeed later without anybody changing anything.
    pub fn is_transient(&self) -> bool {
        matches!(self.kind(), Kind::RateLimited | Kind::Unavailable | Kind::Timeout)
    }

    /// One sentence for people.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// JSON pointer of the offending request field.
    pub fn pointer_str(&self) -> Option<&str> {
        self.0.pointer.as_deref()
    }

    /// Facts in the order they were added.
    pub fn context(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.0.context.iter().map(|(key, value)| (*key, value.as_str()))
    }

    /// Name of the operation that failed.
    pub fn operation(&self) -> Option<&'static str> {
        self.0.operation
    }

    /// Earliest useful retry, from now.
    pub fn retry_delay(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// What the reader can do about it.
    pub fn next_step(&self) -> &'static str {
        self.0.code.entry().next_step
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0.code.as_str(), self.0.message)?;
        for (key, value) in &self.0.context {
            write!(f, " [{key}={value}]")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("code", &self.0.code)
            .field("certainty", &self.0.certainty)
            .field("operation", &self.0.operation)
            .field("message", &self.0.message)
            .field("pointer", &self.0.pointer)
            .field("context", &self.0.context)
            .field("source", &self.0.source)
            .finish()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match &self.0.source {
            Some(source) => Some(source.as_ref()),
            None => None,
        }
    }
}

const _: () = assert!(size_of::<Error>() == size_of::<usize>());
