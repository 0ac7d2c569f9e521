//! Twins of the repo that each break one promise on purpose.

use async_trait::async_trait;
use futures::{StreamExt, stream};
use jiff::Timestamp;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use storex_core::{
    Claim, ClaimOutcome, Code, Epoch, Error, Expected, Fence, Grant, Lease, Nonce, Page, Query, Result, Row, RowPage, RowWrite,
    StoreRepo, Table, Wakeups,
};
use storex_fakes::MemoryStores;
use tokio::sync::watch;

macro_rules! twists {
    ($($twist:ident,)*) => {
        /// The promise that is broken.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Twist { $($twist,)* }

        impl Twist {
            /// Every broken promise.
            pub(crate) const ALL: &[Self] = &[$(Self::$twist,)*];
        }
    };
}

twists! {
    FindsTheAbsent,
    IgnoresExpected,
    IgnoresNonce,
    RemembersOldNonces,
    RemembersRefusedNonces,
    NonceCountsForAllRows,
    VersionsFromZero,
    VersionsJump,
    MergesBodies,
    KeepsOldIndexValues,
    KeepsNumbersAsFloats,
    OneTableForAll,
    MakesMissingRows,
    ConflictsAreUnclear,
    TakesAnyText,
    ComparesThenWrites,
    RemovesAnyVersion,
    NeverRemoves,
    RefusesToRemoveTheAbsent,
    CountsOnAfterRemoval,
    SkipsARowBetweenPages,
    RepeatsARowBetweenPages,
    EndsWithACursor,
    ListsBackwards,
    ListsFirstVersions,
    RefusesEmptyListings,
    FindsPrefixes,
    ExcludesTheEnd,
    IgnoresOpenRanges,
    TurnsRangesAround,
    IndexesOneValue,
    IndexesRefusedWrites,
    CountsRowsInCursors,
    TakesAnyCursor,
    TakesAnyLimit,
    NeverGivesNames,
    GivesNamesTwice,
    RefusesTheOwner,
    HidesTheHolder,
    LoserTakesOver,
    JoinsNamespaces,
    FoldsCase,
    ReleasesForAnyone,
    NeverReleases,
    ReleasesAllOfOwner,
    LooksThenClaims,
    TakesTheLastCandidate,
    ForgetsOwnCandidate,
    GivesTakenCandidates,
    GivesWithoutClaiming,
    LooksThenGives,
    SharesLeases,
    RaisesOnRenewal,
    RenewsInVain,
    OneEpochForAll,
    EpochsByLease,
    RenewsWhatEnded,
    LeasesNeverEnd,
    RefusesLongLeases,
    IgnoresFences,
    RefusesEveryFence,
    NeverWakes,
    WakesOnWritesOnly,
    WakesOneWatcher,
}

#[derive(Debug, Default)]
struct Memory {
    nonces: BTreeMap<(Option<(Table, String)>, String), u64>,
    removed: BTreeSet<(Table, String)>,
    last_rows: BTreeMap<String, Row>,
    leases: BTreeMap<String, (String, u64)>,
    grants: BTreeMap<String, (String, Grant)>,
    counter: u64,
    watchers: u64,
}

/// The twin in memory with one promise broken.
#[derive(Debug)]
pub(crate) struct Twin {
    inner: MemoryStores,
    twist: Twist,
    memory: Mutex<Memory>,
    written: watch::Sender<()>,
}

