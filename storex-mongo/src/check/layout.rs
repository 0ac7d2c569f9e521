//! The layout of a database goes forward, whoever is interrupted and however many begin.

use super::fact::Finding;
use super::scratch::Scratch;
use crate::failure::{Failure, limited};
use crate::schema;
use futures::FutureExt;
use futures::future::BoxFuture;
use mongodb::Database;
use mongodb::bson::{Document, doc};
use storex_core::{Code, Error, Result};

/// Collection in which the steps of this check leave what they did.
const STEPS: &str = "steps";

/// Two steps, of which the second breaks off the first time: a start that fails, then two starts at once.
pub(super) async fn forward(scratch: &Scratch) -> Result<Finding> {
    let database = &scratch.database;
    let go = || schema::forward(database, schema::KNOWN, &[first, second]);
    let broken = go().await;
    let halfway = schema::layout(database).await?;
    let (one, other) = tokio::join!(go(), go());
    one.and(other)?;
    let end = schema::layout(database).await?;
    let newer = schema::prepare(database).await.is_err_and(|error| error.code() == Code::Unusable);
    // Both have left their traces; leaving them again makes nothing new.
    let done = !leave(database, "first").await? && !leave(database, "second").await?;
    let holds = broken.is_err() && (halfway, end) == (Some(schema::KNOWN + 1), Some(schema::KNOWN + 2)) && done && newer;
    Ok(Finding::judged(holds, "a layout goes forward step by step, also after a start that broke off, and never back"))
}

fn first(database: &Database) -> BoxFuture<'_, Result<()>> {
    leave(database, "first").map(|left| left.map(drop)).boxed()
}

fn second(database: &Database) -> BoxFuture<'_, Result<()>> {
    async move {
        if leave(database, "second").await? {
            return Err(Error::new(Code::Unavailable, "the check breaks this step off once"));
        }
        Ok(())
    }
    .boxed()
}

/// Leaves what the step does; answers whether it is there for the first time.
async fn leave(database: &Database, step: &str) -> Result<bool> {
    let steps = database.collection::<Document>(STEPS);
    let left = steps.update_one(doc! { "_id": step }, doc! { "$set": { "done": true } }).upsert(true);
    Ok(limited(left).await.map_err(Failure::of_write)?.upserted_id.is_some())
}
