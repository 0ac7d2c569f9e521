//! The laws of the traits, sat by the adapter.

use crate::setup::bench;
use std::sync::Arc;
use storex_core::{DomainProvider, TunnelRoutes};
use storex_fakes::laws::{broken_laws, domain_provider, tunnel_routes};

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
