//! The laws of the traits, sat by the adapter.

use crate::setup::{Bench, TOKEN, bench, bench_with, outsider};
use async_trait::async_trait;
use serde_json::{Value, json};
use std::sync::Arc;
use storex_cloudflare::CloudflareResolver;
use storex_core::{Code, ConnectorId, DomainProvider, Error, Lookup, Result, TunnelDocument, TunnelId, TunnelRoutes};
use storex_fakes::Visits;
use storex_fakes::cloudflare::{Delegation, Limits, OutsideRecord, Simulator, SimulatorError, Traffic};
use storex_fakes::laws::edge_insight::InsightSubject;
use storex_fakes::laws::edge_policies::EdgeSubject;
use storex_fakes::laws::resolver::{self, PublicDns};
use storex_fakes::laws::tunnel_routes::{SERVED, TunnelHand, WithHand};
use storex_fakes::laws::{broken_laws, domain_provider, edge_insight, edge_policies, tunnel_routes};

#[tokio::test]
async fn cloudflare_domains_obey_every_law_of_domain_provider() {
    let bench = bench().await;
    let subject: Arc<dyn DomainProvider> = Arc::new(bench.domains.clone());
    assert_eq!(broken_laws(&domain_provider::laws(), &subject).await, []);
    assert!(bench.simulator.counts().mutating > 60, "the laws did not reach the simulator");
}

#[tokio::test]
async fn cloudflare_tunnels_obey_every_law_of_tunnel_routes() {
    let bench = bench().await;
    let subject: Arc<dyn TunnelRoutes> = Arc::new(bench.tunnels.clone());
    assert_eq!(broken_laws(&tunnel_routes::laws(), &subject).await, []);
    assert!(bench.simulator.counts().mutating > 20, "the laws did not reach the simulator");
}

/// Runs connectors of the simulator, and writes configurations past the adapter.
#[derive(Debug)]
struct SimulatorsHand {
    simulator: Simulator,
    accounts: String,
}

impl SimulatorsHand {
    fn of(bench: &Bench) -> Self {
        let accounts = format!("{}/accounts/{}", bench.simulator.base_url(), bench.account.id());
        Self { simulator: Simulator::clone(&bench.simulator), accounts }
    }
}

fn unknown(error: &SimulatorError) -> Error {
    Error::new(Code::NotFound, error.to_string())
}

#[async_trait]
impl TunnelHand for SimulatorsHand {
    async fn run(&self, tunnel: &TunnelId) -> Result<ConnectorId> {
        self.simulator.attach_connector(tunnel.as_str()).map_err(|error| unknown(&error))?.parse()
    }

    async fn stick(&self, tunnel: &TunnelId, connector: &ConnectorId) -> Result<()> {
        self.simulator.stick_connector(tunnel.as_str(), connector.as_str(), true).map_err(|error| unknown(&error))
    }

    async fn limit(&self, tunnel: &TunnelId, connector: &ConnectorId, connections: u32) -> Result<()> {
        let connections = usize::try_from(connections).unwrap_or_default();
        let limited = self.simulator.limit_connections(tunnel.as_str(), connector.as_str(), connections);
        limited.map_err(|error| unknown(&error))
    }

    async fn overwrite(&self, tunnel: &TunnelId, document: &TunnelDocument) -> Result<()> {
        let url = format!("{}/cfd_tunnel/{tunnel}/configurations", self.accounts);
        let put = outsider().put(url).bearer_auth(TOKEN).json(&json!({ "config": document }));
        let answer: Value = put.send().await.unwrap().json().await.unwrap();
        assert_eq!(answer["success"], true, "{answer}");
        Ok(())
    }
}

#[tokio::test]
async fn cloudflare_tunnels_obey_every_law_about_connectors_and_other_writers() {
    let bench = bench().await;
    let subject = WithHand { tunnels: Arc::new(bench.tunnels.clone()), hand: Arc::new(SimulatorsHand::of(&bench)) };
    assert_eq!(broken_laws(SERVED, &Arc::new(subject)).await, []);
    assert!(bench.simulator.counts().mutating > 20, "the laws did not reach the simulator");
}

