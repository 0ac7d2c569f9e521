//! What a copy holds.

use super::{Broken, Law, Subject, Verdict, ensure, fresh, law, refused, same};
use crate::laws::store_archive::Archives;
use futures::StreamExt;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use storex_core::{
    Claim, ClaimOutcome, Code, Epoch, Expected, Fence, Lease, Nonce, Page, Query, RowWrite, StoreArchive, Table, copy_archive,
};

/// How long a wake-up may take.
const PATIENCE: Duration = Duration::from_secs(10);

pub(super) fn laws() -> Vec<Law<dyn Archives>> {
    vec![
        law!("SA-01", "an empty repo is copied as an empty one", empty),
        law!("SA-02", "every row arrives in its table with its version, body and index values", rows),
        law!("SA-03", "a copied row is listed by its index values", listed),
        law!("SA-04", "repeating a row's last write in the copy answers its version and changes nothing", nonces),
        law!("SA-05", "the next write expects the version that was copied", versions),
        law!("SA-06", "claims arrive with owner and label, and go on excluding others", claims),
        law!("SA-07", "what was removed or released does not arrive", removed),
        law!("SA-08", "the next epoch in the copy is above every epoch of the source", epochs),
        law!("SA-09", "leases stay behind: another holder gets one at once", leases),
        law!("SA-10", "rows and claims are exported in order, each once, whatever the size of a page", pages),
        law!("SA-11", "a write in the copy wakes a watcher", woken),
        law!("SA-12", "the source holds after a copy what it held before", unchanged),
        law!("SA-13", "a source on which a lease runs is not copied, and the destination stays empty", busy),
    ]
}

fn write(table: Table, id: &str, body: Value) -> RowWrite {
    let indexes = BTreeMap::from([("due".to_owned(), format!("of {id}")), ("$a.b".to_owned(), "1".to_owned())]);
    RowWrite { table, id: id.to_owned(), body: body.into(), indexes }
}

fn claim(name: &str, owner: &str) -> Claim {
    Claim { namespace: "domain".to_owned(), name: name.to_owned(), owner: owner.to_owned(), label: format!("label of {name}") }
}

fn lease(holder: &str, duration: Duration) -> Lease {
    Lease { name: "op".to_owned(), holder: holder.to_owned(), duration }
}

/// Ids whose bytes and symbols mean something somewhere.
const IDS: [&str; 6] = ["a", "a-", "B", "$b.c", "é", "z\"\\"];

/// A repo in use for a while, and no longer: rows written once, twice and removed, claims held and released, an epoch given.
async fn used(archives: &Subject) -> Result<Arc<dyn StoreArchive>, Broken> {
    let repo = archives.fresh().await?;
    for (number, table) in Table::ALL.iter().enumerate() {
        for id in IDS {
            repo.put(&write(*table, id, json!({ "n": number })), Expected::Absent, &Nonce(fresh("n")), Fence::NONE).await?;
        }
        let body = json!({ "$a": [number, null, "é\u{0}"], "big": 9_007_199_254_740_993_u64, "deep": [[[[{}]]]] });
        repo.put(&write(*table, "B", body), Expected::Version(1), &Nonce(format!("last {table}")), Fence::NONE).await?;
        repo.delete(*table, "a-", 1, Fence::NONE).await?;
    }
    for name in IDS {
        repo.claim(&claim(name, "owner"), Fence::NONE).await?;
    }
    repo.release("domain", "a-", "owner", Fence::NONE).await?;
    repo.acquire(&lease("gone", Duration::ZERO)).await?;
    Ok(repo)
}

/// A repo that was used, and its copy.
async fn copied(archives: &Subject) -> Result<[Arc<dyn StoreArchive>; 2], Broken> {
    let (from, to) = (used(archives).await?, archives.fresh().await?);
    copy_archive(from.as_ref(), to.as_ref()).await?;
    Ok([from, to])
}

async fn empty(archives: Subject) -> Verdict {
    let (from, to) = (archives.fresh().await?, archives.fresh().await?);
    let seen = copy_archive(from.as_ref(), to.as_ref()).await?;
    same("what was copied", &(seen.rows, seen.claims), &(0, 0))?;
    same("the last epoch", &to.last_epoch().await?, &Epoch(0))
}

async fn rows(archives: Subject) -> Verdict {
    let [from, to] = copied(&archives).await?;
    for table in Table::ALL {
        let (here, there) = (from.get(*table, "B").await?, to.get(*table, "B").await?);
        ensure(here.as_ref().is_some_and(|row| row.version == 2), || format!("the source holds {here:?}"))?;
        same("a row", &there, &here)?;
        let page = Page::first(50);
        same("a table", &to.list(*table, &Query::All, &page).await?, &from.list(*table, &Query::All, &page).await?)?;
    }
    Ok(())
}

async fn listed(archives: Subject) -> Verdict {
    let [_, to] = copied(&archives).await?;
    let page = to.list(Table::Stores, &Query::equals("due", "of é"), &Page::first(5)).await?;
    same("rows by an index value", &page.rows.into_iter().map(|row| row.id).collect::<Vec<_>>(), &vec!["é".to_owned()])
}

