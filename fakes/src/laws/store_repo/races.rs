//! Laws of writers at work at once: one wins, none is lost.

use super::rows::TABLE;
use super::{Subject, at_once, document, fresh, insert, law, nonce, refused, same};
use crate::laws::{Broken, Law, Verdict};
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;
use storex_core::{Code, Expected, Fence, StoreRepo};

pub(super) fn laws() -> Vec<Law<dyn StoreRepo>> {
    vec![
        law!("SR-22", "of 50 first writes at once exactly one succeeds", insert_race),
        law!("SR-23", "of 50 writes by one version at once exactly one succeeds", update_race),
        law!("SR-24", "writers that read, add and retry on conflict lose no addition", no_lost_update),
    ]
}

async fn race(repo: &Subject, id: &str, expected: Expected) -> Verdict {
    let calls = (0..50).map(|number| {
        let (repo, write) = (Arc::clone(repo), document(TABLE, id, json!(number)));
        async move { (number, repo.put(&write, expected, &nonce(), Fence::NONE).await) }
    });
    let (won, lost): (Vec<_>, Vec<_>) = at_once(calls).await?.into_iter().partition(|(_, answer)| answer.is_ok());
    for (_, answer) in lost {
        refused("a write that came too late", answer, Code::VersionConflict)?;
    }
    same("how many writes succeeded", &won.len(), &1)?;
    let body = won.first().map(|(number, _)| json!(number).into());
    same("the body", &repo.get(TABLE, id).await?.map(|row| row.body), &body)
}

async fn insert_race(repo: Subject) -> Verdict {
    race(&repo, &fresh("race-"), Expected::Absent).await
}

async fn update_race(repo: Subject) -> Verdict {
    let id = fresh("race-");
    insert(&repo, &document(TABLE, &id, json!("first"))).await?;
    race(&repo, &id, Expected::Version(1)).await
}

async fn no_lost_update(repo: Subject) -> Verdict {
    let id = fresh("adds-");
    insert(&repo, &document(TABLE, &id, json!(0))).await?;
    let calls = (0..20).map(|_| add_one(Arc::clone(&repo), id.clone()));
    for answer in at_once(calls).await? {
        answer?;
    }
    let row = repo.get(TABLE, &id).await?.map(|row| (row.version, row.body, row.indexes));
    same("20 additions to 0", &row, &Some((21, json!(20).into(), BTreeMap::new())))
}

async fn add_one(repo: Subject, id: String) -> Verdict {
    // Each round at least one of the 20 succeeds.
    for _ in 0..20 {
        let row = repo.get(TABLE, &id).await?;
        let (version, sum) = row.map(|row| (row.version, row.body.value().as_u64())).unwrap_or_default();
        let write = document(TABLE, &id, json!(sum.unwrap_or_default() + 1));
        match repo.put(&write, Expected::Version(version), &nonce(), Fence::NONE).await {
            Ok(_) => return Ok(()),
            Err(error) if error.code() == Code::VersionConflict => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(Broken("an addition met 20 conflicts among 20 writers".to_owned()))
}
