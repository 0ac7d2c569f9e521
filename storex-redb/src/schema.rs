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
/// The layout this build reads and writes.
pub(crate) const KNOWN: u64 = 1;

/// Makes the tables of a new file, or proves that this build knows the layout of an old one.
///
/// # Errors
/// `unusable` for a layout newer than this build's, `corrupt` for a file that holds something else.
pub(crate) fn prepare(database: &Database) -> Result<()> {
    match layout(database).map_err(|failure| failure.refused())? {
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

/// The layout of the file. A file without any table gets this build's.
fn layout(database: &Database) -> Result<u64, Failure> {
    let transaction = database.begin_write()?;
    let empty = transaction.list_tables()?.next().is_none();
    let version = {
        let mut meta = transaction.open_table(META)?;
        if empty {
            meta.insert(SCHEMA, KNOWN)?;
        }
        meta.get(SCHEMA)?.map(|version| version.value())
    };
    if empty {
        transaction.open_table(ROWS)?;
        transaction.open_table(INDEXES)?;
        transaction.open_table(CLAIMS)?;
        transaction.commit()?;
    } else {
        transaction.abort()?;
    }
    version.ok_or_else(|| Failure::corrupt("the file is a database, but none of storex"))
}
