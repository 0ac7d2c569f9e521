//! The binary `storex`: server roles and command line in one.

use std::process::ExitCode;

fn main() -> ExitCode {
    storex_server::cli::run(std::env::args_os())
}
