//! The promises about connectors and about what others write, TR-30 to TR-46.
//!
//! A subject needs a hand besides the tunnels: whoever runs connectors, and whoever else writes the configuration.

use super::{cx, document, holds, refused, routes};
use crate::laws::{Broken, Law, Verdict, ensure, fresh};
use async_trait::async_trait;
use serde_json::json;
use std::fmt::Debug;
use std::sync::Arc;
use storex_core::{
    CONNECTOR_CONNECTIONS, Code, ConnectorFacts, ConnectorId, ConnectorStatus, Result, TunnelDocument, TunnelFacts, TunnelId,
    TunnelRoutes,
};

/// Somebody who runs connectors and writes configurations as storex would not.
#[async_trait]
pub trait TunnelHand: Debug + Send + Sync + 'static {
    /// Runs a connector with all its connections; it serves the newest configuration.
    ///
    /// # Errors
    /// When there is no such tunnel.
    async fn run(&self, tunnel: &TunnelId) -> Result<ConnectorId>;

    /// Lets the connector stay at the version it serves.
    ///
    /// # Errors
    /// When there is no such connector.
    async fn stick(&self, tunnel: &TunnelId, connector: &ConnectorId) -> Result<()>;

    /// Leaves the connector this many connections.
    ///
    /// # Errors
    /// When there is no such connector.
    async fn limit(&self, tunnel: &TunnelId, connector: &ConnectorId, connections: u32) -> Result<()>;

    /// Writes the configuration, whatever its version.
    ///
    /// # Errors
    /// When there is no such tunnel.
    async fn overwrite(&self, tunnel: &TunnelId, document: &TunnelDocument) -> Result<()>;
}

/// Tunnels, and a hand that reaches what they are.
#[derive(Clone, Debug)]
pub struct WithHand {
    /// The tunnels under test.
    pub tunnels: Arc<dyn TunnelRoutes>,
    /// The hand.
    pub hand: Arc<dyn TunnelHand>,
}

macro_rules! laws {
    ($($id:literal $judge:ident $sentence:literal;)*) => {
        /// Every law about connectors and other writers.
        pub const SERVED: &[Law<WithHand>] = &[$(Law { id: $id, sentence: $sentence, judge: |subject| Box::pin($judge(subject)) },)*];
    };
}

laws! {
    "TR-30" nobody_runs_it "a tunnel nobody runs has no connector";
    "TR-31" listed_once "every connector that runs is listed once, under its own identifier";
    "TR-32" serves_the_newest "a connector tells the version of the configuration it serves, which follows what is stored";
    "TR-33" stays_behind "a connector that cannot read a configuration tells the version it stays at, and the others theirs";
    "TR-34" connections_tell "a connector with all its connections is healthy, with fewer degraded, with none down";
    "TR-35" since_when "a connector that serves tells since when; one without connections does not";
    "TR-36" of_its_tunnel "connectors of another tunnel are not listed";
    "TR-37" none_of_the_gone "the connectors of a removed tunnel cannot be listed";
    "TR-38" reset_ends "resetting a connector ends the connections it had";
    "TR-39" reset_spares "resetting a connector leaves every other as it was";
    "TR-40" reset_of_nobody "resetting a connector that is not there succeeds and changes nothing";
    "TR-41" reset_keeps_routes "resetting a connector leaves the configuration and its version";
    "TR-42" reset_of_the_gone "a connector of a removed tunnel cannot be reset";
    "TR-43" served_stays "a tunnel that connectors serve is not removed";
    "TR-44" others_win "what somebody else wrote meanwhile stands, and the write on the version before is refused";
    "TR-45" others_are_kept "rules of others that storex would not write are kept beside new ones";
    "TR-46" program_is_told "a connector tells the version of cloudflared";
}

async fn tunnel(subject: &WithHand) -> Result<TunnelFacts, Broken> {
    Ok(subject.tunnels.create(&cx()?, &fresh("law-tunnel-")).await?)
}

/// A tunnel with a configuration and this many connectors.
async fn running<const N: usize>(subject: &WithHand) -> Result<(TunnelFacts, u64, [ConnectorId; N]), Broken> {
    let tunnel = tunnel(subject).await?;
    let version = subject.tunnels.store(&cx()?, &tunnel.id, &routes(3000)?, 0).await?;
    let mut ids = Vec::new();
    for _ in 0..N {
        ids.push(subject.hand.run(&tunnel.id).await?);
    }
    let ids = ids.try_into().map_err(|_| Broken("the law's own count of connectors".to_owned()))?;
    Ok((tunnel, version, ids))
}

async fn found(subject: &WithHand, tunnel: &TunnelFacts) -> Result<Vec<ConnectorFacts>, Broken> {
    let mut found = subject.tunnels.connectors(&tunnel.id).await?;
    found.sort_by(|one, other| one.id.cmp(&other.id));
    Ok(found)
}

