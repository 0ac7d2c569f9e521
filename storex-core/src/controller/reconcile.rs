//! Reconcile: level-triggered, one operation for each store that drifted. A store whose repair cannot succeed delays no other.

use super::{Controller, Drift, DriftQuery, OperationHandle};
use crate::operation::{OperationDoc, OperationState};
use crate::record::{StoreRecord, StoreState, decode};
use crate::resource::{DriftAction, DriftState, edge_reads};
use crate::workflow::{OrphanParams, ReconcileParams};
use crate::{Code, HostId, Json, OperationId, Page, Query, Result, StoreId, Table};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::PoisonError;
use std::time::Duration;

/// Orphans removed in one pass: at least so many, and so many in a hundred of the deployments.
const REMOVED_AT_ONCE: (usize, usize) = (3, 2);
/// How long an orphan must have been seen before it is removed.
const SEEN_FOR: Duration = Duration::from_mins(1);
/// Pause after each look at the edge, by which a sweep takes 2 % of the 1,080 calls in 300 s.
const EDGE_PAUSE: Duration = Duration::from_secs(14);
/// Stores read at a time by the sweep.
const PAGE: usize = 100;
/// Pause after a repair that did not succeed, before the sweep tries that store again.
const GIVE_WAY: Duration = Duration::from_hours(1);

/// What a reconcile may do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReconcileOptions {
    /// Which part of the world.
    pub query: DriftQuery,
    /// Only say what would be done.
    pub dry_run: bool,
    /// An operator has compared the world with documents that were restored from a backup, and lets the documents win.
    pub accept_restore: bool,
}

impl ReconcileOptions {
    /// Everything of this query that drifted is brought back.
    pub fn of(query: DriftQuery) -> Self {
        Self { query, ..Self::default() }
    }

    /// The same, only said.
    #[must_use]
    pub fn dry_run(mut self, dry_run: bool) -> Self {
        self.dry_run = dry_run;
        self
    }

    /// The same, letting restored documents win.
    #[must_use]
    pub fn accept_restore(mut self, accept: bool) -> Self {
        self.accept_restore = accept;
        self
    }
}

/// What a reconcile found and began.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReconcileReport {
    /// Always `success`.
    pub status: String,
    /// Stores looked at.
    pub checked: usize,
    /// What was found.
    pub drift: Vec<Drift>,
    /// The operations begun, one for each store that drifted. [`Controller::handles`] gives a handle of each.
    pub operations: Vec<OperationId>,
    /// What was not done and why.
    pub held_back: Vec<String>,
    /// Where the next page begins; none when there is none.
    pub next_page_token: Option<String>,
}

/// What the sweeps of this controller remember of each other. Lost with it: then everything is seen anew.
#[derive(Debug, Default)]
pub(super) struct Memory {
    /// Since when each orphan is seen.
    orphans: BTreeMap<StoreId, Timestamp>,
    /// When a store whose repair did not succeed is tried again.
    gave_way: BTreeMap<StoreId, Timestamp>,
}

impl Controller {
    /// Looks for drift and begins what brings it back. Foreign objects are reported and never touched; what could not be read is left alone.
    ///
    /// # Errors
    /// `safe_mode` when the documents are older than the world; else as [`Controller::drift`].
    ///
    /// # Cancellation
    /// Operations that were begun go on.
    pub async fn reconcile(&self, options: &ReconcileOptions) -> Result<ReconcileReport> {
        if !options.dry_run {
            self.leave_safe_mode(options.accept_restore).await?;
        }
        let report = self.drift(&options.query).await?;
        let mut answer = ReconcileReport {
            status: report.status,
            checked: report.checked,
            drift: report.drift,
            operations: Vec::new(),
            held_back: report.safe_mode.into_iter().collect(),
            next_page_token: report.next_page_token,
        };
        if options.dry_run {
            return Ok(answer);
        }
        let mut targets: Vec<Option<StoreId>> = Vec::new();
        for drift in answer.drift.iter().filter(|drift| drift.action == DriftAction::Repair) {
            if !targets.contains(&drift.store_id) {
                targets.push(drift.store_id.clone());
            }
        }
        for target in targets {
            answer.operations.push(self.begin_repair(target).await?);
        }
        let orphans: Vec<Drift> = answer.drift.iter().filter(|drift| drift.state == DriftState::Orphan).cloned().collect();
        if !orphans.is_empty() {
            let (operations, held_back) = self.remove_orphans().await?;
            answer.operations.extend(operations);
            answer.held_back.extend(held_back);
        }
        Ok(answer)
    }

    /// Handles of the operations a reconcile has begun, in its order.
    pub fn handles(&self, report: &ReconcileReport) -> Vec<OperationHandle> {
        report.operations.iter().map(|id| self.handle(id)).collect()
    }

    async fn begin_repair(&self, store: Option<StoreId>) -> Result<OperationId> {
        let label = store.as_ref().map_or("platform", |store| store.username().as_str()).to_owned();
        let turn = store.as_ref().map_or_else(|| "platform".to_owned(), ToString::to_string);
        let params = Json::of(&ReconcileParams { store_id: store })?;
        self.begin_unplanned("reconcile", &label, params, turn).await
    }

    pub(super) async fn begin_unplanned(&self, flow: &str, label: &str, params: Json, turn: String) -> Result<OperationId> {
        let mut doc: OperationDoc = self.document(flow, label, params, Vec::new())?;
        doc.planned = false;
        doc.turn = Some(turn);
        let id = doc.id.clone();
        self.start(doc).await.map(|()| id)
    }