#[tokio::test]
async fn a_bad_configuration_is_refused_before_it_is_sent() {
    let bench = bench().await;
    let cx = crate::setup::cx();
    let tunnel = bench.tunnels.create(&cx, "storex-main").await.unwrap();
    bench.simulator.clear_calls();
    let rule = |host: &str, service: &str| json!({"hostname": host, "service": service});
    for (rules, said) in [
        (json!([rule("a.com", "http://127.0.0.1:4001")]), "The last ingress rule must match all URLs"),
        (
            json!([rule("a.com", "http://127.0.0.1:4001/"), {"service": "http_status:404"}]),
            "http://127.0.0.1:4001/ is an invalid address",
        ),
        (json!([rule("*shop.com", "http://127.0.0.1:4001"), {"service": "http_status:404"}]), "wildcard_without_dot: rule #1"),
        (
            json!([rule("a.com", "http://127.0.0.1:4001"), rule("a.com", "http://127.0.0.1:4002"), {"service": "http_status:404"}]),
            "duplicate: rule #2",
        ),
        (json!([rule("Shop.com", "http://127.0.0.1:4001"), {"service": "http_status:404"}]), "upper_case: rule #1"),
    ] {
        let document = serde_json::from_value(json!({ "ingress": rules })).unwrap();
        let error = bench.tunnels.store(&cx, &tunnel.id, &document, 0).await.expect_err("a bad document");
        assert_eq!(error.code(), Code::CloudflareRefused);
        assert!(error.message().contains(said) && !error.is_unclear(), "{said}: {error}");
    }
    assert_eq!(bench.simulator.counts().mutating, 0, "nothing was sent");
    assert!(bench.simulator.counts().total >= 5, "the control: the version was read each time");
}

#[tokio::test]
async fn the_run_token_is_never_shown() {
    let bench = bench().await;
    let tunnel = bench.tunnels.create(&crate::setup::cx(), "storex-main").await.unwrap();
    let token = bench.tunnels.run_token(&tunnel.id).await.unwrap();
    assert!(token.expose().len() > 40, "the control: there is something to hide");
    assert_eq!(format!("{token:?}"), "Secret(***)");
    assert!(!format!("{:?} {:?}", bench.tunnels, bench.account).contains(token.expose()));
}

#[tokio::test]
async fn the_cloudflare_edge_obeys_every_law_of_edge_policies() {
    let bench = bench_with(Simulator::builder().token(TOKEN), |client| client).await;
    // Ordering certificates needs the add-on.
    bench.simulator.set_limits(with_certificates());
    let subject = EdgeSubject { domains: Arc::new(bench.domains.clone()), edge: Arc::new(bench.account.edge()) };
    assert_eq!(broken_laws(&edge_policies::laws(), &Arc::new(subject)).await, []);
    assert!(bench.simulator.counts().mutating > 80, "the laws did not reach the simulator");
}

fn with_certificates() -> Limits {
    let mut limits = Limits::default();
    limits.advanced_certificates = 5;
    limits
}

#[tokio::test]
async fn the_cloudflare_insight_obeys_every_law_of_edge_insight() {
    let bench = bench().await;
    let insight = Arc::new(bench.account.insight());
    let simulator = Arc::new(bench.simulator);
    let world = Arc::clone(&simulator);
    let feed = move |zone: &storex_core::ZoneId, visits: Visits| world.add_traffic(vec![traffic(zone, visits)]).unwrap();
    let subject = InsightSubject { domains: Arc::new(bench.domains), insight, feed: Box::new(feed) };
    assert_eq!(broken_laws(&edge_insight::laws(), &Arc::new(subject)).await, []);
    let queries = simulator.calls().iter().filter(|call| call.route.as_deref() == Some("/graphql")).count();
    assert_eq!(queries, 14, "ten zones a query, and none for no zone");
}

fn traffic(zone: &storex_core::ZoneId, visits: Visits) -> Traffic {
    let (action, source) = visits.event.unzip();
    let cache_status = if visits.cached { "hit" } else { "dynamic" }.to_owned();
    Traffic {
        zone: zone.to_string(),
        at: Some(visits.at),
        host: visits.host,
        path: "/".to_owned(),
        status: visits.status,
        cache_status,
        count: visits.count,
        bytes: visits.bytes,
        action,
        source,
    }
}

#[tokio::test]
async fn cloudflares_resolver_obeys_every_law_of_the_public_dns() {
    let world = Simulator::builder().token(TOKEN).build().expect("a simulator");
    let simulator = world.clone().start_on_loopback().await.expect("a port");
    let resolver = CloudflareResolver::at(&simulator.resolver_url(), true).expect("a resolver");
    let publish = move |name: &str, kind: Lookup, values: &[&str]| {
        let published = match kind {
            Lookup::Ns => world.delegate(name, Delegation::to(values.to_vec())),
            _ => world.set_outside_records(name, values.iter().map(|text| OutsideRecord::new("TXT", text)).collect()),
        };
        published.expect("no file");
    };
    let subject = Arc::new(PublicDns::new(Arc::new(resolver), publish));
    assert_eq!(broken_laws(&resolver::laws(), &subject).await, []);
}
