//! Laws of listings: order, pages, index queries, cursors.

use super::{Subject, document, fresh, ids, indexed, insert, law, nonce, pages, refused, same};
use crate::laws::{Broken, Law, Verdict, ensure};
use serde_json::json;
use std::collections::BTreeMap;
use storex_core::{Code, Expected, Fence, Page, Query, StoreRepo, Table};

const TABLE: Table = Table::Domains;
/// Ids and values whose order by bytes differs from every order by language or number.
const BYTE_ORDER: [&str; 8] = ["", "-", "10", "9", "Z", "a", "a-", "é"];

pub(super) fn laws() -> Vec<Law<dyn StoreRepo>> {
    vec![
        law!("SR-30", "all rows of a table are listed once each by ascending id, whatever the size of the page", all),
        law!("SR-31", "the last page names no next one, be it full or not", last_page),
        law!("SR-32", "a listing of nothing is one empty page", nothing),
        law!("SR-33", "a listed row is the row as it is", whole_rows),
        law!("SR-34", "an index query finds the rows with that value, of that index and table only", equality),
        law!("SR-35", "a range of index values includes both its ends", range),
        law!("SR-36", "an open end of a range is no limit", open_range),
        law!("SR-37", "an index lists by ascending value, equal values by ascending id, over all pages", index_order),
        law!("SR-38", "a range that ends before it begins is empty", inverted),
        law!("SR-39", "a write moves the row in its indexes, or takes it out", moved),
        law!("SR-40", "a row with several index values is found by each", several),
        law!("SR-41", "removing rows between pages hides no other row and shows none twice", removed_between),
        law!("SR-42", "rows written between pages hide no other row and show none twice", written_between),
        law!("SR-43", "a cursor this repo did not give is refused", foreign_cursor),
        law!("SR-44", "a page of no row is refused, one of any size is not", limits),
        law!("SR-45", "a refused write leaves the indexes as they were", refused_write),
        law!("SR-46", "an index has any name of any symbols, and is told from every other", any_name),
        law!("SR-47", "an index value of any symbols is found and listed by its bytes", any_value),
    ]
}

fn between(name: &str, from: Option<&str>, to: Option<&str>) -> Query {
    Query::Index { name: name.to_owned(), from: from.map(str::to_owned), to: to.map(str::to_owned) }
}

async fn all(repo: Subject) -> Verdict {
    let (table, prefix) = (Table::Outbox, fresh("all-"));
    let wanted: Vec<String> = BYTE_ORDER.iter().map(|text| format!("{prefix}.{text}")).collect();
    for id in wanted.iter().rev() {
        insert(&repo, &document(table, id, json!(1))).await?;
        insert(&repo, &document(TABLE, &format!("{id}-elsewhere"), json!(1))).await?;
    }
    for limit in [1, 2, 3, 8, 1000] {
        let listed = ids(&repo, table, &Query::All, limit).await?;
        ensure(listed.is_sorted_by(|left, right| left < right), || format!("the ids do not ascend by bytes: {listed:?}"))?;
        let mine: Vec<String> = listed.into_iter().filter(|id| id.starts_with(&prefix)).collect();
        same(&format!("the rows in pages of {limit}"), &mine, &wanted)?;
    }
    Ok(())
}

async fn last_page(repo: Subject) -> Verdict {
    let index = fresh("index-");
    for number in 0..6 {
        insert(&repo, &indexed(TABLE, &fresh("last-"), &index, &number.to_string())).await?;
    }
    for (limit, wanted) in [(1, vec![1; 6]), (2, vec![2, 2, 2]), (3, vec![3, 3]), (4, vec![4, 2]), (6, vec![6]), (7, vec![6])] {
        let pages = pages(&repo, TABLE, &between(&index, None, None), limit, 10).await?;
        let sizes: Vec<usize> = pages.iter().map(Vec::len).collect();
        same(&format!("the sizes of the pages of {limit}"), &sizes, &wanted)?;
    }
    Ok(())
}

