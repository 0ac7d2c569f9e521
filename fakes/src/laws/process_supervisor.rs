//! Laws of [`ProcessSupervisor`]: starting, ending, restarts, logs.
//!
//! A process needs a program, so a law is given a [`Workshop`] rather than a bare supervisor.

mod ending;
mod logs;
mod starting;
mod watching;

use super::{Broken, Law, Verdict, ensure, fresh};
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use storex_core::{
    EffectCx, Epoch, Mark, Port, ProcessFacts, ProcessSpec, ProcessStatus, ProcessSupervisor, Result, StoreId, Subject,
};

/// How long a law waits for what happens without a call, such as a restart.
const PATIENCE: Duration = Duration::from_mins(1);

/// Makes a specification for a store of this name.
pub type SpecMaker = Box<dyn Fn(&str) -> ProcessSpec + Send + Sync>;

/// A supervisor with what it takes to try it.
pub struct Workshop {
    /// The supervisor to judge.
    pub supervisor: Arc<dyn ProcessSupervisor>,
    /// Makes all a process of a store with this username needs, on a port nobody uses, and answers its specification. The program runs until
    /// it is ended, and first writes the two lines of [`first_lines`].
    pub spec: SpecMaker,
    /// Takes away the file or folder at this path.
    pub lose: Box<dyn Fn(&Path) + Send + Sync>,
    /// Kills the process with this pid at once, without the supervisor's doing.
    pub kill: Box<dyn Fn(u32) + Send + Sync>,
    /// True while the process with this pid and start time lives.
    pub is_alive: Box<dyn Fn(u32, u64) -> bool + Send + Sync>,
}

impl fmt::Debug for Workshop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Workshop").field("supervisor", &self.supervisor).finish_non_exhaustive()
    }
}

/// What the program of a [`Workshop`] writes when it starts: a line to its output, then one to its error output.
pub fn first_lines(port: Port) -> [String; 2] {
    [format!("output of {port}"), format!("warning of {port}")]
}

macro_rules! law {
    ($id:literal, $sentence:literal, $judge:path) => {
        Law { id: $id, sentence: $sentence, judge: |workshop| Box::pin($judge(workshop)) }
    };
}
use law;

/// Every law of the trait.
pub fn laws() -> Vec<Law<Workshop>> {
    [starting::laws(), watching::laws(), ending::laws(), logs::laws()].into_iter().flatten().collect()
}

impl Workshop {
    /// A runnable specification of a store no other law has.
    fn fresh(&self) -> ProcessSpec {
        (self.spec)(&fresh("law"))
    }

    async fn start(&self, spec: &ProcessSpec) -> Result<ProcessFacts> {
        self.supervisor.start(&effect(&spec.store)?, spec).await
    }

    async fn stop(&self, store: &StoreId) -> Result<()> {
        self.supervisor.stop(&effect(store)?, store).await
    }

    async fn remove(&self, store: &StoreId) -> Result<()> {
        self.supervisor.remove(&effect(store)?, store).await
    }

    /// What the list says of a store; more than one entry is a breach of every law.
    async fn listed(&self, store: &StoreId) -> Result<Option<ProcessFacts>, Broken> {
        let mut all = self.supervisor.list().await?;
        all.retain(|facts| facts.spec.store == *store);
        ensure(all.len() <= 1, || format!("{store} is listed {} times", all.len()))?;
        Ok(all.pop())
    }

    /// Starts a fresh store and answers what the list says of it.
    async fn running(&self) -> Result<ProcessFacts, Broken> {
        let spec = self.fresh();
        self.start(&spec).await?;
        let facts = self.listed(&spec.store).await?.ok_or_else(|| Broken("a started process is not listed".to_owned()))?;
        identity(&facts)?;
        Ok(facts)
    }

    /// Waits until the list says what is wanted of a store.
    async fn until(&self, store: &StoreId, wanted: impl Fn(&ProcessFacts) -> bool) -> Result<ProcessFacts, Broken> {
        let watch = async {
            loop {
                if let Some(facts) = self.listed(store).await?.filter(&wanted) {
                    return Ok(facts);
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let seen = tokio::time::timeout(PATIENCE, watch).await;
        seen.unwrap_or_else(|_| Err(Broken(format!("what was awaited of {store} did not happen within {PATIENCE:?}"))))
    }

    /// True while the process these facts are about lives.
    fn lives(&self, facts: &ProcessFacts) -> Result<bool, Broken> {
        let (pid, ticks) = identity(facts)?;
        Ok((self.is_alive)(pid, ticks))
    }
}

/// Pid and start time of a running process.
fn identity(facts: &ProcessFacts) -> Result<(u32, u64), Broken> {
    ensure(facts.status == ProcessStatus::Running, || format!("{} is {:?}, not running", facts.spec.store, facts.status))?;
    facts.pid.zip(facts.start_ticks).ok_or_else(|| Broken(format!("{} runs without pid or start time", facts.spec.store)))
}

/// The context of a call that may still be made.
fn effect(store: &StoreId) -> Result<EffectCx> {
    let mark = Mark { instance: "0a1b2c3d".parse()?, subject: Subject::Store(store.digits()), effect: "law".parse()? };
    // 2100-01-01.
    Ok(EffectCx { mark, epoch: Epoch(1), deadline: jiff::Timestamp::constant(4_102_444_800, 0) })
}

/// The context of a call that comes too late.
fn late_effect(store: &StoreId) -> Result<EffectCx> {
    // 2000-01-01.
    Ok(EffectCx { deadline: jiff::Timestamp::constant(946_684_800, 0), ..effect(store)? })
}
