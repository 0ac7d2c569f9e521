//! One winner per key, one winner per version, and a majority that confirms.

use super::fact::Finding;
use super::scratch::Scratch;
use crate::failure::{COMMAND, Failure, describe, limited};
use futures::future::join_all;
use mongodb::bson::{Bson, doc};
use mongodb::error::{ErrorKind, WriteFailure};
use mongodb::options::{Acknowledgment, WriteConcern};
use std::collections::BTreeMap;
use std::time::Duration;
use storex_core::{Expected, Fence, Nonce, Page, Query, Result, RowWrite, StoreRepo, Table};

/// How many try for the same thing at once.
const CONTENDERS: i32 = 16;
/// More members than the storage of any replica set has (<https://www.mongodb.com/docs/manual/reference/limits/#replica-sets>).
const TOO_MANY: u32 = 50;
/// A part of the command has a value it cannot have.
const BAD_VALUE: i32 = 2;

/// Many insert the same key at once; one does.
pub(super) async fn unique(scratch: &Scratch) -> Result<Finding> {
    let keys: [Bson; 2] = ["a name".into(), doc! { "namespace": "domain", "name": "a name" }.into()];
    for key in keys {
        let probe = scratch.probe();
        let contend = |number| limited(probe.insert_one(doc! { "_id": key.clone(), "by": number }).into_future());
        let (mut made, mut refused) = (0, 0);
        for outcome in join_all((0..CONTENDERS).map(contend)).await {
            match outcome {
                Ok(_) => made += 1,
                Err(Failure::Duplicate) => refused += 1,
                Err(failure) => return Err(failure.of_write()),
            }
        }
        if (made, refused) != (1, CONTENDERS - 1) {
            return Ok(Finding::judged(false, format!("of {CONTENDERS} inserts of one key {made} were done")));
        }
    }
    Ok(Finding::holds(format!("of {CONTENDERS} inserts of one key 1 was done, the others were refused")))
}

/// Many change the same version at once; one does.
pub(super) async fn compare_and_set(scratch: &Scratch) -> Result<Finding> {
    let probe = scratch.probe();
    limited(probe.insert_one(doc! { "_id": "versioned", "version": 1 })).await.map_err(Failure::of_write)?;
    let contend = |by| {
        let change = doc! { "$set": { "by": by }, "$inc": { "version": 1 } };
        limited(probe.update_one(doc! { "_id": "versioned", "version": 1 }, change).into_future())
    };
    let mut changed = 0;
    for outcome in join_all((0..CONTENDERS).map(contend)).await {
        changed += outcome.map_err(Failure::of_write)?.matched_count;
    }
    let last = limited(probe.find_one(doc! { "_id": "versioned" })).await.map_err(Failure::of_read)?;
    let version = last.and_then(|last| last.get_i32("version").ok()).unwrap_or_default();
    Ok(Finding::judged(
        (changed, version) == (1, 2),
        format!("of {CONTENDERS} changes of one version {changed} were done, and it rose from 1 to {version}"),
    ))
}

/// A majority and its journals confirm a write; a confirmation nobody can give is refused, so the server does not merely say yes.
pub(super) async fn confirmed(scratch: &Scratch) -> Result<Finding> {
    let probe = scratch.probe();
    let mut concern = WriteConcern::majority();
    concern.journal = Some(true);
    let write = probe.insert_one(doc! { "_id": "confirmed" }).write_concern(concern);
    limited(write).await.map_err(Failure::of_write)?;
    let seen = limited(probe.find_one(doc! { "_id": "confirmed" })).await.map_err(Failure::of_read)?;
    if seen.is_none() {
        return Ok(Finding::judged(false, "a confirmed write was not seen by the next read"));
    }
    let mut impossible = WriteConcern::from(Acknowledgment::Nodes(TOO_MANY));
    impossible.w_timeout = Some(Duration::from_secs(1));
    let write = probe.insert_one(doc! { "_id": "impossible" }).write_concern(impossible);
    Ok(match tokio::time::timeout(COMMAND, write.into_future()).await {
        Ok(Ok(_)) => Finding::judged(false, format!("the server confirms for {TOO_MANY} members, which it does not have")),
        Ok(Err(error)) if is_unconfirmed(&error) => {
            Finding::holds("a majority and its journals confirm; what cannot be confirmed is refused")
        }
        Ok(Err(error)) => return Err(describe(&error)),
        Err(_) => Finding::judged(
            false,
            format!("the server waits for {TOO_MANY} members, which it does not have, and does not say so"),
        ),
    })
}

/// Whether the server says that so many cannot confirm: a replica set by a write concern error, a standalone server by `BadValue`
/// (<https://www.mongodb.com/docs/manual/reference/write-concern/>).
fn is_unconfirmed(error: &mongodb::error::Error) -> bool {
    match &*error.kind {
        ErrorKind::Write(WriteFailure::WriteConcernError(_)) => true,
        ErrorKind::Command(command) => command.code == BAD_VALUE,
        _ => false,
    }
}

/// Texts are sorted by their bytes.
pub(super) async fn order(scratch: &Scratch) -> Result<Finding> {
    let mut ids = ["b", "B", "a", "é", "aa", "a-", "Z", "z", "_"].map(str::to_owned);
    for id in &ids {
        let indexes = BTreeMap::from([("due".to_owned(), id.clone())]);
        let write = RowWrite { table: Table::DueTimes, id: id.clone(), body: serde_json::json!({}).into(), indexes };
        scratch.repo.put(&write, Expected::Absent, &Nonce(format!("order {id}")), Fence::NONE).await?;
    }
    ids.sort_unstable();
    for query in [Query::All, Query::Index { name: "due".to_owned(), from: None, to: None }] {
        let listed = scratch.repo.list(Table::DueTimes, &query, &Page::first(ids.len())).await?.rows;
        let listed: Vec<String> = listed.into_iter().map(|row| row.id).collect();
        if listed != ids {
            return Ok(Finding::judged(false, format!("texts are sorted as {}", listed.join(" "))));
        }
    }
    Ok(Finding::holds("by their bytes"))
}
