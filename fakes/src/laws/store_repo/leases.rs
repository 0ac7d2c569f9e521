//! Laws of leases and wakeups. They wait real or virtual time; none depends on how long anything takes.

use super::{Subject, at_once, document, fresh, insert, law, same};
use crate::laws::{Broken, Law, Verdict, ensure};
use futures::StreamExt;
use serde_json::json;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use storex_core::{Epoch, Fence, Grant, Lease, StoreRepo, Table, Wakeups};

/// A lease that ends while a law watches.
pub(super) const SHORT: Duration = Duration::from_millis(50);
/// A lease that outlasts every law.
pub(super) const LONG: Duration = Duration::from_secs(100_000);
/// How long a law waits for what must happen.
const PATIENCE: Duration = Duration::from_secs(30);

pub(super) fn laws() -> Vec<Law<dyn StoreRepo>> {
    vec![
        law!("SR-70", "a free lease is given, and nobody else gets it while it runs", exclusive),
        law!("SR-71", "a renewal keeps the epoch", renewal),
        law!("SR-72", "a renewal lasts as long as it says", prolonged),
        law!("SR-73", "after its end another holder gets the lease with a higher epoch, and the former one is refused", takeover),
        law!("SR-74", "who asks again after its lease ended did not hold it: the epoch rises", own_again),
        law!("SR-75", "epochs rise from lease to lease, and leases do not hinder each other", epochs_rise),
        law!("SR-76", "of 50 holders that ask at once exactly one gets the lease", race),
        law!("SR-77", "a lease of any length can be asked for", any_length),
        law!("SR-78", "leases and holders of any symbols are told from each other", any_symbols),
        law!("SR-79", "of 20 leases asked for at once each has an epoch of its own", distinct_epochs),
        law!("SR-80", "every watcher is woken by a write", woken_by_write),
        law!("SR-81", "every watcher is woken by a removal", woken_by_removal),
    ]
}

pub(super) fn lease(name: &str, holder: &str, duration: Duration) -> Lease {
    Lease { name: name.to_owned(), holder: holder.to_owned(), duration }
}

pub(super) async fn granted(repo: &Subject, lease: &Lease) -> Result<Grant, Broken> {
    repo.acquire(lease).await?.ok_or_else(|| Broken(format!("{lease:?} was not given")))
}

async fn given(repo: &Subject, lease: &Lease) -> Result<Epoch, Broken> {
    Ok(granted(repo, lease).await?.epoch)
}

async fn exclusive(repo: Subject) -> Verdict {
    let name = fresh("lease-");
    given(&repo, &lease(&name, "a", LONG)).await?;
    for holder in ["b", "A", "aa", ""] {
        same("the lease for another", &repo.acquire(&lease(&name, holder, LONG)).await?, &None)?;
    }
    Ok(())
}

async fn renewal(repo: Subject) -> Verdict {
    let name = fresh("lease-");
    let first = given(&repo, &lease(&name, "a", LONG)).await?;
    given(&repo, &lease(&fresh("lease-"), "b", LONG)).await?;
    same("another's request", &repo.acquire(&lease(&name, "b", LONG)).await?, &None)?;
    for _ in 0..3 {
        same("the epoch of the renewal", &given(&repo, &lease(&name, "a", LONG)).await?, &first)?;
    }
    Ok(())
}

async fn prolonged(repo: Subject) -> Verdict {
    let name = fresh("lease-");
    given(&repo, &lease(&name, "a", SHORT)).await?;
    given(&repo, &lease(&name, "a", LONG)).await?;
    tokio::time::sleep(SHORT * 3).await;
    same("the lease for another after the first end", &repo.acquire(&lease(&name, "b", LONG)).await?, &None)
}

/// Asks until the lease is given.
async fn wait_for(repo: &Subject, lease: &Lease) -> Result<Epoch, Broken> {
    let asking = async {
        loop {
            if let Some(grant) = repo.acquire(lease).await? {
                return Ok(grant.epoch);
            }
            tokio::time::sleep(SHORT / 10).await;
        }
    };
    tokio::time::timeout(PATIENCE, asking).await.unwrap_or_else(|_| Err(Broken(format!("{lease:?} was never given"))))
}

