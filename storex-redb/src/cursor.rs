//! Cursors: the position after the last row of a page, bound to the listing it came from.

use storex_core::{Code, Error, Query, Result, Table};

/// Form of the cursors this build gives.
const FORM: &str = "1";

/// A position in a listing: after the row with this index value (empty when the listing is by id) and id.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Position {
    pub(crate) value: String,
    pub(crate) id: String,
}

impl Position {
    /// The cursor of this position in this listing.
    pub(crate) fn to_cursor(&self, table: Table, query: &Query) -> String {
        format!("{FORM}-{:016x}-{}-{}", fingerprint(table, query), hexadecimal(&self.value), hexadecimal(&self.id))
    }

    /// The position of a cursor that was given for the same table and query.
    ///
    /// # Errors
    /// `invalid_field`.
    pub(crate) fn from_cursor(cursor: &str, table: Table, query: &Query) -> Result<Self> {
        parse(cursor, table, query)
            .ok_or_else(|| Error::new(Code::InvalidField, "the cursor was not given for this listing").pointer("/after"))
    }
}

fn parse(cursor: &str, table: Table, query: &Query) -> Option<Position> {
    let mut parts = cursor.split('-');
    let (form, listing) = (parts.next()?, parts.next()?);
    let position = Position { value: text(parts.next()?)?, id: text(parts.next()?)? };
    let ours = form == FORM && listing == format!("{:016x}", fingerprint(table, query)) && parts.next().is_none();
    let placed = !position.id.is_empty() && position.value.is_empty() == (*query == Query::All);
    (ours && placed).then_some(position)
}

/// FNV-1a (Fowler, Noll, Vo), 64 bits, over the parts of the listing, each closed by a byte that UTF-8 never has.
fn fingerprint(table: Table, query: &Query) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut feed = |part: &str| {
        for byte in part.bytes().chain([0xff]) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    };
    feed(table.as_str());
    if let Query::Index { name, from, to } = query {
        feed(name);
        for bound in [from, to] {
            feed(if bound.is_some() { "=" } else { "*" });
            feed(bound.as_deref().unwrap_or_default());
        }
    }
    hash
}

fn hexadecimal(text: &str) -> String {
    let digits = text.bytes().flat_map(|byte| [byte >> 4, byte & 0xf]);
    digits.filter_map(|digit| char::from_digit(digit.into(), 16)).collect()
}

fn text(hexadecimal: &str) -> Option<String> {
    if !hexadecimal.len().is_multiple_of(2)
        || !hexadecimal.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
    {
        return None;
    }
    let digits = hexadecimal.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).ok());
    let bytes = digits.map(|pair| u8::from_str_radix(pair?, 16).ok()).collect::<Option<Vec<u8>>>()?;
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_comes_back_as_its_position_in_its_own_listing_only() {
        let by_index = Query::Index { name: "due".to_owned(), from: Some("1".to_owned()), to: None };
        let listings = [
            (Table::Stores, Query::All),
            (Table::Domains, Query::All),
            (Table::Stores, by_index),
            (Table::Stores, Query::equals("due", "1")),
            (Table::Stores, Query::Index { name: "due".to_owned(), from: None, to: Some("1".to_owned()) }),
            (Table::Stores, Query::Index { name: "due1".to_owned(), from: Some(String::new()), to: None }),
        ];
        for (given, (table, query)) in listings.iter().enumerate() {
            let value = if *query == Query::All { String::new() } else { "wért-é".to_owned() };
            let position = Position { value, id: "ocean-1".to_owned() };
            let cursor = position.to_cursor(*table, query);
            for (asked, (table, query)) in listings.iter().enumerate() {
                let seen = Position::from_cursor(&cursor, *table, query);
                assert_eq!(seen.ok().as_ref() == Some(&position), given == asked, "{cursor} in listing {asked}");
            }
        }
    }

    #[test]
    fn every_damaged_cursor_is_refused() {
        let cursor = Position { value: String::new(), id: "ab".to_owned() }.to_cursor(Table::Stores, &Query::All);
        assert!(Position::from_cursor(&cursor, Table::Stores, &Query::All).is_ok());
        let mut damaged: Vec<String> = (0..cursor.len()).map(|length| cursor[..length].to_owned()).collect();
        damaged.extend([
            format!("{cursor}-"),
            format!("{cursor}0"),
            format!("{cursor}ff"),
            cursor.replacen("--", "-61-", 1),
            cursor.to_uppercase() + "A",
        ]);
        // Cutting one whole byte of the id leaves another position of the same listing, which is no damage that could be seen.
        damaged.retain(|text| *text != cursor[..cursor.len() - 2]);
        for text in damaged {
            assert!(Position::from_cursor(&text, Table::Stores, &Query::All).is_err(), "{text:?} was taken");
        }
    }
}
