//! Where things are below the router's prefix, and the processes that belong to it.

use super::render::{self, Purpose};
use super::settings::NginxSettings;
use crate::atomic::{self, Owner};
use crate::command::Program;
use crate::proc::{self, User};
use rustix::fs::{Mode, OFlags};
use std::fs;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use storex_core::{Code, Error, Result};

/// A worker that accepts connections; a draining one adds ` is shutting down` (nginx's `ngx_process_cycle.c`).
pub(super) const ACCEPTING: &str = "nginx: worker process";
const MASTER: &str = "nginx: master process";

/// The prefix of one router, made and resolved.
#[derive(Debug)]
pub(super) struct Layout {
    /// The prefix without links in it.
    prefix: PathBuf,
    /// The program without links to it, as `/proc/PID/exe` shows it.
    binary: PathBuf,
    /// `-p PREFIX/ -e`, as it stands in the master's title.
    title_part: String,
    /// The open `run` directory: its socket is reached through it however long the prefix is (a socket's path has at most 107 bytes, unix(7)).
    run: OwnedFd,
    /// Who reads candidates: the group of the workers' user.
    readers: Owner,
}

impl Layout {
    /// Makes the folders and writes both main configurations.
    ///
    /// The folders for bodies are made here, in a folder of our own: at each reload a root master gives them to the workers' user by their names,
    /// following links (`ngx_create_paths` in nginx's `ngx_file.c`), so nobody else may be able to put a link there.
    pub(super) fn prepare(settings: &NginxSettings) -> Result<Self> {
        settings.check()?;
        let binary = fs::canonicalize(&settings.binary).map_err(|error| {
            Error::new(Code::Unusable, format!("nginx is not there ({error}); run scripts/install-host.sh"))
                .with("path", settings.binary.display())
        })?;
        let user = settings.user.as_ref();
        let owner = user.map(|user| (user.uid, user.gid));
        let readers = user.map(|user| (rustix::process::geteuid().as_raw(), user.gid));
        atomic::make_dir(&settings.prefix, 0o711, None)?;
        let prefix = fs::canonicalize(&settings.prefix).map_err(|error| unreadable(&settings.prefix, &error))?;
        let title_part = prefix.to_str().map(|text| format!("-p {text}/ -e"));
        let title_part = title_part
            .ok_or_else(|| Error::new(Code::Unusable, "the router's prefix is not UTF-8").with("path", prefix.display()))?;
        for (name, mode, owner) in [
            ("conf", 0o700, None),
            ("logs", 0o700, None),
            ("run", 0o700, None),
            ("tmp", 0o711, None),
            ("tmp/client_body", 0o700, owner),
            ("tmp/proxy", 0o700, owner),
            ("tmp/fastcgi", 0o700, owner),
            ("tmp/uwsgi", 0o700, owner),
            ("tmp/scgi", 0o700, owner),
            ("check", 0o711, None),
            ("check/conf", 0o750, readers),
            ("check/logs", 0o700, owner),
            ("check/run", 0o700, owner),
            ("check/tmp", 0o700, owner),
        ] {
            atomic::make_dir(&prefix.join(name), mode, owner)?;
        }
        for folder in ["conf", "check/conf"] {
            atomic::sweep(&prefix.join(folder))?;
        }
        atomic::write(&prefix.join("conf/nginx.conf"), render::main(settings, Purpose::Serve)?.as_bytes(), 0o600, None)?;
        atomic::write(&prefix.join("check/conf/nginx.conf"), render::main(settings, Purpose::Trial)?.as_bytes(), 0o640, readers)?;
        let run = rustix::fs::open(prefix.join("run"), OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
            .map_err(|errno| unreadable(&prefix.join("run"), &errno.into()))?;
        Ok(Self { prefix, binary, title_part, run, readers })
    }

    /// The file with the routes the master reads.
    pub(super) fn routes(&self) -> PathBuf {
        self.prefix.join("conf/routes.conf")
    }

    /// The file with the routes a trial reads.
    pub(super) fn candidate(&self) -> PathBuf {
        self.prefix.join("check/conf/routes.conf")
    }

    /// Writes a candidate.
    pub(super) fn write_candidate(&self, text: &str) -> Result<()> {
        atomic::write(&self.candidate(), text.as_bytes(), 0o640, self.readers)
    }

    /// The master's log.
    pub(super) fn error_log(&self) -> PathBuf {
        self.prefix.join("logs/error.log")
    }

    /// A path at which the socket of the probe is reached.
    pub(super) fn probe(&self) -> PathBuf {
        let name = Path::new(render::PROBE_SOCKET).file_name().unwrap_or_default();
        PathBuf::from(format!("/proc/self/fd/{}", self.run.as_raw_fd())).join(name)
    }

    /// nginx on the prefix or on its private copy. `-p` comes first: with a cleared environment the end of the master's title is cut off.
    /// Without `-e` nginx would first open its compiled-in log.
    pub(super) fn program(&self, purpose: Purpose, user: Option<&User>) -> Program {
        let base = match purpose {
            Purpose::Serve => self.prefix.clone(),
            Purpose::Trial => self.prefix.join("check"),
        };
        let program = Program::new(&self.binary).arg("-p").arg(base.join("")).arg("-e").arg(base.join("logs/error.log"));
        let program = program.arg("-c").arg(base.join("conf/nginx.conf")).env("PATH", "/usr/bin:/bin").directory(base);
        match purpose {
            Purpose::Serve => program,
            Purpose::Trial => program.args(["-t", "-q"]).user(user.cloned()),
        }
    }

    /// The living master of this prefix, proved by its program, its user and its title.
    pub(super) fn master(&self) -> Option<(u32, u64)> {
        self.processes(|pid, title| {
            title.starts_with(MASTER) && title.contains(&self.title_part) && proc::uid(pid) == Some(own_uid())
        })
        .into_iter()
        .next()
    }

    /// Workers of this prefix whose master is gone, proved by their program and by holding our log; `accepting` ones only, or draining ones too.
    pub(super) fn orphans(&self, accepting: bool) -> Vec<(u32, u64)> {
        let log = self.error_log();
        self.processes(|pid, title| (title == ACCEPTING || (!accepting && title.starts_with(ACCEPTING))) && holds(pid, &log))
    }

    fn processes(&self, ours: impl Fn(u32, &str) -> bool) -> Vec<(u32, u64)> {
        let all =
            proc::pids().into_iter().filter(|pid| proc::program(*pid).is_some_and(|program| is_file(&program, &self.binary)));
        all.filter_map(|pid| Some((pid, proc::start_ticks(pid)?))).filter(|(pid, _)| ours(*pid, &title(*pid))).collect()
    }
}

/// The title of a process: nginx writes it over its first argument.
pub(super) fn title(pid: u32) -> String {
    proc::arguments(pid).join(" ")
}

fn own_uid() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// Whether a link below /proc leads to this file; the kernel adds ` (deleted)` once its name is gone, as after an update of the package.
fn is_file(link: &Path, file: &Path) -> bool {
    link == file || link.to_str().and_then(|text| text.strip_suffix(" (deleted)")).is_some_and(|text| Path::new(text) == file)
}

fn holds(pid: u32, file: &Path) -> bool {
    let descriptors = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
    descriptors.filter_map(|entry| fs::read_link(entry.path()).ok()).any(|link| is_file(&link, file))
}

fn unreadable(path: &Path, error: &std::io::Error) -> Error {
    Error::new(Code::Unavailable, format!("cannot open the router's prefix: {error}")).with("path", path.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replaced_program_or_log_is_still_recognised_and_a_namesake_is_not() {
        let file = Path::new("/usr/sbin/nginx");
        assert!(is_file(file, file) && is_file(Path::new("/usr/sbin/nginx (deleted)"), file));
        assert!(!is_file(Path::new("/usr/sbin/nginx2"), file) && !is_file(Path::new("/usr/sbin/nginx (x)"), file));
    }
}
