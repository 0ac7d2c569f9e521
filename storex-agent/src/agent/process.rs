//! The process part: started, and waited for until it listens.

use super::Inner;
use super::apply::{Aftermath, Failure};
use super::log::excerpt;
use crate::ledger::{Entry, Share};
use serde_json::{Value, json};
use std::time::Duration;
use storex_core::{
    Code, Deployed, EffectCx, EnvironmentFacts, Error, Part, Port, ProcessFacts, ProcessSpec, ProcessStatus, Result, StoreId,
    StorePackage, TreeFacts, remaining,
};

/// Name of the copied entry file in a store's directory.
const SCRIPT: &str = "app.js";
/// Resident memory above which a process is restarted: the specification's `max_memory_restart` of 1G.
const MAX_MEMORY: u64 = 1024 * 1024 * 1024;
/// How often a starting process is looked at.
const LOOK: Duration = Duration::from_millis(10);
/// After how many looks the supervisor is asked how the process is.
const ASK: u32 = 25;
/// A process that ended this often while it started will not serve.
const RESTARTS: u32 = 3;
const LOG_LINES: usize = 20;
/// How long removing what did not serve may take, whatever the call's deadline was.
const REMOVAL: Duration = Duration::from_secs(30);
/// What of the time until the deadline is kept for removing and answering, at most.
const ANSWER: Duration = Duration::from_secs(2);

impl Inner {
    /// Starts the process and waits until it listens; answers its facts.
    pub(super) async fn make_process(
        &self,
        cx: &EffectCx,
        package: &StorePackage,
        entry: &Entry,
        share: &Share,
    ) -> Result<Value, Failure> {
        let Share::Process { port, node_env, .. } = share else {
            return Err(Error::new(Code::Internal, "not the share of a process").into());
        };
        let port = *port;
        let (tree, environment) = self.parts_below(package, entry).await?;
        self.check_port(&package.store_id, port)?;
        self.check_not_taken(&package.store_id, port).await?;
        let spec = ProcessSpec {
            store: package.store_id.clone(),
            script: tree.path.join(SCRIPT),
            directory: tree.path,
            environment_file: environment.path,
            environment_digest: environment.digest,
            port,
            node_env: node_env.clone(),
            max_memory_bytes: MAX_MEMORY,
        };
        let started = self.processes.start(cx, &spec).await?;
        match self.serving(cx, started).await {
            Ok(facts) => Ok(process_detail(Some(&facts))),
            Err(why) => Err(self.remove_silent(cx, &spec, &why).await),
        }
    }

    /// A port of the range that no other store has; taken for this store from now on.
    pub(super) fn check_port(&self, store: &StoreId, port: Port) -> Result<()> {
        if !self.settings.ports.contains(port) {
            let message = format!("port {port} is outside the host's range {}", self.settings.ports);
            return Err(Error::new(Code::InvalidField, message).pointer("/environment/PORT").with("port", port));
        }
        self.ledger.claim_port(store, port)
    }

    /// The files and the environment the process runs with; they must stand as the package says.
    async fn parts_below(&self, package: &StorePackage, entry: &Entry) -> Result<(TreeFacts, EnvironmentFacts)> {
        let store = &package.store_id;
        for part in [Part::Files, Part::Environment] {
            let wanted = Share::of(package, part)?;
            if !entry.parts.get(&part).is_some_and(|standing| standing.share == wanted) {
                let message = format!("the process of {store} needs its {part} as in this package; apply that part first");
                return Err(Error::new(Code::Unusable, message).with("store", store));
            }
        }
        let found = self.files.find(store).await?;
        match (found.tree, found.environment) {
            (Some(tree), Some(environment)) => Ok((tree, environment)),
            _ => {
                Err(Error::new(Code::Unusable, format!("files of {store} have vanished; apply them again")).with("store", store))
            }
        }
    }

    /// Whoever listens on the port must be this store's own process, which is being replaced or found well.
    async fn check_not_taken(&self, store: &StoreId, port: Port) -> Result<()> {
        if !self.listening.is_taken(port).await {
            return Ok(());
        }
        let own = self.process_facts(store).await?.and_then(|facts| facts.pid);
        match own {
            Some(pid) if self.listening.is_served(pid, port).await => Ok(()),
            _ => Err(Error::new(Code::PortBusy, format!("another program listens on port {port}")).with("port", port)),
        }
    }

