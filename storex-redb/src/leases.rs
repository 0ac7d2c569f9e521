//! Leases: in memory, since whoever can open the file is the only one; their epochs: in the file, so that they rise over restarts.

use crate::batch::{Batch, Outcome};
use crate::schema::EPOCH;
use jiff::Timestamp;
use redb::ReadableTable;
use std::collections::BTreeMap;
use storex_core::{Epoch, Grant, Lease};

/// A lease somebody holds or held.
#[derive(Clone, Debug)]
pub(crate) struct Held {
    holder: String,
    epoch: Epoch,
    until: Timestamp,
}

/// The leases of this process by name.
#[derive(Debug, Default)]
pub(crate) struct Leases(BTreeMap<String, Held>);

impl Leases {
    /// One that runs, in words.
    pub(crate) fn running(&self, now: Timestamp) -> Option<String> {
        let running = self.0.iter().find(|(_, held)| held.until > now);
        running.map(|(name, held)| format!("{} holds the lease {name} until {}", held.holder, held.until))
    }

    /// Takes over what a committed batch gave, and forgets what ran out.
    pub(crate) fn settle(&mut self, given: BTreeMap<String, Held>, now: Timestamp) {
        if !given.is_empty() {
            self.0.extend(given);
            self.0.retain(|_, held| held.until > now);
        }
    }
}

impl Batch<'_> {
    /// Gives or renews the lease, unless another holder's runs.
    pub(crate) fn acquire(&mut self, lease: &Lease) -> Outcome<Option<Grant>> {
        let running =
            self.changes.leases.get(&lease.name).or_else(|| self.leases.0.get(&lease.name)).filter(|held| held.until > self.now);
        let epoch = match running {
            Some(held) if held.holder != lease.holder => return Ok(None),
            Some(held) => held.epoch,
            None => self.next_epoch()?,
        };
        let until = self.now.checked_add(lease.duration).unwrap_or(Timestamp::MAX);
        self.changes.leases.insert(lease.name.clone(), Held { holder: lease.holder.clone(), epoch, until });
        Ok(Some(Grant { epoch, until }))
    }

    fn next_epoch(&mut self) -> Outcome<Epoch> {
        let last = self.meta.get(EPOCH)?.map_or(0, |epoch| epoch.value());
        self.meta.insert(EPOCH, last + 1)?;
        self.changes.file = true;
        Ok(Epoch(last + 1))
    }
}
