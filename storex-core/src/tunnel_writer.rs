//! The one writer of a tunnel's document.
//!
//! The document is one for all stores and has no precondition on the wire, so only the holder of its lease writes it. A store puts or removes its row
//! and asks for a round; a round reads all rows, so one write serves everybody who asked before it, here or in another controller. Two writes are at least
//! a window apart.
//!
//! What can go wrong, and what stands against it:
//!
//! - Two writers at once: the lease. A writer that slept past its own finds its ledger fenced before it can write; its call carries a deadline
//!   within the lease.
//! - A write whose answer was lost lands later, over a newer one: it is in the ledger before it is sent, and nobody writes before it is seen
//!   landed or can no longer land.
//! - A rule of somebody else: names storex never wrote are in nobody's ledger, and are never touched.

mod document;
mod ledger;
mod size;

pub(crate) use document::{matter_with, takes_everything};
pub use size::TunnelLimits;

use crate::record::{RouteRow, decode};
use crate::resource::Scene;
use crate::{
    Code, EffectCx, Error, ErrorRecord, Fence, Grant, IngressRule, Lease, Page, Query, Result, StoreRepo, Table, TunnelDocument,
    TunnelId, remaining,
};
use document::{Wanted, foreign_names, with_routes};
use ledger::{Ledger, Stored, Writing};
use size::Size;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::Mutex;

/// Pause before a document another controller writes is looked at again.
const BUSY_PAUSE: Duration = Duration::from_millis(500);
/// How often a round begins anew when somebody else wrote between its look and its write.
const CONFLICTS: u32 = 8;
/// Rows read at a time.
const PAGE: usize = 500;

/// What a change makes of the document's rules; none when it has nothing to write.
pub(crate) type Change<'a> = dyn Fn(&TunnelDocument) -> Option<Vec<IngressRule>> + Send + Sync + 'a;

/// How a round went.
#[derive(Clone, Debug)]
pub(crate) enum Synced {
    /// The document holds what was asked.
    Done(Round),
    /// Another writer, or a write that may still land, comes first.
    Busy {
        /// In words.
        what: String,
        /// Pause before it is worth trying again.
        pause: Duration,
    },
}

/// A document that holds what was asked.
#[derive(Clone, Debug, Default)]
pub(crate) struct Round {
    /// The version that does.
    pub(crate) version: u64,
    /// Rows that are not in it, and why.
    pub(crate) refused: BTreeMap<String, ErrorRecord>,
    /// True when a connector serves that version or a later one; none when no connector runs.
    pub(crate) served: Option<bool>,
}

/// The writer of one controller.
#[derive(Debug)]
pub struct TunnelWriter {
    holder: String,
    lease: Duration,
    window: Duration,
    limits: TunnelLimits,
    /// Requests so far.
    asked: AtomicU64,
    last: Mutex<Last>,
}

/// The last round, and the number of the last request it serves.
#[derive(Debug, Default)]
struct Last {
    serves: u64,
    round: Round,
}

/// A turn at the document.
struct Turn {
    grant: Grant,
    stored: Stored,
    version: u64,
    document: TunnelDocument,
    /// True when an earlier write was not seen to land.
    in_doubt: bool,
}

impl Turn {
    fn fence(&self) -> Fence {
        self.grant.fence()
    }
}

impl TunnelWriter {
    /// A writer under this name, with leases and a window between two writes of this length.
    pub(crate) fn new(holder: String, lease: Duration, window: Duration, limits: TunnelLimits) -> Self {
        Self { holder, lease, window, limits, asked: AtomicU64::new(0), last: Mutex::default() }
    }

