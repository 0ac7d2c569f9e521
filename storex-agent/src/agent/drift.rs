//! How each part of a store really stands: a look at the world itself, which changes nothing. Between starts nothing here mends what a person
//! changed; the controller's reconcile does, by applying the part again.

use super::Inner;
use crate::ledger::{Entry, Share, Standing};
use serde_json::Value;
use storex_core::{Deployed, Result, StoreId};

impl Inner {
    /// The same, with the key `drift` in the detail of every part that does not stand as it was applied: how, in words without any content.
    pub(super) async fn with_drift(&self, mut deployed: Deployed, entry: &Entry) -> Result<Deployed> {
        for (part, facts) in &mut deployed.parts {
            let Some(standing) = entry.parts.get(part).filter(|_| !entry.doubts.contains_key(part)) else { continue };
            if let Some(how) = self.drift(&entry.store_id, standing).await?
                && let Value::Object(detail) = &mut facts.detail
            {
                detail.insert("drift".to_owned(), how.into());
            }
        }
        Ok(deployed)
    }

    async fn drift(&self, store: &StoreId, standing: &Standing) -> Result<Option<String>> {
        let how = match &standing.share {
            Share::Files { .. } => match self.files.find(store).await?.tree {
                None => Some("the directory is not there".to_owned()),
                Some(tree) if !tree.intact => Some("a link or file of the directory is missing or was changed".to_owned()),
                Some(_) => None,
            },
            Share::Environment { .. } => {
                let written = standing.facts.detail.get("digest").and_then(Value::as_str);
                match self.files.find(store).await?.environment {
                    None => Some("the environment file is not there".to_owned()),
                    Some(file) if written.is_some_and(|written| written != file.digest) => {
                        Some("the environment file was changed".to_owned())
                    }
                    Some(_) => None,
                }
            }
            Share::Process { port, .. } => {
                let stands = self.process_stands(store, *port).await?;
                (!stands).then(|| format!("the process does not run, or does not listen on port {port}"))
            }
            Share::Route { rows } => {
                let stands = self.routes.holds(rows).await?;
                (!stands).then(|| "the router does not route every name of the store to its port".to_owned())
            }
        };
        Ok(how)
    }
}