impl Twin {
    pub(crate) fn new(inner: MemoryStores, twist: Twist) -> Self {
        Self { inner, twist, memory: Mutex::default(), written: watch::Sender::new(()) }
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn count(&self) -> u64 {
        let mut memory = self.memory();
        memory.counter += 1;
        memory.counter
    }

    fn unique(&self) -> Nonce {
        Nonce(format!("twin-{}", self.count()))
    }

    /// Writes whatever the row's version is.
    async fn force(&self, write: &RowWrite) -> Result<u64> {
        let expected = match self.inner.get(write.table, &write.id).await? {
            None => Expected::Absent,
            Some(row) => Expected::Version(row.version),
        };
        self.inner.put(write, expected, &self.unique(), Fence::NONE).await
    }

    /// The write as the twist changes it.
    async fn twisted(&self, write: &RowWrite) -> Result<RowWrite> {
        let mut write = write.clone();
        let old = self.inner.get(write.table, &write.id).await?;
        match self.twist {
            Twist::MergesBodies => {
                if let (Some(Value::Object(old)), Value::Object(mut new)) = (old.map(|row| row.body.value()), write.body.value())
                {
                    for (key, value) in old {
                        new.entry(key).or_insert(value);
                    }
                    write.body = Value::Object(new).into();
                }
            }
            Twist::KeepsOldIndexValues => {
                for (name, value) in old.map(|row| row.indexes).unwrap_or_default() {
                    write.indexes.entry(name).or_insert(value);
                }
            }
            Twist::KeepsNumbersAsFloats => write.body = floats(write.body.value()).into(),
            Twist::IndexesOneValue => write.indexes = write.indexes.into_iter().take(1).collect(),
            Twist::OneTableForAll => write.table = Table::Platform,
            Twist::TakesAnyText => {
                let fit = |text: String| {
                    if (1..=255).contains(&text.len()) { text } else { "cut".to_owned() }
                };
                write.id = fit(write.id);
                write.indexes = write.indexes.into_iter().map(|(name, value)| (fit(name), fit(value))).collect();
            }
            _ => {}
        }
        Ok(write)
    }

    async fn conflict(&self, write: &RowWrite, expected: Expected, nonce: &Nonce, error: Error) -> Result<u64> {
        let row = self.inner.get(write.table, &write.id).await?;
        match (self.twist, row, expected) {
            (Twist::IgnoresExpected, ..) | (Twist::MakesMissingRows, None, Expected::Version(_)) => self.force(write).await,
            (Twist::ConflictsAreUnclear, ..) => Err(error.into_unclear()),
            (Twist::RemembersRefusedNonces, Some(row), _) => {
                let version = row.version;
                match self.memory().nonces.insert((Some((write.table, write.id.clone())), nonce.0.clone()), version) {
                    Some(_) => Ok(version),
                    None => Err(error),
                }
            }
            (Twist::IndexesRefusedWrites, Some(row), _) => {
                let kept = RowWrite { body: row.body, ..write.clone() };
                self.force(&kept).await?;
                Err(error)
            }
            _ => Err(error),
        }
    }

    fn seen_nonce(&self, write: &RowWrite, nonce: &Nonce) -> Option<u64> {
        let key = match self.twist {
            Twist::RemembersOldNonces => Some((write.table, write.id.clone())),
            Twist::NonceCountsForAllRows => None,
            _ => return None,
        };
        self.memory().nonces.get(&(key, nonce.0.clone())).copied()
    }

    fn keep_nonce(&self, write: &RowWrite, nonce: &Nonce, version: u64) {
        for key in [None, Some((write.table, write.id.clone()))] {
            if self.twist != Twist::RemembersRefusedNonces {
                self.memory().nonces.insert((key, nonce.0.clone()), version);
            }
        }
    }

    async fn held_by_other(&self, claim: &Claim) -> Option<Claim> {
        let held = self.inner.claims().into_iter().find(|held| (&held.namespace, &held.name) == (&claim.namespace, &claim.name));
        tokio::task::yield_now().await;
        held.filter(|held| held.owner != claim.owner)
    }

    fn twist_query(&self, query: &Query) -> Query {
        let Query::Index { name, from, to } = query.clone() else {
            return Query::All;
        };
        let (from, to) = match (self.twist, from, to) {
            (Twist::FindsPrefixes, from, Some(to)) => (from, Some(format!("{to}\u{10ffff}"))),
            (Twist::TurnsRangesAround, Some(from), Some(to)) if from > to => (Some(to), Some(from)),
            (Twist::IgnoresOpenRanges, None, to) => (Some("\u{10ffff}".to_owned()), to),
            (Twist::IgnoresOpenRanges, from, None) => (from, Some("0".to_owned())),
            (_, from, to) => (from, to),
        };
        Query::Index { name, from, to }
    }

    async fn by_offset(&self, table: Table, query: &Query, page: &Page) -> Result<RowPage> {
        let refuse = |_| Error::new(Code::InvalidField, "no number");
        let offset = page.after.as_deref().map_or(Ok(0), str::parse::<usize>).map_err(refuse)?;
        let all = self.inner.list(table, query, &Page::first(usize::MAX)).await?.rows;
        let rows: Vec<Row> = all.iter().skip(offset).take(page.limit).cloned().collect();
        let end = offset + rows.len();
        Ok(RowPage { rows, next: (end < all.len()).then(|| end.to_string()) })
    }

    fn twist_page(&self, query: &Query, page: &Page, mut seen: RowPage) -> Result<RowPage> {
        match self.twist {
            Twist::SkipsARowBetweenPages if page.after.is_some() && !seen.rows.is_empty() => drop(seen.rows.remove(0)),
            Twist::RepeatsARowBetweenPages => {
                let before = page.after.as_ref().and_then(|after| self.memory().last_rows.get(after).cloned());
                if let (Some(next), Some(last)) = (&seen.next, seen.rows.last()) {
                    self.memory().last_rows.insert(next.clone(), last.clone());
                }
                seen.rows.splice(0..0, before);
            }
            Twist::EndsWithACursor if seen.next.is_none() && seen.rows.len() == page.limit => seen.next = Some("end".to_owned()),
            Twist::ListsBackwards => seen.rows.reverse(),
            Twist::ListsFirstVersions => seen.rows.iter_mut().for_each(|row| row.version = 1),
            Twist::RefusesEmptyListings if seen.rows.is_empty() => return Err(Error::new(Code::NotFound, "no rows")),
            Twist::ExcludesTheEnd => {
                if let Query::Index { name, from, to: Some(to) } = query
                    && from.as_ref() != Some(to)
                {
                    seen.rows.retain(|row| row.indexes.get(name) != Some(to));
                }
            }
            _ => {}
        }
        Ok(seen)
    }

    fn twist_claim(&self, claim: &Claim) -> Claim {
        let mut claim = claim.clone();
        match self.twist {
            Twist::JoinsNamespaces => {
                (claim.namespace, claim.name) = (String::new(), format!("{}:{}", claim.namespace, claim.name));
            }
            Twist::FoldsCase => (claim.name, claim.owner) = (claim.name.to_lowercase(), claim.owner.to_lowercase()),
            _ => {}
        }
        claim
    }

    fn twist_fence(&self, fence: Fence) -> Fence {
        match self.twist {
            Twist::IgnoresFences => Fence::NONE,
            Twist::RefusesEveryFence if fence != Fence::NONE => Grant { epoch: Epoch(0), until: Timestamp::MIN }.fence(),
            _ => fence,
        }
    }

    fn twist_epoch(&self, lease: &Lease, epoch: u64) -> u64 {
        let raised = self.count();
        let mut memory = self.memory();
        let last = memory.leases.insert(lease.name.clone(), (lease.holder.clone(), epoch));
        match (self.twist, last) {
            (Twist::RaisesOnRenewal, _) => raised,
            (Twist::OneEpochForAll, _) | (Twist::EpochsByLease, None) => 1,
            (Twist::EpochsByLease, Some((_, last))) => last + 1,
            (Twist::RenewsWhatEnded, Some((holder, last))) if holder == lease.holder => {
                memory.leases.insert(lease.name.clone(), (holder, last));
                last
            }
            _ => epoch,
        }
    }
}

fn floats(value: Value) -> Value {
    match value {
        Value::Number(number) => number.as_f64().map_or(Value::Null, Value::from),
        Value::Array(items) => items.into_iter().map(floats).collect(),
        other => other,
    }
}

#[async_trait]
impl StoreRepo for Twin {
    async fn get(&self, table: Table, id: &str) -> Result<Option<Row>> {
        let table = if self.twist == Twist::OneTableForAll { Table::Platform } else { table };
        let row = self.inner.get(table, id).await?;
        Ok(match self.twist {
            Twist::FindsTheAbsent => {
                row.or_else(|| Some(Row { id: id.to_owned(), version: 0, body: Value::Null.into(), indexes: BTreeMap::new() }))
            }
            Twist::VersionsFromZero => row.map(|row| Row { version: row.version - 1, ..row }),
            _ => row,
        })
    }

