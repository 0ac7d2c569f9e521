//! What a token can do, reported.

use crate::setup::{TOKEN, client, cx};
use storex_cloudflare::{CapabilityState, CloudflareAccount, PrimaryZone, TokenOwner, TokenReport, WildcardCertificate};
use storex_core::{
    CertificateChange, CertificateStatus, Clock, Code, DomainProvider, EdgePolicies, SystemClock, ZoneStatus as Status,
};
use storex_fakes::cloudflare::{
    FaultAction, FaultRule, Permission, RunningSimulator, Simulator, TokenKind, TokenSettings, ZoneStatus,
};

async fn simulator(token: TokenSettings) -> RunningSimulator {
    Simulator::builder().token_with(token).build().unwrap().start_on_loopback().await.unwrap()
}

async fn probed(simulator: &RunningSimulator, primary: &str) -> storex_core::Result<TokenReport> {
    TokenReport::probe(&client(&simulator.base_url()).build().unwrap(), &primary.parse().unwrap()).await
}

fn missing(report: &TokenReport) -> Vec<&'static str> {
    report.missing().map(|capability| capability.permission).collect()
}

#[tokio::test]
async fn a_token_that_can_do_all_is_told_so_whoever_owns_it_and_nothing_is_changed() {
    for (kind, owner) in [(TokenKind::User, TokenOwner::User), (TokenKind::Account, TokenOwner::Account)] {
        let simulator = simulator(TokenSettings::new(TOKEN).kind(kind)).await;
        simulator.clear_calls();
        let report = probed(&simulator, "storex.com").await.unwrap();
        assert_eq!(report.token.as_ref().map(|token| token.owner), Some(owner));
        assert_eq!(report.account.as_ref().map(ToString::to_string), Some(simulator.account().id));
        assert!(matches!(report.primary_zone, PrimaryZone::Active(_)), "{report:?}");
        assert_eq!(report.wildcard_certificate, WildcardCertificate::Found(CertificateStatus::Active));
        assert_eq!(missing(&report), Vec::<&str>::new());
        let granted = report.capabilities.iter().filter(|capability| capability.state == CapabilityState::Granted).count();
        assert!(granted >= 4, "{report:?}");
        let counts = simulator.counts();
        assert!(counts.total <= 12 && counts.mutating == 0, "{counts:?}");
    }
}

#[tokio::test]
async fn each_permission_that_is_missing_is_named_with_what_it_is_for() {
    for (permission, name) in [
        (Permission::Zone, "Zone Write"),
        (Permission::Dns, "DNS Write"),
        (Permission::Tunnel, "Cloudflare Tunnel Write"),
        (Permission::ZoneSettings, "Zone Settings Write"),
    ] {
        let simulator = simulator(TokenSettings::new(TOKEN).without(permission)).await;
        let report = probed(&simulator, "storex.com").await.expect("a finding, not an error");
        assert_eq!(missing(&report), [name]);
        assert!(report.missing().all(|capability| capability.needed_for.len() > 10));
        assert_eq!(report.primary_zone == PrimaryZone::Unknown, permission == Permission::Zone);
    }
}

#[tokio::test]
async fn a_primary_zone_that_is_missing_or_inactive_is_a_finding() {
    let simulator = simulator(TokenSettings::new(TOKEN)).await;
    assert_eq!(probed(&simulator, "elsewhere.com").await.unwrap().primary_zone, PrimaryZone::Missing);
    simulator.set_zone_status("storex.com", ZoneStatus::Pending).unwrap();
    let PrimaryZone::Inactive { status, name_servers } = probed(&simulator, "storex.com").await.unwrap().primary_zone else {
        panic!("it is not active")
    };
    assert_eq!((status, name_servers.len()), (Status::Pending, 2));
}

#[tokio::test]
async fn an_account_token_whose_account_nothing_tells_is_valid_and_not_taken_for_an_unknown_one() {
    let simulator = simulator(TokenSettings::new(TOKEN).kind(TokenKind::Account)).await;
    let report = probed(&simulator, "elsewhere.com").await.unwrap();
    assert_eq!((report.token, report.account), (None, None));
}

#[tokio::test]
async fn a_permission_that_cannot_be_tried_is_unproved_and_not_missing() {
    let simulator = simulator(TokenSettings::new(TOKEN)).await;
    simulator.add_fault(FaultRule::before("GET", "/zones/{zone}/dns_records", FaultAction::Html).times(0)).unwrap();
    let report = probed(&simulator, "storex.com").await.unwrap();
    let dns = report.capabilities.iter().find(|capability| capability.permission == "DNS Write").unwrap();
    assert!(matches!(dns.state, CapabilityState::Unproved(_)) && missing(&report).is_empty(), "{report:?}");
}

#[tokio::test]
async fn a_token_that_is_not_valid_is_denied_and_one_that_ends_soon_is_warned_of() {
    let other = simulator(TokenSettings::new("another")).await;
    assert_eq!(probed(&other, "storex.com").await.expect_err("unknown").code(), Code::CloudflareDenied);
    let soon = SystemClock.now() + std::time::Duration::from_hours(24 * 13);
    let simulator = simulator(TokenSettings::new(TOKEN).expires_on(soon)).await;
    let report = probed(&simulator, "storex.com").await.unwrap();
    assert!(report.token.unwrap().ends_soon(SystemClock.now()).is_some());
}

#[tokio::test]
async fn a_primary_zone_without_a_certificate_for_its_stores_is_told_so() {
    let simulator = simulator(TokenSettings::new(TOKEN)).await;
    let client = client(&simulator.base_url()).build().unwrap();
    let primary = "storex.com".parse().unwrap();
    let account = CloudflareAccount::discover(&client, &primary).await.unwrap();
    let zone = account.domains().find_zone(&primary).await.unwrap().unwrap().id;
    account.edge().change_certificate(&cx(), &zone, &CertificateChange::Universal { enabled: false }).await.unwrap();
    let report = TokenReport::probe(&client, &primary).await.unwrap();
    assert_eq!(report.wildcard_certificate, WildcardCertificate::Missing);
    // One that is not active yet is named with where it is.
    account.edge().change_certificate(&cx(), &zone, &CertificateChange::Universal { enabled: true }).await.unwrap();
    let report = TokenReport::probe(&client, &primary).await.unwrap();
    assert!(
        matches!(&report.wildcard_certificate, WildcardCertificate::Found(status) if *status != CertificateStatus::Active),
        "{report:?}"
    );
}
