//! Fences as the server compares them: with its own clock, in the command that writes.
//!
//! `$$NOW` is the server's time when the command began (<https://www.mongodb.com/docs/manual/reference/aggregation-variables/>). A filter holds it
//! in `$expr`, which no upsert may (error 224); a new document is therefore made by an update pipeline that fails when it comes too late.

use jiff::Timestamp;
use mongodb::bson::{Bson, DateTime, Document, doc};
use storex_core::Fence;

/// Code of the error with which a late pipeline fails: a conversion that cannot be done (`ConversionFailure`).
pub(crate) const LATE: i32 = 241;

/// The moment as MongoDB keeps it: whole milliseconds, rounded down, so that a fence closes rather early than late.
pub(crate) fn moment(at: Timestamp) -> DateTime {
    DateTime::from_millis(at.as_millisecond())
}

/// The filter with the condition that the fence is open.
pub(crate) fn filter(mut filter: Document, fence: Fence) -> Document {
    if let Some(until) = fence.until() {
        filter.insert("$expr", doc! { "$lt": ["$$NOW", moment(until)] });
    }
    filter
}

/// An expression with this value when the fence is open; evaluating it after that fails with [`LATE`].
pub(crate) fn guarded(value: impl Into<Bson>, fence: Fence) -> Bson {
    let value = value.into();
    let Some(until) = fence.until() else { return value };
    // Of the document, so that the server cannot evaluate it beforehand.
    let late = doc! { "$toInt": { "$concat": ["late: ", { "$type": "$_id" }] } };
    doc! { "$cond": [{ "$lt": ["$$NOW", moment(until)] }, value, late] }.into()
}