    /// Begins removing the orphans that were seen long enough, and few enough at once. Answers what was begun, and what was held back and why.
    async fn remove_orphans(&self) -> Result<(Vec<OperationId>, Vec<String>)> {
        let seen = self.orphans().await?;
        let deployed = self.deployed().await?;
        let now = self.providers().clock.now();
        let ripe = self.ripe_orphans(&seen, now);
        let waiting = seen.iter().filter(|(drift, _)| drift.state == DriftState::Orphan).count() - ripe.len();
        let mut held_back = Vec::new();
        if waiting > 0 {
            held_back.push(format!(
                "{waiting} orphans were seen for the first time less than {} s ago: reconcile again later",
                SEEN_FOR.as_secs()
            ));
        }
        let limit = REMOVED_AT_ONCE.0.max(deployed * REMOVED_AT_ONCE.1 / 100);
        if ripe.len() > limit {
            held_back.push(format!(
                "{} orphans of {deployed} deployments are more than the {limit} that are removed at once: the documents may be wrong, so none is removed",
                ripe.len()
            ));
            return Ok((Vec::new(), held_back));
        }
        let mut operations = Vec::new();
        for (store_id, host) in ripe {
            let (label, turn) = (store_id.username().to_string(), store_id.to_string());
            let params = Json::of(&OrphanParams { store_id, host })?;
            operations.push(self.begin_unplanned("remove_orphan", &label, params, turn).await?);
        }
        Ok((operations, held_back))
    }

    /// How many deployments the hosts have.
    async fn deployed(&self) -> Result<usize> {
        let mut count = 0;
        for host in self.hosts() {
            count += self.providers().host(&host)?.list().await?.len();
        }
        Ok(count)
    }

    /// The orphans seen for long enough; remembers when each was seen first and forgets those that are gone.
    fn ripe_orphans(&self, seen: &[(Drift, HostId)], now: Timestamp) -> Vec<(StoreId, HostId)> {
        let mut memory = self.inner.memory.lock().unwrap_or_else(PoisonError::into_inner);
        let orphans: Vec<(&StoreId, &HostId)> =
            seen.iter().filter_map(|(drift, host)| Some((drift.store_id.as_ref()?, host))).collect();
        memory.orphans.retain(|id, _| orphans.iter().any(|(orphan, _)| *orphan == id));
        let mut ripe = Vec::new();
        for (id, host) in orphans {
            let since = *memory.orphans.entry(id.clone()).or_insert(now);
            if now.duration_since(since).unsigned_abs() >= SEEN_FOR {
                ripe.push((id.clone(), host.clone()));
            }
        }
        ripe
    }

    /// Sweeps over the platform, the hosts and all stores again and again, and mends what drifted, until the future is dropped. A sweep takes at
    /// most a fiftieth of the edge's budget.
    ///
    /// # Cancellation
    /// Operations that were begun go on.
    pub async fn run_reconciler(&self) {
        loop {
            self.providers().clock.sleep(self.settings().reconcile_interval).await;
            if let Err(error) = self.sweep().await {
                tracing::warn!(%error, "the sweep ended early");
            }
        }
    }

    async fn sweep(&self) -> Result<()> {
        self.leave_safe_mode(false).await?;
        // The platform and the hosts, and no store: those come one by one.
        let query = DriftQuery::page(None, 1);
        self.reconcile(&ReconcileOptions::of(query)).await?;
        let mut page = Page::first(PAGE);
        loop {
            let rows = self.providers().repo.list(Table::Stores, &Query::All, &page).await?;
            for row in &rows.rows {
                let store: StoreRecord = decode(row)?;
                if store.state == StoreState::Active && !self.gave_way(&store.store_id) {
                    self.sweep_store(&store).await;
                }
            }
            match rows.next {
                Some(next) => page.after = Some(next),
                None => return Ok(()),
            }
        }
    }

    async fn sweep_store(&self, store: &StoreRecord) {
        let id = &store.store_id;
        let listed = match self.listing_for(store).await {
            Ok((_, calls)) => calls,
            Err(error) => return tracing::warn!(store = %id, %error, "the store could not be looked at"),
        };
        match self.mend(id).await {
            Ok(()) => {}
            Err(error) if error.code() == Code::NotFound => {}
            Err(error) => tracing::warn!(store = %id, %error, "the store could not be looked at"),
        }
        let calls = edge_reads(&store.resources) + listed;
        let pause = EDGE_PAUSE.saturating_mul(u32::try_from(calls).unwrap_or(u32::MAX));
        if !pause.is_zero() {
            self.providers().clock.sleep(pause).await;
        }
    }

    async fn mend(&self, id: &StoreId) -> Result<()> {
        let report =
            self.reconcile(&ReconcileOptions::of(DriftQuery { listed: true, ..DriftQuery::of_store(id.clone()) })).await?;
        for drift in &report.drift {
            tracing::warn!(store = %id, resource = %drift.resource, state = ?drift.state, detail = %drift.detail, "drift");
        }
        for operation in &report.operations {
            let view = self.wait_operation(operation, self.settings().operation_limit).await?;
            if view.state != OperationState::Succeeded {
                let until = self.providers().clock.now() + GIVE_WAY;
                self.inner.memory.lock().unwrap_or_else(PoisonError::into_inner).gave_way.insert(id.clone(), until);
            }
        }
        Ok(())
    }

    fn gave_way(&self, id: &StoreId) -> bool {
        let now = self.providers().clock.now();
        let mut memory = self.inner.memory.lock().unwrap_or_else(PoisonError::into_inner);
        memory.gave_way.retain(|_, until| *until > now);
        memory.gave_way.contains_key(id)
    }
}
