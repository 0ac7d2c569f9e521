//! What the writer remembers of the tunnel's document: which host names it has written, and a write whose end it has not seen.

use super::size::Size;
use crate::resource::Scene;
use crate::{
    EntropyExt, Expected, Fence, IngressRule, Json, Nonce, Result, RowWrite, StoreRepo, Table, TunnelDocument, TunnelId,
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// The document of one tunnel's writer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Ledger {
    /// Host names of the rules it wrote, or was about to write: those are storex's own, all others are somebody else's.
    pub(super) owned: BTreeSet<String>,
    /// How large the document is without them, as it was last seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) others: Option<Size>,
    /// Newest version it has seen: a read that shows an older one lags behind.
    #[serde(default)]
    pub(super) version: u64,
    /// The write that began and whose answer is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) writing: Option<Writing>,
    /// When the last write began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) written_at: Option<Timestamp>,
}

/// A write that began.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Writing {
    /// The version it replaces.
    over: u64,
    /// What it writes, as a digest.
    digest: String,
    /// From when on it can no longer take effect.
    pub(super) until: Timestamp,
}

impl Writing {
    /// A write of these rules over this version.
    pub(super) fn of(rules: &[IngressRule], over: u64, until: Timestamp) -> Result<Self> {
        Ok(Self { over, digest: digest(rules)?, until })
    }

    /// Whether the document shows that the write has landed.
    pub(super) fn has_landed(&self, version: u64, document: &TunnelDocument) -> Result<bool> {
        Ok(version > self.over && digest(&document.ingress)? == self.digest)
    }
}

fn digest(rules: &[IngressRule]) -> Result<String> {
    Ok(blake3::hash(Json::of(rules)?.as_str().as_bytes()).to_hex().to_string())
}

/// A ledger as it is stored.
#[derive(Clone, Debug, Default)]
pub(super) struct Stored {
    /// The ledger; the empty one when none is stored.
    pub(super) ledger: Ledger,
    version: u64,
}

impl Stored {
    /// Reads the ledger of the tunnel.
    pub(super) async fn load(repo: &dyn StoreRepo, tunnel: &TunnelId) -> Result<Self> {
        match repo.get(Table::Platform, &id(tunnel)).await? {
            Some(row) => Ok(Self { ledger: row.body.read()?, version: row.version }),
            None => Ok(Self::default()),
        }
    }

    /// Whether one is stored: the writer has stores' rules to keep.
    pub(super) fn exists(&self) -> bool {
        self.version > 0
    }

    /// Writes the ledger under the fence of the writer's lease; one that is there already is not written again.
    ///
    /// # Errors
    /// `version_conflict` and `lease_expired` when another writer has taken over.
    pub(super) async fn save(&mut self, scene: &Scene, tunnel: &TunnelId, ledger: Ledger, fence: Fence) -> Result<()> {
        if self.exists() && self.ledger == ledger {
            return Ok(());
        }
        let write = RowWrite { table: Table::Platform, id: id(tunnel), body: Json::of(&ledger)?, indexes: BTreeMap::new() };
        let expected = if self.exists() { Expected::Version(self.version) } else { Expected::Absent };
        let nonce = Nonce(scene.providers.entropy.hex(8)?);
        self.version = scene.providers.repo.put(&write, expected, &nonce, fence).await?;
        self.ledger = ledger;
        Ok(())
    }
}

fn id(tunnel: &TunnelId) -> String {
    format!("tunnel_{tunnel}")
}