async fn nothing(repo: Subject) -> Verdict {
    let seen = repo.list(TABLE, &Query::equals(&fresh("index-"), "v"), &Page::first(3)).await?;
    same("rows of an index nobody wrote", &(seen.rows, seen.next), &(vec![], None))
}

async fn whole_rows(repo: Subject) -> Verdict {
    let (id, index) = (fresh("whole-"), fresh("index-"));
    insert(&repo, &indexed(TABLE, &id, &index, "v")).await?;
    let mut write = indexed(TABLE, &id, &index, "v");
    write.body = json!({"second": true}).into();
    repo.put(&write, Expected::Version(1), &nonce(), Fence::NONE).await?;
    let row = repo.get(TABLE, &id).await?;
    ensure(row.as_ref().is_some_and(|row| row.version == 2), || format!("the row is {row:?}"))?;
    let by_index = pages(&repo, TABLE, &Query::equals(&index, "v"), 5, 5).await?;
    same("the row by index", &by_index.into_iter().flatten().next(), &row)?;
    let by_id = pages(&repo, TABLE, &Query::All, 100, 1000).await?;
    same("the row by id", &by_id.into_iter().flatten().find(|row| row.id == id), &row)
}

async fn equality(repo: Subject) -> Verdict {
    let (index, other, id) = (fresh("index-"), fresh("index-"), fresh("equal-"));
    for (suffix, name, value) in
        [("a", &index, "v"), ("b", &index, "w"), ("c", &index, "v"), ("d", &other, "v"), ("e", &index, "v1")]
    {
        insert(&repo, &indexed(TABLE, &format!("{id}{suffix}"), name, value)).await?;
    }
    insert(&repo, &indexed(Table::Stores, &format!("{id}f"), &index, "v")).await?;
    insert(&repo, &indexed(TABLE, &format!("{id}g"), &format!("{index}x"), "v")).await?;
    insert(&repo, &document(TABLE, &format!("{id}h"), json!(1))).await?;
    same("the rows", &ids(&repo, TABLE, &Query::equals(&index, "v"), 2).await?, &vec![format!("{id}a"), format!("{id}c")])
}

/// Writes one row per text of [`BYTE_ORDER`], its index value made of it; answers the index and the ids by value.
async fn rows_by_value(repo: &Subject) -> Result<(String, Vec<String>), Broken> {
    let (index, mut by_value) = (fresh("index-"), Vec::new());
    for text in BYTE_ORDER.iter().rev() {
        let id = fresh("value-");
        insert(repo, &indexed(TABLE, &id, &index, &format!(".{text}"))).await?;
        by_value.insert(0, id);
    }
    Ok((index, by_value))
}

async fn range(repo: Subject) -> Verdict {
    let (index, by_value) = rows_by_value(&repo).await?;
    for first in 0..by_value.len() {
        for last in first..by_value.len() {
            let (from, to) = (format!(".{}", BYTE_ORDER[first]), format!(".{}", BYTE_ORDER[last]));
            let seen = ids(&repo, TABLE, &between(&index, Some(&from), Some(&to)), 3).await?;
            same(&format!("the rows from {from} to {to}"), &seen, &by_value[first..=last].to_vec())?;
        }
    }
    let seen = ids(&repo, TABLE, &between(&index, Some(".0"), Some(".A")), 3).await?;
    same("the rows between values nobody has", &seen, &by_value[2..4].to_vec())
}

async fn open_range(repo: Subject) -> Verdict {
    let (index, by_value) = rows_by_value(&repo).await?;
    same("the rows up to .9", &ids(&repo, TABLE, &between(&index, None, Some(".9")), 3).await?, &by_value[..4].to_vec())?;
    same("the rows from .9", &ids(&repo, TABLE, &between(&index, Some(".9"), None), 3).await?, &by_value[3..].to_vec())?;
    same("all rows of the index", &ids(&repo, TABLE, &between(&index, None, None), 3).await?, &by_value)
}

