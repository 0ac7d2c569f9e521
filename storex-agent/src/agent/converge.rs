//! What happens before the host is ready: it is brought to its ledger.

use super::Inner;
use crate::ledger::{Entry, Share, Standing};
use futures::{StreamExt, stream};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use storex_core::{Code, EffectCx, Error, Mark, Part, PartFacts, Result, StoreId, StorePackage, Symlinks};

/// How many stores are brought back at the same time: each start keeps a core busy for a moment.
const AT_ONCE: usize = 8;
/// How long each effect may take.
const EFFECT: Duration = Duration::from_mins(1);

/// What [`Agent::converge`](super::Agent::converge) did.
#[derive(Debug, Default)]
pub struct Converged {
    /// Stores of which everything acknowledged stands.
    pub restored: Vec<StoreId>,
    /// Parts that were never acknowledged, or were being withdrawn, and are gone now.
    pub removed: Vec<(StoreId, Part)>,
    /// Parts that could not be brought back or removed. Their stores' other parts stand.
    pub failed: Vec<(StoreId, Part, Error)>,
}

impl Inner {
    pub(super) async fn converge(&self) -> Result<Converged> {
        let mut report = Converged::default();
        self.remove_strays(&mut report).await.map_err(|error| error.during("agent.converge"))?;
        let entries = self.ledger.all();
        let live = entries.iter().filter(|entry| !entry.parts.is_empty());
        let restores: Vec<_> = live.map(|entry| self.restore(Arc::clone(entry))).collect();
        let restored: Vec<_> = stream::iter(restores).buffer_unordered(AT_ONCE).collect().await;
        self.restore_routes(&entries, &mut report).await.map_err(|error| error.during("agent.converge"))?;
        for (store, failed) in restored {
            report.failed.extend(failed.into_iter().map(|(part, error)| (store.clone(), part, error)));
            if !report.failed.iter().any(|(failed, ..)| *failed == store) {
                report.restored.push(store);
            }
        }
        report.restored.sort();
        Ok(report)
    }

    /// Removes what bears our mark and does not stand in the ledger.
    async fn remove_strays(&self, report: &mut Converged) -> Result<()> {
        // Both lists are complete before anything is removed: a failed list removes nothing.
        let processes = self.processes.list().await?;
        let files = self.files.list().await?;
        let mut strays: Vec<(StoreId, Part)> = processes.into_iter().map(|facts| (facts.spec.store, Part::Process)).collect();
        for store in files {
            let found = self.files.find(&store).await?;
            strays.extend(found.environment.map(|_| (store.clone(), Part::Environment)));
            strays.extend(found.tree.map(|_| (store, Part::Files)));
        }
        for entry in self.ledger.all() {
            strays.extend(entry.doubts.keys().map(|part| (entry.store_id.clone(), *part)));
        }
        strays.retain(|(store, part)| !self.stands_in_ledger(store, *part));
        // Processes before the files they run from.
        strays.sort_by_key(|(store, part)| (std::cmp::Reverse(*part), store.clone()));
        strays.dedup();
        for (store, part) in strays {
            match self.remove_stray(&store, part).await {
                Ok(()) => report.removed.push((store, part)),
                Err(error) => report.failed.push((store, part, error)),
            }
        }
        Ok(())
    }

    fn stands_in_ledger(&self, store: &StoreId, part: Part) -> bool {
        self.ledger.get(store).is_some_and(|entry| entry.is_acknowledged(part))
    }

    async fn remove_stray(&self, store: &StoreId, part: Part) -> Result<()> {
        if self.ledger.is_new() {
            let message = format!("the {part} part of {store} is left alone: the ledger is new and says nothing about it");
            return Err(Error::new(Code::ForeignObject, message).with("store", store));
        }
        let _turn = self.ledger.turn(store).await;
        let known = self.ledger.get(store);
        let mut entry = known.map_or_else(|| Entry::new(store), |entry| (*entry).clone());
        // No row of a part in doubt is in the table that is about to be committed.
        if part != Part::Route {
            let mark = match entry.doubts.get(&part) {
                Some(doubt) => doubt.mark.clone(),
                None => format!("storex/1 i=00000000 s={} e=converge", store.digits()).parse()?,
            };
            self.remove(&self.effect(&entry, mark), store, part).await?;
        }
        entry.gone(part, self.clock.now());
        self.ledger.put(&entry).await
    }

    fn effect(&self, entry: &Entry, mark: Mark) -> EffectCx {
        EffectCx { mark, epoch: entry.epoch, deadline: self.clock.now() + EFFECT }
    }

    /// Makes files, environment and process stand again; answers those that do not.
    async fn restore(&self, known: Arc<Entry>) -> (StoreId, Vec<(Part, Error)>) {
        let store = known.store_id.clone();
        let _turn = self.ledger.turn(&store).await;
        let mut entry = self.ledger.get(&store).map_or_else(|| (*known).clone(), |entry| (*entry).clone());
        let package = package(&entry);
        let mut failed = Vec::new();
        for part in [Part::Files, Part::Environment, Part::Process] {
            let Some(standing) = entry.parts.get(&part).filter(|_| entry.is_acknowledged(part)).cloned() else {
                continue;
            };
            let cx = self.effect(&entry, standing.facts.mark.clone());
            match self.make(&cx, &package, &entry, part, &standing.share).await {
                Ok(detail) => {
                    let facts = PartFacts { detail, ..standing.facts };
                    entry.doubts.remove(&part);
                    entry.parts.insert(part, Standing { facts, share: standing.share });
                }
                Err(failure) => failed.push((part, failure.error)),
            }
        }
        // Its rows are in the table that is committed before the host is ready.
        if entry.is_acknowledged(Part::Route) {
            entry.doubts.remove(&Part::Route);
        }
        if let Err(error) = self.ledger.put(&entry).await {
            failed.push((Part::Files, error));
        }
        (store, failed)
    }

    /// Commits the rows of every acknowledged route, which the route writer holds since the ledger was opened.
    async fn restore_routes(&self, entries: &[Arc<Entry>], report: &mut Converged) -> Result<()> {
        let in_force = self.routes.commit_now().await?;
        for (store, rows) in entries.iter().filter_map(|entry| entry.rows()) {
            if let Err(error) = in_force.check(rows) {
                report.failed.push((store.clone(), Part::Route, error));
            }
        }
        Ok(())
    }
}

/// The package, put together from the shares it was applied in.
fn package(entry: &Entry) -> StorePackage {
    let mut package = StorePackage {
        store_id: entry.store_id.clone(),
        directory: String::new(),
        environment: BTreeMap::new(),
        symlinks: Symlinks::default(),
    };
    for standing in entry.parts.values() {
        match &standing.share {
            Share::Files { directory, symlinks } => {
                package.directory.clone_from(directory);
                package.symlinks.clone_from(symlinks);
            }
            Share::Environment { environment } => package.environment.clone_from(environment),
            Share::Process { .. } | Share::Route { .. } => {}
        }
    }
    package
}