    async fn process_facts(&self, store: &StoreId) -> Result<Option<ProcessFacts>> {
        Ok(self.processes.list().await?.into_iter().find(|facts| facts.spec.store == *store))
    }

    /// Waits until the started process listens; `Err` says why it will not.
    async fn serving(&self, cx: &EffectCx, mut facts: ProcessFacts) -> Result<ProcessFacts, String> {
        let began = self.clock.now();
        let left = remaining(began, cx.deadline);
        let limit = self.settings.start_limit.min(left.saturating_sub(ANSWER.min(left / 4)));
        let port = facts.spec.port;
        for look in 1_u32.. {
            if let Some(pid) = facts.pid
                && self.listening.is_served(pid, port).await
            {
                return Ok(facts);
            }
            let waited = remaining(began, self.clock.now());
            if waited >= limit {
                return Err(format!("did not listen on port {port} within {:.1} s", limit.as_secs_f64()));
            }
            self.clock.sleep(LOOK).await;
            if look % ASK == 0 {
                facts = self.still_starting(facts).await?;
            }
        }
        Ok(facts)
    }

    async fn still_starting(&self, former: ProcessFacts) -> Result<ProcessFacts, String> {
        // A supervisor that does not answer now is asked again; the time limit ends that.
        let Ok(found) = self.process_facts(&former.spec.store).await else {
            return Ok(former);
        };
        let facts = found.ok_or_else(|| "is not known to the supervisor any more".to_owned())?;
        if facts.status == ProcessStatus::Failed || facts.restarts >= RESTARTS {
            return Err(format!("ended again and again while it started ({} restarts)", facts.restarts));
        }
        Ok(facts)
    }

    /// Removes a process that does not serve; the error holds its last log lines.
    async fn remove_silent(&self, cx: &EffectCx, spec: &ProcessSpec, why: &str) -> Failure {
        let store = &spec.store;
        let log = self.log_tail(store, LOG_LINES).await.unwrap_or_default();
        let error = Error::new(Code::ProcessNotServing, format!("the process of {store} {why}")).with("log", excerpt(&log));
        let removal = EffectCx { deadline: self.clock.now() + REMOVAL, ..cx.clone() };
        match self.processes.remove(&removal, store).await {
            Ok(()) => Failure { error, aftermath: Aftermath::Gone },
            Err(cause) => {
                tracing::warn!(%store, %cause, "a process that does not serve could not be removed");
                Failure { error: error.into_unclear(), aftermath: Aftermath::Doubt }
            }
        }
    }

    /// True when the process runs with this port and listens.
    pub(super) async fn process_stands(&self, store: &StoreId, port: Port) -> Result<bool> {
        let facts = self.process_facts(store).await?;
        let pid =
            facts.filter(|facts| facts.status == ProcessStatus::Running && facts.spec.port == port).and_then(|facts| facts.pid);
        Ok(match pid {
            Some(pid) => self.listening.is_served(pid, port).await,
            None => false,
        })
    }

    /// Puts how each process is now into what the ledger says of it.
    pub(super) async fn with_process_facts(&self, mut found: Vec<Deployed>) -> Vec<Deployed> {
        let is_process = |deployed: &Deployed| deployed.parts.get(&Part::Process).is_some_and(|facts| !facts.digest.is_empty());
        if !found.iter().any(is_process) {
            return found;
        }
        let Ok(processes) = self.processes.list().await else {
            return found;
        };
        for deployed in found.iter_mut().filter(|deployed| is_process(deployed)) {
            let facts = processes.iter().find(|facts| facts.spec.store == deployed.store_id);
            if let Some(part) = deployed.parts.get_mut(&Part::Process) {
                part.detail = process_detail(facts);
            }
        }
        found
    }
}

/// The detail of a process part.
pub(super) fn process_detail(facts: Option<&ProcessFacts>) -> Value {
    match facts {
        None => json!({ "status": "absent" }),
        Some(facts) => json!({
            "status": facts.status, "pid": facts.pid, "start_ticks": facts.start_ticks, "restarts": facts.restarts, "port": facts.spec.port,
        }),
    }
}
