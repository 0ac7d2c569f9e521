//! The one place where tests start programs: no shell, an argument vector, and an environment of a few named variables, so
//! that a token or a setting in the developer's shell can neither reach a program under test nor change a result.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// What a program under test may know of the caller's environment: where programs, toolchains, tools and scratch space are.
const KEPT: [&str; 8] =
    ["PATH", "HOME", "CARGO_HOME", "RUSTUP_HOME", "RUSTUP_TOOLCHAIN", "CARGO_TARGET_DIR", "STOREX_TOOLS", "TMPDIR"];

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

/// Where node, PM2 and nginx are looked for first: what `STOREX_TOOLS` names, else where `scripts/install-host.sh` puts them.
#[expect(clippy::disallowed_methods, reason = "the module named in clippy's ban: tests read the environment here only")]
pub fn tool_prefixes() -> Vec<PathBuf> {
    if let Some(named) = std::env::var_os("STOREX_TOOLS") {
        return vec![named.into()];
    }
    let own = std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".local/share/storex"));
    [Some(PathBuf::from("/opt/storex")), own].into_iter().flatten().collect()
}

/// A setting of a test run, such as how long it may take.
#[expect(clippy::disallowed_methods, reason = "the module named in clippy's ban: tests read the environment here only")]
pub fn setting(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|text| !text.is_empty())
}

/// Processes other than this one whose working directory or command line lies below `folder`.
pub fn living_in(folder: &Path) -> Vec<u32> {
    let pids = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = pids.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    pids.filter(|pid| *pid != std::process::id() && lives_in(*pid, folder)).collect()
}

fn lives_in(pid: u32, folder: &Path) -> bool {
    let proc = PathBuf::from(format!("/proc/{pid}"));
    let cwd = std::fs::read_link(proc.join("cwd")).is_ok_and(|cwd| cwd.starts_with(folder));
    let needle = folder.to_string_lossy();
    cwd || std::fs::read(proc.join("cmdline")).is_ok_and(|line| String::from_utf8_lossy(&line).contains(needle.as_ref()))
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
