//! Looking at one document together with the server's time, in one command.

use crate::failure::{Failure, limited};
use crate::schema;
use crate::stores::Shared;
use futures::TryStreamExt;
use mongodb::bson::{Bson, DateTime, Document, doc};
use storex_core::{Code, Error, Fence};

/// What a look has seen.
#[derive(Debug)]
pub(crate) struct Seen {
    /// The server's time.
    pub(crate) now: DateTime,
    /// The documents found.
    pub(crate) found: Vec<Document>,
}

impl Seen {
    /// Whether a write with this fence would come too late.
    pub(crate) fn is_late(&self, fence: Fence) -> bool {
        fence.until().is_some_and(|until| self.now >= crate::fence::moment(until))
    }

    /// The refusal of a write that came too late.
    pub(crate) fn check(&self, fence: Fence) -> Result<(), Failure> {
        if self.is_late(fence) { Err(late()) } else { Ok(()) }
    }

    /// The document found, of a look by a unique key.
    pub(crate) fn one(&self) -> Option<&Document> {
        self.found.first()
    }
}

/// The refusal of a write that came too late.
pub(crate) fn late() -> Failure {
    Failure::Refused(Error::new(Code::LeaseExpired, "the write came after the end of its lease"))
}

impl Shared {
    /// The documents of a collection that match, and the server's time. Only what a majority has confirmed is seen.
    pub(crate) async fn observe(&self, collection: &str, filter: Document) -> Result<Seen, Failure> {
        let pipeline = [
            doc! { "$match": { "_id": schema::SCHEMA } },
            doc! { "$lookup": { "from": collection, "pipeline": [{ "$match": filter }], "as": "found" } },
            doc! { "$project": { "_id": 0, "found": 1, "now": "$$NOW" } },
        ];
        let look = async {
            let mut cursor = self.meta().aggregate(pipeline).max_time(crate::failure::COMMAND).await?;
            cursor.try_next().await
        };
        let mut seen = limited(look).await?.ok_or_else(lost_schema)?;
        let now = seen.get_datetime("now").map_err(|_| lost_schema())?;
        let now = DateTime::from_millis(now.timestamp_millis());
        let found = match seen.remove("found") {
            Some(Bson::Array(found)) => found.into_iter().filter_map(|found| found.as_document().cloned()).collect(),
            _ => return Err(lost_schema()),
        };
        Ok(Seen { now, found })
    }
}

fn lost_schema() -> Failure {
    Failure::Refused(Error::new(
        Code::Corrupt,
        "the MongoDB database has lost the document that names its schema: restore the database from a backup",
    ))
}
