//! `apply`: fence, remember, make the part, remember what came of it.

use super::Inner;
use super::routes::Rows;
use crate::ledger::{Entry, Share, Standing};
use serde_json::{Value, json};
use storex_core::{Code, EffectCx, Error, Part, PartFacts, Result, StoreId, StorePackage};

/// A part that could not be made, and what is left of it.
pub(super) struct Failure {
    pub(super) error: Error,
    pub(super) aftermath: Aftermath,
}

/// What is left of a part that could not be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Aftermath {
    /// What there was before, if anything.
    Unchanged,
    /// Nothing, even when it stood before.
    Gone,
    /// Nobody knows.
    Doubt,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let aftermath = if error.is_unclear() { Aftermath::Doubt } else { Aftermath::Unchanged };
        Self { error, aftermath }
    }
}

impl Inner {
    pub(super) async fn apply(&self, cx: &EffectCx, package: &StorePackage, part: Part) -> Result<PartFacts> {
        let store = &package.store_id;
        let _route_turn = if part == Part::Route { Some(self.ledger.route_turn(store).await) } else { None };
        let turn = self.ledger.turn(store).await;
        self.check_deadline(cx)?;
        let share = Share::of(package, part)?;
        let mut entry = self.entry(store);
        let rose = entry.fence(cx)?;
        entry.check_not_undone(cx)?;
        if rose || self.ledger.get(store).is_none() {
            self.ledger.put(&entry).await?;
        }
        if let Some(answer) = entry.applied(&cx.mark, part) {
            return Ok(answer.clone());
        }
        if let Some(detail) = self.standing_detail(&entry, part, &share).await {
            return self.made(cx, entry, part, share, detail).await;
        }
        let (made, entry, _turn) = if part == Part::Route {
            // Other parts go on while the router switches. The route's own turn keeps everybody away who reads or changes the route.
            drop(turn);
            let made = self.make(cx, package, &entry, part, &share).await;
            let turn = self.ledger.turn(store).await;
            (made, self.entry(store), turn)
        } else {
            (self.make(cx, package, &entry, part, &share).await, entry, turn)
        };
        match made {
            Ok(detail) => self.made(cx, entry, part, share, detail).await,
            Err(failure) => Err(self.failed(cx, entry, part, failure).await),
        }
    }

    /// What is remembered of the store, or a fresh page.
    pub(super) fn entry(&self, store: &StoreId) -> Entry {
        self.ledger.get(store).map_or_else(|| Entry::new(store), |entry| (*entry).clone())
    }

    /// The detail of the part when it stands, made from an equal share.
    async fn standing_detail(&self, entry: &Entry, part: Part, share: &Share) -> Option<Value> {
        let standing = entry.parts.get(&part).filter(|standing| standing.share == *share && !entry.doubts.contains_key(&part))?;
        // When nobody can tell whether it stands, it is made again.
        let stands = self.stands(&entry.store_id, share).await.unwrap_or(false);
        stands.then(|| standing.facts.detail.clone())
    }

    /// A cheap look at whether the part is really there.
    async fn stands(&self, store: &StoreId, share: &Share) -> Result<bool> {
        match share {
            Share::Files { .. } => Ok(self.files.find(store).await?.tree.is_some_and(|tree| tree.intact)),
            // Content and owner of the file are cheaper to write than to prove.
            Share::Environment { .. } => Ok(false),
            Share::Process { port, .. } => self.process_stands(store, *port).await,
            Share::Route { rows } => {
                let holds = self.routes.holds(rows).await?;
                if !holds {
                    self.routes.distrust().await;
                }
                Ok(holds)
            }
        }
    }

    pub(super) async fn make(
        &self,
        cx: &EffectCx,
        package: &StorePackage,
        entry: &Entry,
        part: Part,
        share: &Share,
    ) -> Result<Value, Failure> {
        match share {
            Share::Files { .. } => Ok(json!({ "path": self.files.ensure_tree(cx, package).await?.path })),
            Share::Environment { .. } => {
                let file = self.files.ensure_environment(cx, package).await?;
                Ok(json!({ "path": file.path, "digest": file.digest }))
            }
            Share::Process { .. } => self.make_process(cx, package, entry, share).await,
            Share::Route { rows } => self.make_route(&package.store_id, rows).await,
        }
        .inspect_err(|failure| tracing::info!(store = %package.store_id, %part, error = %failure.error.code().as_str(), "a part was not made"))
    }

    async fn make_route(&self, store: &StoreId, rows: &Rows) -> Result<Value, Failure> {
        for port in rows.values() {
            self.check_port(store, *port)?;
        }
        self.ledger.claim_names(store, rows.keys())?;
        let change = self.routes.put(store, Some(rows.clone()));
        let routed = self.routes.applied(change.version).await;
        let error = match routed.and_then(|in_force| in_force.check(rows).map(|()| in_force)) {
            Ok(in_force) => return Ok(json!({ "rows": rows, "generation": in_force.generation })),
            Err(error) => error,
        };
        // Back to what the store had; the router is asked again unless it is known to have kept the former table.
        let before = self.routes.put(store, change.before);
        let is_rejected = error.code() == Code::RouteRejected;
        match self.routes.applied(before.version).await {
            Ok(_) => Err(Failure { error, aftermath: Aftermath::Unchanged }),
            Err(_) if is_rejected && !error.is_unclear() => Err(Failure { error, aftermath: Aftermath::Unchanged }),
            Err(_) => Err(Failure { error: error.into_unclear(), aftermath: Aftermath::Doubt }),
        }
    }

    async fn made(&self, cx: &EffectCx, mut entry: Entry, part: Part, share: Share, detail: Value) -> Result<PartFacts> {
        let facts = PartFacts { mark: cx.mark.clone(), digest: share.digest(), detail };
        let standing = Standing { facts: facts.clone(), share };
        let mut after = entry.clone();
        after.stands(part, standing);
        if let Err(error) = self.ledger.put(&after).await {
            // The part stands and the disk does not say so: known until the next start, which removes it.
            entry.doubt(part, &cx.mark, false);
            self.ledger.remember(&entry);
            return Err(error.into_unclear());
        }
        tracing::info!(store = %entry.store_id, %part, effect = %cx.mark.effect, "a part stands");
        Ok(facts)
    }

    async fn failed(&self, cx: &EffectCx, mut entry: Entry, part: Part, failure: Failure) -> Error {
        let Failure { error, aftermath } = failure;
        match aftermath {
            Aftermath::Unchanged => {}
            Aftermath::Gone => entry.gone(part, self.clock.now()),
            Aftermath::Doubt => entry.doubt(part, &cx.mark, false),
        }
        if entry.parts.is_empty() && entry.doubts.is_empty() && entry.retired_at.is_none() {
            entry.retired_at = Some(self.clock.now());
        }
        // What the effect took and the entry does not hold is given back.
        self.ledger.settle_claims(&entry);
        let known = self.ledger.get(&entry.store_id);
        let is_known = known.is_some_and(|known| {
            known.deployed() == entry.deployed() && known.retired_at.is_some() == entry.retired_at.is_some()
        });
        if !is_known && let Err(cause) = self.ledger.put(&entry).await {
            tracing::error!(store = %entry.store_id, %part, %cause, "the ledger could not be written");
            self.ledger.remember(&entry);
        }
        error
    }
}
