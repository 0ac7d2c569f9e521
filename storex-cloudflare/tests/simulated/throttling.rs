//! The call budget and the answer 429.

use crate::setup::{JumpingClock, TOKEN, apex_and_www, bench_with, cx};
use std::sync::Arc;
use std::time::Duration;
use storex_cloudflare::in_background;
use storex_core::{Clock, Code, DomainProvider, EffectCx, remaining};
use storex_fakes::cloudflare::{FaultAction, FaultRule, Limits, Simulator};

fn within(clock: &JumpingClock, time: Duration) -> EffectCx {
    EffectCx { deadline: clock.now() + time, ..cx() }
}

#[tokio::test]
async fn after_a_429_nothing_is_sent_until_the_time_it_named() {
    let clock = JumpingClock::new();
    let time = Arc::clone(&clock);
    let bench =
        bench_with(Simulator::builder().token(TOKEN), |client| client.clock(time).read_patience(Duration::from_secs(20))).await;
    let zone =
        bench.domains.create_zone(&within(&clock, Duration::from_mins(1)), &"bluepeak-shop.com".parse().unwrap()).await.unwrap();
    let batch = "/zones/{zone}/dns_records/batch";
    bench.simulator.add_fault(FaultRule::before("POST", batch, FaultAction::RateLimited { retry_after: 200 })).unwrap();
    let minute = || within(&clock, Duration::from_mins(1));
    let error = bench.domains.ensure_records(&minute(), &zone.id, &apex_and_www(&zone)).await.expect_err("throttled");
    assert_eq!((error.code(), error.is_unclear()), (Code::RateLimited, false), "{error:?}");
    assert_eq!(error.retry_delay(), Some(Duration::from_secs(200)));

    bench.simulator.clear_calls();
    let error = bench.domains.ensure_records(&minute(), &zone.id, &apex_and_www(&zone)).await.expect_err("too early");
    assert_eq!((error.code(), error.is_unclear()), (Code::RateLimited, false), "{error:?}");
    assert_eq!(error.retry_delay(), Some(Duration::from_secs(200)));
    assert_eq!(bench.simulator.counts().total, 0, "an effect whose deadline is earlier is not even sent");

    let error = bench.domains.list_records(&zone.id, None).await.expect_err("a read somebody waits for is told when");
    assert_eq!((error.code(), error.retry_delay()), (Code::RateLimited, Some(Duration::from_secs(200))));
    assert_eq!(bench.simulator.counts().total, 0, "nothing at all is sent");

    let asked = clock.now();
    in_background(bench.domains.list_records(&zone.id, None)).await.expect("a sweep waits for its turn");
    assert_eq!(remaining(asked, clock.now()), Duration::from_secs(200));
    assert_eq!(bench.simulator.counts().total, 1);
    bench.domains.ensure_records(&minute(), &zone.id, &apex_and_www(&zone)).await.expect("the pause is over");
}

#[tokio::test]
async fn the_limit_on_new_zones_holds_up_new_zones_only() {
    let clock = JumpingClock::new();
    let time = Arc::clone(&clock);
    let mut limits = Limits::default();
    limits.zones_per_10_minutes = Some(2);
    let bench = bench_with(Simulator::builder().token(TOKEN).limits(limits), |client| client.clock(time)).await;
    let minute = || within(&clock, Duration::from_mins(1));
    let name = |number: u32| format!("capped{number}-shop.com").parse().unwrap();
    for number in 0..2 {
        bench.domains.create_zone(&minute(), &name(number)).await.expect("within the limit");
    }
    let error = bench.domains.create_zone(&minute(), &name(2)).await.expect_err("one too many");
    assert_eq!((error.code(), error.is_unclear()), (Code::RateLimited, false), "{error:?}");
    let pause = error.retry_delay().expect("Cloudflare names a time");
    assert!(pause > Duration::from_mins(1) && pause <= Duration::from_mins(10), "{pause:?}");

    bench.simulator.clear_calls();
    let begun = clock.now();
    assert!(bench.domains.find_zone(&name(1)).await.expect("reads go on").is_some());
    assert_eq!(clock.now(), begun, "and at once");
    bench.domains.create_zone(&minute(), &name(2)).await.expect_err("still too many");
    assert_eq!(bench.simulator.counts().mutating, 0, "and it was not sent");
}

