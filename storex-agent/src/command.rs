//! Runs programs: an argument vector, a cleared environment, no shell. Nothing else in the workspace spawns a process.
//!
//! A program sees only the variables it is given by name. Its standard input is empty, it leads a process group of its own, and it
//! inherits no open file: everything std opens is closed on exec.

use crate::proc::User;
use rustix::process::{Pid, Signal, kill_process_group};
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs::File;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use storex_core::{Code, Error, Result};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};

/// How many bytes of each stream [`Program::run`] keeps; what comes after them is read and dropped.
pub const KEPT_OUTPUT: usize = 64 * 1024;

/// A program about to be run.
///
/// ```no_run
/// # async fn version() -> storex_core::Result<()> {
/// use std::time::Duration;
/// use storex_agent::command::Program;
///
/// let finished = Program::new("/usr/sbin/nginx").arg("-v").run(Duration::from_secs(5)).await?;
/// assert!(finished.status.success());
/// # Ok(())
/// # }
/// ```
pub struct Program {
    path: PathBuf,
    args: Vec<OsString>,
    env: Vec<(OsString, OsString)>,
    directory: Option<PathBuf>,
    user: Option<User>,
    output: Option<File>,
}

/// What a program that ended left behind.
#[derive(Clone, Debug)]
pub struct Finished {
    /// How it ended.
    pub status: ExitStatus,
    /// The first [`KEPT_OUTPUT`] bytes of its output; empty when the output went to a file.
    pub stdout: Vec<u8>,
    /// The first [`KEPT_OUTPUT`] bytes of its error output; empty when the output went to a file.
    pub stderr: Vec<u8>,
}

impl Finished {
    /// The output as text, invalid UTF-8 replaced, without white space around it.
    pub fn stdout_text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).trim().to_owned()
    }

    /// The error output as text, invalid UTF-8 replaced, without white space around it.
    pub fn stderr_text(&self) -> String {
        String::from_utf8_lossy(&self.stderr).trim().to_owned()
    }
}

impl Program {
    /// The program at this path. The path is used as it is: no search in `PATH`, no shell.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), args: Vec::new(), env: Vec::new(), directory: None, user: None, output: None }
    }

    /// Adds one argument.
    #[must_use]
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.args.push(arg.as_ref().to_owned());
        self
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<A: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.args.extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
        self
    }

    /// Gives the program one variable. It gets no others than those named here.
    #[must_use]
    pub fn env(mut self, key: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.env.push((key.as_ref().to_owned(), value.as_ref().to_owned()));
        self
    }

    /// Starts it in this directory.
    #[must_use]
    pub fn directory(mut self, directory: impl AsRef<Path>) -> Self {
        self.directory = Some(directory.as_ref().to_owned());
        self
    }

    /// Runs it as this user and group, without supplementary groups when the caller is root (std clears them when it sets the user).
    /// `None` keeps the caller's.
    #[must_use]
    pub fn user(mut self, user: Option<User>) -> Self {
        self.user = user;
        self
    }

    /// Sends its output and error output to this file.
    #[must_use]
    pub fn output_file(mut self, file: File) -> Self {
        self.output = Some(file);
        self
    }

    /// Runs it to its end and answers what it printed; the exit status is the caller's to judge.
    ///
    /// # Errors
    /// `unusable` when it cannot be started; `timeout`, with the effect in doubt, when it did not end within `limit`: its process group has
    /// then been killed.
    ///
    /// # Cancellation
    /// Dropping the future kills the program, not what it started.
    pub async fn run(self, limit: Duration) -> Result<Finished> {
        let name = self.path.display().to_string();
        let captured = self.output.is_none();
        let mut child = self.launch(captured, true)?;
        let group = child.id();
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let ending = async { tokio::join!(kept(stdout), kept(stderr), child.wait()) };
        let Ok((stdout, stderr, status)) = tokio::time::timeout(limit, ending).await else {
            kill_group(group);
            // Reaps it; a killed process ends, however long the kernel takes.
            let _ended = child.wait().await;
            return Err(Error::unclear(Code::Timeout, format!("{name} did not end within {limit:?} and was killed")));
        };
        let status = status.map_err(|error| Error::unclear(Code::Internal, format!("the end of {name} was lost: {error}")))?;
        Ok(Finished { status, stdout, stderr })
    }

    /// Starts it and answers at once. Dropping the answer leaves it running. Without an output file its output is dropped.
    ///
    /// # Errors
    /// `unusable` when it cannot be started.
    pub fn spawn(self) -> Result<Child> {
        self.launch(false, false)
    }

    #[expect(clippy::disallowed_methods, reason = "the one place that runs programs")]
    fn launch(self, captured: bool, kill_on_drop: bool) -> Result<Child> {
        let mut command = Command::new(&self.path);
        command.args(&self.args).env_clear().envs(self.env.iter().map(|(key, value)| (key, value)));
        command.stdin(Stdio::null()).process_group(0).kill_on_drop(kill_on_drop);
        if let Some(directory) = &self.directory {
            command.current_dir(directory);
        }
        if let Some(user) = &self.user {
            command.uid(user.uid).gid(user.gid);
        }
        let (stdout, stderr) = match self.output {
            Some(file) => (Stdio::from(file.try_clone().map_err(|error| cannot_start(&self.path, &error))?), Stdio::from(file)),
            None if captured => (Stdio::piped(), Stdio::piped()),
            None => (Stdio::null(), Stdio::null()),
        };
        command.stdout(stdout).stderr(stderr);
        command.spawn().map_err(|error| cannot_start(&self.path, &error))
    }
}

