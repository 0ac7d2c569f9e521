//! The budget under virtual time.

mod property;

use super::*;
use futures::future::join_all;
use std::time::Duration;
use storex_fakes::MemoryClock;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_mins(1);

/// A budget of so many calls, and further limits as usual.
fn budget(calls: usize, window: Duration) -> (Arc<MemoryClock>, Budget) {
    let clock = Arc::new(MemoryClock::new());
    let rates = Rates { calls: Limit::new(calls, window), ..Rates::default() };
    (Arc::clone(&clock), Budget::new(clock, Some(rates)))
}

async fn go(budget: &Budget) {
    drop(budget.admit(Lane::Interactive, Quota::Calls, None).await.expect("waits instead of failing"));
}

fn headers(lines: &[(&str, &str)]) -> RateHeaders {
    let mut map = reqwest::header::HeaderMap::new();
    for (name, value) in lines {
        let name: reqwest::header::HeaderName = name.parse().expect("a name");
        map.append(name, value.parse().expect("a value"));
    }
    RateHeaders::read(&map)
}

#[tokio::test(start_paused = true)]
async fn no_window_of_five_minutes_ever_holds_more_calls_than_the_budget() {
    let (clock, budget) = budget(CALLS.calls, CALLS.window);
    let admitted = Mutex::new(Vec::new());
    // Bursts that arrive at odd moments, the first two over the budget on their own.
    let bursts = [(0_u64, 1_500_u64), (7, 1_300), (450, 600), (611, 1_081)];
    join_all(bursts.iter().flat_map(|(after, count)| (0..*count).map(move |_| *after)).map(|after| {
        let (clock, budget, admitted) = (&clock, &budget, &admitted);
        async move {
            clock.sleep(Duration::from_secs(after)).await;
            go(budget).await;
            admitted.lock().unwrap().push(clock.now());
        }
    }))
    .await;
    let mut times = admitted.into_inner().unwrap();
    times.sort();
    assert_eq!(times.len(), 4_481, "every call was admitted");
    for limit in [CALLS, BURST] {
        for pair in times.windows(limit.calls + 1) {
            assert!(remaining(pair[0], pair[limit.calls]) >= limit.window, "{} and {}", pair[0], pair[limit.calls]);
        }
    }
    let total = remaining(times[0], times[4_480]);
    assert!(total <= CALLS.window * 5, "it waits no longer than it must: {total:?}");
}

#[tokio::test(start_paused = true)]
async fn a_call_whose_turn_comes_after_its_deadline_is_refused_at_once_and_told_when() {
    let (clock, budget) = budget(2, MINUTE * 5);
    let start = clock.now();
    go(&budget).await;
    go(&budget).await;
    let by = |seconds| Some(start + Duration::from_secs(seconds));
    let error = budget.admit(Lane::Interactive, Quota::Calls, by(299)).await.expect_err("no room before the deadline");
    assert_eq!((error.code(), error.is_unclear(), error.retry_delay()), (Code::RateLimited, false, Some(MINUTE * 5)));
    assert_eq!(clock.now(), start, "it did not wait to find out");
    drop(budget.admit(Lane::Interactive, Quota::Calls, by(301)).await.expect("its turn comes in time"));
    assert_eq!(remaining(start, clock.now()), MINUTE * 5);
}

#[tokio::test(start_paused = true)]
async fn whoever_stands_further_back_is_told_a_later_time() {
    let (clock, budget) = budget(2, MINUTE);
    let start = clock.now();
    let line = (0..6).map(|_| go(&budget));
    let late = async {
        tokio::task::yield_now().await;
        let error = budget.admit(Lane::Interactive, Quota::Calls, Some(start + MINUTE)).await.expect_err("four stand before it");
        assert_eq!((error.retry_delay(), clock.now()), (Some(MINUTE * 3), start));
    };
    tokio::join!(join_all(line), late);
    assert_eq!(remaining(start, clock.now()), MINUTE * 2, "and it holds up nobody");
}