    async fn put(&self, write: &RowWrite, expected: Expected, nonce: &Nonce, fence: Fence) -> Result<u64> {
        if let Some(version) = self.seen_nonce(write, nonce) {
            return Ok(version);
        }
        let plain = write;
        let write = self.twisted(write).await?;
        let nonce = match self.twist {
            Twist::IgnoresNonce => self.unique(),
            Twist::TakesAnyText if nonce.0.len() > 64 => self.unique(),
            _ => nonce.clone(),
        };
        let expected = match (self.twist, expected) {
            (Twist::VersionsFromZero, Expected::Version(version)) => Expected::Version(version.saturating_add(1)),
            _ => expected,
        };
        if self.twist == Twist::ComparesThenWrites {
            let row = self.inner.get(write.table, &write.id).await?;
            tokio::task::yield_now().await;
            let seen = row.map_or(Expected::Absent, |row| Expected::Version(row.version));
            return if seen == expected {
                self.force(&write).await
            } else {
                self.inner.put(&write, expected, &nonce, self.twist_fence(fence)).await
            };
        }
        let version = match self.inner.put(&write, expected, &nonce, self.twist_fence(fence)).await {
            Ok(version) => version,
            Err(error) if error.code() == Code::VersionConflict => return self.conflict(&write, expected, &nonce, error).await,
            Err(error) => return Err(error),
        };
        self.written.send_replace(());
        self.keep_nonce(plain, &nonce, version);
        let again = self.memory().removed.remove(&(write.table, write.id.clone()));
        match self.twist {
            Twist::VersionsFromZero => Ok(version - 1),
            Twist::VersionsJump if version > 1 => self.force(&write).await,
            Twist::CountsOnAfterRemoval if again => self.force(&write).await,
            _ => Ok(version),
        }
    }

