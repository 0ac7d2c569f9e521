//! What each way of failing means for the effect.

use crate::setup::{TOKEN, account_at, apex_and_www, bench, bench_with, client, cx, cx_within, stub};
use axum::body::Body;
use axum::response::Response;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use storex_core::{Clock, Code, DomainObject, DomainProvider, Error, SystemClock, TunnelRoutes};
use storex_fakes::cloudflare::{FaultAction, FaultRule, Permission, Simulator, TokenSettings};

/// Longer than any test here takes unless something hangs.
const HANG: Duration = Duration::from_mins(1);

fn seen(error: &Error) -> (Code, bool) {
    (error.code(), error.is_unclear())
}

#[tokio::test]
async fn a_reply_lost_after_the_effect_leaves_it_in_doubt_and_asking_again_finds_it() {
    let bench = bench().await;
    let name = "bluepeak-shop.com".parse().unwrap();
    bench.simulator.add_fault(FaultRule::after("POST", "/zones", FaultAction::Reset)).unwrap();
    let error = bench.domains.create_zone(&cx(), &name).await.expect_err("the reply is lost");
    assert_eq!(seen(&error), (Code::Unavailable, true), "{error:?}");
    let zone = bench.domains.find_zone(&name).await.unwrap().expect("it was made");
    let error = bench.domains.create_zone(&cx(), &name).await.expect_err("it stands already");
    assert_eq!(seen(&error), (Code::ZoneExists, false), "{error:?}");

    let batch = "/zones/{zone}/dns_records/batch";
    bench.simulator.add_fault(FaultRule::after("POST", batch, FaultAction::Reset)).unwrap();
    let error = bench.domains.ensure_records(&cx(), &zone.id, &apex_and_www(&zone)).await.expect_err("the reply is lost");
    assert_eq!(seen(&error), (Code::Unavailable, true), "{error:?}");
    let there = bench.domains.list_records(&zone.id, None).await.unwrap();
    assert_eq!(there.len(), 2);
    assert_eq!(bench.domains.ensure_records(&cx(), &zone.id, &apex_and_www(&zone)).await.unwrap(), there);

    bench.simulator.add_fault(FaultRule::after("DELETE", "/zones/{zone}", FaultAction::Reset)).unwrap();
    let gone = DomainObject::Zone(zone.id.clone());
    let error = bench.domains.remove(&cx(), &gone).await.expect_err("the reply is lost");
    assert_eq!(seen(&error), (Code::Unavailable, true), "{error:?}");
    bench.domains.remove(&cx(), &gone).await.expect("gone is gone");
}

#[tokio::test]
async fn a_page_of_html_or_a_failure_of_the_server_leaves_an_effect_in_doubt_and_sends_it_once() {
    let bench = bench().await;
    let name = "bluepeak-shop.com".parse().unwrap();
    let failures = [
        FaultAction::Html,
        FaultAction::Answer { status: 500, code: 1500, message: "Internal".to_owned() },
        FaultAction::Answer { status: 400, code: 1052, message: "An internal error (-502) occurred".to_owned() },
        FaultAction::Answer { status: 408, code: 0, message: String::new() },
    ];
    for action in failures {
        bench.simulator.clear_calls();
        bench.simulator.add_fault(FaultRule::before("POST", "/zones", action.clone())).unwrap();
        let error = bench.domains.create_zone(&cx(), &name).await.expect_err("the server failed");
        assert_eq!(seen(&error), (Code::Unavailable, true), "{action:?}: {error:?}");
        assert_eq!(bench.simulator.counts().total, 1, "{action:?}");
    }
    bench.simulator.add_fault(FaultRule::before("POST", "/accounts/{account}/cfd_tunnel", FaultAction::Html)).unwrap();
    let error = bench.tunnels.create(&cx(), "storex-main").await.expect_err("the server failed");
    assert_eq!(seen(&error), (Code::Unavailable, true), "{error:?}");
}

#[tokio::test]
async fn a_read_is_repeated_and_never_in_doubt() {
    let bench = bench().await;
    let primary = "storex.com".parse().unwrap();
    for action in [FaultAction::Html, FaultAction::Reset] {
        bench.simulator.clear_calls();
        bench.simulator.add_fault(FaultRule::before("GET", "/zones", action.clone()).times(2)).unwrap();
        let found = bench.domains.find_zone(&primary).await.expect("the third attempt works");
        assert!(found.is_some() && bench.simulator.counts().total == 3, "{action:?}");
    }
    bench.simulator.clear_calls();
    bench.simulator.add_fault(FaultRule::before("GET", "/zones", FaultAction::Html).times(0)).unwrap();
    let error = bench.domains.find_zone(&primary).await.expect_err("it never works");
    assert_eq!(seen(&error), (Code::Unavailable, false), "{error:?}");
    assert!(error.is_transient());
    assert_eq!(bench.simulator.counts().total, 3, "it gives up");
}

