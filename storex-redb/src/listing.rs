//! Reading one page of rows.

use crate::cursor::Position;
use crate::failure::Stop;
use crate::record::RowRecord;
use crate::schema::{INDEXES, ROWS};
use redb::{Database, ReadTransaction, ReadableDatabase};
use std::ops::Bound;
use storex_core::{Code, Error, Page, Query, Row, RowPage, Table};

/// The row, or `None`.
pub(crate) fn get(database: &Database, table: Table, id: &str) -> Result<Option<Row>, Stop> {
    let rows = database.begin_read()?.open_table(ROWS)?;
    let Some(bytes) = rows.get((table.as_str(), id))? else {
        return Ok(None);
    };
    row(table, id, bytes.value()).map(Some)
}

/// One page of one snapshot of the file.
pub(crate) fn list(database: &Database, table: Table, query: &Query, page: &Page) -> Result<RowPage, Stop> {
    let after = page.after.as_deref().map(|cursor| Position::from_cursor(cursor, table, query)).transpose()?;
    let transaction = database.begin_read()?;
    // One more than asked for tells whether something follows.
    let most = page.limit.saturating_add(1);
    let mut found = match query {
        Query::All => by_id(&transaction, table, after.as_ref(), most)?,
        Query::Index { name, from, to } => {
            by_index(&transaction, table, name, (from.as_deref(), to.as_deref()), after.as_ref(), most)?
        }
    };
    let more = found.len() > page.limit;
    found.truncate(page.limit);
    let next = found
        .last()
        .filter(|_| more)
        .map(|(value, row)| Position { value: value.clone(), id: row.id.clone() }.to_cursor(table, query));
    Ok(RowPage { rows: found.into_iter().map(|(_, row)| row).collect(), next })
}

/// Rows with the index value they were found by, empty when by id.
type Found = Vec<(String, Row)>;

fn by_id(transaction: &ReadTransaction, table: Table, after: Option<&Position>, most: usize) -> Result<Found, Stop> {
    let rows = transaction.open_table(ROWS)?;
    let start = match after {
        None => Bound::Included((table.as_str(), "")),
        Some(position) => Bound::Excluded((table.as_str(), position.id.as_str())),
    };
    let mut found = Vec::new();
    for entry in rows.range::<(&str, &str)>((start, Bound::Unbounded))? {
        let (key, bytes) = entry?;
        let (in_table, id) = key.value();
        if in_table != table.as_str() || found.len() == most {
            break;
        }
        found.push((String::new(), row(table, id, bytes.value())?));
    }
    Ok(found)
}

fn by_index(
    transaction: &ReadTransaction,
    table: Table,
    name: &str,
    (from, to): (Option<&str>, Option<&str>),
    after: Option<&Position>,
    most: usize,
) -> Result<Found, Stop> {
    let (rows, indexes) = (transaction.open_table(ROWS)?, transaction.open_table(INDEXES)?);
    let start = match after {
        None => Bound::Included((table.as_str(), name, from.unwrap_or_default(), "")),
        Some(position) => Bound::Excluded((table.as_str(), name, position.value.as_str(), position.id.as_str())),
    };
    let mut found = Vec::new();
    for entry in indexes.range::<(&str, &str, &str, &str)>((start, Bound::Unbounded))? {
        let (key, _) = entry?;
        let (in_table, in_index, value, id) = key.value();
        if (in_table, in_index) != (table.as_str(), name) || to.is_some_and(|to| value > to) || found.len() == most {
            break;
        }
        let bytes = rows.get((table.as_str(), id))?.ok_or_else(|| lost(table, name, id))?;
        found.push((value.to_owned(), row(table, id, bytes.value())?));
    }
    Ok(found)
}

fn row(table: Table, id: &str, bytes: &[u8]) -> Result<Row, Stop> {
    let record = RowRecord::decode(bytes).map_err(|error| error.with("table", table).with("id", id))?;
    Ok(record.into_row(id))
}

fn lost(table: Table, name: &str, id: &str) -> Error {
    Error::new(Code::Corrupt, "an index names a document that is not there")
        .with("table", table)
        .with("index", name)
        .with("id", id)
}