async fn takeover(repo: Subject) -> Verdict {
    let name = fresh("lease-");
    let first = given(&repo, &lease(&name, "a", SHORT)).await?;
    let second = wait_for(&repo, &lease(&name, "b", LONG)).await?;
    ensure(second > first, || format!("the epoch went from {first} to {second} with a new holder"))?;
    same("the lease for the former holder", &repo.acquire(&lease(&name, "a", LONG)).await?, &None)
}

async fn own_again(repo: Subject) -> Verdict {
    let name = fresh("lease-");
    let first = given(&repo, &lease(&name, "a", SHORT)).await?;
    tokio::time::sleep(SHORT * 3).await;
    let second = given(&repo, &lease(&name, "a", LONG)).await?;
    ensure(second > first, || format!("the epoch went from {first} to {second} though the lease had ended"))
}

async fn epochs_rise(repo: Subject) -> Verdict {
    let mut last = Epoch(0);
    for holder in ["a", "b", "a", "c"] {
        let epoch = given(&repo, &lease(&fresh("lease-"), holder, LONG)).await?;
        ensure(epoch > last, || format!("the epoch went from {last} to {epoch}"))?;
        last = epoch;
    }
    Ok(())
}

async fn race(repo: Subject) -> Verdict {
    let name = fresh("lease-");
    let calls = (0..50).map(|number| {
        let (repo, lease) = (Arc::clone(&repo), lease(&name, &format!("holder-{number}"), LONG));
        async move { repo.acquire(&lease).await }
    });
    let answers = at_once(calls).await?.into_iter().collect::<storex_core::Result<Vec<_>>>()?;
    same("how many got the lease", &answers.into_iter().flatten().count(), &1)
}

async fn any_symbols(repo: Subject) -> Verdict {
    let prefix = fresh("lease-");
    for text in ["", "$", "$a.b", "%2E", "\\", "é\u{0}", " "] {
        let (name, holder) = (format!("{text}{prefix}"), format!("$holder{text}"));
        let epoch = given(&repo, &lease(&name, &holder, LONG)).await?;
        same("the epoch of the renewal", &given(&repo, &lease(&name, &holder, LONG)).await?, &epoch)?;
        same("the lease for another", &repo.acquire(&lease(&name, "b", LONG)).await?, &None)?;
    }
    Ok(())
}

async fn distinct_epochs(repo: Subject) -> Verdict {
    let calls = (0..20).map(|_| {
        let (repo, lease) = (Arc::clone(&repo), lease(&fresh("lease-"), "a", LONG));
        async move { repo.acquire(&lease).await }
    });
    let answers = at_once(calls).await?.into_iter().collect::<storex_core::Result<Vec<_>>>()?;
    let epochs: BTreeSet<Epoch> = answers.into_iter().flatten().map(|grant| grant.epoch).collect();
    same("how many epochs were given", &epochs.len(), &20)
}

async fn any_length(repo: Subject) -> Verdict {
    let (none, endless) = (fresh("lease-"), fresh("lease-"));
    given(&repo, &lease(&none, "a", Duration::ZERO)).await?;
    given(&repo, &lease(&none, "b", LONG)).await?;
    given(&repo, &lease(&endless, "a", Duration::MAX)).await?;
    same("an endless lease for another", &repo.acquire(&lease(&endless, "b", LONG)).await?, &None)
}

async fn woken(watchers: [Wakeups; 2], by: &str) -> Verdict {
    for mut watcher in watchers {
        let woken = tokio::time::timeout(PATIENCE, watcher.next()).await;
        ensure(woken == Ok(Some(())), || format!("a watcher was not woken by {by}: {woken:?}"))?;
    }
    Ok(())
}

async fn woken_by_write(repo: Subject) -> Verdict {
    let watchers = [repo.wakeups(), repo.wakeups()];
    insert(&repo, &document(Table::Outbox, &fresh("woken-"), json!(1))).await?;
    woken(watchers, "a write").await
}

async fn woken_by_removal(repo: Subject) -> Verdict {
    let id = fresh("woken-");
    insert(&repo, &document(Table::Outbox, &id, json!(1))).await?;
    let watchers = [repo.wakeups(), repo.wakeups()];
    repo.delete(Table::Outbox, &id, 1, Fence::NONE).await?;
    woken(watchers, "a removal").await
}
