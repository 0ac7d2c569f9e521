//! The arguments of `storex db`.

use clap::builder::{StringValueParser, TypedValueParser};
use clap::{Args, Subcommand};
use storex_core::Secret;

/// None of them asks the API.
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum DbCommand {
    /// Prove on your own MongoDB server what storex relies on, in a database made and dropped for it
    Check(DbCheckArgs),
    /// Carry a whole deployment's documents from one place into an empty one: from a file to MongoDB, or back
    Copy(DbCopyArgs),
}

const CHECK_EXAMPLES: &str = "\
Examples:
  STOREX_MONGODB_URI=mongodb://storex:…@db1,db2,db3/storex?replicaSet=rs0 storex db check
  storex db check --uri mongodb://127.0.0.1:27017/storex --json

STOREX_MONGODB_URI stands in for --uri. Prefer it: every user of the machine can read a running command's arguments, and so the password.
STOREX_MONGODB_URI_FILE names a file of your own (0600) that holds it instead: then it is not in the environment either.

The check works in a database of its own (storex_check_…), which it drops at the end, also when it fails or is interrupted; the database in the path of
the connection string is not opened. So its user needs the role readWriteAnyDatabase, while a controller's needs readWrite on its own database only.
Ends with 0 when everything storex needs is there, warnings included, and with 2 when something fails or could not be tested.";

#[derive(Clone, Debug, Args)]
#[command(after_help = CHECK_EXAMPLES)]
pub(crate) struct DbCheckArgs {
    /// Connection string of the server; its path names the database a controller would use [default: `STOREX_MONGODB_URI`, or what the file
    /// `STOREX_MONGODB_URI_FILE` names holds]
    #[arg(long, value_name = "URI", value_parser = StringValueParser::new().map(Secret::new))]
    pub(crate) uri: Option<Secret<String>>,
}

const COPY_EXAMPLES: &str = "\
Examples:
  STOREX_COPY_TO=mongodb://storex:…@db1,db2,db3/storex?replicaSet=rs0 storex db copy --from ./storex-data
  STOREX_COPY_FROM=mongodb://storex:…@db1/storex storex db copy --to /srv/storex/storex.redb

STOREX_COPY_FROM and STOREX_COPY_TO stand in for --from and --to. Prefer them for connection strings: every user of the machine can read a running
command's arguments, and so the password.

Stop every controller on the source first. A file in use cannot be opened; a database is refused while a lease runs on it or a controller of the same
user is connected to it. At the end source and destination are read again and compared. An interrupted copy leaves a destination on which no controller
starts: remove the file or drop the database, and copy again. The source is not changed; do not start controllers on both afterwards.
Tokens and the agent's ledger stay in the data folder: a controller on MongoDB still runs on it.";

#[derive(Clone, Debug, Args)]
#[command(after_help = COPY_EXAMPLES)]
pub(crate) struct DbCopyArgs {
    /// Where the documents are: a data folder, its storex.redb, or a mongodb:// connection string [default: `STOREX_COPY_FROM`]
    #[arg(long, value_name = "PLACE", value_parser = StringValueParser::new().map(Secret::new))]
    pub(crate) from: Option<Secret<String>>,
    /// Where they go: as --from; a file that does not exist, or an empty database [default: `STOREX_COPY_TO`]
    #[arg(long, value_name = "PLACE", value_parser = StringValueParser::new().map(Secret::new))]
    pub(crate) to: Option<Secret<String>>,
}