    async fn delete(&self, table: Table, id: &str, version: u64, fence: Fence) -> Result<()> {
        let row = self.inner.get(table, id).await?;
        let version = match (self.twist, row) {
            (Twist::NeverRemoves, _) => return Ok(()),
            (Twist::RefusesToRemoveTheAbsent, None) => return Err(Error::new(Code::NotFound, "no such row")),
            (Twist::RemovesAnyVersion, Some(row)) => row.version,
            (Twist::VersionsFromZero, _) => version + 1,
            _ => version,
        };
        let removed = self.inner.delete(table, id, version, self.twist_fence(fence)).await;
        if removed.is_ok() {
            self.memory().removed.insert((table, id.to_owned()));
        }
        match removed {
            Err(error) if self.twist == Twist::ConflictsAreUnclear => Err(error.into_unclear()),
            other => other,
        }
    }

    async fn list(&self, table: Table, query: &Query, page: &Page) -> Result<RowPage> {
        let table = if self.twist == Twist::OneTableForAll { Table::Platform } else { table };
        let mut page = page.clone();
        match self.twist {
            Twist::CountsRowsInCursors if page.limit > 0 => return self.by_offset(table, query, &page).await,
            Twist::TakesAnyLimit => page.limit = page.limit.max(1),
            Twist::EndsWithACursor if page.after.as_deref() == Some("end") => {
                return Ok(RowPage { rows: vec![], next: None });
            }
            _ => {}
        }
        let twisted = self.twist_query(query);
        let seen = match self.inner.list(table, &twisted, &page).await {
            Err(error) if self.twist == Twist::TakesAnyCursor && page.limit > 0 && error.code() == Code::InvalidField => {
                self.inner.list(table, &twisted, &Page::first(page.limit)).await?
            }
            other => other?,
        };
        self.twist_page(query, &page, seen)
    }

    async fn claim(&self, claim: &Claim, fence: Fence) -> Result<ClaimOutcome> {
        let (claim, fence) = (&self.twist_claim(claim), self.twist_fence(fence));
        match self.twist {
            Twist::NeverGivesNames => return Ok(ClaimOutcome::Taken(claim.clone())),
            Twist::LooksThenClaims => {
                let held = self.held_by_other(claim).await;
                self.inner.claim(claim, fence).await?;
                return Ok(held.map_or(ClaimOutcome::Held, ClaimOutcome::Taken));
            }
            Twist::RefusesTheOwner if self.inner.claims().contains(claim) => return Ok(ClaimOutcome::Taken(claim.clone())),
            _ => {}
        }
        Ok(match (self.twist, self.inner.claim(claim, fence).await?) {
            (Twist::GivesNamesTwice, ClaimOutcome::Taken(_)) => ClaimOutcome::Held,
            (Twist::HidesTheHolder, ClaimOutcome::Taken(held)) => ClaimOutcome::Taken(Claim { owner: String::new(), ..held }),
            (Twist::LoserTakesOver, ClaimOutcome::Taken(held)) => {
                self.inner.release(&held.namespace, &held.name, &held.owner, fence).await?;
                self.inner.claim(claim, fence).await?;
                ClaimOutcome::Taken(held)
            }
            (_, outcome) => outcome,
        })
    }