#[tokio::test(start_paused = true)]
async fn a_waiter_that_goes_away_gives_its_place_back() {
    let (clock, budget) = budget(1, MINUTE);
    let start = clock.now();
    go(&budget).await;
    let gone = tokio::time::timeout(SECOND * 10, budget.admit(Lane::Interactive, Quota::Calls, None));
    let behind = async {
        tokio::task::yield_now().await;
        go(&budget).await;
        assert_eq!(remaining(start, clock.now()), MINUTE, "the place of the one that went away");
    };
    let (gone, ()) = tokio::join!(gone, behind);
    assert!(gone.is_err(), "it went away");
    // One that was let through and is dropped before it looks gives its call back as well.
    let (clock, budget) = self::budget(1, MINUTE);
    let start = clock.now();
    go(&budget).await;
    let mut first = Box::pin(budget.admit(Lane::Interactive, Quota::Calls, None));
    assert!(futures::poll!(first.as_mut()).is_pending());
    let mut second = Box::pin(budget.admit(Lane::Interactive, Quota::Calls, None));
    assert!(futures::poll!(second.as_mut()).is_pending());
    tokio::time::advance(MINUTE).await;
    assert!(futures::poll!(second.as_mut()).is_pending(), "it lets the first through");
    drop(first);
    drop(second.await.expect("the first one's call"));
    assert_eq!(remaining(start, clock.now()), MINUTE);
}

#[tokio::test(start_paused = true)]
async fn after_a_pause_was_asked_nothing_is_admitted_until_it_is_over() {
    let (clock, budget) = budget(CALLS.calls, CALLS.window);
    let start = clock.now();
    budget.close(MINUTE * 2);
    budget.close(SECOND * 5);
    let background = async { drop(budget.admit(Lane::Background, Quota::Calls, None).await.expect("waits")) };
    let signup = async { drop(budget.admit(Lane::Interactive, Quota::ZoneSignup, None).await.expect("waits")) };
    tokio::join!(go(&budget), background, signup);
    assert_eq!(remaining(start, clock.now()), MINUTE * 2, "a shorter pause does not shorten a longer one");
}

#[tokio::test(start_paused = true)]
async fn a_pause_that_comes_while_somebody_waits_refuses_it_when_its_deadline_is_earlier() {
    let (clock, budget) = budget(1, MINUTE);
    let start = clock.now();
    go(&budget).await;
    let waiting = async {
        let error = budget.admit(Lane::Interactive, Quota::Calls, Some(start + MINUTE * 2)).await.expect_err("closed meanwhile");
        assert_eq!((error.retry_delay(), remaining(start, clock.now())), (Some(MINUTE * 5), SECOND * 7));
    };
    let closing = async {
        clock.sleep(SECOND * 7).await;
        budget.close(MINUTE * 5);
    };
    tokio::join!(waiting, closing);
}

#[tokio::test(start_paused = true)]
async fn zones_and_certificates_have_budgets_of_their_own_that_hold_up_nothing_else() {
    for (quota, limit) in [
        (Quota::ZoneSignup, ZONE_SIGNUPS),
        (Quota::HostnameCertificate, CERTIFICATES),
        // Fewer than a second holds of calls of all kinds.
        (Quota::Analytics, Limit::new(QUERIES.calls / 10, QUERIES.window)),
    ] {
        let clock = Arc::new(MemoryClock::new());
        let queries = Limit::new(QUERIES.calls / 10, QUERIES.window);
        let rates = Rates { calls: CALLS, queries, ..Rates::default() };
        let budget = Budget::new(Arc::<MemoryClock>::clone(&clock), Some(rates));
        let (clock, budget) = (&*clock, &budget);
        let start = clock.now();
        let draw = |deadline| async move { budget.admit(Lane::Interactive, quota, deadline).await.map(drop) };
        join_all((0..limit.calls).map(|_| draw(None))).await;
        assert_eq!(clock.now(), start, "{quota:?}");
        let error = draw(Some(start + SECOND * 30)).await.expect_err("one too many");
        assert_eq!((error.code(), error.retry_delay()), (Code::RateLimited, Some(limit.window)), "{quota:?}");
        let queued = async {
            draw(None).await.expect("it waits");
            assert_eq!(remaining(start, clock.now()), limit.window, "{quota:?}");
        };
        let others = async {
            tokio::task::yield_now().await;
            go(budget).await;
            assert_eq!(clock.now(), start, "whoever waits for its own quota is in nobody's way");
        };
        tokio::join!(queued, others);

        budget.close_quota(quota, MINUTE * 20);
        let paused = clock.now();
        go(budget).await;
        assert_eq!(clock.now(), paused, "nor is its pause");
        draw(None).await.expect("it waits");
        assert_eq!(remaining(paused, clock.now()), MINUTE * 20);
    }
}