    /// Whether the document has room for these rules beside those of all rows, as far as storex's own documents tell: nobody else is asked, and the round
    /// that writes them sees for itself. `platform` are our rules where no round has seen the document yet.
    ///
    /// # Errors
    /// `tunnel_full`; what the repo answers.
    ///
    /// # Cancellation
    /// Reads only: safe to drop at any moment.
    pub(crate) async fn check_room(
        &self,
        repo: &dyn StoreRepo,
        tunnel: &TunnelId,
        platform: &[IngressRule],
        more: &[IngressRule],
    ) -> Result<()> {
        let others = Stored::load(repo, tunnel).await?.ledger.others;
        let mut size = match others {
            Some(size) => size,
            None => Size::of(&TunnelDocument { ingress: platform.to_vec(), ..TunnelDocument::default() })?,
        };
        for row in rows(repo, tunnel).await?.values() {
            size = size.with(&row.rules)?;
        }
        self.limits.check(size.with(more)?)
    }

    /// Brings the rules of stores in the document to what their rows say, in one round with everybody who asks meanwhile.
    ///
    /// # Errors
    /// `not_found` when the tunnel is gone; what the repo and the tunnel answer.
    ///
    /// # Cancellation
    /// Dropping the future leaves a write in doubt; the ledger knows, and the next round waits for it.
    pub(crate) async fn sync(&self, scene: &Scene, tunnel: &TunnelId) -> Result<Synced> {
        let ticket = self.asked.fetch_add(1, Ordering::SeqCst) + 1;
        let mut last = self.last.lock().await;
        if last.serves >= ticket {
            return Ok(Synced::Done(last.round.clone()));
        }
        self.pace(scene, tunnel).await?;
        // The rows of whoever asked by now are durable, and are read from here on.
        let serves = self.asked.load(Ordering::SeqCst);
        let synced = self.rounds(scene, tunnel, None).await?;
        if let Synced::Done(round) = &synced {
            *last = Last { serves, round: round.clone() };
        }
        Ok(synced)
    }

    /// Changes what is not the stores' in the document.
    ///
    /// # Errors
    /// As [`TunnelWriter::sync`].
    ///
    /// # Cancellation
    /// As [`TunnelWriter::sync`].
    pub(crate) async fn edit(&self, scene: &Scene, tunnel: &TunnelId, change: &Change<'_>) -> Result<Synced> {
        let _alone = self.last.lock().await;
        self.rounds(scene, tunnel, Some(change)).await
    }

    /// Waits until a window has passed since the last write.
    async fn pace(&self, scene: &Scene, tunnel: &TunnelId) -> Result<()> {
        let clock = &scene.providers.clock;
        let written = Stored::load(scene.providers.repo.as_ref(), tunnel).await?.ledger.written_at;
        let pause = written.map_or(Duration::ZERO, |at| remaining(clock.now(), at + self.window)).min(self.window);
        if !pause.is_zero() {
            clock.sleep(pause).await;
        }
        Ok(())
    }

    /// Rounds under one lease, until one was not overtaken by somebody else's write.
    async fn rounds(&self, scene: &Scene, tunnel: &TunnelId, change: Option<&Change<'_>>) -> Result<Synced> {
        let lease = Lease { name: format!("tunnel:{tunnel}"), holder: self.holder.clone(), duration: self.lease };
        let Some(grant) = scene.providers.repo.acquire(&lease).await? else {
            return Ok(Synced::Busy { what: "another controller writes the tunnel's document".to_owned(), pause: BUSY_PAUSE });
        };
        let mut outcome = self.round(scene, tunnel, grant, change).await;
        for _ in 0..CONFLICTS {
            match &outcome {
                Err(error) if error.code() == Code::VersionConflict => {
                    outcome = self.round(scene, tunnel, grant, change).await;
                }
                _ => break,
            }
        }
        // The next writer need not wait for the lease to run out; when this is lost, it does.
        let _ends_by_itself = scene.providers.repo.acquire(&Lease { duration: Duration::ZERO, ..lease }).await;
        match outcome {
            Err(error) if error.code() == Code::VersionConflict => {
                Err(Error::new(Code::Unavailable, "the tunnel's configuration changes all the time").caused_by(error))
            }
            other => other,
        }
    }