async fn nonces(archives: Subject) -> Verdict {
    let [from, to] = copied(&archives).await?;
    let again = write(Table::Stores, "B", json!("repeated"));
    let nonce = Nonce(format!("last {}", Table::Stores));
    same("the version", &to.put(&again, Expected::Version(1), &nonce, Fence::NONE).await?, &2)?;
    same("the row", &to.get(Table::Stores, "B").await?, &from.get(Table::Stores, "B").await?)
}

async fn versions(archives: Subject) -> Verdict {
    let [_, to] = copied(&archives).await?;
    let next = write(Table::Stores, "B", json!("next"));
    same("the version", &to.put(&next, Expected::Version(2), &Nonce(fresh("n")), Fence::NONE).await?, &3)
}

async fn claims(archives: Subject) -> Verdict {
    let [_, to] = copied(&archives).await?;
    same("another's claim", &to.claim(&claim("é", "other"), Fence::NONE).await?, &ClaimOutcome::Taken(claim("é", "owner")))?;
    same("the owner's claim", &to.claim(&claim("é", "owner"), Fence::NONE).await?, &ClaimOutcome::Held)
}

async fn removed(archives: Subject) -> Verdict {
    let [_, to] = copied(&archives).await?;
    same("a removed row", &to.get(Table::Stores, "a-").await?, &None)?;
    same("a released name", &to.claim(&claim("a-", "other"), Fence::NONE).await?, &ClaimOutcome::Held)
}

async fn epochs(archives: Subject) -> Verdict {
    let [from, to] = copied(&archives).await?;
    let last = from.last_epoch().await?;
    let next = to.acquire(&lease("next", Duration::ZERO)).await?.map(|grant| grant.epoch);
    ensure(last > Epoch(0) && next.is_some_and(|next| next > last), || format!("after {last} came {next:?}"))
}

async fn leases(archives: Subject) -> Verdict {
    let from = archives.fresh().await?;
    from.acquire(&lease("gone", Duration::from_millis(200))).await?;
    while from.busy().await?.is_some() {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let to = archives.fresh().await?;
    copy_archive(from.as_ref(), to.as_ref()).await?;
    same("who works on the copy", &to.busy().await?, &None)?;
    let given = to.acquire(&lease("other", Duration::from_secs(1000))).await?;
    ensure(given.is_some(), || "the copy holds the lease of the source".to_owned())
}

async fn pages(archives: Subject) -> Verdict {
    let repo = used(&archives).await?;
    let mut wanted: Vec<&str> = IDS.into_iter().filter(|id| *id != "a-").collect();
    wanted.sort_unstable();
    for limit in [1, 2, 5, 100] {
        let (mut ids, mut names): (Vec<String>, Vec<String>) = (Vec::new(), Vec::new());
        loop {
            let page = repo.export_rows(Table::Domains, ids.last().map(String::as_str), limit).await?;
            ensure(page.len() <= limit && ids.len() < 50, || format!("a page of {} for {limit}", page.len()))?;
            if page.is_empty() {
                break;
            }
            ids.extend(page.into_iter().map(|archived| archived.row.id));
        }
        loop {
            let page = repo.export_claims(names.last().map(|name| ("domain", name.as_str())), limit).await?;
            ensure(page.len() <= limit && names.len() < 50, || format!("a page of {} for {limit}", page.len()))?;
            if page.is_empty() {
                break;
            }
            names.extend(page.into_iter().map(|claim| claim.name));
        }
        ensure(ids == wanted && names == wanted, || format!("pages of {limit}: {ids:?} and {names:?}"))?;
    }
    Ok(())
}

async fn woken(archives: Subject) -> Verdict {
    let [_, to] = copied(&archives).await?;
    let mut watcher = to.wakeups();
    to.put(&write(Table::Outbox, "news", json!(1)), Expected::Absent, &Nonce(fresh("n")), Fence::NONE).await?;
    let woken = tokio::time::timeout(PATIENCE, watcher.next()).await;
    ensure(woken == Ok(Some(())), || format!("a watcher of the copy was not woken: {woken:?}"))
}

async fn unchanged(archives: Subject) -> Verdict {
    let from = used(&archives).await?;
    let content = async || -> Result<_, Broken> {
        let mut rows = Vec::new();
        for table in Table::ALL {
            rows.extend(from.export_rows(*table, None, 100).await?);
        }
        Ok((rows, from.export_claims(None, 100).await?, from.last_epoch().await?))
    };
    let before = content().await?;
    copy_archive(from.as_ref(), archives.fresh().await?.as_ref()).await?;
    same("the source", &content().await?, &before)
}

async fn busy(archives: Subject) -> Verdict {
    let (from, to) = (used(&archives).await?, archives.fresh().await?);
    from.acquire(&lease("alive", Duration::from_secs(1000))).await?;
    let answer = copy_archive(from.as_ref(), to.as_ref()).await;
    let named = answer.as_ref().is_err_and(|error| error.code() == Code::Unusable && error.message().contains("alive"));
    ensure(named, || format!("a source in use: {answer:?}"))?;
    refused("a row in a destination that was not begun", to.import_rows(Table::Stores, &[]).await)?;
    to.begin().await?;
    Ok(())
}
