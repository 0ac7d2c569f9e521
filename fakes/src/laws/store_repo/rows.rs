//! Laws of single rows: versions, compare-and-swap, nonces, removal.

use super::{Subject, document, fresh, ids, indexed, insert, law, nonce, refused, same};
use crate::laws::{Law, Verdict, ensure};
use serde_json::{Value, json};
use storex_core::{Code, Expected, Fence, Query, StoreRepo, Table};

pub(super) const TABLE: Table = Table::Stores;

pub(super) fn laws() -> Vec<Law<dyn StoreRepo>> {
    writing().into_iter().chain(repeating_and_removing()).collect()
}

fn writing() -> Vec<Law<dyn StoreRepo>> {
    vec![
        law!("SR-01", "what was never written is absent", absent),
        law!("SR-02", "the first write has version 1 and reads back whole", first),
        law!("SR-03", "each write raises the version by exactly one", rises),
        law!("SR-04", "a write replaces the whole body and all index values", replaces),
        law!("SR-05", "a document of any JSON comes back equal", any_json),
        law!("SR-06", "the same id in two tables names two rows", tables),
        law!("SR-07", "to write an existing row as absent is a conflict and changes nothing", exists),
        law!("SR-08", "to write an absent row by version is a conflict and makes nothing", missing),
        law!("SR-09", "to write by another version, older or newer, is a conflict and changes nothing", stale),
    ]
}

fn repeating_and_removing() -> Vec<Law<dyn StoreRepo>> {
    vec![
        law!("SR-10", "a first write repeated with its nonce answers its version and changes nothing", repeated_insert),
        law!("SR-11", "a later write repeated with its nonce answers its version and changes nothing", repeated_update),
        law!("SR-12", "a repetition after somebody else's later write is a conflict and changes nothing", overtaken),
        law!(
            "SR-13",
            "a refused write leaves the row's nonce: the last write can still be repeated, the refused one not",
            refused_nonce
        ),
        law!("SR-14", "a nonce counts for its own row only", nonce_of_another_row),
        law!("SR-15", "a row removed by its version is gone", removed),
        law!("SR-16", "to remove by another version is a conflict and changes nothing", removed_stale),
        law!("SR-17", "to remove what is absent is success", removed_absent),
        law!("SR-18", "a row written again after its removal starts at version 1", reborn),
        law!("SR-25", "a nonce is forgotten with its row: after the removal it writes anew", reborn_with_its_nonce),
    ]
}

async fn absent(repo: Subject) -> Verdict {
    for table in Table::ALL {
        same("a row nobody wrote", &repo.get(*table, &fresh("absent-")).await?, &None)?;
    }
    same("an id nobody may write", &repo.get(TABLE, &"x".repeat(300)).await?, &None)
}

async fn first(repo: Subject) -> Verdict {
    for table in Table::ALL {
        let write = indexed(*table, &fresh("first-"), &fresh("index-"), "value");
        same("the first version", &insert(&repo, &write).await?, &1)?;
        let row = repo.get(*table, &write.id).await?;
        let seen = row.map(|row| (row.id, row.version, row.body, row.indexes));
        same("the row", &seen, &Some((write.id, 1, write.body, write.indexes)))?;
    }
    Ok(())
}

async fn rises(repo: Subject) -> Verdict {
    let write = document(TABLE, &fresh("rises-"), json!({}));
    let mut version = insert(&repo, &write).await?;
    for wanted in 2..=5 {
        version = repo.put(&write, Expected::Version(version), &nonce(), Fence::NONE).await?;
        same("the answered version", &version, &wanted)?;
        same("the stored version", &repo.get(TABLE, &write.id).await?.map(|row| row.version), &Some(wanted))?;
    }
    Ok(())
}

async fn replaces(repo: Subject) -> Verdict {
    let (id, kept, dropped) = (fresh("replaces-"), fresh("index-"), fresh("index-"));
    let mut write = indexed(TABLE, &id, &dropped, "old");
    write.body = json!({"old": 1, "both": 1}).into();
    insert(&repo, &write).await?;
    let mut write = indexed(TABLE, &id, &kept, "new");
    write.body = json!({"both": 2}).into();
    repo.put(&write, Expected::Version(1), &nonce(), Fence::NONE).await?;
    let row = repo.get(TABLE, &id).await?.map(|row| (row.body, row.indexes));
    same("the row", &row, &Some((write.body, write.indexes)))
}