async fn one(subject: &WithHand, tunnel: &TunnelFacts, id: &ConnectorId) -> Result<ConnectorFacts, Broken> {
    let found = found(subject, tunnel).await?;
    found.into_iter().find(|facts| facts.id == *id).ok_or_else(|| Broken(format!("the connector {id} is not listed")))
}

async fn nobody_runs_it(subject: Arc<WithHand>) -> Verdict {
    let tunnel = tunnel(&subject).await?;
    let found = found(&subject, &tunnel).await?;
    ensure(found.is_empty(), || format!("found {found:?}"))
}

async fn listed_once(subject: Arc<WithHand>) -> Verdict {
    let (tunnel, _, mut ids) = running::<3>(&subject).await?;
    let found: Vec<ConnectorId> = found(&subject, &tunnel).await?.into_iter().map(|facts| facts.id).collect();
    ids.sort();
    ensure(found == ids, || format!("run {ids:?}, found {found:?}"))
}

async fn serves_the_newest(subject: Arc<WithHand>) -> Verdict {
    let (tunnel, version, ids) = running::<1>(&subject).await?;
    let before = one(&subject, &tunnel, &ids[0]).await?;
    ensure(before.config_version == Some(version) && before.serves(version), || format!("stored {version}, {before:?}"))?;
    let next = subject.tunnels.store(&cx()?, &tunnel.id, &routes(3001)?, version).await?;
    let after = one(&subject, &tunnel, &ids[0]).await?;
    ensure(after.config_version == Some(next) && after.serves(next), || format!("stored {next}, {after:?}"))
}

async fn stays_behind(subject: Arc<WithHand>) -> Verdict {
    let (tunnel, version, ids) = running::<2>(&subject).await?;
    subject.hand.stick(&tunnel.id, &ids[0]).await?;
    let next = subject.tunnels.store(&cx()?, &tunnel.id, &routes(3001)?, version).await?;
    let (stuck, other) = (one(&subject, &tunnel, &ids[0]).await?, one(&subject, &tunnel, &ids[1]).await?);
    ensure(stuck.config_version == Some(version) && !stuck.serves(next), || format!("it stays at {version}: {stuck:?}"))?;
    ensure(other.serves(next), || format!("the other serves {next}: {other:?}"))
}

async fn connections_tell(subject: Arc<WithHand>) -> Verdict {
    let (tunnel, version, ids) = running::<1>(&subject).await?;
    let cases = [(CONNECTOR_CONNECTIONS, ConnectorStatus::Healthy), (1, ConnectorStatus::Degraded), (0, ConnectorStatus::Down)];
    for (connections, status) in cases {
        subject.hand.limit(&tunnel.id, &ids[0], connections).await?;
        let facts = one(&subject, &tunnel, &ids[0]).await?;
        ensure(facts.connections == connections && facts.status() == status, || {
            format!("{connections} connections: {facts:?} is {:?}", facts.status())
        })?;
        ensure(facts.serves(version) == (connections > 0), || format!("{facts:?} serves {}", facts.serves(version)))?;
    }
    Ok(())
}

async fn since_when(subject: Arc<WithHand>) -> Verdict {
    let (tunnel, _, ids) = running::<1>(&subject).await?;
    let facts = one(&subject, &tunnel, &ids[0]).await?;
    ensure(facts.opened_at.is_some(), || format!("{facts:?}"))?;
    subject.hand.limit(&tunnel.id, &ids[0], 0).await?;
    let facts = one(&subject, &tunnel, &ids[0]).await?;
    ensure(facts.opened_at.is_none(), || format!("without connections: {facts:?}"))
}

async fn of_its_tunnel(subject: Arc<WithHand>) -> Verdict {
    let (tunnel, _, ids) = running::<1>(&subject).await?;
    let (other, _, others) = running::<1>(&subject).await?;
    let ids_of = |found: Vec<ConnectorFacts>| found.into_iter().map(|facts| facts.id).collect::<Vec<_>>();
    let seen = (ids_of(found(&subject, &tunnel).await?), ids_of(found(&subject, &other).await?));
    ensure(seen == (ids.to_vec(), others.to_vec()), || format!("found {seen:?}"))
}

async fn none_of_the_gone(subject: Arc<WithHand>) -> Verdict {
    let tunnel = tunnel(&subject).await?;
    subject.tunnels.remove(&cx()?, &tunnel.id).await?;
    refused(subject.tunnels.connectors(&tunnel.id).await, Code::NotFound).map(|_| ())
}

async fn reset_ends(subject: Arc<WithHand>) -> Verdict {
    let (tunnel, _, ids) = running::<2>(&subject).await?;
    let before = one(&subject, &tunnel, &ids[0]).await?;
    subject.tunnels.reset_connector(&cx()?, &tunnel.id, &ids[0]).await?;
    let after = found(&subject, &tunnel).await?.into_iter().find(|facts| facts.id == ids[0]);
    let ended = after.as_ref().is_none_or(|after| after.connections == 0 || after.opened_at > before.opened_at);
    ensure(ended, || format!("was {before:?}, is {after:?}"))
}

