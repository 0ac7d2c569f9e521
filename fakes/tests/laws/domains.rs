//! The laws of zones, records and tunnels, sat by the twins, by the twins under an empty fault script, and by broken twins.

mod flawed_domains;
mod flawed_hostnames;
mod flawed_tunnels;

use crate::tally::{Tally, on_a_runtime};
use jiff::Timestamp;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use storex_core::{Code, DomainProvider, EffectCx, Epoch, RecordSpec, RecordType, TunnelDocument, TunnelRoutes, ZoneStatus};
use storex_fakes::laws::{Law, broken_laws, domain_provider, tunnel_routes};
use storex_fakes::{FaultScript, Faulty, MemoryDomains, MemoryTunnels};

#[tokio::test]
async fn the_twin_of_zones_and_records_obeys_every_law() {
    let laws = domain_provider::laws();
    assert_eq!(broken_laws(&laws, &flawed_domains::sound()).await, []);
}

#[tokio::test]
async fn the_twin_of_zones_and_records_obeys_them_through_an_empty_fault_script() {
    let script = FaultScript::new();
    let subject: Arc<dyn DomainProvider> = Arc::new(Faulty::new(flawed_domains::sound(), script.clone()));
    assert_eq!(broken_laws(&domain_provider::laws(), &subject).await, []);
    assert!(script.count("domains.ensure_records") > 20, "the wrapper was in the way of the calls");
}

#[tokio::test]
async fn the_twin_of_tunnels_obeys_every_law() {
    let subject: Arc<dyn TunnelRoutes> = Arc::new(MemoryTunnels::new());
    assert_eq!(broken_laws(&tunnel_routes::laws(), &subject).await, []);
    let subject: Arc<dyn TunnelRoutes> = Arc::new(Faulty::new(subject, FaultScript::new()));
    assert_eq!(broken_laws(&tunnel_routes::laws(), &subject).await, []);
}

#[tokio::test]
async fn the_twin_of_tunnels_obeys_every_law_about_connectors_and_other_writers() {
    let world = MemoryTunnels::new();
    let hand = Arc::new(flawed_tunnels::TwinsHand(world.clone()));
    let subject = Arc::new(tunnel_routes::WithHand { tunnels: Arc::new(world), hand });
    assert_eq!(broken_laws(tunnel_routes::SERVED, &subject).await, []);
}

type Subject = Arc<dyn DomainProvider>;

/// What the flawed twins of zones, records and custom hostnames did; computed once.
pub(crate) fn zones_tally() -> &'static Tally {
    use flawed_domains::{Flaw, FlawedDomains};
    use flawed_hostnames::{Flaw as HostnameFlaw, FlawedHostnames};
    static TALLY: OnceLock<Tally> = OnceLock::new();
    let of_zones = Flaw::ALL.iter().map(|flaw| (format!("{flaw:?}"), Arc::new(FlawedDomains::new(*flaw)) as Subject));
    let of_hostnames =
        HostnameFlaw::ALL.iter().map(|flaw| (format!("Hostnames{flaw:?}"), Arc::new(FlawedHostnames::new(*flaw)) as Subject));
    TALLY.get_or_init(|| {
        on_a_runtime(false, async {
            Tally::count("DomainProvider", domain_provider::laws(), of_zones.chain(of_hostnames).collect()).await
        })
    })
}

/// What the flawed twins of tunnels did; computed once.
pub(crate) fn tunnels_tally() -> &'static Tally {
    use flawed_tunnels::{Flaw, FlawedTunnels};
    static TALLY: OnceLock<Tally> = OnceLock::new();
    let flawed = |flaw: &Flaw| -> (Flaw, Arc<dyn TunnelRoutes>) { (*flaw, Arc::new(FlawedTunnels::new(*flaw))) };
    let with_hand = |flaw: &Flaw| (*flaw, Arc::new(FlawedTunnels::with_hand(*flaw)));
    let served = || tunnel_routes::SERVED.iter().map(|law| Law { ..*law }).collect();
    TALLY.get_or_init(|| {
        on_a_runtime(false, async {
            let alone = Tally::count("TunnelRoutes", tunnel_routes::laws(), Flaw::ALL.iter().map(flawed).collect()).await;
            alone.and_of_the_same(Tally::count("TunnelRoutes", served(), Flaw::ALL.iter().map(with_hand).collect()).await)
        })
    })
}

#[test]
fn every_law_of_zones_and_records_is_broken_by_a_flawed_twin() {
    zones_tally().assert_whole();
}

#[test]
fn every_law_of_tunnels_is_broken_by_a_flawed_twin() {
    tunnels_tally().assert_whole();
}

#[tokio::test]
async fn the_controls_of_the_twin_put_in_what_storex_did_not_make() {
    let world = MemoryDomains::new("storex.com".parse().unwrap()).with_late_effect_window(Duration::from_secs(3));
    assert_eq!(world.capabilities().late_effect_window, Duration::from_secs(3));
    let primary = world.zones().remove(0);
    assert_eq!((primary.name.as_str(), primary.status), ("storex.com", ZoneStatus::Active));

    let name = "bluepeak-shop.com".parse().unwrap();
    let zone = world.insert_foreign_zone(&name);
    assert_eq!(world.clone().find_zone(&name).await.unwrap(), Some(zone.clone()), "clones share one world");
    world.activate(&zone.id).unwrap();
    assert_eq!(world.zones()[1].status, ZoneStatus::Active);

    let spec = RecordSpec::parse(RecordType::A, name.as_str(), "198.51.100.7").unwrap();
    let foreign = world.insert_foreign_record(&zone.id, &spec).unwrap();
    assert_eq!((foreign.comment.as_ref(), world.records(&zone.id)), (None, vec![foreign.clone()]));
    let mark = "storex/1 i=0a1b2c3d s=12345 e=a.0f".parse().unwrap();
    let cx = EffectCx { mark, epoch: Epoch(1), deadline: Timestamp::MAX };
    let alias = RecordSpec::cname(name.as_str(), "t.net", false).unwrap();
    let error = world.ensure_records(&cx, &zone.id, std::slice::from_ref(&alias)).await.expect_err("in the way");
    assert_eq!(error.code(), Code::ForeignObject);

    let tunnels = MemoryTunnels::new();
    let tunnel = tunnels.create(&cx, "storex-main").await.unwrap();
    assert_eq!(tunnels.overwrite(&tunnel.id, TunnelDocument::default()).unwrap(), 1);
    assert_eq!(tunnels.clone().tunnels(), std::slice::from_ref(&tunnel));
    let error = tunnels.store(&cx, &tunnel.id, &TunnelDocument::default(), 0).await.expect_err("somebody else wrote");
    assert_eq!(error.code(), Code::VersionConflict);
}