async fn any_json(repo: Subject) -> Verdict {
    let numbers = json!([0, -1, i64::MIN, u64::MAX, 0.5, 0.1, -2.5e-3, 1e300]);
    let texts = json!(["", "é 漢 🦀", "line\nbreak \"quoted\" \\ \u{0} \u{7f}", "$set", "a.b"]);
    let keys = json!({"": 1, "a.b": 2, "$where": 3, "_id": 4, "é": 5});
    for body in
        [json!(null), json!(true), json!("text"), json!([]), json!({}), numbers, texts, keys, json!({"a": [{"b": [[null]]}]})]
    {
        let write = document(TABLE, &fresh("json-"), body);
        insert(&repo, &write).await?;
        same("the body", &repo.get(TABLE, &write.id).await?.map(|row| row.body), &Some(write.body))?;
    }
    Ok(())
}

async fn tables(repo: Subject) -> Verdict {
    let id = fresh("tables-");
    for table in Table::ALL {
        same("the first version", &insert(&repo, &document(*table, &id, json!(table.as_str()))).await?, &1)?;
    }
    for table in Table::ALL {
        same("the body", &repo.get(*table, &id).await?.map(|row| row.body), &Some(json!(table.as_str()).into()))?;
    }
    Ok(())
}

/// Judges that the row has this version and body.
pub(super) async fn unchanged(repo: &Subject, id: &str, version: u64, body: Value) -> Verdict {
    let seen = repo.get(TABLE, id).await?.map(|row| (row.version, row.body));
    same("the row afterwards", &seen, &Some((version, body.into())))
}

async fn exists(repo: Subject) -> Verdict {
    let id = fresh("exists-");
    insert(&repo, &document(TABLE, &id, json!(1))).await?;
    refused("a second first write", insert(&repo, &document(TABLE, &id, json!(2))).await, Code::VersionConflict)?;
    unchanged(&repo, &id, 1, json!(1)).await
}

async fn missing(repo: Subject) -> Verdict {
    let write = document(TABLE, &fresh("missing-"), json!(1));
    for version in [0, 1, u64::MAX] {
        let answer = repo.put(&write, Expected::Version(version), &nonce(), Fence::NONE).await;
        refused("a write of an absent row by version", answer, Code::VersionConflict)?;
    }
    same("the row afterwards", &repo.get(TABLE, &write.id).await?, &None)
}

async fn stale(repo: Subject) -> Verdict {
    let id = fresh("stale-");
    insert(&repo, &document(TABLE, &id, json!(1))).await?;
    repo.put(&document(TABLE, &id, json!(2)), Expected::Version(1), &nonce(), Fence::NONE).await?;
    for version in [0, 1, 3, u64::MAX] {
        let answer = repo.put(&document(TABLE, &id, json!(3)), Expected::Version(version), &nonce(), Fence::NONE).await;
        refused("a write by another version", answer, Code::VersionConflict)?;
    }
    unchanged(&repo, &id, 2, json!(2)).await
}

async fn repeated_insert(repo: Subject) -> Verdict {
    let (id, attempt) = (fresh("repeated-"), nonce());
    repo.put(&document(TABLE, &id, json!(1)), Expected::Absent, &attempt, Fence::NONE).await?;
    for body in [json!(1), json!("other")] {
        let again = repo.put(&document(TABLE, &id, body), Expected::Absent, &attempt, Fence::NONE).await?;
        same("the repetition", &again, &1)?;
    }
    unchanged(&repo, &id, 1, json!(1)).await
}

async fn repeated_update(repo: Subject) -> Verdict {
    let (id, attempt) = (fresh("repeated-"), nonce());
    insert(&repo, &document(TABLE, &id, json!(1))).await?;
    for _ in 0..3 {
        let answer = repo.put(&document(TABLE, &id, json!(2)), Expected::Version(1), &attempt, Fence::NONE).await?;
        same("the write and its repetitions", &answer, &2)?;
    }
    unchanged(&repo, &id, 2, json!(2)).await
}

