//! Processes that exist in memory only: pids from a counter, restarts on command.

use crate::laws::process_supervisor::first_lines;
use crate::memory::MemoryClock;
use async_trait::async_trait;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use storex_core::{
    Clock, Code, EffectCx, Error, ProcessFacts, ProcessSpec, ProcessStatus, ProcessSupervisor, Result, StoreId, SupervisorInfo,
};

/// A supervisor of processes that are only counted. Clones share their processes.
///
/// Every file exists unless it was taken away with [`MemoryProcesses::lose`]. A process runs until it is stopped, removed, replaced or crashed.
#[derive(Clone, Debug)]
pub struct MemoryProcesses {
    state: Arc<Mutex<State>>,
    clock: Arc<dyn Clock>,
}

#[derive(Debug)]
struct State {
    next_pid: u32,
    processes: BTreeMap<StoreId, Process>,
    lost: BTreeSet<PathBuf>,
    refusals: Vec<Code>,
}

#[derive(Debug)]
struct Process {
    facts: ProcessFacts,
    log: Vec<String>,
}

impl Default for MemoryProcesses {
    fn default() -> Self {
        Self::new(Arc::new(MemoryClock::new()))
    }
}

impl MemoryProcesses {
    /// A supervisor without processes, whose deadlines are read off this clock.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        let state = State { next_pid: 1000, processes: BTreeMap::new(), lost: BTreeSet::new(), refusals: Vec::new() };
        Self { state: Arc::new(Mutex::new(state)), clock }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes away the file or folder at this path, with all below it.
    pub fn lose(&self, path: &Path) {
        self.state().lost.insert(path.to_owned());
    }

    /// The next start that would make a process is refused with this code.
    pub fn fail_next_start(&self, code: Code) {
        self.state().refusals.push(code);
    }

    /// Ends the process with this pid; the supervisor starts it again, with another pid.
    pub fn crash(&self, pid: u32) {
        let mut state = self.state();
        let new_pid = state.take_pid();
        if let Some(process) = state.processes.values_mut().find(|process| process.facts.pid == Some(pid)) {
            process.facts.restarts += 1;
            process.run(new_pid);
        }
    }

    /// Ends the store's process as if it had ended too often: it is not started again until asked for.
    pub fn give_up(&self, store: &StoreId) {
        if let Some(process) = self.state().processes.get_mut(store) {
            process.end(ProcessStatus::Failed);
        }
    }

    /// Lets the store's process write a line.
    pub fn print(&self, store: &StoreId, line: &str) {
        if let Some(process) = self.state().processes.get_mut(store) {
            process.log.push(line.to_owned());
        }
    }

    /// True while the process with this pid and start time runs.
    pub fn is_alive(&self, pid: u32, start_ticks: u64) -> bool {
        self.state()
            .processes
            .values()
            .any(|process| (process.facts.pid, process.facts.start_ticks) == (Some(pid), Some(start_ticks)))
    }

    fn admit(&self, cx: &EffectCx) -> Result<()> {
        if self.clock.now() < cx.deadline { Ok(()) } else { Err(Error::new(Code::Timeout, "the deadline has passed")) }
    }
}

impl State {
    fn take_pid(&mut self) -> u32 {
        self.next_pid += 1;
        self.next_pid
    }

    fn check(&self, spec: &ProcessSpec) -> Result<()> {
        for path in [&spec.script, &spec.directory, &spec.environment_file] {
            if self.lost.iter().any(|lost| path.starts_with(lost)) {
                return Err(Error::new(Code::Unusable, format!("{} is missing", path.display())));
            }
        }
        Ok(())
    }
}

impl Process {
    fn run(&mut self, pid: u32) {
        self.facts.pid = Some(pid);
        self.facts.start_ticks = Some(u64::from(pid) * 10);
        self.facts.status = ProcessStatus::Running;
        self.log.extend(first_lines(self.facts.spec.port));
    }

    fn end(&mut self, status: ProcessStatus) {
        self.facts.pid = None;
        self.facts.start_ticks = None;
        self.facts.status = status;
    }
}

#[async_trait]
impl ProcessSupervisor for MemoryProcesses {
    async fn info(&self) -> Result<SupervisorInfo> {
        Ok(SupervisorInfo { name: "memory".to_owned(), version: env!("CARGO_PKG_VERSION").to_owned() })
    }

    async fn list(&self) -> Result<Vec<ProcessFacts>> {
        Ok(self.state().processes.values().map(|process| process.facts.clone()).collect())
    }

    async fn start(&self, cx: &EffectCx, spec: &ProcessSpec) -> Result<ProcessFacts> {
        self.admit(cx)?;
        let mut state = self.state();
        state.check(spec)?;
        let found = state.processes.get(&spec.store).map(|process| &process.facts);
        if let Some(facts) = found.filter(|facts| facts.spec == *spec && facts.status == ProcessStatus::Running) {
            return Ok(facts.clone());
        }
        if let Some(code) = state.refusals.pop() {
            return Err(Error::new(code, format!("{} was not to be started", spec.store)));
        }
        let pid = state.take_pid();
        let log = state.processes.remove(&spec.store).map(|process| process.log).unwrap_or_default();
        let facts =
            ProcessFacts { spec: spec.clone(), status: ProcessStatus::Unsettled, pid: None, start_ticks: None, restarts: 0 };
        let mut process = Process { facts, log };
        process.run(pid);
        let facts = process.facts.clone();
        state.processes.insert(spec.store.clone(), process);
        Ok(facts)
    }

    async fn stop(&self, cx: &EffectCx, store: &StoreId) -> Result<()> {
        self.admit(cx)?;
        if let Some(process) = self.state().processes.get_mut(store) {
            process.end(ProcessStatus::Stopped);
        }
        Ok(())
    }

    async fn remove(&self, cx: &EffectCx, store: &StoreId) -> Result<()> {
        self.admit(cx)?;
        self.state().processes.remove(store);
        Ok(())
    }

    async fn log_tail(&self, store: &StoreId, lines: usize) -> Result<Vec<String>> {
        let state = self.state();
        let log = state.processes.get(store).map(|process| process.log.as_slice()).unwrap_or_default();
        Ok(log.get(log.len().saturating_sub(lines)..).unwrap_or_default().to_vec())
    }
}