    async fn round(&self, scene: &Scene, tunnel: &TunnelId, grant: Grant, change: Option<&Change<'_>>) -> Result<Synced> {
        let repo = scene.providers.repo.as_ref();
        let stored = Stored::load(repo, tunnel).await?;
        let rows = if change.is_none() { rows(repo, tunnel).await? } else { BTreeMap::new() };
        let (version, document) = scene.providers.tunnel.load(tunnel).await?;
        if version < stored.ledger.version {
            let why = format!("the tunnel's configuration is shown as version {version}, {} was seen", stored.ledger.version);
            return Err(Error::new(Code::Unavailable, why));
        }
        let now = scene.providers.clock.now();
        let in_doubt = match &stored.ledger.writing {
            Some(writing) => !writing.has_landed(version, &document)?,
            None => false,
        };
        if let Some(writing) = stored.ledger.writing.as_ref().filter(|writing| in_doubt && now < writing.until) {
            let what = "an earlier write of the tunnel's document may still take effect".to_owned();
            return Ok(Synced::Busy { what, pause: remaining(now, writing.until) });
        }
        let turn = Turn { grant, stored, version, document, in_doubt };
        match change {
            Some(change) => self.edited(scene, tunnel, turn, change).await,
            None => self.routed(scene, tunnel, turn, &rows).await,
        }
    }

    async fn edited(&self, scene: &Scene, tunnel: &TunnelId, mut turn: Turn, change: &Change<'_>) -> Result<Synced> {
        let Some(rules) = change(&turn.document) else {
            return Ok(Synced::Done(Round { version: turn.version, ..Round::default() }));
        };
        let written = Size::of(&TunnelDocument { ingress: rules.clone(), rest: turn.document.rest.clone() })?;
        if written.exceeds(Size::of(&turn.document)?) {
            self.limits.check(written)?;
        }
        let ledger = turn.stored.ledger.clone();
        // Without a ledger no store has a rule here, and the operation knows of its own write.
        let version = if turn.stored.exists() {
            self.journaled(scene, tunnel, &mut turn, rules, ledger.owned.clone(), ledger.owned).await?
        } else {
            let document = TunnelDocument { ingress: rules, rest: turn.document.rest };
            scene.providers.tunnel.store(&cx(scene, turn.grant), tunnel, &document, turn.version).await?
        };
        Ok(Synced::Done(Round { version, ..Round::default() }))
    }

    async fn routed(
        &self,
        scene: &Scene,
        tunnel: &TunnelId,
        mut turn: Turn,
        rows: &BTreeMap<String, RouteRow>,
    ) -> Result<Synced> {
        let owned = turn.stored.ledger.owned.clone();
        let (wanted, refused) = wanted(rows, &turn.document, &owned, self.limits)?;
        let names: BTreeSet<String> = wanted.keys().cloned().collect();
        let rules = with_routes(&turn.document.ingress, &owned, &wanted);
        let version = if rules == turn.document.ingress {
            // What was not seen to land was perhaps not read either.
            let owned = if turn.in_doubt { owned.union(&names).cloned().collect() } else { names };
            let others = Some(Size::of(&without_routes(&turn.document, &owned))?);
            let ledger = Ledger { owned, others, version: turn.version, writing: None, ..turn.stored.ledger.clone() };
            if turn.stored.exists() || !ledger.owned.is_empty() {
                let fence = turn.fence();
                turn.stored.save(scene, tunnel, ledger, fence).await?;
            }
            turn.version
        } else {
            let during = owned.union(&names).cloned().collect();
            self.journaled(scene, tunnel, &mut turn, rules, during, names).await?
        };
        let connectors = scene.providers.tunnel.connectors(tunnel).await?;
        let running = connectors.iter().any(|connector| connector.connections > 0);
        let served = running.then(|| connectors.iter().any(|connector| connector.serves(version)));
        Ok(Synced::Done(Round { version, refused, served }))
    }

