//! Leases by the server's time, and their epochs.
//!
//! The epoch comes from one counter of the database, drawn after the lease was seen free and before it is taken; so it is above every epoch the
//! lease had, and one drawn in vain is a gap that nobody minds.

use crate::failure::{Failure, limited};
use crate::schema::EPOCH;
use crate::settle::{Step, settle};
use crate::stores::Shared;
use jiff::Timestamp;
use mongodb::bson::{Bson, DateTime, Document, doc};
use mongodb::options::ReturnDocument;
use std::time::Duration;
use storex_core::{Code, Epoch, Error, Grant, Lease, Result};

/// Collection of the leases.
pub(crate) const LEASES: &str = "leases";
/// How long a lease that is over is kept. Every epoch drawn before its removal is taken or forgotten long before.
pub(crate) const KEPT: Duration = Duration::from_hours(24);

impl Shared {
    /// Gives or renews the lease, unless another holder's runs.
    pub(crate) async fn acquire(&self, lease: &Lease) -> Result<Option<Grant>> {
        settle(|_| self.try_acquire(lease)).await
    }

    async fn try_acquire(&self, lease: &Lease) -> Result<Step<Option<Grant>>, Failure> {
        let seen = self.observe(LEASES, doc! { "_id": lease.name.as_str() }).await?;
        let taken = match seen.one() {
            None => self.begin(lease).await,
            Some(held) if is_over(held, seen.now) => self.take_over(lease, held).await,
            Some(held) if held.get_str("holder").is_ok_and(|holder| holder == lease.holder) => self.renew(lease, held).await,
            Some(_) => return Ok(Step::Done(None)),
        };
        match taken {
            Ok(Some(held)) => grant(&held).map(|grant| Step::Done(Some(grant))),
            Ok(None) | Err(Failure::Duplicate) => Ok(Step::Again),
            Err(failure) => Err(failure),
        }
    }

    async fn begin(&self, lease: &Lease) -> Result<Option<Document>, Failure> {
        let epoch = self.draw().await?;
        // No lease has this epoch: one that came into being meanwhile is met as a duplicate.
        self.change(doc! { "_id": lease.name.as_str(), "epoch": -1_i64 }, taken(lease, epoch), true).await
    }

    async fn take_over(&self, lease: &Lease, held: &Document) -> Result<Option<Document>, Failure> {
        let epoch = self.draw().await?;
        let mut filter = doc! { "_id": lease.name.as_str(), "epoch": held.get("epoch") };
        filter.insert("$expr", doc! { "$lte": ["$until", "$$NOW"] });
        self.change(filter, taken(lease, epoch), false).await
    }

    async fn renew(&self, lease: &Lease, held: &Document) -> Result<Option<Document>, Failure> {
        let mut filter = doc! { "_id": lease.name.as_str(), "holder": lease.holder.as_str(), "epoch": held.get("epoch") };
        filter.insert("$expr", doc! { "$gt": ["$until", "$$NOW"] });
        self.change(filter, doc! { "until": end(lease.duration) }, false).await
    }

    async fn change(&self, filter: Document, set: Document, upsert: bool) -> Result<Option<Document>, Failure> {
        let change = vec![doc! { "$set": set }];
        let leases = self.collection(LEASES);
        let command = leases.find_one_and_update(filter, change).upsert(upsert).return_document(ReturnDocument::After);
        limited(command.max_time(crate::failure::COMMAND)).await
    }

    /// An epoch nobody had.
    async fn draw(&self) -> Result<i64, Failure> {
        let meta = self.meta();
        let command = meta.find_one_and_update(doc! { "_id": EPOCH }, doc! { "$inc": { "value": 1_i64 } });
        let command = command.return_document(ReturnDocument::After).max_time(crate::failure::COMMAND);
        let drawn = limited(command).await?.and_then(|counter| counter.get_i64("value").ok());
        drawn.ok_or_else(|| {
            let lost = "the MongoDB database has lost its counter of epochs: restore the database from a backup";
            Failure::Refused(Error::new(Code::Corrupt, lost))
        })
    }
}

fn taken(lease: &Lease, epoch: i64) -> Document {
    doc! { "holder": { "$literal": lease.holder.as_str() }, "epoch": epoch, "until": end(lease.duration) }
}

fn is_over(held: &Document, now: DateTime) -> bool {
    held.get_datetime("until").is_ok_and(|until| *until <= now)
}

/// The end of a lease that begins now, at most the last whole second there is: not each of its milliseconds can be read back.
fn end(duration: Duration) -> Bson {
    let last = Timestamp::MAX.as_second().saturating_mul(1000);
    let length = i64::try_from(duration.as_millis()).unwrap_or(last).min(last);
    doc! { "$min": [{ "$add": ["$$NOW", length] }, DateTime::from_millis(last)] }.into()
}

fn grant(held: &Document) -> Result<Grant, Failure> {
    let epoch = held.get_i64("epoch").ok().and_then(|epoch| u64::try_from(epoch).ok());
    let until = held.get_datetime("until").ok().and_then(|until| Timestamp::from_millisecond(until.timestamp_millis()).ok());
    match (epoch, until) {
        (Some(epoch), Some(until)) => Ok(Grant { epoch: Epoch(epoch), until }),
        _ => Err(Failure::Refused(Error::new(Code::Corrupt, "a stored lease is none that storex writes"))),
    }
}
