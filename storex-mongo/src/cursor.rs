//! Cursors: the position after the last row of a page, bound to the listing it came from.

use serde::{Deserialize, Serialize};
use storex_core::{Code, Error, Query, Result, Table};

/// A position in a listing: after the row with this index value (empty when the listing is by id) and id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Position {
    pub(crate) value: String,
    pub(crate) id: String,
}

/// A cursor as its text holds it.
#[derive(PartialEq, Serialize, Deserialize)]
struct Cursor {
    table: Table,
    /// Name, lowest and highest value of an index query.
    index: Option<(String, Option<String>, Option<String>)>,
    after: Position,
}

impl Cursor {
    fn new(table: Table, query: &Query, after: Position) -> Self {
        let index = match query {
            Query::All => None,
            Query::Index { name, from, to } => Some((name.clone(), from.clone(), to.clone())),
        };
        Self { table, index, after }
    }
}

impl Position {
    /// The cursor of this position in this listing.
    ///
    /// # Errors
    /// None that can happen: texts are JSON.
    pub(crate) fn to_cursor(&self, table: Table, query: &Query) -> Result<String> {
        serde_json::to_string(&Cursor::new(table, query, self.clone()))
            .map_err(|error| Error::new(Code::Internal, "a cursor could not be written").caused_by(error))
    }

    /// The position of a cursor that was given for the same table and query.
    ///
    /// # Errors
    /// `invalid_field`.
    pub(crate) fn from_cursor(cursor: &str, table: Table, query: &Query) -> Result<Self> {
        let read = serde_json::from_str::<Cursor>(cursor).ok();
        read.filter(|read| *read == Cursor::new(table, query, read.after.clone()) && !read.after.id.is_empty())
            .map(|read| read.after)
            .ok_or_else(|| Error::new(Code::InvalidField, "the cursor was not given for this listing").pointer("/after"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_comes_back_as_its_position_in_its_own_listing_only() {
        let listings = [
            (Table::Stores, Query::All),
            (Table::Domains, Query::All),
            (Table::Stores, Query::Index { name: "due".to_owned(), from: Some("1".to_owned()), to: None }),
            (Table::Stores, Query::equals("due", "1")),
            (Table::Stores, Query::Index { name: "due".to_owned(), from: None, to: Some("1".to_owned()) }),
        ];
        let position = Position { value: "wért-é\"".to_owned(), id: "ocean-1".to_owned() };
        for (given, (table, query)) in listings.iter().enumerate() {
            let cursor = position.to_cursor(*table, query).unwrap();
            for (asked, (table, query)) in listings.iter().enumerate() {
                let seen = Position::from_cursor(&cursor, *table, query);
                assert_eq!(seen.ok().as_ref() == Some(&position), given == asked, "{cursor} in listing {asked}");
            }
        }
    }

    #[test]
    fn what_no_listing_gave_is_refused() {
        for text in ["", "{}", "[]", "null", "é", "{\"table\":\"stores\",\"index\":null,\"after\":{\"value\":\"\",\"id\":\"\"}}"]
        {
            assert!(Position::from_cursor(text, Table::Stores, &Query::All).is_err(), "{text:?} was taken");
        }
    }
}
