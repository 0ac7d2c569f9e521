//! The command line: parse, run one command, answer its exit code.

pub(crate) mod args;
mod cloudflare;
mod connection;
mod db;
mod dns;
mod drift;
mod edge;
mod failure;
mod follow;
mod http;
mod operation;
mod plan;
mod progress;
mod serve;
mod show;
mod store;
mod streams;
mod tunnel;
mod usage;

use crate::Environment;
use args::{Cli, Command};
use clap::Parser;
use failure::{Failure, Outcome};
use std::ffi::OsString;
use std::process::ExitCode;
use storex_core::{Code, Error};
use streams::Streams;
use tokio::runtime::{Builder, Runtime};

/// Runs the command these arguments name (the first is the program) and answers its exit code, as the table in `docs/errors.md` lists them.
///
/// Data goes to standard output, everything else to standard error; a command that fails leaves standard output empty, except a check
/// with `--json`, whose verdict it is. With `--json` both are JSON.
pub fn run<I>(arguments: I) -> ExitCode
where
    I: IntoIterator,
    I::Item: Into<OsString> + Clone,
{
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(message) => {
            usage::print(&message);
            return ExitCode::from(u8::try_from(message.exit_code()).unwrap_or(2));
        }
    };
    let mut streams = Streams::new(cli.json);
    match dispatch(cli, &mut streams) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => ExitCode::from(failure.report(&mut streams)),
    }
}

fn dispatch(cli: Cli, streams: &mut Streams) -> Outcome {
    let environment = Environment::read()?;
    match cli.command {
        Command::Up(up) => runtime(&mut Builder::new_multi_thread())?.block_on(serve::up(up, environment, streams)),
        Command::Serve(role) => runtime(&mut Builder::new_multi_thread())?.block_on(serve::role(role, environment, streams)),
        Command::Store(command) => {
            runtime(&mut Builder::new_current_thread())?.block_on(store::run(command, &environment, streams))
        }
        Command::Operation(command) => {
            runtime(&mut Builder::new_current_thread())?.block_on(operation::run(command, &environment, streams))
        }
        Command::Plan(command) => {
            runtime(&mut Builder::new_current_thread())?.block_on(plan::run(command, &environment, streams))
        }
        Command::Drift(args) => runtime(&mut Builder::new_current_thread())?.block_on(drift::drift(args, &environment, streams)),
        Command::Reconcile(args) => {
            runtime(&mut Builder::new_current_thread())?.block_on(drift::reconcile(args, &environment, streams))
        }
        Command::Tunnel(command) => {
            runtime(&mut Builder::new_current_thread())?.block_on(tunnel::run(command, &environment, streams))
        }
        Command::Cloudflare(command) => {
            runtime(&mut Builder::new_current_thread())?.block_on(cloudflare::run(command, &environment, streams))
        }
        Command::Db(command) => runtime(&mut Builder::new_current_thread())?.block_on(db::run(command, &environment, streams)),
        Command::Errors(_) => streams.data(&crate::catalogue()),
    }
}

fn runtime(builder: &mut Builder) -> Result<Runtime, Failure> {
    let built = builder.enable_all().build();
    built.map_err(|error| Error::new(Code::Internal, format!("no runtime: {error}")).into())
}
