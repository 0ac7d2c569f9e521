//! The trait over child processes: one per store, started again when it ends by itself.

use async_trait::async_trait;
use rustix::process::Signal;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use storex_agent::command::Program;
use storex_agent::proc;
use storex_core::{
    Clock, Code, EffectCx, Error, ProcessFacts, ProcessSpec, ProcessStatus, ProcessSupervisor, Result, StoreId, SupervisorInfo,
};
use tempfile::NamedTempFile;
use tokio::process::Child;
use tokio::sync::Mutex;

/// Time a store has to end when it is asked to.
const PATIENCE: Duration = Duration::from_secs(1);

/// A store's process and what it wrote so far.
#[derive(Debug)]
struct Kept {
    facts: ProcessFacts,
    log: NamedTempFile,
}

/// Child processes of this program. One lock orders everything that happens to them.
#[derive(Clone, Debug)]
pub(crate) struct OwnProcesses {
    stores: Arc<Mutex<BTreeMap<StoreId, Kept>>>,
    /// Where the logs lie.
    folder: PathBuf,
    clock: Arc<dyn Clock>,
}

impl OwnProcesses {
    pub(crate) fn new(folder: PathBuf, clock: Arc<dyn Clock>) -> Self {
        Self { stores: Arc::default(), folder, clock }
    }

    /// Ends every process and answers how many live on.
    pub(crate) async fn end_all(&self) -> Result<usize> {
        let mut stores = self.stores.lock().await;
        let ended: Vec<(u32, u64)> = stores.values().filter_map(|kept| identity(&kept.facts)).collect();
        stores.clear();
        proc::end_all(&ended, Signal::TERM, PATIENCE).await?;
        Ok(ended.iter().filter(|(pid, ticks)| proc::is_alive(*pid, *ticks)).count())
    }

    /// A call that comes after its deadline must do nothing, and say so.
    fn admit(&self, cx: &EffectCx) -> Result<()> {
        if self.clock.now() < cx.deadline { Ok(()) } else { Err(Error::new(Code::Timeout, "the deadline has passed")) }
    }

    /// Starts it again whenever it ends, until it was ended on request: then somebody else, or nobody, has its place.
    async fn keep(self, store: StoreId, mut child: Child) {
        while let (pid, Ok(_)) = (child.id(), child.wait().await) {
            let mut stores = self.stores.lock().await;
            let Some(kept) = stores.get_mut(&store).filter(|kept| kept.facts.pid == pid) else { return };
            match launch(&kept.facts.spec, &kept.log) {
                Ok(next) => {
                    let restarts = kept.facts.restarts + 1;
                    kept.facts = ProcessFacts { restarts, ..running(&kept.facts.spec, &next) };
                    child = next;
                }
                Err(_) => return ended(&mut kept.facts, ProcessStatus::Failed),
            }
        }
    }
}

/// Starts a store's program with nothing of our environment.
fn launch(spec: &ProcessSpec, log: &NamedTempFile) -> Result<Child> {
    let log = log.as_file().try_clone().map_err(|error| Error::new(Code::Unavailable, format!("the log: {error}")))?;
    Program::new(&spec.script)
        .arg(spec.port.to_string())
        .env("PORT", spec.port.to_string())
        .env("NODE_ENV", &spec.node_env)
        .directory(&spec.directory)
        .output_file(log)
        .spawn()
}

/// What is known of a process that was just started.
fn running(spec: &ProcessSpec, child: &Child) -> ProcessFacts {
    let start_ticks = child.id().and_then(proc::start_ticks);
    ProcessFacts { spec: spec.clone(), status: ProcessStatus::Running, pid: child.id(), start_ticks, restarts: 0 }
}

fn identity(facts: &ProcessFacts) -> Option<(u32, u64)> {
    facts.pid.zip(facts.start_ticks)
}

fn ended(facts: &mut ProcessFacts, status: ProcessStatus) {
    (facts.status, facts.pid, facts.start_ticks) = (status, None, None);
}

/// Ends a process for good: its keeper finds its place taken, so it does not come back.
async fn end(facts: &mut ProcessFacts) -> Result<()> {
    let living = identity(facts);
    ended(facts, ProcessStatus::Stopped);
    proc::end_all(&Vec::from_iter(living), Signal::TERM, PATIENCE).await
}

#[async_trait]
impl ProcessSupervisor for OwnProcesses {
    async fn info(&self) -> Result<SupervisorInfo> {
        Ok(SupervisorInfo { name: "own-processes".to_owned(), version: "1".to_owned() })
    }

    async fn list(&self) -> Result<Vec<ProcessFacts>> {
        Ok(self.stores.lock().await.values().map(|kept| kept.facts.clone()).collect())
    }

    async fn start(&self, cx: &EffectCx, spec: &ProcessSpec) -> Result<ProcessFacts> {
        let mut stores = self.stores.lock().await;
        self.admit(cx)?;
        if let Some(path) = [&spec.script, &spec.directory, &spec.environment_file].into_iter().find(|path| !path.exists()) {
            return Err(Error::new(Code::Unusable, format!("{} is missing", path.display())));
        }
        let mut log = None;
        if let Some(kept) = stores.get_mut(&spec.store) {
            if kept.facts.status == ProcessStatus::Running && kept.facts.spec == *spec {
                return Ok(kept.facts.clone());
            }
            end(&mut kept.facts).await?;
            log = stores.remove(&spec.store).map(|kept| kept.log);
        }
        let log = match log {
            Some(log) => log,
            None => {
                NamedTempFile::new_in(&self.folder).map_err(|error| Error::new(Code::Unavailable, format!("the log: {error}")))?
            }
        };
        let child = launch(spec, &log)?;
        let facts = running(spec, &child);
        stores.insert(spec.store.clone(), Kept { facts: facts.clone(), log });
        tokio::spawn(self.clone().keep(spec.store.clone(), child));
        Ok(facts)
    }

    async fn stop(&self, cx: &EffectCx, store: &StoreId) -> Result<()> {
        let mut stores = self.stores.lock().await;
        self.admit(cx)?;
        match stores.get_mut(store) {
            Some(kept) => end(&mut kept.facts).await,
            None => Ok(()),
        }
    }

    async fn remove(&self, cx: &EffectCx, store: &StoreId) -> Result<()> {
        let mut stores = self.stores.lock().await;
        self.admit(cx)?;
        if let Some(kept) = stores.get_mut(store) {
            end(&mut kept.facts).await?;
            stores.remove(store);
        }
        Ok(())
    }

    async fn log_tail(&self, store: &StoreId, lines: usize) -> Result<Vec<String>> {
        let stores = self.stores.lock().await;
        let Some(kept) = stores.get(store) else { return Ok(Vec::new()) };
        let text = std::fs::read_to_string(kept.log.path())
            .map_err(|error| Error::new(Code::Unavailable, format!("the log cannot be read: {error}")))?;
        let all: Vec<String> = text.lines().map(str::to_owned).collect();
        Ok(all.get(all.len().saturating_sub(lines)..).unwrap_or_default().to_vec())
    }
}
