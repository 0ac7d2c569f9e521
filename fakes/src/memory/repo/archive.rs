//! The content of a repo in memory, read whole and filled in.

use super::{MemoryStores, State, Written};
use async_trait::async_trait;
use std::sync::Arc;
use storex_core::{ArchivedRow, Claim, Code, Epoch, Error, Result, StoreArchive, Table};

fn refuse<T>(why: &str) -> Result<T> {
    Err(Error::new(Code::Unusable, why))
}

impl MemoryStores {
    fn unfinished<T>(&self, fill: impl FnOnce(&mut State) -> T) -> Result<T> {
        let mut state = self.state();
        if state.unfinished { Ok(fill(&mut state)) } else { refuse("no copy into this repo was begun") }
    }
}

#[async_trait]
impl StoreArchive for MemoryStores {
    async fn busy(&self) -> Result<Option<String>> {
        let now = self.clock.now();
        let running =
            |(name, held): (&String, &super::Held)| format!("{} holds the lease {name} until {}", held.holder, held.until);
        Ok(self.state().leases.iter().find(|(_, held)| now < held.until).map(running))
    }

    async fn last_epoch(&self) -> Result<Epoch> {
        Ok(Epoch(self.state().epoch))
    }

    async fn export_rows(&self, table: Table, after: Option<&str>, limit: usize) -> Result<Vec<ArchivedRow>> {
        let state = self.state();
        let of_table = state.rows.iter().filter(|((of, id), _)| *of == table && after.is_none_or(|after| after < id.as_str()));
        let archived =
            |(_, written): (_, &Written)| ArchivedRow { row: written.row.as_ref().clone(), nonce: written.nonce.clone() };
        Ok(of_table.take(limit).map(archived).collect())
    }

    async fn export_claims(&self, after: Option<(&str, &str)>, limit: usize) -> Result<Vec<Claim>> {
        let state = self.state();
        let follows = |claim: &&Claim| after.is_none_or(|after| after < (claim.namespace.as_str(), claim.name.as_str()));
        Ok(state.claims.values().filter(follows).take(limit).cloned().collect())
    }

    async fn begin(&self) -> Result<()> {
        if let Some(who) = self.busy().await? {
            return refuse(&format!("the destination is in use: {who}"));
        }
        let mut state = self.state();
        if state.unfinished {
            return refuse("the destination is an unfinished copy: make another one and copy again");
        }
        if state.epoch > 0 || !state.rows.is_empty() || !state.claims.is_empty() {
            return refuse("the destination was used before: copy into an empty one");
        }
        state.unfinished = true;
        Ok(())
    }

    async fn import_rows(&self, table: Table, rows: &[ArchivedRow]) -> Result<()> {
        let written = |ArchivedRow { row, nonce }: &ArchivedRow| {
            ((table, row.id.clone()), Written { row: Arc::new(row.clone()), nonce: nonce.clone() })
        };
        self.unfinished(|state| state.rows.extend(rows.iter().map(written)))
    }

    async fn import_claims(&self, claims: &[Claim]) -> Result<()> {
        let held = |claim: &Claim| ((claim.namespace.clone(), claim.name.clone()), claim.clone());
        self.unfinished(|state| state.claims.extend(claims.iter().map(held)))
    }

    async fn finish(&self, last: Epoch) -> Result<()> {
        self.unfinished(|state| {
            state.epoch = last.0;
            state.unfinished = false;
        })
    }
}