async fn overtaken(repo: Subject) -> Verdict {
    let (id, attempt) = (fresh("overtaken-"), nonce());
    insert(&repo, &document(TABLE, &id, json!(1))).await?;
    repo.put(&document(TABLE, &id, json!(2)), Expected::Version(1), &attempt, Fence::NONE).await?;
    repo.put(&document(TABLE, &id, json!(3)), Expected::Version(2), &nonce(), Fence::NONE).await?;
    let answer = repo.put(&document(TABLE, &id, json!(2)), Expected::Version(1), &attempt, Fence::NONE).await;
    refused("a repetition after a later write", answer, Code::VersionConflict)?;
    unchanged(&repo, &id, 3, json!(3)).await
}

async fn refused_nonce(repo: Subject) -> Verdict {
    let (id, first, late) = (fresh("refused-"), nonce(), nonce());
    repo.put(&document(TABLE, &id, json!(1)), Expected::Absent, &first, Fence::NONE).await?;
    for _ in 0..2 {
        let answer = repo.put(&document(TABLE, &id, json!(2)), Expected::Absent, &late, Fence::NONE).await;
        refused("a late write and its repetition", answer, Code::VersionConflict)?;
    }
    let again = repo.put(&document(TABLE, &id, json!(1)), Expected::Absent, &first, Fence::NONE).await?;
    same("the repetition of the last write", &again, &1)
}

async fn nonce_of_another_row(repo: Subject) -> Verdict {
    let (one, other, attempt) = (fresh("nonce-a-"), fresh("nonce-b-"), nonce());
    for id in [&one, &other] {
        same("a first write", &repo.put(&document(TABLE, id, json!(id)), Expected::Absent, &attempt, Fence::NONE).await?, &1)?;
    }
    unchanged(&repo, &one, 1, json!(one)).await?;
    unchanged(&repo, &other, 1, json!(other)).await
}

async fn removed(repo: Subject) -> Verdict {
    let (id, other, index) = (fresh("removed-"), fresh("removed-"), fresh("index-"));
    for id in [&id, &other] {
        insert(&repo, &indexed(TABLE, id, &index, "v")).await?;
    }
    repo.delete(TABLE, &id, 1, Fence::NONE).await?;
    same("the row", &repo.get(TABLE, &id).await?, &None)?;
    same("the rows of its index", &ids(&repo, TABLE, &Query::equals(&index, "v"), 10).await?, &vec![other])?;
    let all = ids(&repo, TABLE, &Query::All, 100).await?;
    ensure(!all.contains(&id), || "the removed row is still listed".to_owned())
}

async fn removed_stale(repo: Subject) -> Verdict {
    let id = fresh("removed-");
    insert(&repo, &document(TABLE, &id, json!(1))).await?;
    repo.put(&document(TABLE, &id, json!(2)), Expected::Version(1), &nonce(), Fence::NONE).await?;
    for version in [0, 1, 3] {
        refused("a removal by another version", repo.delete(TABLE, &id, version, Fence::NONE).await, Code::VersionConflict)?;
    }
    unchanged(&repo, &id, 2, json!(2)).await
}

async fn removed_absent(repo: Subject) -> Verdict {
    let id = fresh("removed-");
    repo.delete(TABLE, &id, 1, Fence::NONE).await?;
    insert(&repo, &document(TABLE, &id, json!(1))).await?;
    repo.delete(TABLE, &id, 1, Fence::NONE).await?;
    Ok(repo.delete(TABLE, &id, 1, Fence::NONE).await?)
}

async fn reborn_with_its_nonce(repo: Subject) -> Verdict {
    let (first, attempt) = (document(TABLE, &fresh("reborn-"), json!("first")), nonce());
    same("the first write", &repo.put(&first, Expected::Absent, &attempt, Fence::NONE).await?, &1)?;
    repo.delete(TABLE, &first.id, 1, Fence::NONE).await?;
    let second = document(TABLE, &first.id, json!("second"));
    same("the write after the removal", &repo.put(&second, Expected::Absent, &attempt, Fence::NONE).await?, &1)?;
    unchanged(&repo, &first.id, 1, json!("second")).await
}

async fn reborn(repo: Subject) -> Verdict {
    let write = document(TABLE, &fresh("reborn-"), json!(1));
    insert(&repo, &write).await?;
    repo.put(&write, Expected::Version(1), &nonce(), Fence::NONE).await?;
    repo.delete(TABLE, &write.id, 2, Fence::NONE).await?;
    same("the version after the removal", &insert(&repo, &write).await?, &1)
}