    /// Writes the rules: first into the ledger, then to the tunnel. `during` is owned until the answer is there, `after` from then on.
    async fn journaled(
        &self,
        scene: &Scene,
        tunnel: &TunnelId,
        turn: &mut Turn,
        rules: Vec<IngressRule>,
        during: BTreeSet<String>,
        after: BTreeSet<String>,
    ) -> Result<u64> {
        let cx = cx(scene, turn.grant);
        let (fence, now) = (turn.fence(), scene.providers.clock.now());
        let until = cx.deadline.max(now) + scene.providers.domains.capabilities().late_effect_window;
        let writing = Writing::of(&rules, turn.version, until)?;
        let before = turn.stored.ledger.clone();
        let document = TunnelDocument { ingress: rules, rest: turn.document.rest.clone() };
        let others = Some(Size::of(&without_routes(&document, &after))?);
        let ledger = Ledger { owned: during, others, version: turn.version, writing: Some(writing), written_at: Some(now) };
        turn.stored.save(scene, tunnel, ledger, fence).await?;
        match scene.providers.tunnel.store(&cx, tunnel, &document, turn.version).await {
            Ok(version) => {
                let ledger = Ledger { owned: after, others, version, writing: None, written_at: Some(now) };
                turn.stored.save(scene, tunnel, ledger, fence).await.map(|()| version)
            }
            Err(error) => {
                if !error.is_unclear() {
                    // Proved to have had no effect: nothing is in doubt, and nothing was written.
                    let ledger = Ledger { version: turn.version, writing: None, ..before };
                    turn.stored.save(scene, tunnel, ledger, fence).await?;
                }
                Err(error)
            }
        }
    }
}

/// The effect of the round, which ends with the lease.
fn cx(scene: &Scene, grant: Grant) -> EffectCx {
    EffectCx { mark: scene.cx.mark.clone(), epoch: grant.epoch, deadline: scene.cx.deadline.min(grant.until) }
}

/// Every row of the tunnel, by its identifier.
async fn rows(repo: &dyn StoreRepo, tunnel: &TunnelId) -> Result<BTreeMap<String, RouteRow>> {
    let (mut found, mut page) = (BTreeMap::new(), Page::first(PAGE));
    loop {
        let listed = repo.list(Table::TunnelRoutes, &Query::All, &page).await?;
        for row in &listed.rows {
            let route: RouteRow = decode(row)?;
            if route.tunnel == *tunnel {
                found.insert(row.id.clone(), route);
            }
        }
        match listed.next {
            Some(next) => page.after = Some(next),
            None => return Ok(found),
        }
    }
}

/// The rules all rows call for, and the rows that cannot have theirs, with the reason. Rules that stand are kept however large the document is.
fn wanted(
    rows: &BTreeMap<String, RouteRow>,
    current: &TunnelDocument,
    owned: &BTreeSet<String>,
    limits: TunnelLimits,
) -> Result<(Wanted, BTreeMap<String, ErrorRecord>)> {
    let asked: Wanted = rows.values().flat_map(|row| &row.rules).filter_map(named).collect();
    let foreign = foreign_names(&current.ingress, owned, &asked);
    let (mut wanted, mut refused) = (Wanted::new(), BTreeMap::new());
    let host = rows.values().map(|row| &row.host).min();
    let mut size = Size::of(&without_routes(current, owned))?;
    let stands = |row: &RouteRow| names(row).all(|name| owned.contains(name));
    let (standing, new): (Vec<_>, Vec<_>) = rows.iter().partition(|(_, row)| stands(row));
    for (id, row) in standing.into_iter().chain(new) {
        let why = if let Some(name) = names(row).find(|name| foreign.contains(*name)) {
            Some(format!("the tunnel has a rule for {name} that storex did not write"))
        } else if let Some(name) = names(row).find(|name| wanted.contains_key(*name)) {
            Some(format!("another store leads {name} to itself"))
        } else {
            host.filter(|host| **host != row.host)
                .map(|host| format!("direct routing serves one host, {host}, and the store runs on {}", row.host))
        };
        if let Some(why) = why {
            refused.insert(id.clone(), ErrorRecord::from(&Error::new(Code::ForeignObject, why)));
            continue;
        }
        let mut rules = row.rules.clone();
        if let Err(error) = limits.check(size.with(&rules)?)
            && !stands(row)
        {
            refused.insert(id.clone(), ErrorRecord::from(&error));
            rules.retain(|rule| rule.hostname.as_ref().is_some_and(|name| owned.contains(name)));
        }
        size = size.with(&rules)?;
        wanted.extend(rules.iter().filter_map(named));
    }
    Ok((wanted, refused))
}

