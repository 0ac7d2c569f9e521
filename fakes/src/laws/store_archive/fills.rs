//! What may be filled, and when.

use super::{Law, Subject, Verdict, fresh, law, refused, same};
use crate::laws::store_archive::Archives;
use serde_json::json;
use std::collections::BTreeMap;
use std::time::Duration;
use storex_core::{ArchivedRow, Claim, Epoch, Expected, Fence, Lease, Nonce, Row, RowWrite, StoreArchive, Table};

pub(super) fn laws() -> Vec<Law<dyn Archives>> {
    vec![
        law!("SA-20", "a repo that holds a row is not begun, and goes on serving", holds_a_row),
        law!("SA-21", "a repo that holds a claim is not begun", holds_a_claim),
        law!("SA-22", "a repo that gave an epoch is not begun", gave_an_epoch),
        law!("SA-23", "an unfinished repo is not begun again", begun_twice),
        law!("SA-24", "rows, claims and an end are refused before a beginning", not_begun),
        law!("SA-25", "rows, claims and an end are refused after the end", ended),
        law!("SA-26", "repeating an import changes nothing", repeated),
        law!("SA-27", "an import replaces a row and its index values", replaced),
        law!("SA-28", "a finished repo is not begun again", finished),
    ]
}

fn row(id: &str, version: u64, due: &str) -> ArchivedRow {
    let indexes = BTreeMap::from([("due".to_owned(), due.to_owned())]);
    let row = Row { id: id.to_owned(), version, body: json!({ "due": due }).into(), indexes };
    ArchivedRow { row, nonce: Nonce(format!("nonce of {id}")) }
}

fn claim() -> Claim {
    Claim { namespace: "port:a".to_owned(), name: "4001".to_owned(), owner: "op".to_owned(), label: "shop".to_owned() }
}

async fn holds_a_row(archives: Subject) -> Verdict {
    let repo = archives.fresh().await?;
    let write = RowWrite { table: Table::Platform, id: "one".to_owned(), body: json!(1).into(), indexes: BTreeMap::new() };
    repo.put(&write, Expected::Absent, &Nonce(fresh("n")), Fence::NONE).await?;
    refused("a used repo", repo.begin().await)?;
    refused("rows for a used repo", repo.import_rows(Table::Stores, &[row("a", 1, "1")]).await)?;
    same("the next version", &repo.put(&write, Expected::Version(1), &Nonce(fresh("n")), Fence::NONE).await?, &2)
}

async fn holds_a_claim(archives: Subject) -> Verdict {
    let repo = archives.fresh().await?;
    repo.claim(&claim(), Fence::NONE).await?;
    refused("a repo with a claim", repo.begin().await)
}

async fn gave_an_epoch(archives: Subject) -> Verdict {
    let repo = archives.fresh().await?;
    repo.acquire(&Lease { name: "l".to_owned(), holder: "h".to_owned(), duration: Duration::ZERO }).await?;
    refused("a repo that gave an epoch", repo.begin().await)
}

async fn begun_twice(archives: Subject) -> Verdict {
    let repo = archives.fresh().await?;
    repo.begin().await?;
    refused("an unfinished repo", repo.begin().await)
}

async fn refuses_all(repo: &dyn StoreArchive) -> Verdict {
    refused("rows", repo.import_rows(Table::Stores, &[row("a", 1, "1")]).await)?;
    refused("claims", repo.import_claims(&[claim()]).await)?;
    refused("an end", repo.finish(Epoch(7)).await)?;
    same("the rows", &repo.export_rows(Table::Stores, None, 5).await?, &vec![])?;
    same("the claims", &repo.export_claims(None, 5).await?, &vec![])?;
    same("the epoch", &repo.last_epoch().await?, &Epoch(0))
}

async fn not_begun(archives: Subject) -> Verdict {
    refuses_all(archives.fresh().await?.as_ref()).await
}

async fn ended(archives: Subject) -> Verdict {
    let repo = archives.fresh().await?;
    repo.begin().await?;
    repo.finish(Epoch(0)).await?;
    refuses_all(repo.as_ref()).await
}

async fn repeated(archives: Subject) -> Verdict {
    let repo = archives.fresh().await?;
    repo.begin().await?;
    let rows = [row("a", 3, "1"), row("b", 1, "2")];
    for _ in 0..2 {
        repo.import_rows(Table::Stores, &rows).await?;
        repo.import_claims(&[claim()]).await?;
    }
    repo.finish(Epoch(7)).await?;
    same("the rows", &repo.export_rows(Table::Stores, None, 5).await?, &rows.to_vec())?;
    same("the claims", &repo.export_claims(None, 5).await?, &vec![claim()])?;
    same("the epoch", &repo.last_epoch().await?, &Epoch(7))
}

async fn replaced(archives: Subject) -> Verdict {
    let repo = archives.fresh().await?;
    repo.begin().await?;
    for due in ["1", "2"] {
        repo.import_rows(Table::Stores, &[row("a", 1, due)]).await?;
    }
    repo.finish(Epoch(0)).await?;
    let by = async |due: &str| {
        let query = storex_core::Query::equals("due", due);
        repo.list(Table::Stores, &query, &storex_core::Page::first(5)).await.map(|page| page.rows.len())
    };
    same("rows by the old value", &by("1").await?, &0)?;
    same("rows by the new value", &by("2").await?, &1)
}

async fn finished(archives: Subject) -> Verdict {
    let repo = archives.fresh().await?;
    repo.begin().await?;
    repo.import_rows(Table::Stores, &[row("a", 1, "1")]).await?;
    repo.finish(Epoch(0)).await?;
    refused("a finished repo", repo.begin().await)
}
