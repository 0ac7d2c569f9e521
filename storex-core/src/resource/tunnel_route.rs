//! A store's own rules in the tunnel's document, where routing is direct: its host names, straight to its port.

use super::{Attempt, Audit, Pending, Removal, Resource, Scene, Seen};
use crate::operation::Change;
use crate::record::{RouteRow, decode};
use crate::tunnel_writer::{Round, Synced, matter_with};
use crate::{Code, Error, Expected, Json, Kind, Nonce, Result, RowWrite, StoreId, Table};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// Pause before a connector is asked again whether it serves the rules.
const SERVING_PAUSE: Duration = Duration::from_secs(1);
/// Longest wait for a connector to serve the rules, and for other writers.
const LONGEST: Duration = Duration::from_mins(5);

/// Rules to have.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TunnelRouteSpec {
    /// The store.
    pub store: StoreId,
    /// Its row.
    pub row: RouteRow,
}

/// Rules that stand in the document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TunnelRouteFacts {
    /// Version of the configuration that holds them.
    pub version: u64,
    /// True when a connector served that version; false when none ran: then the rules are accepted, and serve as soon as one does.
    pub served: bool,
}

#[derive(Debug)]
pub(super) struct TunnelRouteResource;

#[async_trait]
impl Resource for TunnelRouteResource {
    type Spec = TunnelRouteSpec;
    type Found = TunnelRouteFacts;

    /// Putting the row and asking for a round may be repeated: the writer knows what is its own.
    async fn observe(&self, _: &Scene, _: &TunnelRouteSpec, _: Option<&TunnelRouteFacts>) -> Result<Seen<TunnelRouteFacts>> {
        Ok(Seen::Repeatable)
    }

    async fn audit(&self, scene: &Scene, spec: &TunnelRouteSpec, _: Option<&TunnelRouteFacts>) -> Result<Audit> {
        let document = match scene.providers.tunnel.load(&spec.row.tunnel).await {
            Err(error) if error.kind() == Kind::NotFound => return Ok(Audit::Missing),
            other => other?.1,
        };
        let row = scene.providers.repo.get(Table::TunnelRoutes, &spec.store.to_string()).await?;
        let known = row.as_ref().map(decode::<RouteRow>).transpose()?;
        Ok(match matter_with(&document, &spec.row.rules) {
            None if known.as_ref() == Some(&spec.row) => Audit::Intact,
            None => Audit::Differs("the writer of the tunnel's document does not know its rules".to_owned()),
            Some(matter) if matter.missing => Audit::Missing,
            Some(matter) => Audit::Differs(matter.how),
        })
    }

    /// The look, the look just before the write, the write, and one at the connectors; shared with whoever asks in the same window.
    fn edge_calls(&self, change: Change) -> u32 {
        if change == Change::Check { 1 } else { 4 }
    }

    async fn bring(&self, scene: &Scene, spec: &TunnelRouteSpec, from: Option<&TunnelRouteSpec>) -> Result<TunnelRouteFacts> {
        match self.attempt(scene, spec, from).await? {
            Attempt::Done(found) => Ok(found),
            Attempt::Pending(pending) => Err(Error::new(Code::Unavailable, pending.what).retry_after(pending.pause)),
        }
    }

    async fn attempt(
        &self,
        scene: &Scene,
        spec: &TunnelRouteSpec,
        from: Option<&TunnelRouteSpec>,
    ) -> Result<Attempt<TunnelRouteFacts>> {
        put_row(scene, spec).await?;
        let round = match scene.providers.tunnel_writer.sync(scene, &spec.row.tunnel).await {
            Ok(Synced::Done(round)) => round,
            Ok(Synced::Busy { what, pause }) => return Ok(waiting("storex", what, pause)),
            // A step before found the tunnel: a read that does not show it lags behind.
            Err(error) if error.kind() == Kind::NotFound => {
                return Err(Error::new(Code::Unavailable, "the tunnel is not shown").caused_by(error));
            }
            Err(error) => return Err(error),
        };
        let Round { version, refused, served } = round;
        if let Some(refused) = refused.get(&spec.store.to_string()) {
            // What is refused has no effect: a row that stayed would get its rules one day, whoever it belonged to.
            take_back(scene, spec, from).await?;
            return Err(refused.clone().into());
        }
        match served {
            Some(false) => {
                let what = format!("no connector of the tunnel serves version {version} of its configuration yet");
                Ok(waiting("cloudflare", what, SERVING_PAUSE))
            }
            served => Ok(Attempt::Done(TunnelRouteFacts { version, served: served == Some(true) })),
        }
    }

    async fn remove(&self, scene: &Scene, spec: &TunnelRouteSpec, _: Option<&TunnelRouteFacts>) -> Result<Removal> {
        remove_row(scene, spec).await?;
        match scene.providers.tunnel_writer.sync(scene, &spec.row.tunnel).await {
            Ok(Synced::Done(_)) => Ok(Removal::default()),
            Ok(Synced::Busy { what, pause }) => Err(Error::new(Code::Unavailable, what).retry_after(pause)),
            Err(error) if error.kind() == Kind::NotFound => Ok(Removal::default()),
            Err(error) => Err(error),
        }
    }
}

fn waiting<T>(who: &str, what: String, pause: Duration) -> Attempt<T> {
    Attempt::Pending(Pending { who: who.to_owned(), what, pause, limit: LONGEST })
}

/// Brings the store's row back to what it was before.
async fn take_back(scene: &Scene, spec: &TunnelRouteSpec, from: Option<&TunnelRouteSpec>) -> Result<()> {
    match from {
        Some(before) => put_row(scene, before).await,
        None => remove_row(scene, spec).await,
    }
}

async fn remove_row(scene: &Scene, spec: &TunnelRouteSpec) -> Result<()> {
    let (repo, id) = (&scene.providers.repo, spec.store.to_string());
    match repo.get(Table::TunnelRoutes, &id).await? {
        Some(row) => repo.delete(Table::TunnelRoutes, &id, row.version, scene.fence).await,
        None => Ok(()),
    }
}

/// Puts the store's row. Its identifier is claimed, so nobody else writes it.
async fn put_row(scene: &Scene, spec: &TunnelRouteSpec) -> Result<()> {
    let (id, body) = (spec.store.to_string(), Json::of(&spec.row)?);
    let expected = match scene.providers.repo.get(Table::TunnelRoutes, &id).await? {
        Some(row) if row.body == body => return Ok(()),
        Some(row) => Expected::Version(row.version),
        None => Expected::Absent,
    };
    let write = RowWrite { table: Table::TunnelRoutes, id, body, indexes: BTreeMap::new() };
    scene.providers.repo.put(&write, expected, &Nonce(scene.cx.mark.effect.to_string()), scene.fence).await.map(|_| ())
}