/// The document without the rules of stores.
fn without_routes(document: &TunnelDocument, owned: &BTreeSet<String>) -> TunnelDocument {
    TunnelDocument { ingress: with_routes(&document.ingress, owned, &Wanted::new()), rest: document.rest.clone() }
}

fn names(row: &RouteRow) -> impl Iterator<Item = &String> {
    row.rules.iter().filter_map(|rule| rule.hostname.as_ref())
}

fn named(rule: &IngressRule) -> Option<(String, IngressRule)> {
    rule.hostname.clone().map(|name| (name, rule.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::HostId;

    fn row(host: &str, name: &str, port: u16) -> RouteRow {
        let rule = IngressRule {
            hostname: Some(name.to_owned()),
            service: format!("http://localhost:{port}"),
            rest: serde_json::Map::new(),
        };
        RouteRow { tunnel: "t1".parse().unwrap(), host: host.parse::<HostId>().unwrap(), rules: vec![rule] }
    }

    #[test]
    fn a_row_that_cannot_have_its_rules_keeps_no_other_from_its_own() {
        let theirs = IngressRule {
            hostname: Some("c.com".to_owned()),
            service: "http://10.0.0.1:80".to_owned(),
            rest: serde_json::Map::new(),
        };
        let rows = BTreeMap::from([
            ("1".to_owned(), row("local", "a.com", 4001)),
            ("2".to_owned(), row("other", "b.com", 4002)),
            ("3".to_owned(), row("local", "c.com", 4003)),
            ("4".to_owned(), row("local", "a.com", 4004)),
        ]);
        let document = TunnelDocument { ingress: vec![theirs], ..TunnelDocument::default() };
        let (wanted, refused) = wanted(&rows, &document, &BTreeSet::new(), TunnelLimits::default()).unwrap();
        assert_eq!(wanted.keys().collect::<Vec<_>>(), ["a.com"]);
        assert_eq!(refused.keys().collect::<Vec<_>>(), ["2", "3", "4"]);
        for (id, why) in [("2", "one host"), ("3", "did not write"), ("4", "another store")] {
            assert!(refused[id].code == Code::ForeignObject && refused[id].message.contains(why), "{:?}", refused[id]);
        }
    }

    #[test]
    fn a_full_document_takes_no_more_rows_and_keeps_those_it_has() {
        let last = IngressRule { hostname: None, service: "http_status:404".to_owned(), rest: serde_json::Map::new() };
        let rows = BTreeMap::from([
            ("1".to_owned(), row("local", "new.com", 4001)),
            ("2".to_owned(), row("local", "old.com", 4002)),
            ("3".to_owned(), row("local", "late.com", 4003)),
        ]);
        let document = TunnelDocument { ingress: vec![rows["2"].rules[0].clone(), last], ..TunnelDocument::default() };
        let owned = BTreeSet::from(["old.com".to_owned()]);
        // How many of the three rows have their rules when so many rules are allowed.
        for (rules, kept) in [(1, vec!["old.com"]), (2, vec!["old.com"]), (3, vec!["new.com", "old.com"])] {
            let limits = TunnelLimits { rules, ..TunnelLimits::default() };
            let (wanted, refused) = wanted(&rows, &document, &owned, limits).unwrap();
            assert_eq!(wanted.keys().collect::<Vec<_>>(), kept, "{rules} rules");
            assert!(refused.values().all(|record| record.code == Code::TunnelFull), "{refused:?}");
            assert_eq!(refused.len(), 3 - kept.len());
        }
        let limits = TunnelLimits { bytes: 10, ..TunnelLimits::default() };
        assert_eq!(wanted(&rows, &document, &owned, limits).unwrap().0.len(), 1, "bytes count as rules do");
    }
}