/// Shows names of variables, never their values.
impl fmt::Debug for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&OsString> = self.env.iter().map(|(key, _)| key).collect();
        let mut shown = f.debug_struct("Program");
        shown.field("path", &self.path).field("args", &self.args).field("env", &names);
        shown.field("directory", &self.directory).field("user", &self.user).finish_non_exhaustive()
    }
}

fn cannot_start(path: &Path, error: &std::io::Error) -> Error {
    let why = match error.kind() {
        ErrorKind::NotFound => "it, its interpreter or its working directory does not exist".to_owned(),
        _ => error.to_string(),
    };
    Error::new(Code::Unusable, format!("{} cannot be started: {why}", path.display()))
}

fn kill_group(leader: Option<u32>) {
    if let Some(pid) = leader.and_then(|pid| Pid::from_raw(i32::try_from(pid).ok()?)) {
        // It may have ended meanwhile; that is what is wanted.
        let _gone = kill_process_group(pid, Signal::KILL);
    }
}

/// Reads a stream to its end and answers its first [`KEPT_OUTPUT`] bytes; a read error ends it.
async fn kept(stream: Option<impl AsyncRead + Unpin>) -> Vec<u8> {
    let mut kept = Vec::new();
    let Some(mut stream) = stream else { return kept };
    let mut buffer = vec![0; 8 * 1024];
    while let Ok(count @ 1..) = stream.read(&mut buffer).await {
        let room = KEPT_OUTPUT - kept.len();
        kept.extend_from_slice(buffer.get(..count.min(room)).unwrap_or_default());
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    const LONG: Duration = Duration::from_secs(20);

    #[tokio::test]
    async fn a_program_sees_only_the_variables_it_is_given() {
        let finished = Program::new("/usr/bin/env").env("ONE", "1").env("TWO", "a b").run(LONG).await.unwrap();
        assert!(finished.status.success());
        assert_eq!(finished.stdout_text(), "ONE=1\nTWO=a b");
        let callers = std::env::vars_os().count();
        assert!(callers > 2, "the control: the caller has variables that could have passed");
    }

    #[tokio::test]
    async fn arguments_arrive_as_they_are() {
        let finished = Program::new("/bin/echo").arg("$HOME; *").args(["'a'", "b c"]).run(LONG).await.unwrap();
        assert_eq!(finished.stdout_text(), "$HOME; * 'a' b c");
    }

    #[tokio::test]
    async fn output_beyond_the_limit_is_dropped_and_the_program_ends_by_itself() {
        let finished = Program::new("/usr/bin/head").args(["-c", "300000", "/dev/zero"]).run(LONG).await.unwrap();
        assert!(finished.status.success());
        assert_eq!(finished.stdout.len(), KEPT_OUTPUT);
    }

    #[tokio::test]
    async fn a_program_that_does_not_end_is_killed_and_its_effect_is_in_doubt() {
        let error = Program::new("/bin/sleep").arg("1000").run(Duration::from_millis(50)).await.unwrap_err();
        assert_eq!((error.code(), error.is_unclear()), (Code::Timeout, true));
    }

    #[tokio::test]
    async fn a_missing_program_is_refused_by_its_path() {
        let error = Program::new("/nonexistent/nginx").run(LONG).await.unwrap_err();
        assert_eq!((error.code(), error.is_unclear()), (Code::Unusable, false));
        assert!(error.message().contains("/nonexistent/nginx"), "{error}");
    }

    #[tokio::test]
    async fn an_exit_status_and_error_output_are_answers() {
        let finished = Program::new("/bin/cat").directory("/").arg("nonexistent-file").run(LONG).await.unwrap();
        assert!(!finished.status.success());
        assert!(finished.stderr_text().contains("nonexistent-file"), "{}", finished.stderr_text());
    }

    #[tokio::test]
    async fn output_goes_to_the_file_when_there_is_one() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let finished = Program::new("/bin/echo").arg("hello").output_file(file.reopen().unwrap()).run(LONG).await.unwrap();
        assert!(finished.stdout.is_empty());
        let mut text = String::new();
        file.reopen().unwrap().read_to_string(&mut text).unwrap();
        assert_eq!(text, "hello\n");
    }

    #[tokio::test]
    async fn a_spawned_program_leads_its_own_process_group() {
        let mut child = Program::new("/bin/sleep").arg("1000").spawn().unwrap();
        let pid = child.id().unwrap();
        assert_eq!(crate::proc::Stat::of(pid).unwrap().group, pid);
        child.kill().await.unwrap();
    }

    #[test]
    fn values_of_variables_are_not_shown() {
        let shown = format!("{:?}", Program::new("/bin/true").env("DB_PASSWORD", "hunter2"));
        assert!(shown.contains("DB_PASSWORD") && !shown.contains("hunter2"), "{shown}");
    }
}
