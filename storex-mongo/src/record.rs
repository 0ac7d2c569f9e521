//! Rows as documents.
//!
//! The body is JSON text: what comes back is what was written, whatever its keys and depth. Index values are fields of `x`, by which the server
//! finds and sorts; their names are escaped, since a dot or a dollar would mean something to it.

use mongodb::bson::{Document, doc};
use std::collections::BTreeMap;
use storex_core::{Code, Error, Json, Result, Row, RowWrite};

/// The field of the index with this name.
pub(crate) fn field(name: &str) -> String {
    let mut field = String::with_capacity(name.len());
    for symbol in name.chars() {
        match symbol {
            '%' => field.push_str("%25"),
            '.' => field.push_str("%2E"),
            '$' => field.push_str("%24"),
            '\0' => field.push_str("%00"),
            other => field.push(other),
        }
    }
    field
}

fn name(field: &str) -> String {
    field.replace("%00", "\0").replace("%24", "$").replace("%2E", ".").replace("%25", "%")
}

/// The fields of a row, without its id.
pub(crate) fn fields(write: &RowWrite, version: i64, nonce: &str) -> Document {
    let indexes: Document = write.indexes.iter().map(|(name, value)| (field(name), value.into())).collect();
    doc! { "version": version, "nonce": nonce, "x": indexes, "body": write.body.as_str() }
}

/// The fields of a row as it is, without its id.
pub(crate) fn stored_fields(row: &Row, nonce: &str) -> Document {
    let indexes: Document = row.indexes.iter().map(|(name, value)| (field(name), value.into())).collect();
    doc! { "version": stored(row.version), "nonce": nonce, "x": indexes, "body": row.body.as_str() }
}

/// The row of a document.
///
/// # Errors
/// `corrupt`.
pub(crate) fn row(document: &Document) -> Result<Row> {
    let id = document.get_str("_id").unwrap_or_default();
    read(document, id).ok_or_else(|| Error::new(Code::Corrupt, "a stored document is none that storex writes").with("id", id))
}

fn read(document: &Document, id: &str) -> Option<Row> {
    let indexes = document.get_document("x").ok()?.iter();
    let indexes = indexes.map(|(field, value)| Some((name(field), value.as_str()?.to_owned())));
    Some(Row {
        id: id.to_owned(),
        version: version(document)?,
        body: serde_json::from_str::<Json>(document.get_str("body").ok()?).ok()?,
        indexes: indexes.collect::<Option<BTreeMap<_, _>>>()?,
    })
}

/// The version of a document.
pub(crate) fn version(document: &Document) -> Option<u64> {
    document.get_i64("version").ok().and_then(|version| version.try_into().ok())
}

/// A version as the server keeps it. It has no unsigned numbers; a version beyond its largest was never given.
pub(crate) fn stored(version: u64) -> i64 {
    version.try_into().unwrap_or(-1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use storex_core::Table;

    #[test]
    fn a_row_comes_back_as_it_was_written_whatever_its_index_names() {
        let names = ["due", "a.b", "$a", "%2E", "%", "%252E", "\0", "é.$%\0"];
        let indexes = names.iter().map(|name| ((*name).to_owned(), format!("of {name}"))).collect::<BTreeMap<_, _>>();
        let body: Json = serde_json::json!({"$a.b": [1, "é\0"]}).into();
        let write = RowWrite { table: Table::Stores, id: "i".to_owned(), body: body.clone(), indexes: indexes.clone() };
        let mut document = fields(&write, 7, "n");
        document.insert("_id", "i");
        assert!(document.get_document("x").unwrap().keys().all(|field| !field.contains(['.', '$', '\0'])));
        assert_eq!(row(&document).unwrap(), Row { id: "i".to_owned(), version: 7, body, indexes });
    }

    #[test]
    fn a_document_of_somebody_else_is_corrupt() {
        let good = doc! { "_id": "i", "version": 1_i64, "nonce": "", "x": {}, "body": "1" };
        assert!(row(&good).is_ok(), "the control");
        for (key, value) in [("version", doc! { "v": "1" }), ("x", doc! { "v": 1 }), ("body", doc! { "v": "{" })] {
            let mut bad = good.clone();
            bad.insert(key, value.get("v").cloned().unwrap());
            assert!(row(&bad).is_err_and(|error| error.code() == Code::Corrupt), "{bad}");
        }
    }
}
