//! The server's clock decides about fences, and ends commands that take too long.

use super::fact::Finding;
use super::scratch::Scratch;
use crate::failure::{COMMAND, code, describe};
use crate::schema::META;
use crate::{failure::Failure, schema};
use futures::TryStreamExt;
use jiff::{SignedDuration, Timestamp};
use mongodb::bson::{Bson, Document, doc};
use std::collections::BTreeMap;
use std::time::Duration;
use storex_core::{Clock, Code, Epoch, Error, Expected, Fence, Grant, Nonce, Result, RowWrite, StoreRepo, SystemClock, Table};

/// A limit that the question of [`limits`] cannot keep.
const LIMIT: Duration = Duration::from_millis(20);
/// Documents that question combines with each other, three times.
const COMBINED: i32 = 300;
/// The server ended a command at its limit (`MaxTimeMSExpired`).
const EXPIRED: i32 = 50;

/// Writes before and after the end of a lease, by the server's own clock.
pub(super) async fn fences(scratch: &Scratch) -> Result<Finding> {
    let seen = scratch.shared().observe(META, doc! { "_id": schema::SCHEMA }).await.map_err(Failure::of_read)?;
    let unreadable = |_| Error::new(Code::Corrupt, "the server's time cannot be read");
    let now = Timestamp::from_millisecond(seen.now.timestamp_millis()).map_err(unreadable)?;
    let ahead = now.duration_since(SystemClock.now()).as_millis();
    let (over, open) = (fence(now - SignedDuration::from_secs(1)), fence(now + SignedDuration::from_hours(1)));
    let steps = [
        (Expected::Absent, over, false),
        (Expected::Absent, open, true),
        (Expected::Version(1), over, false),
        (Expected::Version(1), open, true),
    ];
    for (number, (expected, fence, comes_in_time)) in steps.into_iter().enumerate() {
        let done = scratch.repo.put(&row(), expected, &Nonce(format!("fence {number}")), fence).await;
        let is_late = done.as_ref().is_err_and(|error| error.code() == Code::LeaseExpired);
        match (comes_in_time, done) {
            (true, Err(error)) if !is_late => return Err(error),
            (false, Err(error)) if !is_late => return Err(error),
            (wanted, done) if wanted != done.is_ok() => {
                return Ok(Finding::judged(false, "a write after the end of a lease was done, or one before it refused"));
            }
            _ => {}
        }
    }
    Ok(Finding::holds(format!("late writes are refused by the server's clock, which is {ahead} ms ahead of this machine's")))
}

fn fence(until: Timestamp) -> Fence {
    Grant { epoch: Epoch(1), until }.fence()
}

fn row() -> RowWrite {
    RowWrite { table: Table::Platform, id: "fenced".to_owned(), body: serde_json::json!({}).into(), indexes: BTreeMap::new() }
}

/// A question that takes far longer than its limit is ended there.
pub(super) async fn limits(scratch: &Scratch) -> Result<Finding> {
    let many = scratch.database.collection::<Document>("many");
    let documents = (0..COMBINED).map(|number| doc! { "_id": number });
    many.insert_many(documents).await.map_err(|error| describe(&error))?;
    let with_all = |name: &str| {
        let all = doc! { "$lookup": { "from": "many", "pipeline": Bson::Array(vec![]), "as": name } };
        [all, doc! { "$unwind": format!("${name}") }]
    };
    let pipeline = [with_all("a"), with_all("b")].concat();
    let question = async {
        let count = pipeline.into_iter().chain([doc! { "$count": "combined" }]);
        many.aggregate(count).max_time(LIMIT).await?.try_next().await
    };
    let limited = "a command is ended at its time limit";
    Ok(match tokio::time::timeout(COMMAND, question).await {
        Ok(Err(error)) if code(&error) == Some(EXPIRED) => Finding::holds(limited),
        Ok(Err(error)) => return Err(describe(&error)),
        Ok(Ok(_)) | Err(_) => Finding::judged(false, format!("a command with a limit of {} ms went on", LIMIT.as_millis())),
    })
}