async fn index_order(repo: Subject) -> Verdict {
    let (index, prefix) = (fresh("index-"), fresh("order-"));
    let mut wanted = Vec::new();
    for value in ["10", "9", "B", "a"] {
        wanted.extend(["1", "2", "3"].map(|suffix| (value, format!("{prefix}.{suffix}{value}"))));
    }
    let mut shuffled = wanted.clone();
    shuffled.sort_by_key(|(value, id)| (id.bytes().map(u32::from).sum::<u32>() % 7, *value));
    for (value, id) in shuffled.iter().rev() {
        insert(&repo, &indexed(TABLE, id, &index, value)).await?;
    }
    let wanted: Vec<String> = wanted.into_iter().map(|(_, id)| id).collect();
    for limit in [1, 2, 3, 5, 100] {
        same(&format!("the rows in pages of {limit}"), &ids(&repo, TABLE, &between(&index, None, None), limit).await?, &wanted)?;
    }
    Ok(())
}

/// Texts with symbols that mean something to one store or another.
const SYMBOLS: [&str; 9] = ["$", "$a", "%2E", ".", ".a", "[0]", "\\", "é\u{0}", "\u{10ffff}"];

async fn any_name(repo: Subject) -> Verdict {
    let (prefix, value) = (fresh("symbols-"), fresh("v-"));
    let names: Vec<String> = SYMBOLS.iter().flat_map(|text| [format!("{text}{prefix}"), format!("{prefix}{text}")]).collect();
    let mut all = document(TABLE, &format!("{prefix}-all"), json!(1));
    all.indexes = names.iter().map(|name| (name.clone(), value.clone())).collect();
    insert(&repo, &all).await?;
    for (number, name) in names.iter().enumerate() {
        let id = format!("{prefix}-one-{number}");
        insert(&repo, &indexed(TABLE, &id, name, &value)).await?;
        let seen = ids(&repo, TABLE, &Query::equals(name, &value), 5).await?;
        same(&format!("the rows of index {name:?}"), &seen, &vec![all.id.clone(), id])?;
    }
    let row = repo.get(TABLE, &all.id).await?;
    same("the index values of the row", &row.map(|row| row.indexes), &Some(all.indexes))
}

async fn any_value(repo: Subject) -> Verdict {
    let (index, mut wanted) = (fresh("index-"), Vec::new());
    for value in SYMBOLS {
        let id = format!("{index}{value}");
        insert(&repo, &indexed(TABLE, &id, &index, value)).await?;
        same(&format!("the rows of {value:?}"), &ids(&repo, TABLE, &Query::equals(&index, value), 5).await?, &vec![id.clone()])?;
        wanted.push((value, id));
    }
    wanted.sort();
    let wanted: Vec<String> = wanted.into_iter().map(|(_, id)| id).collect();
    same("all rows of the index", &ids(&repo, TABLE, &between(&index, None, None), 2).await?, &wanted)
}

async fn inverted(repo: Subject) -> Verdict {
    let (index, _) = rows_by_value(&repo).await?;
    same("the rows from .a to .9", &ids(&repo, TABLE, &between(&index, Some(".a"), Some(".9")), 3).await?, &vec![])
}

async fn moved(repo: Subject) -> Verdict {
    let (id, index) = (fresh("moved-"), fresh("index-"));
    let found = |value: &str| Query::equals(&index, value);
    insert(&repo, &indexed(TABLE, &id, &index, "old")).await?;
    repo.put(&indexed(TABLE, &id, &index, "new"), Expected::Version(1), &nonce(), Fence::NONE).await?;
    same("the rows with the old value", &ids(&repo, TABLE, &found("old"), 5).await?, &vec![])?;
    same("the rows with the new value", &ids(&repo, TABLE, &found("new"), 5).await?, &vec![id.clone()])?;
    repo.put(&document(TABLE, &id, json!(1)), Expected::Version(2), &nonce(), Fence::NONE).await?;
    same("the rows of the index it left", &ids(&repo, TABLE, &between(&index, None, None), 5).await?, &vec![])
}

