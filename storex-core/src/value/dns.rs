//! DNS records as they should be: typed contents that cannot be wrong, in one canonical spelling.
//!
//! Parsed once. What cannot be used is refused with `invalid_field`, the pointer of the field, the reason and what to send instead. Equal
//! records have equal spellings, whatever case, trailing dots, quotes or IPv6 notation they were written with, so that a record read back
//! from a provider compares equal to the one that was asked for.

mod content;
mod name;
mod spec;
mod text;

pub use content::{CaaTag, CaaValue, RecordContent, RecordType};
pub use name::{DnsName, RecordName};
pub use spec::{RecordSpec, Ttl};
pub use text::TxtText;

use crate::{Code, Error};
use std::fmt::Display;

/// A refusal that names the field, what was given, the reason and the fix.
pub(crate) fn refused(field: &str, given: impl Display, why: &str, fix: &str) -> Error {
    let shown: String = given.to_string().chars().take(80).collect();
    Error::new(Code::InvalidField, format!("the {field} {shown:?} {why}; {fix}")).pointer(format!("/{field}"))
}
