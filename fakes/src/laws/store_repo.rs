//! Laws of [`StoreRepo`]: rows, listings, claims, leases, wakeups.
//!
//! Names are fresh in this process; a subject that outlives it starts empty for each run.

mod bounds;
#[expect(clippy::indexing_slicing, reason = "laws index the lists they have just made")]
mod claims;
mod fences;
mod leases;
#[expect(clippy::indexing_slicing, reason = "laws index the lists they have just made")]
mod listings;
mod races;
mod rows;

use super::{Broken, Law, Verdict, ensure, fresh};
use futures::future::join_all;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;
use storex_core::{Code, Expected, Fence, Nonce, Page, Query, Result, Row, RowWrite, StoreRepo, Table};

/// What a law judges.
type Subject = Arc<dyn StoreRepo>;

macro_rules! law {
    ($id:literal, $sentence:literal, $judge:path) => {
        Law { id: $id, sentence: $sentence, judge: |repo| Box::pin($judge(repo)) }
    };
}
use law;

/// Every law of the trait.
pub fn laws() -> Vec<Law<dyn StoreRepo>> {
    [rows::laws(), bounds::laws(), races::laws(), listings::laws(), claims::laws(), leases::laws(), fences::laws()]
        .into_iter()
        .flatten()
        .collect()
}

/// A row to write, without index values.
fn document(table: Table, id: &str, body: Value) -> RowWrite {
    RowWrite { table, id: id.to_owned(), body: body.into(), indexes: BTreeMap::new() }
}

/// A row with one index value; its body names its id.
fn indexed(table: Table, id: &str, name: &str, value: &str) -> RowWrite {
    RowWrite { indexes: BTreeMap::from([(name.to_owned(), value.to_owned())]), ..document(table, id, json!({ "id": id })) }
}

/// A nonce nobody used.
fn nonce() -> Nonce {
    Nonce(fresh("nonce-"))
}

/// Writes a new row.
async fn insert(repo: &Subject, write: &RowWrite) -> Result<u64> {
    repo.put(write, Expected::Absent, &nonce(), Fence::NONE).await
}

/// The calls' answers, all calls under way at once.
async fn at_once<T: Send + 'static>(
    calls: impl IntoIterator<Item: Future<Output = T> + Send + 'static>,
) -> std::result::Result<Vec<T>, Broken> {
    let tasks: Vec<_> = calls.into_iter().map(tokio::spawn).collect();
    join_all(tasks)
        .await
        .into_iter()
        .map(|joined| joined.map_err(|error| Broken(format!("a call broke down: {error}"))))
        .collect()
}

/// Pages through a listing; breaks when it does not end within `most` pages or a page is over its limit.
async fn pages(
    repo: &Subject,
    table: Table,
    query: &Query,
    limit: usize,
    most: usize,
) -> std::result::Result<Vec<Vec<Row>>, Broken> {
    let (mut pages, mut page) = (Vec::new(), Page::first(limit));
    loop {
        let seen = repo.list(table, query, &page).await?;
        ensure(seen.rows.len() <= limit, || format!("a page of at most {limit} rows has {}", seen.rows.len()))?;
        pages.push(seen.rows);
        match seen.next {
            None => return Ok(pages),
            after => page.after = after,
        }
        ensure(pages.len() < most, || format!("the listing does not end within {most} pages"))?;
    }
}

/// The ids of a listing, in its order.
async fn ids(repo: &Subject, table: Table, query: &Query, limit: usize) -> std::result::Result<Vec<String>, Broken> {
    Ok(pages(repo, table, query, limit, 10_000).await?.into_iter().flatten().map(|row| row.id).collect())
}

/// Judges that two values are equal.
fn same<T: PartialEq + Debug>(what: &str, seen: &T, wanted: &T) -> Verdict {
    ensure(seen == wanted, || format!("{what}: {seen:?} instead of {wanted:?}"))
}

/// Judges that a call was refused with this code, with no doubt about its effect.
fn refused<T: Debug>(what: &str, answer: Result<T>, code: Code) -> Verdict {
    match answer {
        Err(error) if error.code() == code && !error.is_unclear() => Ok(()),
        other => Err(Broken(format!("{what}: {other:?} instead of a refusal with {code:?}"))),
    }
}