async fn reset_spares(subject: Arc<WithHand>) -> Verdict {
    let (tunnel, _, ids) = running::<3>(&subject).await?;
    let (neighbour, _, _) = running::<1>(&subject).await?;
    let others = |found: Vec<ConnectorFacts>| found.into_iter().filter(|facts| facts.id != ids[1]).collect::<Vec<_>>();
    let before = (others(found(&subject, &tunnel).await?), found(&subject, &neighbour).await?);
    subject.tunnels.reset_connector(&cx()?, &tunnel.id, &ids[1]).await?;
    let after = (others(found(&subject, &tunnel).await?), found(&subject, &neighbour).await?);
    ensure(before == after && after.0.len() == 2, || format!("were {before:?}, are {after:?}"))
}

async fn reset_of_nobody(subject: Arc<WithHand>) -> Verdict {
    let (tunnel, _, _) = running::<2>(&subject).await?;
    let before = found(&subject, &tunnel).await?;
    let nobody: ConnectorId = "99999999-9999-4999-9999-999999999999".parse()?;
    subject.tunnels.reset_connector(&cx()?, &tunnel.id, &nobody).await?;
    let after = found(&subject, &tunnel).await?;
    ensure(before == after, || format!("were {before:?}, are {after:?}"))
}

async fn reset_keeps_routes(subject: Arc<WithHand>) -> Verdict {
    let (tunnel, version, ids) = running::<1>(&subject).await?;
    subject.tunnels.reset_connector(&cx()?, &tunnel.id, &ids[0]).await?;
    let (loaded, found) = subject.tunnels.load(&tunnel.id).await?;
    ensure(loaded == version && holds(&found, &routes(3000)?), || format!("version {loaded}, {found:?}"))
}

async fn reset_of_the_gone(subject: Arc<WithHand>) -> Verdict {
    let tunnel = tunnel(&subject).await?;
    subject.tunnels.remove(&cx()?, &tunnel.id).await?;
    let nobody: ConnectorId = "99999999-9999-4999-9999-999999999999".parse()?;
    refused(subject.tunnels.reset_connector(&cx()?, &tunnel.id, &nobody).await, Code::NotFound).map(|_| ())
}

async fn served_stays(subject: Arc<WithHand>) -> Verdict {
    let (tunnel, _, ids) = running::<1>(&subject).await?;
    refused(subject.tunnels.remove(&cx()?, &tunnel.id).await, Code::CloudflareRefused)?;
    let kept = subject.tunnels.find(&tunnel.name).await?;
    ensure(kept.as_ref() == Some(&tunnel), || format!("found {kept:?}"))?;
    one(&subject, &tunnel, &ids[0]).await.map(|_| ())
}

async fn others_win(subject: Arc<WithHand>) -> Verdict {
    let (tunnel, version, _) = running::<0>(&subject).await?;
    subject.hand.overwrite(&tunnel.id, &routes(3007)?).await?;
    refused(subject.tunnels.store(&cx()?, &tunnel.id, &routes(3001)?, version).await, Code::VersionConflict)?;
    let (loaded, found) = subject.tunnels.load(&tunnel.id).await?;
    ensure(loaded > version && holds(&found, &routes(3007)?), || format!("version {loaded}, {found:?}"))
}

async fn others_are_kept(subject: Arc<WithHand>) -> Verdict {
    let (tunnel, ..) = running::<0>(&subject).await?;
    let theirs = json!([
        {"hostname": "*.Shop.com", "service": "http://127.0.0.1:9000", "originRequest": {"connectTimeout": 5, "from-next-year": [1, 2.5]}},
        {"hostname": "*.theirs.com", "service": "http://127.0.0.1:9001"},
        {"hostname": "a.theirs.com", "service": "http://127.0.0.1:9002"},
        {"path": "^/status$", "service": "http://127.0.0.1:9003"},
    ]);
    let theirs = theirs.as_array().cloned().unwrap_or_default();
    let last = json!({"service": "http_status:404"});
    let all = |ours: Vec<serde_json::Value>| {
        let rules: Vec<_> = ours.into_iter().chain(theirs.clone()).chain([last.clone()]).collect();
        document(json!({ "ingress": rules, "from-next-year": true }))
    };
    subject.hand.overwrite(&tunnel.id, &all(Vec::new())?).await?;
    let (version, _) = subject.tunnels.load(&tunnel.id).await?;
    let asked = all(vec![json!({"hostname": "ours.com", "service": "http://127.0.0.1:4001"})])?;
    subject.tunnels.store(&cx()?, &tunnel.id, &asked, version).await?;
    let (_, found) = subject.tunnels.load(&tunnel.id).await?;
    ensure(holds(&found, &asked), || format!("asked {asked:?}, found {found:?}"))
}

async fn program_is_told(subject: Arc<WithHand>) -> Verdict {
    let (tunnel, _, ids) = running::<1>(&subject).await?;
    let facts = one(&subject, &tunnel, &ids[0]).await?;
    ensure(facts.version.starts_with(|letter: char| letter.is_ascii_digit()), || format!("{facts:?}"))
}
