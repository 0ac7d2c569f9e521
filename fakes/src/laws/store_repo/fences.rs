//! Laws of fences: a write that comes after the end of its lease changes nothing.

use super::leases::{LONG, SHORT, granted, lease};
use super::{Subject, document, fresh, insert, law, nonce, refused, same};
use crate::laws::{Broken, Law, Verdict, ensure};
use serde_json::json;
use storex_core::{Claim, ClaimOutcome, Code, Expected, Fence, StoreRepo, Table};

pub(super) fn laws() -> Vec<Law<dyn StoreRepo>> {
    vec![
        law!("SR-90", "what is written, removed and claimed under a running lease is done", in_time),
        law!("SR-91", "a new document that comes after the end of its lease is refused and not there", late_insert),
        law!("SR-92", "a change that comes after the end of its lease is refused and changes nothing", late_change),
        law!("SR-93", "a removal that comes after the end of its lease is refused and removes nothing", late_removal),
        law!("SR-94", "a claim that comes after the end of its lease is refused and takes nothing", late_claim),
        law!("SR-95", "candidates asked for after the end of a lease are refused and none is taken", late_candidates),
        law!("SR-96", "a renewal moves the end: what is written under it is done after the first end", renewed),
        law!("SR-97", "a name given up after the end of a lease is refused and stays with its owner", late_release),
        law!(
            "SR-98",
            "a repetition with its nonce that comes after the end of a lease is refused, though the write was done",
            late_repetition
        ),
        law!("SR-99", "a claim of a name that is held is refused as late before it is answered with its holder", late_question),
    ]
}

/// The fence of a lease that runs on.
async fn open(repo: &Subject) -> Result<Fence, Broken> {
    Ok(granted(repo, &lease(&fresh("lease-"), "a", LONG)).await?.fence())
}

/// The fence of a lease that is over.
async fn closed(repo: &Subject) -> Result<Fence, Broken> {
    let grant = granted(repo, &lease(&fresh("lease-"), "a", SHORT)).await?;
    tokio::time::sleep(SHORT * 3).await;
    Ok(grant.fence())
}

fn claim(name: &str) -> Claim {
    Claim { namespace: "domain".to_owned(), name: name.to_owned(), owner: "a".to_owned(), label: "shop".to_owned() }
}

/// That nobody holds the name: another owner gets it.
async fn is_free(repo: &Subject, name: &str) -> Verdict {
    let other = Claim { owner: "b".to_owned(), ..claim(name) };
    same("the claim of another", &repo.claim(&other, Fence::NONE).await?, &ClaimOutcome::Held)
}

async fn in_time(repo: Subject) -> Verdict {
    let (fence, row) = (open(&repo).await?, document(Table::Stores, &fresh("fence-"), json!(1)));
    same("the version of a new row", &repo.put(&row, Expected::Absent, &nonce(), fence).await?, &1)?;
    same("the version of a change", &repo.put(&row, Expected::Version(1), &nonce(), fence).await?, &2)?;
    repo.delete(row.table, &row.id, 2, fence).await?;
    same("the row after its removal", &repo.get(row.table, &row.id).await?, &None)?;
    let names = [fresh("fence-"), fresh("fence-")];
    same("the claim", &repo.claim(&claim(&names[0]), fence).await?, &ClaimOutcome::Held)?;
    same("the candidate", &repo.claim_first(&claim(""), &names[1..], fence).await?.as_ref(), &names.last())?;
    repo.release("domain", &names[0], "a", fence).await?;
    is_free(&repo, &names[0]).await
}

async fn late_insert(repo: Subject) -> Verdict {
    let (fence, row) = (closed(&repo).await?, document(Table::Stores, &fresh("fence-"), json!(1)));
    refused("a late insert", repo.put(&row, Expected::Absent, &nonce(), fence).await, Code::LeaseExpired)?;
    same("the row", &repo.get(row.table, &row.id).await?, &None)?;
    same("the version of a later insert", &insert(&repo, &row).await?, &1)
}