async fn several(repo: Subject) -> Verdict {
    let (id, one, other) = (fresh("several-"), fresh("index-"), fresh("index-"));
    let mut write = document(TABLE, &id, json!(1));
    write.indexes = BTreeMap::from([(one.clone(), "1".to_owned()), (other.clone(), "2".to_owned())]);
    insert(&repo, &write).await?;
    write.indexes.insert(other.clone(), "3".to_owned());
    repo.put(&write, Expected::Version(1), &nonce(), Fence::NONE).await?;
    for (index, value) in [(one, "1"), (other, "3")] {
        same("the rows", &ids(&repo, TABLE, &Query::equals(&index, value), 5).await?, &vec![id.clone()])?;
    }
    Ok(())
}

/// Writes ten rows with one index, two to a value; answers the index and the ids in its order.
async fn ten_rows(repo: &Subject) -> Result<(String, Vec<String>), Broken> {
    let (index, prefix) = (fresh("index-"), fresh("ten-"));
    let ids: Vec<String> = (0..10).map(|number| format!("{prefix}.{number}")).collect();
    for (number, id) in ids.iter().enumerate() {
        insert(repo, &indexed(TABLE, id, &index, &format!("{}", number / 2))).await?;
    }
    Ok((index, ids))
}

async fn removed_between(repo: Subject) -> Verdict {
    let (index, wanted) = ten_rows(&repo).await?;
    let query = between(&index, None, None);
    let first = repo.list(TABLE, &query, &Page::first(4)).await?;
    // The rows before the cursor, at it and just behind it.
    for number in [0, 3, 4] {
        repo.delete(TABLE, &wanted[number], 1, Fence::NONE).await?;
    }
    let rest = repo.list(TABLE, &query, &Page { after: first.next, limit: 100 }).await?;
    same("the rest of the listing", &rest.rows.into_iter().map(|row| row.id).collect(), &wanted[5..].to_vec())
}

async fn written_between(repo: Subject) -> Verdict {
    let (index, wanted) = ten_rows(&repo).await?;
    let query = between(&index, None, None);
    let first = repo.list(TABLE, &query, &Page::first(4)).await?;
    for value in ["0", "1", "2", "9"] {
        insert(&repo, &indexed(TABLE, &fresh("between-"), &index, value)).await?;
    }
    let listed = first.rows.into_iter().chain(repo.list(TABLE, &query, &Page { after: first.next, limit: 100 }).await?.rows);
    let mine: Vec<String> = listed.map(|row| row.id).filter(|id| wanted.contains(id)).collect();
    same("the rows that were there all the time", &mine, &wanted)
}

async fn foreign_cursor(repo: Subject) -> Verdict {
    let (index, _) = ten_rows(&repo).await?;
    for query in [Query::All, between(&index, None, None)] {
        for cursor in ["", "nonsense", "0", "[]", "{}", "AAAA", "é"] {
            let page = Page { after: Some(cursor.to_owned()), limit: 3 };
            refused(&format!("the cursor {cursor:?}"), repo.list(TABLE, &query, &page).await, Code::InvalidField)?;
        }
    }
    Ok(())
}

async fn limits(repo: Subject) -> Verdict {
    let (index, wanted) = ten_rows(&repo).await?;
    for query in [Query::All, between(&index, None, None)] {
        refused("a page of no row", repo.list(TABLE, &query, &Page::first(0)).await, Code::InvalidField)?;
    }
    let rows = repo.list(TABLE, &between(&index, None, None), &Page::first(usize::MAX)).await?.rows;
    same("a page of any size", &rows.into_iter().map(|row| row.id).collect(), &wanted)
}

async fn refused_write(repo: Subject) -> Verdict {
    let (id, index) = (fresh("refused-"), fresh("index-"));
    insert(&repo, &indexed(TABLE, &id, &index, "old")).await?;
    let late = repo.put(&indexed(TABLE, &id, &index, "new"), Expected::Version(7), &nonce(), Fence::NONE).await;
    refused("a write by another version", late, Code::VersionConflict)?;
    refused("a removal by another version", repo.delete(TABLE, &id, 7, Fence::NONE).await, Code::VersionConflict)?;
    same("the rows with the value", &ids(&repo, TABLE, &Query::equals(&index, "old"), 5).await?, &vec![id])?;
    same("the rows with the refused value", &ids(&repo, TABLE, &Query::equals(&index, "new"), 5).await?, &vec![])
}
