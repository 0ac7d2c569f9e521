//! The one place where tests start programs: no shell, an argument vector, and an environment of a few named variables, so
//! that a token or a setting in the developer's shell can neither reach a program under test nor change a result.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Output};

/// What a program under test may know of the caller's environment: where programs, toolchains, tools and scratch space are.
const KEPT: [&str; 8] = [
    "PATH",
    "HOME",
    "CARGO_HOME",
    "RUSTUP_HOME",
    "RUSTUP_TOOLCHAIN",
    "CARGO_TARGET_DIR",
    "STOREX_TOOLS",
    "TMPDIR",
];

/// A program about to be started with a cleared environment; only the variables of `KEPT` that are set are passed on.
///
/// The caller adds arguments and streams, and ends what it starts.
#[expect(
    clippy::disallowed_methods,
    reason = "the module named in clippy's ban: tests start programs and read the environment here only"
)]
pub fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.env_clear();
    for name in KEPT {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    command
}

/// Runs a program to its end in `folder` and answers what it printed; the exit status is the caller's to judge.
///
/// # Errors
/// When the program cannot be started or its output cannot be read.
pub fn run(program: &str, arguments: &[&str], folder: &Path) -> std::io::Result<Output> {
    command(program).args(arguments).current_dir(folder).output()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_sees_only_the_kept_variables() {
        let output = run("env", &[], Path::new("/")).expect("env runs");
        let text = String::from_utf8(output.stdout).expect("names and values are text");
        assert!(text.contains("PATH="), "the control: a kept variable passes");
        for line in text.lines() {
            let name = line.split('=').next().unwrap_or_default();
            assert!(KEPT.contains(&name), "{name} leaked");
        }
    }

    #[test]
    fn cargo_sets_a_variable_that_must_not_pass() {
        let marker = std::env::vars_os().any(|(name, _)| name == "CARGO_PKG_NAME");
        assert!(marker, "without such a variable the test above could not fail");
    }
}