#[tokio::test]
async fn the_budget_spreads_calls_so_that_cloudflare_never_answers_429() {
    let clock = JumpingClock::new();
    let (time, shown) = (Arc::clone(&clock), Arc::clone(&clock));
    let mut limits = Limits::default();
    limits.calls_per_5_minutes = Some(12);
    let simulator = Simulator::builder().token(TOKEN).limits(limits).clock(move || shown.now());
    let bench = bench_with(simulator, |client| {
        client.clock(time).budget(10, Duration::from_mins(5)).read_patience(Duration::from_mins(10))
    })
    .await;
    let begun = clock.now();
    for _ in 0..45 {
        bench
            .domains
            .find_zone(&"storex.com".parse().unwrap())
            .await
            .expect("waits instead of failing")
            .expect("the primary zone");
    }
    assert_eq!(remaining(begun, clock.now()), Duration::from_mins(20), "46 calls are five windows");
    let statuses = bench.simulator.counts().statuses;
    assert_eq!(statuses.into_iter().collect::<Vec<_>>(), [(200, 45)], "no answer with 429");
}

#[tokio::test]
async fn a_client_that_knows_no_better_learns_the_limit_from_the_headers() {
    let clock = JumpingClock::new();
    let (time, shown) = (Arc::clone(&clock), Arc::clone(&clock));
    let mut limits = Limits::default();
    limits.calls_per_5_minutes = Some(12);
    let simulator = Simulator::builder().token(TOKEN).limits(limits).clock(move || shown.now());
    let bench = bench_with(simulator, |client| client.clock(time).read_patience(Duration::from_mins(10))).await;
    for _ in 0..45 {
        bench.domains.find_zone(&"storex.com".parse().unwrap()).await.expect("waits instead of failing");
    }
    assert_eq!(bench.simulator.counts().statuses.into_iter().collect::<Vec<_>>(), [(200, 45)], "no answer with 429");
}

#[tokio::test]
async fn clones_of_a_client_share_its_budget() {
    let clock = JumpingClock::new();
    let time = Arc::clone(&clock);
    let bench =
        bench_with(Simulator::builder().token(TOKEN), |client| client.clock(time).budget(3, Duration::from_mins(5))).await;
    let (one, other) = (bench.account.client().clone(), bench.account.clone());
    one.verify_token(None).await.expect("the second call after the discovery");
    other.verify_token().await.expect("the third");
    let error = bench.domains.find_zone(&"storex.com".parse().unwrap()).await.expect_err("no room for the fourth");
    assert_eq!((error.code(), error.retry_delay()), (Code::RateLimited, Some(Duration::from_mins(5))), "{error:?}");
    assert_eq!(bench.simulator.counts().total, 2, "it was not sent");
}

#[tokio::test]
async fn zones_over_the_budget_are_queued_before_cloudflare_has_to_say_so() {
    let clock = JumpingClock::new();
    let (time, shown) = (Arc::clone(&clock), Arc::clone(&clock));
    let mut limits = Limits::default();
    limits.zones_per_10_minutes = Some(25);
    let simulator = Simulator::builder().token(TOKEN).limits(limits).clock(move || shown.now());
    let bench = bench_with(simulator, |client| client.clock(time).zone_signups(25, Duration::from_mins(10))).await;
    let mut made = 0;
    for number in 0..60 {
        let name = format!("queued{number}-shop.com").parse().unwrap();
        while let Err(error) = bench.domains.create_zone(&within(&clock, Duration::from_secs(30)), &name).await {
            assert_eq!((error.code(), error.is_unclear()), (Code::RateLimited, false), "{error:?}");
            clock.sleep(error.retry_delay().expect("it says until when")).await;
        }
        made += 1;
    }
    assert_eq!((made, bench.simulator.counts().mutating), (60, 60), "each was sent once, none was refused");
}

#[tokio::test]
async fn without_the_budget_the_same_calls_do_meet_429() {
    let clock = JumpingClock::new();
    let (time, shown) = (Arc::clone(&clock), Arc::clone(&clock));
    let mut limits = Limits::default();
    limits.calls_per_5_minutes = Some(12);
    let simulator = Simulator::builder().token(TOKEN).limits(limits).clock(move || shown.now());
    let bench = bench_with(simulator, |client| client.clock(time).unlimited()).await;
    let mut throttled = 0;
    for _ in 0..45 {
        throttled += u32::from(bench.domains.find_zone(&"storex.com".parse().unwrap()).await.is_err());
    }
    let statuses = bench.simulator.counts().statuses;
    assert!(throttled > 0 && statuses.contains_key(&429), "the control of the test above: {statuses:?}");
}
