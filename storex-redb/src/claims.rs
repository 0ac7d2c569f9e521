//! Unique claims.

use crate::batch::{Batch, Outcome};
use crate::record::{ClaimRecord, encode};
use redb::ReadableTable;
use storex_core::{Claim, ClaimOutcome};

impl Batch<'_> {
    /// Takes the name for the owner, unless somebody else holds it.
    pub(crate) fn claim(&mut self, claim: &Claim) -> Outcome<ClaimOutcome> {
        match self.holder(&claim.namespace, &claim.name)? {
            Some(held) if held.owner == claim.owner => Ok(ClaimOutcome::Held),
            Some(held) => Ok(ClaimOutcome::Taken(held)),
            None => {
                let record = encode(&ClaimRecord::new(claim))?;
                self.claims.insert((claim.namespace.as_str(), claim.name.as_str()), record.as_slice())?;
                self.changes.file = true;
                Ok(ClaimOutcome::Held)
            }
        }
    }

    /// Takes the candidate the owner holds already, else the first free one.
    pub(crate) fn claim_first(&mut self, claim: &Claim, candidates: &[String]) -> Outcome<Option<String>> {
        let mut free = None;
        for name in candidates {
            match self.holder(&claim.namespace, name)? {
                Some(held) if held.owner == claim.owner => return Ok(Some(name.clone())),
                None if free.is_none() => free = Some(name),
                _ => {}
            }
        }
        let Some(name) = free else { return Ok(None) };
        self.claim(&Claim { name: name.clone(), ..claim.clone() })?;
        Ok(Some(name.clone()))
    }

    /// Gives the name up if the owner holds it.
    pub(crate) fn release(&mut self, namespace: &str, name: &str, owner: &str) -> Outcome<()> {
        if self.holder(namespace, name)?.is_some_and(|held| held.owner == owner) {
            self.claims.remove((namespace, name))?;
            self.changes.file = true;
        }
        Ok(())
    }

    fn holder(&self, namespace: &str, name: &str) -> Outcome<Option<Claim>> {
        let Some(bytes) = self.claims.get((namespace, name))? else {
            return Ok(None);
        };
        let record = ClaimRecord::decode(bytes.value()).map_err(|error| error.with("namespace", namespace).with("name", name))?;
        Ok(Some(record.into_claim(namespace, name)))
    }
}
