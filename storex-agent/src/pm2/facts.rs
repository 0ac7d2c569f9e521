//! What is known of a process: what PM2 says, what the record says, and whether the process lives.

use super::list::Entry;
use super::record::Record;
use crate::proc::Stat;
use storex_core::{ProcessFacts, ProcessStatus};

/// What is known of a listed process. The record says more than PM2 can, unless it is lost.
pub(super) fn facts(entry: Entry, record: Option<&Record>) -> Option<ProcessFacts> {
    let spec = record.map(|record| record.spec.clone()).or(entry.spec)?;
    let alive = entry.pid.filter(|_| !matches!(entry.status, ProcessStatus::Stopped | ProcessStatus::Failed));
    let process = alive.and_then(|pid| Some((pid, Stat::of(pid).filter(Stat::is_alive)?.start_ticks)));
    let status =
        if entry.status == ProcessStatus::Running && process.is_none() { ProcessStatus::Unsettled } else { entry.status };
    Some(ProcessFacts {
        spec,
        status,
        pid: process.map(|(pid, _)| pid),
        start_ticks: process.map(|(_, ticks)| ticks),
        restarts: entry.restarts,
    })
}

/// What is known of a process that is in no list.
pub(super) fn remembered(record: Record) -> ProcessFacts {
    let status = if record.stopped { ProcessStatus::Stopped } else { ProcessStatus::Unsettled };
    ProcessFacts { spec: record.spec, status, pid: None, start_ticks: None, restarts: 0 }
}
