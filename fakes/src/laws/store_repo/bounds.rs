//! Laws of what may be written: lengths of ids, index names and values, nonces.

use super::rows::{TABLE, unchanged};
use super::{Subject, document, fresh, ids, indexed, insert, law, refused, same};
use crate::laws::{Law, Verdict};
use serde_json::json;
use storex_core::{Code, Expected, Fence, Nonce, Query, StoreRepo};

pub(super) fn laws() -> Vec<Law<dyn StoreRepo>> {
    vec![
        law!("SR-19", "an id has 1 to 255 bytes", id_bounds),
        law!("SR-20", "an index name and an index value have 1 to 255 bytes each", index_bounds),
        law!("SR-21", "a nonce has at most 64 bytes", nonce_bounds),
    ]
}

async fn id_bounds(repo: Subject) -> Verdict {
    let (short, long) = (fresh("l"), fresh("id-"));
    let longest = format!("{long}{}", "é".repeat(128)).chars().rev().collect::<String>();
    for (id, fits) in [(String::new(), false), (short, true), (pad(&long, 255), true), (pad(&long, 256), false), (longest, false)]
    {
        let answer = insert(&repo, &document(TABLE, &id, json!(1))).await;
        if fits {
            same("a write within the bounds", &answer?, &1)?;
            unchanged(&repo, &id, 1, json!(1)).await?;
        } else {
            refused(&format!("an id of {} bytes", id.len()), answer, Code::InvalidField)?;
            same("the row afterwards", &repo.get(TABLE, &id).await?, &None)?;
        }
    }
    Ok(())
}

async fn index_bounds(repo: Subject) -> Verdict {
    let name = fresh("index-");
    let (longest, overlong) = (pad(&name, 255), pad(&name, 256));
    for (name, value) in [("", "v"), (&overlong, "v"), (&name, ""), (&name, &overlong)] {
        let write = indexed(TABLE, &fresh("bounds-"), name, value);
        let what = format!("an index name of {} bytes with a value of {}", name.len(), value.len());
        refused(&what, insert(&repo, &write).await, Code::InvalidField)?;
        same("the row afterwards", &repo.get(TABLE, &write.id).await?, &None)?;
    }
    let write = indexed(TABLE, &fresh("bounds-"), &longest, &longest);
    insert(&repo, &write).await?;
    same("the rows with the longest value", &ids(&repo, TABLE, &Query::equals(&longest, &longest), 5).await?, &vec![write.id])
}

async fn nonce_bounds(repo: Subject) -> Verdict {
    let (write, attempt) = (document(TABLE, &fresh("bounds-"), json!(1)), fresh("nonce-"));
    let answer = repo.put(&write, Expected::Absent, &Nonce(pad(&attempt, 65)), Fence::NONE).await;
    refused("a nonce of 65 bytes", answer, Code::InvalidField)?;
    same("the row afterwards", &repo.get(TABLE, &write.id).await?, &None)?;
    same("a nonce of 64 bytes", &repo.put(&write, Expected::Absent, &Nonce(pad(&attempt, 64)), Fence::NONE).await?, &1)
}

fn pad(text: &str, bytes: usize) -> String {
    format!("{text:-<bytes$}")
}