async fn late_change(repo: Subject) -> Verdict {
    let row = document(Table::Stores, &fresh("fence-"), json!(1));
    insert(&repo, &row).await?;
    let before = repo.get(row.table, &row.id).await?;
    let (fence, change) = (closed(&repo).await?, document(Table::Stores, &row.id, json!(2)));
    refused("a late change", repo.put(&change, Expected::Version(1), &nonce(), fence).await, Code::LeaseExpired)?;
    same("the row", &repo.get(row.table, &row.id).await?, &before)
}

async fn late_removal(repo: Subject) -> Verdict {
    let row = document(Table::Stores, &fresh("fence-"), json!(1));
    insert(&repo, &row).await?;
    let fence = closed(&repo).await?;
    refused("a late removal", repo.delete(row.table, &row.id, 1, fence).await, Code::LeaseExpired)?;
    ensure(repo.get(row.table, &row.id).await?.is_some(), || "the row is gone".to_owned())
}

async fn late_claim(repo: Subject) -> Verdict {
    let (fence, name) = (closed(&repo).await?, fresh("fence-"));
    refused("a late claim", repo.claim(&claim(&name), fence).await, Code::LeaseExpired)?;
    is_free(&repo, &name).await
}

async fn late_candidates(repo: Subject) -> Verdict {
    let (fence, names) = (closed(&repo).await?, vec![fresh("fence-"), fresh("fence-")]);
    refused("late candidates", repo.claim_first(&claim(""), &names, fence).await, Code::LeaseExpired)?;
    for name in &names {
        is_free(&repo, name).await?;
    }
    Ok(())
}

async fn late_repetition(repo: Subject) -> Verdict {
    let (row, attempt) = (document(Table::Stores, &fresh("fence-"), json!(1)), nonce());
    same("the version of the row", &repo.put(&row, Expected::Absent, &attempt, Fence::NONE).await?, &1)?;
    let before = repo.get(row.table, &row.id).await?;
    let fence = closed(&repo).await?;
    refused("a late repetition", repo.put(&row, Expected::Absent, &attempt, fence).await, Code::LeaseExpired)?;
    refused("a late conflict", repo.put(&row, Expected::Version(7), &nonce(), fence).await, Code::LeaseExpired)?;
    same("the row", &repo.get(row.table, &row.id).await?, &before)
}

async fn late_question(repo: Subject) -> Verdict {
    let name = fresh("fence-");
    same("the claim", &repo.claim(&claim(&name), Fence::NONE).await?, &ClaimOutcome::Held)?;
    let fence = closed(&repo).await?;
    let other = Claim { owner: "b".to_owned(), ..claim(&name) };
    refused("a late claim of another", repo.claim(&other, fence).await, Code::LeaseExpired)?;
    refused("a late claim of the owner", repo.claim(&claim(&name), fence).await, Code::LeaseExpired)?;
    refused("late candidates without a free one", repo.claim_first(&other, &[name], fence).await, Code::LeaseExpired)?;
    refused("a late removal of nothing", repo.delete(Table::Stores, &fresh("fence-"), 1, fence).await, Code::LeaseExpired)
}

async fn late_release(repo: Subject) -> Verdict {
    let name = fresh("fence-");
    same("the claim", &repo.claim(&claim(&name), Fence::NONE).await?, &ClaimOutcome::Held)?;
    let fence = closed(&repo).await?;
    refused("a late release", repo.release("domain", &name, "a", fence).await, Code::LeaseExpired)?;
    let other = Claim { owner: "b".to_owned(), ..claim(&name) };
    same("the claim of another", &repo.claim(&other, Fence::NONE).await?, &ClaimOutcome::Taken(claim(&name)))
}

async fn renewed(repo: Subject) -> Verdict {
    let asked = lease(&fresh("lease-"), "a", SHORT);
    let first = granted(&repo, &asked).await?;
    let second = granted(&repo, &lease(&asked.name, "a", LONG)).await?;
    ensure(second.until > first.until, || format!("renewed from {first:?} to {second:?}"))?;
    tokio::time::sleep(SHORT * 3).await;
    let row = document(Table::Stores, &fresh("fence-"), json!(1));
    same("the version of a new row", &repo.put(&row, Expected::Absent, &nonce(), second.fence()).await?, &1)
}
