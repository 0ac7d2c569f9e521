//! How many calls each promise costs.

use crate::setup::{Bench, apex_and_www, bench, cx};
use serde_json::json;
use storex_core::{DomainObject, DomainProvider, TunnelDocument, TunnelRoutes};

/// The calls since the last look, as `METHOD /route`.
fn calls(bench: &Bench) -> Vec<String> {
    let calls =
        bench.simulator.calls().into_iter().map(|call| format!("{} {}", call.method, call.route.unwrap_or_default())).collect();
    bench.simulator.clear_calls();
    calls
}

const BATCH: &str = "POST /zones/{zone}/dns_records/batch";
const RECORDS: &str = "GET /zones/{zone}/dns_records";

#[tokio::test]
async fn a_custom_domain_costs_one_read_and_two_effects() {
    let bench = bench().await;
    let name = "oceanbreezestore.com".parse().unwrap();
    assert_eq!(bench.domains.find_zone(&name).await.unwrap(), None);
    assert_eq!(calls(&bench), ["GET /zones"]);
    let zone = bench.domains.create_zone(&cx(), &name).await.unwrap();
    bench.domains.ensure_records(&cx(), &zone.id, &apex_and_www(&zone)).await.unwrap();
    let counts = bench.simulator.counts();
    assert_eq!((counts.total, counts.mutating), (2, 2), "two effects and no read");
    assert_eq!(calls(&bench), ["POST /zones", BATCH]);
}

#[tokio::test]
async fn only_what_is_in_the_way_costs_reads() {
    let bench = bench().await;
    let zone = bench.domains.create_zone(&cx(), &"bluepeak-shop.com".parse().unwrap()).await.unwrap();
    let asked = apex_and_www(&zone);
    bench.domains.ensure_records(&cx(), &zone.id, &asked[..1]).await.unwrap();
    calls(&bench);
    bench.domains.ensure_records(&cx(), &zone.id, &asked).await.unwrap();
    assert_eq!(calls(&bench), [BATCH, RECORDS, BATCH], "one is there, one is not");
    bench.domains.ensure_records(&cx(), &zone.id, &asked).await.unwrap();
    assert_eq!(calls(&bench), [BATCH, RECORDS], "all are there");
    bench.domains.ensure_records(&cx(), &zone.id, &[]).await.unwrap();
    assert_eq!(calls(&bench), Vec::<String>::new(), "nothing was asked");
    bench.domains.create_zone(&cx(), &zone.name).await.expect_err("the zone is there");
    assert_eq!(calls(&bench), ["POST /zones"], "the refusal says it all");
}

#[tokio::test]
async fn removal_costs_one_call() {
    let bench = bench().await;
    let zone = bench.domains.create_zone(&cx(), &"bluepeak-shop.com".parse().unwrap()).await.unwrap();
    let made = bench.domains.ensure_records(&cx(), &zone.id, &apex_and_www(&zone)).await.unwrap();
    calls(&bench);
    let ids = made.iter().map(|record| record.id.clone()).collect();
    bench.domains.remove(&cx(), &DomainObject::Records { zone: zone.id.clone(), ids }).await.unwrap();
    assert_eq!(calls(&bench), [BATCH]);
    bench.domains.remove(&cx(), &DomainObject::Zone(zone.id)).await.unwrap();
    assert_eq!(calls(&bench), ["DELETE /zones/{zone}"]);
}

#[tokio::test]
async fn a_configuration_that_says_the_same_is_not_put_again() {
    const GET: &str = "GET /accounts/{account}/cfd_tunnel/{tunnel}/configurations";
    const PUT: &str = "PUT /accounts/{account}/cfd_tunnel/{tunnel}/configurations";
    let bench = bench().await;
    let tunnel = bench.tunnels.create(&cx(), "storex-main").await.unwrap();
    assert_eq!(calls(&bench), ["POST /accounts/{account}/cfd_tunnel"]);
    let state = bench.simulator.state();
    assert_eq!(state.tunnels[0].config_src, "cloudflare", "configured from the API");
    let document: TunnelDocument = serde_json::from_value(json!({"ingress": [{"service": "http://127.0.0.1:3000"}]})).unwrap();
    assert_eq!(bench.tunnels.store(&cx(), &tunnel.id, &document, 0).await.unwrap(), 1);
    assert_eq!(calls(&bench), [GET, PUT]);
    assert_eq!(bench.tunnels.store(&cx(), &tunnel.id, &document, 1).await.unwrap(), 1);
    assert_eq!(calls(&bench), [GET], "Cloudflare would have raised the version");
    let (version, loaded) = bench.tunnels.load(&tunnel.id).await.unwrap();
    assert_eq!((version, calls(&bench)), (1, vec![GET.to_owned()]));
    assert_eq!(bench.tunnels.store(&cx(), &tunnel.id, &loaded, 1).await.unwrap(), 1, "what was loaded is what is there");
    assert_eq!(calls(&bench), [GET]);
}
