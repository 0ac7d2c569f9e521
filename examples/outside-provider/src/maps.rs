//! The state the journal describes, and the decisions over it: versions, nonces, listings, leases.

use crate::journal::Entry;
use jiff::Timestamp;
use serde_json::json;
use std::collections::BTreeMap;
use storex_core::{Claim, Code, Epoch, Error, Expected, Grant, Lease, Nonce, Page, Query, Result, Row, RowPage, RowWrite, Table};

/// Everything remembered. Leases are not in the journal: they end with the process.
#[derive(Debug, Default)]
pub(crate) struct Maps {
    rows: BTreeMap<(Table, String), (Row, String)>,
    claims: BTreeMap<(String, String), Claim>,
    leases: BTreeMap<String, (String, Epoch, Timestamp)>,
    epoch: u64,
}

impl Maps {
    /// Makes a change that is durable.
    pub(crate) fn apply(&mut self, entry: Entry) {
        match entry {
            Entry::Row { table, id, version, body, indexes, nonce } => {
                self.rows.insert((table, id.clone()), (Row { id, version, body, indexes }, nonce));
            }
            Entry::Gone { table, id } => {
                self.rows.remove(&(table, id));
            }
            Entry::Claimed(claim) => {
                self.claims.insert((claim.namespace.clone(), claim.name.clone()), claim);
            }
            Entry::Released { namespace, name } => {
                self.claims.remove(&(namespace, name));
            }
            Entry::Epoch(Epoch(epoch)) => self.epoch = epoch,
        }
    }

    pub(crate) fn row(&self, table: Table, id: &str) -> Option<Row> {
        self.rows.get(&(table, id.to_owned())).map(|(row, _)| row.clone())
    }

    pub(crate) fn holder(&self, namespace: &str, name: &str) -> Option<&Claim> {
        self.claims.get(&(namespace.to_owned(), name.to_owned()))
    }

    /// The version a write answers, and the change it makes; none when it is a repetition.
    pub(crate) fn plan_put(&self, write: &RowWrite, expected: Expected, nonce: &Nonce) -> Result<(u64, Option<Entry>)> {
        check(write, nonce)?;
        let seen = self.rows.get(&(write.table, write.id.clone()));
        let version = match (seen, expected) {
            (Some((row, last)), _) if *last == nonce.0 => return Ok((row.version, None)),
            (None, Expected::Absent) => 1,
            (Some((row, _)), Expected::Version(wanted)) if wanted == row.version => wanted + 1,
            _ => return Err(conflict(write.table, &write.id)),
        };
        let RowWrite { table, id, body, indexes } = write.clone();
        Ok((version, Some(Entry::Row { table, id, version, body, indexes, nonce: nonce.0.clone() })))
    }

    /// The change a removal makes; none when the row is absent.
    pub(crate) fn plan_delete(&self, table: Table, id: &str, version: u64) -> Result<Option<Entry>> {
        match self.rows.get(&(table, id.to_owned())) {
            None => Ok(None),
            Some((row, _)) if row.version == version => Ok(Some(Entry::Gone { table, id: id.to_owned() })),
            Some(_) => Err(conflict(table, id)),
        }
    }

    /// One page. The cursor names its listing, so that another listing's is refused.
    pub(crate) fn list(&self, table: Table, query: &Query, page: &Page) -> Result<RowPage> {
        let refused = |why, at| Error::new(Code::InvalidField, why).pointer(at);
        if page.limit == 0 {
            return Err(refused("a page has at least one row", "/limit"));
        }
        let listing = format!("{table} {query:?}");
        let after = match &page.after {
            None => None,
            Some(cursor) => {
                let (given_for, value, id): (String, String, String) =
                    serde_json::from_str(cursor).map_err(|_| refused("no cursor of this repo", "/after"))?;
                if given_for != listing {
                    return Err(refused("the cursor of another listing", "/after"));
                }
                Some((value, id))
            }
        };
        let rows = self.rows.range((table, String::new())..).take_while(|((of, _), _)| *of == table).map(|(_, (row, _))| row);
        let placed = rows.filter_map(|row| Some(((place(row, query)?, row.id.clone()), row)));
        let mut found: Vec<_> = placed.filter(|(place, _)| after.as_ref().is_none_or(|after| place > after)).collect();
        found.sort_by(|(one, _), (other, _)| one.cmp(other));
        let more = found.len() > page.limit;
        found.truncate(page.limit);
        let next = found.last().filter(|_| more).map(|((value, id), _)| json!([listing, value, id]).to_string());
        Ok(RowPage { rows: found.into_iter().map(|(_, row)| row.clone()).collect(), next })
    }

    /// Holder and epoch of a lease that has not ended.
    pub(crate) fn running_lease(&self, name: &str, now: Timestamp) -> Option<(String, Epoch)> {
        let (holder, epoch, until) = self.leases.get(name)?;
        (now < *until).then(|| (holder.clone(), *epoch))
    }

    pub(crate) fn next_epoch(&self) -> Epoch {
        Epoch(self.epoch + 1)
    }

    pub(crate) fn grant(&mut self, lease: &Lease, epoch: Epoch, now: Timestamp) -> Grant {
        let until = now.checked_add(lease.duration).unwrap_or(Timestamp::MAX);
        self.leases.insert(lease.name.clone(), (lease.holder.clone(), epoch, until));
        Grant { epoch, until }
    }
}

/// Where a row stands in a listing: its index value, empty in a listing by id. `None` when it is not in the listing.
fn place(row: &Row, query: &Query) -> Option<String> {
    let Query::Index { name, from, to } = query else {
        return Some(String::new());
    };
    let value = row.indexes.get(name)?;
    let inside = from.as_ref().is_none_or(|from| from <= value) && to.as_ref().is_none_or(|to| value <= to);
    inside.then(|| value.clone())
}

fn conflict(table: Table, id: &str) -> Error {
    Error::new(Code::VersionConflict, "the row is not in the expected state").with("table", table).with("id", id)
}

fn check(write: &RowWrite, nonce: &Nonce) -> Result<()> {
    let bounded = |text: &String| (1..=255).contains(&text.len());
    let wrong = match () {
        () if !bounded(&write.id) => "/id",
        () if !write.indexes.iter().all(|(name, value)| bounded(name) && bounded(value)) => "/indexes",
        () if nonce.0.len() > 64 => "/nonce",
        () => return Ok(()),
    };
    Err(Error::new(Code::InvalidField, "too few or too many bytes").pointer(wrong))
}
