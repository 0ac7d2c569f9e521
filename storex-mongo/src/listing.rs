//! Reading one page of rows.

use crate::cursor::Position;
use crate::failure::{COMMAND, Failure, limited};
use crate::record;
use crate::stores::Shared;
use futures::TryStreamExt;
use mongodb::bson::{Document, doc};
use storex_core::{Page, Query, Result, Row, RowPage, Table};

impl Shared {
    /// One page. Each command of it is limited in time, not the page: its size is the caller's.
    pub(crate) async fn list(&self, table: Table, query: &Query, page: &Page) -> Result<RowPage> {
        let after = page.after.as_deref().map(|cursor| Position::from_cursor(cursor, table, query)).transpose()?;
        // One more than asked for tells whether something follows.
        let most = i64::try_from(page.limit).unwrap_or(i64::MAX).saturating_add(1);
        let (filter, sort) = range(query, after.as_ref());
        let rows = self.rows(table);
        let find = rows.find(filter).sort(sort).limit(most).max_time(COMMAND);
        let mut cursor = limited(find).await.map_err(Failure::of_read)?;
        let mut rows = Vec::new();
        while let Some(document) = limited(cursor.try_next()).await.map_err(Failure::of_read)? {
            rows.push(record::row(&document).map_err(|error| error.with("table", table))?);
        }
        let more = rows.len() > page.limit;
        rows.truncate(page.limit);
        let next = rows.last().filter(|_| more).map(|last| place(query, last).to_cursor(table, query)).transpose()?;
        Ok(RowPage { rows, next })
    }
}

/// Where a row stands in the listing.
fn place(query: &Query, row: &Row) -> Position {
    let value = match query {
        Query::All => String::new(),
        Query::Index { name, .. } => row.indexes.get(name).cloned().unwrap_or_default(),
    };
    Position { value, id: row.id.clone() }
}

/// The filter and the order of a listing. The server compares texts by their bytes, as long as a collection has no collation.
fn range(query: &Query, after: Option<&Position>) -> (Document, Document) {
    match query {
        Query::All => (after.map(|after| doc! { "_id": { "$gt": after.id.as_str() } }).unwrap_or_default(), doc! { "_id": 1 }),
        Query::Index { name, from, to } => {
            let field = format!("x.{}", record::field(name));
            let from = after.map_or(from.as_deref().unwrap_or_default(), |after| after.value.as_str());
            let mut between = doc! { "$gte": from };
            if let Some(to) = to {
                between.insert("$lte", to.as_str());
            }
            let mut filter = doc! { &field: between };
            if let Some(after) = after {
                let same_value = doc! { &field: after.value.as_str(), "_id": { "$gt": after.id.as_str() } };
                filter.insert("$or", vec![doc! { &field: { "$gt": after.value.as_str() } }, same_value]);
            }
            (filter, doc! { field: 1, "_id": 1 })
        }
    }
}
