//! Drift: what stands differently from what should stand. Reads only.

use super::Controller;
use crate::operation::OperationDoc;
use crate::record::{Held, PLATFORM, PlatformRecord, StoreRecord, StoreState, decode};
use crate::resource::{DriftAction, DriftState, HostnameListing, ResourceKey, ResourceKind, Scene, findings};
use crate::workflow::platform_resources;
use crate::{
    Code, Deployed, EffectCx, EffectId, EntropyExt, Epoch, Error, Fence, HostId, Lease, Mark, Page, Query, Result, StoreId,
    Subject, Table,
};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;

/// Stores looked at on a page when nobody says, and at most: each costs the host and the edge several reads.
const PAGE: (usize, usize) = (50, 200);
/// Name of the lease whose epochs tell how far the documents' count has come.
const LEASE: &str = "drift";

/// Which part of the world is compared with the documents.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DriftQuery {
    /// Only this store; else the platform, the hosts and a page of stores.
    pub store: Option<StoreId>,
    /// Where the page begins: the token of the page before.
    pub page_token: Option<String>,
    /// Stores on the page; 0 means 50, more than 200 means 200.
    pub limit: usize,
    /// One of many: custom hostnames are looked at by the list of all of them, also for one store.
    pub(super) listed: bool,
}

impl DriftQuery {
    /// One store.
    pub fn of_store(store: StoreId) -> Self {
        Self { store: Some(store), ..Self::default() }
    }

    /// The page that begins at this token, of this many stores.
    pub fn page(page_token: Option<String>, limit: usize) -> Self {
        Self { page_token, limit, ..Self::default() }
    }
}

/// One thing that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drift {
    /// The store; none is the platform.
    pub store_id: Option<StoreId>,
    /// The resource: `records/oceanbreezestore.com`, `host_part/process@local`.
    pub resource: String,
    /// What is the matter.
    pub state: DriftState,
    /// The same in words.
    pub detail: String,
    /// What a reconcile does about it.
    pub action: DriftAction,
}

/// The drift of a page of stores.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DriftReport {
    /// Always `success`.
    pub status: String,
    /// Stores looked at. One that an operation is changing is not.
    pub checked: usize,
    /// What was found.
    pub drift: Vec<Drift>,
    /// Why nothing is removed or repaired at present: the documents are older than the world.
    pub safe_mode: Option<String>,
    /// Where the next page begins; none when there is none.
    pub next_page_token: Option<String>,
}

impl Controller {
    /// Compares the world with the documents, changing nothing.
    ///
    /// # Errors
    /// `not_found` for an unknown store; `invalid_field` for a token this did not give; what the repo answers. A resource that cannot be read is no
    /// error but a finding, `unknown`.
    ///
    /// # Cancellation
    /// Reads only: safe to drop at any moment.
    pub async fn drift(&self, query: &DriftQuery) -> Result<DriftReport> {
        let (_, safe_mode) = self.epochs().await?;
        let mut report =
            DriftReport { status: "success".to_owned(), checked: 0, drift: Vec::new(), safe_mode, next_page_token: None };
        let stores =
            if let Some(id) = &query.store { vec![self.store(id).await?.0] } else { self.page(query, &mut report).await? };
        for store in stores {
            if store.state != StoreState::Active || self.is_changing(&store.store_id).await? {
                continue;
            }
            report.checked += 1;
            let by_list = query.listed || query.store.is_none();
            let listed = if by_list { self.listing_for(&store).await?.0 } else { None };
            report.drift.extend(self.store_drift(&store, listed).await?);
        }
        if report.safe_mode.is_some() {
            report.drift.iter_mut().for_each(|drift| drift.action = DriftAction::Report);
        }
        Ok(report)
    }

    /// The stores of the page; what no store has is found on the first one.
    async fn page(&self, query: &DriftQuery, report: &mut DriftReport) -> Result<Vec<StoreRecord>> {
        if query.page_token.is_none() {
            self.forget_listing();
            report.drift.extend(self.platform_drift().await?);
            report.drift.extend(self.orphans().await?.into_iter().map(|(orphan, _)| orphan));
        }
        let limit = if query.limit == 0 { PAGE.0 } else { query.limit.min(PAGE.1) };
        let page = Page { after: query.page_token.clone(), limit };
        let rows = self.providers().repo.list(Table::Stores, &Query::All, &page).await;
        let rows = rows.map_err(super::stores::at_page_token)?;
        report.next_page_token = rows.next;
        rows.rows.iter().map(decode).collect()
    }

    /// What drifted of a store, its custom hostname looked at by the list when there is one.
    async fn store_drift(&self, store: &StoreRecord, listed: Option<Arc<HostnameListing>>) -> Result<Vec<Drift>> {
        let scene = Scene { listed, ..self.looking(Subject::Store(store.store_id.digits()))? };
        let mut drift = of(Some(&store.store_id), &store.resources, findings(&scene, &store.resources).await);
        drift.extend(self.shadow_drift(&store.store_id, &store.domains.system).await?);
        Ok(drift)
    }

    async fn platform_drift(&self) -> Result<Vec<Drift>> {
        let row = self.providers().repo.get(Table::Platform, PLATFORM).await?;
        let Some(platform) = row.as_ref().map(decode::<PlatformRecord>).transpose()? else { return Ok(Vec::new()) };
        self.refresh_shadows(&platform).await;
        let held = platform_resources(&platform)?;
        Ok(of(None, &held, findings(&self.looking(Subject::Platform)?, &held).await))
    }

