//! The tables of the file and their schema version.

use crate::failure::Failure;
use redb::{Database, ReadableTable, TableDefinition};
use storex_core::{Code, Error, Result};

/// (table, id) → row record.
pub(crate) const ROWS: TableDefinition<'static, (&str, &str), &[u8]> = TableDefinition::new("rows");
/// (table, index, value, id) of every index value of every row.
pub(crate) const INDEXES: TableDefinition<'static, (&str, &str, &str, &str), ()> = TableDefinition::new("indexes");
/// (namespace, name) → claim record.
pub(crate) const CLAIMS: TableDefinition<'static, (&str, &str), &[u8]> = TableDefinition::new("claims");
/// Name → number: [`SCHEMA`] and [`EPOCH`].
pub(crate) const META: TableDefinition<'static, &str, u64> = TableDefinition::new("meta");

/// Key in [`META`]: version of this layout.
pub(crate) const SCHEMA: &str = "schema";
/// Key in [`META`]: the last epoch granted.
pub(crate) const EPOCH: &str = "epoch";
/// Key in [`META`]: a copy fills the file and has not ended.
pub(crate) const UNFINISHED: &str = "unfinished";
/// The layout this build reads and writes.
pub(crate) const KNOWN: u64 = 1;

/// Makes the tables of a new file, or proves that this build knows the layout of an old one.
///
/// # Errors
/// `unusable` for a layout newer than this build's and for an unfinished copy, `corrupt` for a file that holds something else.
pub(crate) fn prepare(database: &Database) -> Result<()> {
    let (version, is_unfinished) = layout(database).map_err(|failure| failure.refused())?;
    match version {
        _ if is_unfinished => Err(unfinished()),
        KNOWN => Ok(()),
        version if version > KNOWN => Err(Error::new(
            Code::Unusable,
            format!(
                "the file was written by a newer storex: it has layout {version}, this build knows {KNOWN}; run a newer storex"
            ),
        )),
        version => Err(Error::new(Code::Corrupt, format!("the file names layout {version}, which never existed"))),
    }
}

/// The refusal of a file that a copy has not filled to the end.
pub(crate) fn unfinished() -> Error {
    Error::new(Code::Unusable, "the file is an unfinished copy: remove it, then copy again with storex db copy")
}

/// The layout of the file. A file without any table gets this build's. And whether a copy is filling it.
fn layout(database: &Database) -> Result<(u64, bool), Failure> {
    let transaction = database.begin_write()?;
    let empty = transaction.list_tables()?.next().is_none();
    let (version, is_unfinished) = {
        let mut meta = transaction.open_table(META)?;
        if empty {
            meta.insert(SCHEMA, KNOWN)?;
        }
        (meta.get(SCHEMA)?.map(|version| version.value()), meta.get(UNFINISHED)?.is_some())
    };
    if empty {
        transaction.open_table(ROWS)?;
        transaction.open_table(INDEXES)?;
        transaction.open_table(CLAIMS)?;
        transaction.commit()?;
    } else {
        transaction.abort()?;
    }
    version.map(|version| (version, is_unfinished)).ok_or_else(|| Failure::corrupt("the file is a database, but none of storex"))
}
