//! The command line of the binary `storex` once more, where tests of this room can start it as processes of their own and kill them.

use std::process::ExitCode;

fn main() -> ExitCode {
    storex_server::cli::run(std::env::args_os())
}
