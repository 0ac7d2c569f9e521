//! Ends processes through a pidfd, so that a signal can never reach a process that was given the pid meanwhile.

use super::Stat;
use futures::future::join_all;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::OwnedFd;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use std::time::Duration;
use storex_core::{Code, Error, Result};
use tokio::time::{sleep, timeout};

/// One living process, held by a pidfd.
#[derive(Debug)]
pub struct Handle {
    pid: u32,
    fd: OwnedFd,
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// On the signal that asks.
    Asked,
    /// On SIGKILL.
    Killed,
}

impl Handle {
    /// The process with this pid and start time; `None` when it does not live any more.
    ///
    /// # Errors
    /// `internal` when the kernel gives no pidfd (Linux 5.3 or later does).
    pub fn open(pid: u32, start_ticks: u64) -> Result<Option<Self>> {
        let Some(raw) = i32::try_from(pid).ok().and_then(Pid::from_raw) else {
            return Ok(None);
        };
        let fd = match pidfd_open(raw, PidfdFlags::empty()) {
            Ok(fd) => fd,
            Err(rustix::io::Errno::SRCH) => return Ok(None),
            Err(error) => return Err(Error::new(Code::Internal, format!("no pidfd for process {pid}: {error}"))),
        };
        // From here on the pid cannot be given away unnoticed: the start time is read after the pidfd was opened.
        if Stat::of(pid).is_none_or(|stat| stat.start_ticks != start_ticks || !stat.is_alive()) {
            return Ok(None);
        }
        Ok(Some(Self { pid, fd }))
    }

    /// The pid.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Sends a signal; a process that has ended meanwhile is no error.
    ///
    /// # Errors
    /// `denied` when the process is not ours to signal.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        match pidfd_send_signal(&self.fd, signal) {
            Ok(()) | Err(rustix::io::Errno::SRCH) => Ok(()),
            Err(error) => Err(Error::new(Code::Denied, format!("process {} cannot be signalled: {error}", self.pid))),
        }
    }

    /// Waits for its end; false when it still lives after `limit`. Looks every few milliseconds.
    pub async fn ended(&self, limit: Duration) -> bool {
        let watch = async {
            let mut pause = Duration::from_millis(1);
            while !self.has_ended() {
                sleep(pause).await;
                pause = (pause * 2).min(Duration::from_millis(16));
            }
        };
        timeout(limit, watch).await.is_ok()
    }

    /// A pidfd is readable from the end of its process on (pidfd_open(2)).
    fn has_ended(&self) -> bool {
        let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
        poll(&mut [PollFd::new(&self.fd, PollFlags::IN)], Some(&at_once)).is_ok_and(|ready| ready > 0)
    }

    /// Sends `signal`, waits up to `patience`, then sends SIGKILL and waits again.
    ///
    /// # Errors
    /// `denied` when it is not ours to signal; `timeout` when it outlives SIGKILL by ten seconds.
    pub async fn end(&self, signal: Signal, patience: Duration) -> Result<Ended> {
        self.signal(signal)?;
        if self.ended(patience).await {
            return Ok(Ended::Asked);
        }
        self.signal(Signal::KILL)?;
        if self.ended(Duration::from_secs(10)).await {
            return Ok(Ended::Killed);
        }
        Err(Error::unclear(Code::Timeout, format!("process {} does not end", self.pid)))
    }
}

/// Ends these processes (pid and start time) side by side, each as [`Handle::end`] does; those that have ended already are passed over.
///
/// # Errors
/// The first of theirs, after all were tried.
pub async fn end_all(processes: &[(u32, u64)], signal: Signal, patience: Duration) -> Result<()> {
    let endings = processes.iter().map(|(pid, ticks)| async move {
        match Handle::open(*pid, *ticks)? {
            Some(handle) => handle.end(signal, patience).await.map(|_| ()),
            None => Ok(()),
        }
    });
    join_all(endings).await.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::Program;
    use crate::proc::{is_alive, start_ticks};

    const LONG: Duration = Duration::from_secs(20);

    #[tokio::test]
    async fn a_process_that_obeys_ends_on_the_signal() {
        let mut child = Program::new("/bin/sleep").arg("1000").spawn().unwrap();
        let pid = child.id().unwrap();
        let ticks = start_ticks(pid).unwrap();
        let handle = Handle::open(pid, ticks).unwrap().unwrap();
        assert!(!handle.ended(Duration::from_millis(1)).await);
        assert_eq!(handle.end(Signal::INT, LONG).await.unwrap(), Ended::Asked);
        assert!(!is_alive(pid, ticks));
        child.wait().await.unwrap();
        assert!(Handle::open(pid, ticks).unwrap().is_none());
    }

    #[tokio::test]
    async fn a_process_that_ignores_the_signal_is_killed() {
        // Signal 0 reaches nobody, as if the process ignored it.
        let child = Program::new("/bin/sleep").arg("1000").spawn().unwrap();
        let pid = child.id().unwrap();
        let handle = Handle::open(pid, start_ticks(pid).unwrap()).unwrap().unwrap();
        assert_eq!(handle.end(Signal::CONT, Duration::from_millis(20)).await.unwrap(), Ended::Killed);
    }

    #[tokio::test]
    async fn another_start_time_is_another_process() {
        let mut child = Program::new("/bin/sleep").arg("1000").spawn().unwrap();
        let pid = child.id().unwrap();
        let ticks = start_ticks(pid).unwrap();
        end_all(&[(pid, ticks + 1), (u32::MAX, 1)], Signal::KILL, LONG).await.unwrap();
        assert!(is_alive(pid, ticks), "a process with another start time must not be signalled");
        end_all(&[(pid, ticks)], Signal::KILL, LONG).await.unwrap();
        assert!(!is_alive(pid, ticks));
        child.wait().await.unwrap();
    }
}
