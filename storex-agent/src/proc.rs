//! Reads Linux's /proc: who a process is, what belongs to it, which port it listens on; and ends processes without mistaking one for another.
//!
//! A pid alone names nothing: it is reused. A pid with its start time in clock ticks since boot ([`Stat::start_ticks`]) names one process for
//! ever, so everything that signals or trusts a process takes both. Formats are those of proc(5).

mod ending;
mod sockets;
mod tree;
mod user;

pub use ending::{Ended, Handle, end_all};
pub use sockets::{listens, ports_in_use};
pub use tree::{descendants, pids};
pub use user::User;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read;
use std::path::PathBuf;

/// How many bytes of a process's initial environment are read; longer ones are cut.
const ENVIRON_LIMIT: u64 = 1024 * 1024;

/// What `/proc/PID/stat` says of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stat {
    /// One letter: `R` running, `S` sleeping, `Z` ended but not yet collected by its parent, …
    pub state: char,
    /// Its parent.
    pub parent: u32,
    /// Its process group.
    pub group: u32,
    /// When it started, in clock ticks since boot.
    pub start_ticks: u64,
}

impl Stat {
    /// The process with this pid; `None` when there is none.
    pub fn of(pid: u32) -> Option<Self> {
        Self::parse(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
    }

    /// The name in the second field may hold spaces and parentheses, so fields are counted from its last `)`.
    fn parse(line: &str) -> Option<Self> {
        let (_, fields) = line.rsplit_once(") ")?;
        let fields: Vec<&str> = fields.split_ascii_whitespace().collect();
        // Field 3 of proc(5) is the first one here, so field N is at N - 3.
        let field = |number: usize| fields.get(number - 3).copied();
        Some(Self {
            state: field(3)?.chars().next()?,
            parent: field(4)?.parse().ok()?,
            group: field(5)?.parse().ok()?,
            start_ticks: field(22)?.parse().ok()?,
        })
    }

    /// False for a process that has ended and only waits to be collected.
    pub fn is_alive(&self) -> bool {
        !matches!(self.state, 'Z' | 'X' | 'x')
    }
}

/// Start time of a living process, in clock ticks since boot.
pub fn start_ticks(pid: u32) -> Option<u64> {
    Stat::of(pid).filter(Stat::is_alive).map(|stat| stat.start_ticks)
}

/// True while the very process that had this pid and start time lives.
pub fn is_alive(pid: u32, ticks: u64) -> bool {
    start_ticks(pid) == Some(ticks)
}

/// The user a process runs as, when its real, effective, saved and file system ids are all the same.
pub fn uid(pid: u32) -> Option<u32> {
    one_uid(&fs::read_to_string(format!("/proc/{pid}/status")).ok()?)
}

fn one_uid(status: &str) -> Option<u32> {
    let ids = status.lines().find_map(|line| line.strip_prefix("Uid:"))?;
    let mut ids = ids.split_ascii_whitespace();
    let first = ids.next()?;
    ids.all(|id| id == first).then(|| first.parse().ok())?
}

/// Working directory, resolved; `None` when it may not be read.
pub fn directory(pid: u32) -> Option<PathBuf> {
    fs::read_link(format!("/proc/{pid}/cwd")).ok()
}

/// The program file, resolved; `None` when it may not be read.
pub fn program(pid: u32) -> Option<PathBuf> {
    fs::read_link(format!("/proc/{pid}/exe")).ok()
}

/// The argument vector as it is now; a process may have rewritten it. Invalid UTF-8 is replaced.
pub fn arguments(pid: u32) -> Vec<String> {
    let text = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    text.split(|byte| *byte == 0).filter(|part| !part.is_empty()).map(|part| String::from_utf8_lossy(part).into_owned()).collect()
}

/// The environment the process was started with; `None` when it may not be read. Names and values that are not UTF-8 are left out.
pub fn environment(pid: u32) -> Option<BTreeMap<String, String>> {
    let mut text = Vec::new();
    File::open(format!("/proc/{pid}/environ")).ok()?.take(ENVIRON_LIMIT).read_to_end(&mut text).ok()?;
    let pairs = text.split(|byte| *byte == 0).filter_map(|pair| std::str::from_utf8(pair).ok()?.split_once('='));
    Some(pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::Program;

    #[test]
    fn a_name_with_spaces_and_parentheses_does_not_shift_the_fields() {
        let plain = "812 (node) S 1 812 812 0 -1 4194304 9 8 7 6 5 4 3 2 20 0 11 0 987654 1 2 3";
        let wanted = Stat { state: 'S', parent: 1, group: 812, start_ticks: 987_654 };
        assert_eq!(Stat::parse(plain), Some(wanted));
        assert_eq!(Stat::parse(&plain.replace("(node)", "(a) R 7 (b c)")), Some(wanted));
        assert_eq!(Stat::parse("812 (node) S 1"), None);
        assert_eq!(Stat::parse(""), None);
    }

    #[test]
    fn an_ended_process_is_not_alive() {
        let zombie = Stat { state: 'Z', parent: 1, group: 2, start_ticks: 3 };
        assert!(!zombie.is_alive());
        assert!(Stat { state: 'R', ..zombie }.is_alive());
    }

    #[test]
    fn a_process_with_two_users_has_none() {
        assert_eq!(one_uid("Name:\tnode\nUid:\t999\t999\t999\t999\nGid:\t1\t1\t1\t1\n"), Some(999));
        assert_eq!(one_uid("Uid:\t999\t0\t999\t999\n"), None);
        assert_eq!(one_uid("Name:\tnode\n"), None);
    }

    #[tokio::test]
    async fn a_running_program_is_described_by_its_pid() {
        let mut child = Program::new("/bin/sleep").arg("1000").env("MARK", "x=y").directory("/usr").spawn().unwrap();
        let pid = child.id().unwrap();
        // Its environment is the last that the kernel sets up.
        while environment(pid).is_none_or(|environment| environment.is_empty()) {
            tokio::task::yield_now().await;
        }
        let ticks = start_ticks(pid).unwrap();
        assert!(is_alive(pid, ticks) && !is_alive(pid, ticks + 1));
        assert_eq!(uid(pid), uid(std::process::id()));
        assert_eq!(directory(pid).unwrap(), PathBuf::from("/usr"));
        assert_eq!(program(pid).unwrap(), fs::canonicalize("/bin/sleep").unwrap());
        assert_eq!(arguments(pid), ["/bin/sleep", "1000"]);
        assert_eq!(environment(pid).unwrap().into_iter().collect::<Vec<_>>(), [("MARK".to_owned(), "x=y".to_owned())]);
        child.kill().await.unwrap();
        assert!(!is_alive(pid, ticks));
    }
}
