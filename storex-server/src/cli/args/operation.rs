//! The arguments of `storex operation`.

use super::{ConnectionArgs, WaitArgs};
use clap::{Args, Subcommand};

#[derive(Clone, Debug, Subcommand)]
pub(crate) enum OperationCommand {
    /// Show an operation with its steps and tasks
    Get(GetOperationArgs),
    /// Show the operation that a request with this Idempotency-Key has begun, for whoever did not get its answer; begins nothing
    #[command(after_help = FIND_EXAMPLES)]
    Find(FindOperationArgs),
    /// Make an operation turn back; with --wait, being rolled back is success
    #[command(after_help = CANCEL_EXAMPLES)]
    Cancel(ChangeOperationArgs),
    /// Take up an operation that needed an operator, once its cause is mended
    #[command(after_help = RETRY_EXAMPLES)]
    Retry(ChangeOperationArgs),
}

const GET_EXAMPLES: &str = "\
Examples:
  storex operation get op_0199aa7c1b6f7c3a8e5d2f4b6a8c0e12
  storex operation get op_0199aa7c1b6f7c3a8e5d2f4b6a8c0e12 --wait";

const FIND_EXAMPLES: &str = "\
Examples:
  storex operation find signup-42
  storex operation find signup-42 --wait --timeout 120";

const CANCEL_EXAMPLES: &str = "\
Examples:
  storex operation cancel op_0199aa7c1b6f7c3a8e5d2f4b6a8c0e12
  storex operation cancel op_0199aa7c1b6f7c3a8e5d2f4b6a8c0e12 --wait --timeout 120";

const RETRY_EXAMPLES: &str = "\
Examples:
  storex operation retry op_0199aa7c1b6f7c3a8e5d2f4b6a8c0e12
  storex operation retry op_0199aa7c1b6f7c3a8e5d2f4b6a8c0e12 --wait --timeout 120";

#[derive(Clone, Debug, Args)]
#[command(after_help = GET_EXAMPLES)]
pub(crate) struct GetOperationArgs {
    /// Identifier of the operation, such as `op_0199aa7c1b6f7c3a8e5d2f4b6a8c0e12`
    pub(crate) id: String,
    #[command(flatten)]
    pub(crate) wait: WaitArgs,
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct FindOperationArgs {
    /// The key of the request, as given with --idempotency-key
    pub(crate) key: String,
    #[command(flatten)]
    pub(crate) wait: WaitArgs,
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct ChangeOperationArgs {
    /// Identifier of the operation, such as `op_0199aa7c1b6f7c3a8e5d2f4b6a8c0e12`
    pub(crate) id: String,
    #[command(flatten)]
    pub(crate) wait: WaitArgs,
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
}