#[tokio::test]
async fn no_answer_in_time_leaves_an_effect_in_doubt() {
    let bench = bench_with(Simulator::builder().token(TOKEN), |client| client.request_timeout(Duration::from_millis(300))).await;
    bench.simulator.add_fault(FaultRule::after("POST", "/zones", FaultAction::Hold)).unwrap();
    let name = "bluepeak-shop.com".parse().unwrap();
    let outcome = tokio::time::timeout(HANG, bench.domains.create_zone(&cx(), &name)).await.expect("it does not hang");
    let error = outcome.expect_err("nobody answers");
    assert_eq!(seen(&error), (Code::Timeout, true), "{error:?}");
    assert!(bench.domains.find_zone(&name).await.unwrap().is_some(), "it had happened");
}

#[tokio::test]
async fn nothing_is_waited_for_beyond_the_deadline_and_nothing_sent_after_it() {
    let bench = bench_with(Simulator::builder().token(TOKEN), |client| client.request_timeout(HANG * 10)).await;
    let name = "bluepeak-shop.com".parse().unwrap();
    bench.simulator.add_fault(FaultRule::before("POST", "/zones", FaultAction::Hold)).unwrap();
    let context = cx_within(Duration::from_millis(300));
    let outcome = tokio::time::timeout(HANG, bench.domains.create_zone(&context, &name)).await.expect("it does not hang");
    assert_eq!(seen(&outcome.expect_err("nobody answers")), (Code::Timeout, true));
    assert!(SystemClock.now() >= context.deadline, "it waited as long as it might");

    bench.simulator.clear_calls();
    let error = bench.domains.create_zone(&context, &name).await.expect_err("the deadline has passed");
    assert_eq!(seen(&error), (Code::Timeout, false), "{error:?}");
    let zone = "0123456789abcdef0123456789abcdef".parse().unwrap();
    let error = bench.domains.remove(&context, &DomainObject::Zone(zone)).await.expect_err("the deadline has passed");
    assert_eq!(seen(&error), (Code::Timeout, false), "{error:?}");
    assert_eq!(bench.simulator.counts().total, 0, "nothing was sent");
}

#[tokio::test]
async fn a_refused_connection_proves_that_nothing_happened() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base_url = format!("http://{}/client/v4", listener.local_addr().unwrap());
    drop(listener);
    let account = account_at(&base_url);
    let name = "bluepeak-shop.com".parse().unwrap();
    for error in [
        account.domains().create_zone(&cx(), &name).await.expect_err("nobody listens"),
        account.domains().find_zone(&name).await.expect_err("nobody listens"),
        account.tunnels().create(&cx(), "storex-main").await.expect_err("nobody listens"),
    ] {
        assert_eq!(seen(&error), (Code::Unavailable, false), "{error:?}");
        assert!(error.is_transient() && error.operation().is_some(), "{error:?}");
    }
}

#[tokio::test]
async fn an_answer_nobody_can_read_leaves_an_effect_in_doubt() {
    let truncated = r#"{"success":true,"errors":[],"messages":[],"result":{"id":"0123"#;
    let other_shape = r#"{"success":true,"errors":[],"messages":[],"result":["surprise"]}"#;
    let claims =
        r#"{"success":true,"errors":[],"messages":[],"result":{"id":"../../user","name":"bluepeak-shop.com","status":"active"}}"#;
    for (status, body) in
        [(200, truncated), (200, other_shape), (200, claims), (200, ""), (302, ""), (403, "<html>blocked</html>")]
    {
        let (base_url, calls) = stub(move |_, _| {
            Response::builder().status(status).header("location", "http://127.0.0.1:1/elsewhere").body(Body::from(body)).unwrap()
        })
        .await;
        let domains = account_at(&base_url).domains();
        let error = domains.create_zone(&cx(), &"bluepeak-shop.com".parse().unwrap()).await.expect_err(body);
        assert_eq!(seen(&error), (Code::CloudflareAnswer, true), "{status} {body}: {error:?}");
        assert_eq!(calls.load(Ordering::SeqCst), 1, "sent once, no redirect followed");
    }
}

#[tokio::test]
async fn a_token_without_a_permission_is_denied_and_not_taken_for_a_missing_zone() {
    let bench =
        bench_with(Simulator::builder().token_with(TokenSettings::new(TOKEN).without(Permission::Dns)), |client| client).await;
    let zone = bench.domains.create_zone(&cx(), &"bluepeak-shop.com".parse().unwrap()).await.unwrap();
    for error in [
        bench.domains.list_records(&zone.id, None).await.expect_err("not permitted"),
        bench.domains.ensure_records(&cx(), &zone.id, &apex_and_www(&zone)).await.expect_err("not permitted"),
    ] {
        assert_eq!(seen(&error), (Code::CloudflareDenied, false), "{error:?}");
        assert!(error.to_string().contains("[cloudflare_code=10000]"), "{error}");
    }
}