    /// Deployments no store has, each with its host. A host that cannot be listed is a finding: what was not read is not absent.
    pub(super) async fn orphans(&self) -> Result<Vec<(Drift, HostId)>> {
        let mut orphans = Vec::new();
        for host in self.hosts() {
            let deployed = match self.providers().host(&host)?.list().await {
                Ok(deployed) => deployed,
                Err(error) => {
                    let resource = format!("host/{host}");
                    let (state, action) = (DriftState::Unknown, DriftAction::Report);
                    orphans.push((Drift { store_id: None, resource, state, detail: error.to_string(), action }, host));
                    continue;
                }
            };
            // What another installation runs on the host is not ours to judge.
            let ours = |deployed: &Deployed| deployed.parts.values().all(|part| part.mark.instance == self.inner.driver.instance);
            for store in deployed.into_iter().filter(ours).map(|deployed| deployed.store_id) {
                if self.providers().repo.get(Table::Stores, &store.to_string()).await?.is_none() {
                    let resource = ResourceKey::on(&host, ResourceKind::HostPart, &store).to_string();
                    let detail = format!("the host {host} runs parts of {store}, which is no store");
                    let (state, action) = (DriftState::Orphan, DriftAction::Remove);
                    orphans.push((Drift { store_id: Some(store), resource, state, detail, action }, host.clone()));
                }
            }
        }
        Ok(orphans)
    }

    /// The hosts stores are placed on.
    pub(super) fn hosts(&self) -> Vec<HostId> {
        vec![self.settings().host.clone()]
    }

    /// True while an operation has, or waits for, its turn on the store.
    pub(super) async fn is_changing(&self, store: &StoreId) -> Result<bool> {
        let query = Query::equals(OperationDoc::TURN, &store.to_string());
        Ok(!self.providers().repo.list(Table::Operations, &query, &Page::first(1)).await?.rows.is_empty())
    }

    /// How far the count of epochs has come, and why nothing may be removed when a host has seen more: the documents were restored from a backup.
    pub(super) async fn epochs(&self) -> Result<(Epoch, Option<String>)> {
        let mut seen: Option<(Epoch, HostId)> = None;
        for host in self.hosts() {
            // A host that does not answer is found out by those who need it.
            let deployed = self.providers().host(&host)?.list().await.unwrap_or_default();
            let highest = deployed.iter().map(|deployed| (deployed.epoch, host.clone())).max_by_key(|(epoch, _)| *epoch);
            seen = seen.into_iter().chain(highest).max_by_key(|(epoch, _)| *epoch);
        }
        // The count is read last: an epoch that a host has seen by then was counted before.
        let known = self.next_epoch().await?;
        let older = seen.filter(|(highest, _)| *highest > known).map(|(highest, host)| {
            format!("the host {host} has seen epoch {highest}, the documents have come to {known}: they are older than the world")
        });
        Ok((known, older))
    }

    /// Where the world is only looked at.
    pub(super) fn looking(&self, subject: Subject) -> Result<Scene> {
        let now = self.providers().clock.now();
        let operation = self.providers().entropy.operation_id(now)?;
        let mark = Mark { instance: self.inner.driver.instance.clone(), subject, effect: EffectId::of(&operation, 0, false) };
        let deadline = now + self.settings().effect_limit;
        let cx = EffectCx { mark, epoch: Epoch::default(), deadline };
        Ok(Scene { providers: self.providers().clone(), operation, cx, fence: Fence::NONE, listed: None })
    }

    /// Refuses while the documents are older than the world, unless an operator accepts it: then the count of epochs catches up with the hosts'.
    pub(super) async fn leave_safe_mode(&self, accept_restore: bool) -> Result<()> {
        let (_, Some(why)) = self.epochs().await? else { return Ok(()) };
        if !accept_restore {
            return Err(Error::new(Code::SafeMode, why));
        }
        let mut highest = Epoch::default();
        for host in self.hosts() {
            let seen = self.providers().host(&host)?.list().await?;
            highest = seen.iter().map(|deployed| deployed.epoch).max().unwrap_or_default().max(highest);
        }
        while self.next_epoch().await? <= highest {}
        Ok(())
    }

    /// The next epoch of the documents' count: that of a lease which is over as soon as it is granted, so every grant is a new one.
    async fn next_epoch(&self) -> Result<Epoch> {
        let lease = Lease { name: LEASE.to_owned(), holder: self.inner.driver.holder.clone(), duration: Duration::ZERO };
        let granted = self.providers().repo.acquire(&lease).await?.map(|grant| grant.epoch);
        granted.ok_or_else(|| Error::new(Code::Unavailable, "the count of epochs could not be read"))
    }
}

fn of(store: Option<&StoreId>, held: &[Held], findings: Vec<crate::resource::Finding>) -> Vec<Drift> {
    let named = findings.into_iter().filter_map(|finding| {
        Some(Drift {
            store_id: store.cloned(),
            resource: held.get(finding.place)?.key.to_string(),
            state: finding.state,
            detail: finding.detail,
            action: finding.action,
        })
    });
    named.collect()
}