    async fn claim_first(&self, claim: &Claim, candidates: &[String], fence: Fence) -> Result<Option<String>> {
        let fence = self.twist_fence(fence);
        let of = |name: &String| Claim { name: name.clone(), ..claim.clone() };
        let held =
            |name: &&String| self.inner.claims().iter().any(|held| held.namespace == claim.namespace && held.name == **name);
        match self.twist {
            Twist::TakesTheLastCandidate => {
                let reversed: Vec<String> = candidates.iter().rev().cloned().collect();
                self.inner.claim_first(claim, &reversed, fence).await
            }
            Twist::ForgetsOwnCandidate => {
                let free: Vec<String> = candidates.iter().filter(|name| !held(name)).cloned().collect();
                self.inner.claim_first(claim, &free, fence).await
            }
            Twist::GivesTakenCandidates => {
                Ok(self.inner.claim_first(claim, candidates, fence).await?.or_else(|| candidates.last().cloned()))
            }
            Twist::GivesWithoutClaiming => Ok(candidates.iter().find(|name| !held(name)).cloned()),
            Twist::LooksThenGives => {
                let Some(free) = candidates.iter().find(|name| !held(name)) else {
                    return Ok(None);
                };
                tokio::task::yield_now().await;
                self.inner.claim(&of(free), fence).await?;
                Ok(Some(free.clone()))
            }
            _ => self.inner.claim_first(claim, candidates, fence).await,
        }
    }

    async fn release(&self, namespace: &str, name: &str, owner: &str, fence: Fence) -> Result<()> {
        let fence = self.twist_fence(fence);
        let asked =
            Claim { namespace: namespace.to_owned(), name: name.to_owned(), owner: owner.to_owned(), label: String::new() };
        let asked = self.twist_claim(&asked);
        match self.twist {
            Twist::NeverReleases => return Ok(()),
            Twist::ReleasesForAnyone | Twist::ReleasesAllOfOwner => {
                let anyone = self.twist == Twist::ReleasesForAnyone;
                let hit = |held: &Claim| {
                    if anyone { held.name == asked.name && held.namespace == namespace } else { held.owner == owner }
                };
                for held in self.inner.claims().into_iter().filter(hit) {
                    self.inner.release(&held.namespace, &held.name, &held.owner, fence).await?;
                }
            }
            _ => {}
        }
        self.inner.release(&asked.namespace, &asked.name, &asked.owner, fence).await
    }

    async fn acquire(&self, lease: &Lease) -> Result<Option<Grant>> {
        let mut asked = lease.clone();
        match self.twist {
            Twist::SharesLeases => "everybody".clone_into(&mut asked.holder),
            Twist::LeasesNeverEnd => asked.duration = Duration::MAX,
            Twist::RefusesLongLeases if asked.duration > Duration::from_secs(1_000_000_000) => {
                return Err(Error::new(Code::InvalidField, "too long"));
            }
            Twist::RenewsInVain => {
                let known = self.memory().grants.get(&lease.name).cloned();
                if let Some((_, grant)) = known.filter(|(holder, _)| *holder == lease.holder) {
                    return Ok(Some(grant));
                }
            }
            _ => {}
        }
        let Some(grant) = self.inner.acquire(&asked).await? else { return Ok(None) };
        let grant = Grant { epoch: Epoch(self.twist_epoch(lease, grant.epoch.0)), ..grant };
        self.memory().grants.insert(lease.name.clone(), (lease.holder.clone(), grant));
        Ok(Some(grant))
    }

    fn wakeups(&self) -> Wakeups {
        let watcher = {
            let mut memory = self.memory();
            memory.watchers += 1;
            memory.watchers
        };
        match self.twist {
            Twist::NeverWakes => stream::pending().boxed(),
            Twist::WakesOneWatcher if watcher % 2 == 0 => stream::pending().boxed(),
            Twist::WakesOnWritesOnly => {
                let written = self.written.subscribe();
                stream::unfold(written, |mut written| async { written.changed().await.ok().map(|()| ((), written)) }).boxed()
            }
            _ => self.inner.wakeups(),
        }
    }
}