#[tokio::test]
async fn a_zone_too_young_to_be_served_is_tried_again_later() {
    let now = || SystemClock.now();
    let bench = bench_with(Simulator::builder().token(TOKEN).clock(now), |client| client.clock(Arc::new(SystemClock))).await;
    let zone = bench.domains.create_zone(&cx(), &"bluepeak-shop.com".parse().unwrap()).await.unwrap();
    let denied = FaultAction::Answer { status: 403, code: 10000, message: "Authentication error".to_owned() };
    bench.simulator.add_fault(FaultRule::before("POST", "/zones/{zone}/dns_records/batch", denied)).unwrap();
    let error = bench.domains.ensure_records(&cx(), &zone.id, &apex_and_www(&zone)).await.expect_err("too young");
    assert_eq!(seen(&error), (Code::Unavailable, false), "{error:?}");
    assert!(error.retry_delay().is_some() && error.is_transient());
}

#[tokio::test]
async fn a_race_for_a_name_is_settled_by_looking_again() {
    let bench = bench().await;
    let zone = bench.domains.create_zone(&cx(), &"bluepeak-shop.com".parse().unwrap()).await.unwrap();
    let asked = apex_and_www(&zone);
    let refusal = FaultAction::Answer { status: 400, code: 81053, message: "exists".to_owned() };
    let rule = FaultRule::before("POST", "/zones/{zone}/dns_records/batch", refusal);
    bench.simulator.add_fault(rule.clone().times(2)).unwrap();
    bench.domains.ensure_records(&cx(), &zone.id, &asked).await.expect("the second look finds the way free");
    bench.simulator.add_fault(rule.times(0)).unwrap();
    let more =
        [storex_core::RecordSpec::new(format!("shop.{}", zone.name).parse().unwrap(), asked[0].content().clone()).unwrap()];
    let error = bench.domains.ensure_records(&cx(), &zone.id, &more).await.expect_err("always in the way");
    assert_eq!(seen(&error), (Code::ForeignObject, false), "{error:?}");
}

#[tokio::test]
async fn a_tunnel_in_use_is_not_removed() {
    let bench = bench().await;
    let tunnel = bench.tunnels.create(&cx(), "storex-main").await.unwrap();
    bench.simulator.attach_connector(tunnel.id.as_str()).unwrap();
    let error = bench.tunnels.remove(&cx(), &tunnel.id).await.expect_err("a connector runs");
    assert_eq!(seen(&error), (Code::CloudflareRefused, false), "{error:?}");
    assert_eq!(bench.tunnels.find("storex-main").await.unwrap(), Some(tunnel));
}

#[tokio::test]
async fn the_late_effect_window_is_the_hard_deadline_and_a_margin_unless_said_otherwise() {
    let of = |client: storex_cloudflare::CloudflareClientBuilder| {
        let client = client.build().unwrap();
        let account = storex_cloudflare::CloudflareAccount::new(client, "a".parse().unwrap());
        account.domains().capabilities().late_effect_window
    };
    let fresh = || client("http://127.0.0.1:1/client/v4");
    assert_eq!(of(fresh().hard_deadline(Duration::from_secs(30))), Duration::from_secs(45));
    assert_eq!(of(fresh().late_effect_window(Duration::from_secs(1))), Duration::from_secs(1));
}

#[tokio::test]
async fn a_removal_that_was_refused_is_never_taken_for_a_success() {
    let bench = bench().await;
    let zone = bench.domains.create_zone(&cx(), &"bluepeak-shop.com".parse().unwrap()).await.unwrap();
    let made = bench.domains.ensure_records(&cx(), &zone.id, &apex_and_www(&zone)).await.unwrap();
    let ids = made.iter().map(|record| record.id.clone()).collect();
    let records = DomainObject::Records { zone: zone.id.clone(), ids };
    let (batch, whole) = ("/zones/{zone}/dns_records/batch", "/zones/{zone}");
    for (path, method, status, code, object) in [
        (batch, "POST", 404, 81044, &records),
        (batch, "POST", 404, 7003, &records),
        (batch, "POST", 403, 10000, &records),
        (whole, "DELETE", 404, 7003, &DomainObject::Zone(zone.id.clone())),
    ] {
        let answer = FaultAction::Answer { status, code, message: "no".to_owned() };
        bench.simulator.clear_faults();
        bench.simulator.add_fault(FaultRule::before(method, path, answer).times(0)).unwrap();
        let error = bench.domains.remove(&cx(), object).await.expect_err("refused");
        assert!(!error.is_unclear() && error.code() != Code::NotFound, "{status}/{code}: {error:?}");
    }
    bench.simulator.clear_faults();
    assert_eq!(bench.domains.list_records(&zone.id, None).await.unwrap(), made, "nothing was removed");
    let answer = FaultAction::Answer { status: 404, code: 81044, message: "no".to_owned() };
    bench.simulator.add_fault(FaultRule::before("POST", batch, answer)).unwrap();
    bench.domains.remove(&cx(), &records).await.expect("the second look finds them all");
    assert_eq!(bench.domains.list_records(&zone.id, None).await.unwrap(), []);
}
