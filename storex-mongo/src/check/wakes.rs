//! Changes are told of.

use super::fact::Finding;
use super::scratch::Scratch;
use crate::failure::describe;
use crate::server::Topology;
use futures::StreamExt;
use mongodb::bson::doc;
use std::time::Duration;
use storex_core::Result;

/// How long a notice may take.
const PATIENCE: Duration = Duration::from_secs(10);
const POLLED: &str = "Nothing has to be done: storex looks for changes once a second. For notices at once, use a replica set and let the user watch.";

/// A change stream tells of a write. Without one, changes are looked for by the clock.
pub(super) async fn notices(scratch: &Scratch) -> Result<Finding> {
    if scratch.topology == Topology::Standalone {
        return Ok(Finding::warns("a standalone server has no change streams", POLLED));
    }
    let mut stream = match scratch.database.watch().await {
        Ok(stream) => stream,
        Err(error) => return Ok(Finding::warns(describe(&error).to_string(), POLLED)),
    };
    let notice = async {
        let probe = scratch.probe();
        let (written, told) = tokio::join!(probe.insert_one(doc! { "_id": "watched" }), stream.next());
        written.is_ok() && matches!(told, Some(Ok(_)))
    };
    Ok(match tokio::time::timeout(PATIENCE, notice).await {
        Ok(true) => Finding::holds("a change stream tells of a write"),
        _ => Finding::warns("a change stream did not tell of a write", POLLED),
    })
}
