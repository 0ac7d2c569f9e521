//! The arguments of `storex plan`.

use super::{ConnectionArgs, NewStore};
use clap::{Args, Subcommand};

#[derive(Clone, Debug, Subcommand)]
pub(crate) enum PlanCommand {
    /// What creating the store would do
    Create(PlanCreateArgs),
    /// What deleting the store would do
    Delete(PlanDeleteArgs),
}

const CREATE_EXAMPLES: &str = "\
Examples:
  storex plan create oceanbreeze --owner 'John Smith' --email john@oceanbreezestore.com
  storex plan create oceanbreeze --domain oceanbreezestore.com --owner 'John Smith' --email john@oceanbreezestore.com --json";

#[derive(Clone, Debug, Args)]
#[command(after_help = CREATE_EXAMPLES)]
pub(crate) struct PlanCreateArgs {
    #[command(flatten)]
    pub(crate) store: NewStore,
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
}

const DELETE_EXAMPLES: &str = "\
Examples:
  storex plan delete oceanbreeze-12345";

#[derive(Clone, Debug, Args)]
#[command(after_help = DELETE_EXAMPLES)]
pub(crate) struct PlanDeleteArgs {
    /// Identifier of the store, such as oceanbreeze-12345
    pub(crate) id: String,
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
}