#[tokio::test(start_paused = true)]
async fn somebody_who_waits_goes_before_a_sweep_that_came_earlier() {
    let (clock, budget) = budget(2, MINUTE);
    let (clock, budget) = (&*clock, &budget);
    let (order, start) = (&Mutex::new(Vec::new()), clock.now());
    go(budget).await;
    go(budget).await;
    clock.sleep(SECOND * 10).await;
    let line = [Lane::Background, Lane::Background, Lane::Interactive, Lane::Interactive].into_iter().enumerate();
    join_all(line.map(|(number, lane)| async move {
        for _ in 0..number {
            tokio::task::yield_now().await;
        }
        drop(budget.admit(lane, Quota::Calls, None).await.expect("waits"));
        order.lock().unwrap().push((remaining(start, clock.now()), number));
    }))
    .await;
    let mut order = std::mem::take(&mut *order.lock().unwrap());
    order.sort_unstable();
    // A sweep may take half of the budget only, hence one a minute.
    assert_eq!(order, [(MINUTE, 2), (MINUTE, 3), (MINUTE * 2, 0), (MINUTE * 3, 1)]);
}

#[tokio::test(start_paused = true)]
async fn sweeps_take_half_of_the_budget_at_most() {
    let (clock, budget) = budget(100, MINUTE * 5);
    let (clock, budget) = (&*clock, &budget);
    let start = clock.now();
    let sweep = || async move { drop(budget.admit(Lane::Background, Quota::Calls, None).await.expect("waits")) };
    join_all((0..50).map(|_| sweep())).await;
    assert_eq!(clock.now(), start);
    let sweeping = async {
        sweep().await;
        assert_eq!(remaining(start, clock.now()), MINUTE * 5);
    };
    let user = async {
        join_all((0..50).map(|_| go(budget))).await;
        assert_eq!(clock.now(), start, "there is room for whoever waits");
    };
    tokio::join!(sweeping, user);
}

#[tokio::test(start_paused = true)]
async fn calls_of_others_that_the_headers_tell_of_are_left_room() {
    let (clock, budget) = budget(CALLS.calls, CALLS.window);
    let start = clock.now();
    let told = [("ratelimit", "\"default\";r=130;t=40, \"burst\";r=90;t=1"), ("ratelimit-policy", "\"default\";q=1200;w=300")];
    let answer = budget.admit(Lane::Interactive, Quota::Calls, None).await.unwrap();
    budget.learn(&headers(&told));
    drop(answer);
    for _ in 0..10 {
        go(&budget).await;
    }
    assert_eq!(clock.now(), start, "120 of 1,200 are left to others");
    go(&budget).await;
    assert_eq!(remaining(start, clock.now()), SECOND * 40);
    budget.learn(&headers(&[("ratelimit-policy", "\"burst\";q=10;w=60")]));
    let start = clock.now();
    for _ in 0..9 {
        go(&budget).await;
    }
    assert!(remaining(start, clock.now()) >= SECOND * 20, "nine tenths of a smaller quota, the calls before it counted in");
    let older = [("date", "Wed, 21 Oct 2026 07:28:00 GMT"), ("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "600")];
    let start = clock.now();
    budget.learn(&headers(&older));
    go(&budget).await;
    assert_eq!(remaining(start, clock.now()), MINUTE * 10);
}

#[tokio::test(start_paused = true)]
async fn without_rates_everything_goes_at_once() {
    let clock = Arc::new(MemoryClock::new());
    let budget = Budget::new(Arc::<MemoryClock>::clone(&clock), None);
    let start = clock.now();
    budget.close(MINUTE);
    join_all((0..5_000).map(|_| go(&budget))).await;
    assert_eq!(clock.now(), start);
}
