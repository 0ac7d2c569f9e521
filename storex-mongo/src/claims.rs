//! Unique claims: one document per (namespace, name), its `_id` both of them.

use crate::failure::{COMMAND, Failure, limited};
use crate::fence;
use crate::observe::late;
use crate::settle::{Step, settle};
use crate::stores::Shared;
use mongodb::bson::{Document, doc};
use std::collections::BTreeMap;
use storex_core::{Claim, ClaimOutcome, Fence, Result};

/// Collection of the claims.
pub(crate) const CLAIMS: &str = "claims";
/// How many candidates are looked at in one command.
const LOOKED_AT: usize = 500;

impl Shared {
    /// Takes the name for the owner, unless somebody else holds it.
    pub(crate) async fn claim(&self, claim: &Claim, fence: Fence) -> Result<ClaimOutcome> {
        settle(|doubt| self.try_claim(claim, fence, doubt)).await
    }

    async fn try_claim(&self, claim: &Claim, fence: Fence, doubt: bool) -> Result<Step<ClaimOutcome>, Failure> {
        let filter = doc! { "_id": key(&claim.namespace, &claim.name), "owner": claim.owner.as_str() };
        // The owner's claim stays as it is; another's is met as a duplicate of the `_id`.
        let label = doc! { "$ifNull": ["$label", { "$literal": claim.label.as_str() }] };
        let change = vec![doc! { "$set": { "label": fence::guarded(label, fence) } }];
        let claims = self.claims();
        let taken = claims.find_one_and_update(filter, change).upsert(true).projection(doc! { "_id": 1 });
        match limited(taken.max_time(COMMAND)).await {
            Ok(_) => return Ok(Step::Done(ClaimOutcome::Held)),
            Err(Failure::Duplicate) => {}
            // An earlier attempt may have come in time.
            Err(Failure::Late) if doubt => {}
            Err(Failure::Late) => return Err(late()),
            Err(failure) => return Err(failure),
        }
        let seen = self.observe(CLAIMS, doc! { "_id": key(&claim.namespace, &claim.name) }).await?;
        match seen.one().map(held) {
            Some(held) if held.owner == claim.owner && doubt => Ok(Step::Done(ClaimOutcome::Held)),
            Some(held) if held.owner != claim.owner => {
                seen.check(fence)?;
                Ok(Step::Done(ClaimOutcome::Taken(held)))
            }
            _ => {
                seen.check(fence)?;
                Ok(Step::Again)
            }
        }
    }

    /// Takes the candidate the owner holds already, else the first free one.
    pub(crate) async fn claim_first(&self, claim: &Claim, candidates: &[String], fence: Fence) -> Result<Option<String>> {
        let own = doc! { "_id.namespace": claim.namespace.as_str(), "owner": claim.owner.as_str() };
        let seen = self.observe(CLAIMS, own).await.map_err(Failure::of_read)?;
        seen.check(fence).map_err(Failure::of_write)?;
        let own: Vec<Claim> = seen.found.iter().map(held).collect();
        if let Some(name) = candidates.iter().find(|name| own.iter().any(|held| held.name == **name)) {
            return Ok(Some(name.clone()));
        }
        for some in candidates.chunks(LOOKED_AT) {
            if let Some(name) = self.claim_of(claim, some, fence).await? {
                return Ok(Some(name));
            }
        }
        Ok(None)
    }

    async fn claim_of(&self, claim: &Claim, candidates: &[String], fence: Fence) -> Result<Option<String>> {
        let keys: Vec<Document> = candidates.iter().map(|name| key(&claim.namespace, name)).collect();
        let seen = self.observe(CLAIMS, doc! { "_id": { "$in": keys } }).await.map_err(Failure::of_read)?;
        let owners: BTreeMap<String, String> = seen.found.iter().map(held).map(|held| (held.name, held.owner)).collect();
        for name in candidates.iter().filter(|name| owners.get(*name).is_none_or(|owner| *owner == claim.owner)) {
            let wanted = Claim { name: name.clone(), ..claim.clone() };
            if self.claim(&wanted, fence).await? == ClaimOutcome::Held {
                return Ok(Some(name.clone()));
            }
        }
        Ok(None)
    }

    /// Gives the name up if the owner holds it.
    pub(crate) async fn release(&self, namespace: &str, name: &str, owner: &str, fence: Fence) -> Result<()> {
        settle(|doubt| self.try_release(namespace, name, owner, fence, doubt)).await
    }

    async fn try_release(
        &self,
        namespace: &str,
        name: &str,
        owner: &str,
        fence: Fence,
        doubt: bool,
    ) -> Result<Step<()>, Failure> {
        let filter = fence::filter(doc! { "_id": key(namespace, name), "owner": owner }, fence);
        if self.delete_one(CLAIMS, filter).await? {
            return Ok(Step::Done(()));
        }
        let seen = self.observe(CLAIMS, doc! { "_id": key(namespace, name) }).await?;
        let is_held = seen.one().is_some_and(|document| held(document).owner == owner);
        if is_held || !doubt {
            seen.check(fence)?;
        }
        Ok(if is_held { Step::Again } else { Step::Done(()) })
    }
}

/// The `_id` of a claim. The server compares documents with their fields in order.
pub(crate) fn key(namespace: &str, name: &str) -> Document {
    doc! { "namespace": namespace, "name": name }
}

/// The claim of a document.
pub(crate) fn held(document: &Document) -> Claim {
    let text = |document: &Document, key: &str| document.get_str(key).unwrap_or_default().to_owned();
    let key = document.get_document("_id").cloned().unwrap_or_default();
    Claim {
        namespace: text(&key, "namespace"),
        name: text(&key, "name"),
        owner: text(document, "owner"),
        label: text(document, "label"),
    }
}
