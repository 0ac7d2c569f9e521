//! Random arrivals over hours of virtual time against a model of Cloudflare's limits, with and without the budget.

use super::super::*;
use futures::FutureExt;
use futures::future::join_all;
use jiff::SignedDuration;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use rand::{Arrivals, Call};
use std::collections::VecDeque;
use storex_fakes::MemoryClock;

/// Cloudflare's limits: 1,200 calls in any 300 s, then nothing for 300 s; 200 in any second. Others use the token too.
#[derive(Default)]
struct Model {
    calls: VecDeque<Timestamp>,
    blocked_until: Option<Timestamp>,
    refused: u64,
}

impl Model {
    /// One call arrives; answers the headers.
    fn call(&mut self, now: Timestamp) -> RateHeaders {
        let within = |calls: &VecDeque<Timestamp>, span: SignedDuration| {
            calls.len() - calls.partition_point(|call| now.duration_since(*call) >= span)
        };
        let (five, one) = (SignedDuration::from_mins(5), SignedDuration::from_secs(1));
        while self.calls.front().is_some_and(|oldest| now.duration_since(*oldest) >= five) {
            self.calls.pop_front();
        }
        if self.blocked_until.is_some_and(|until| now < until) || within(&self.calls, one) >= 200 {
            self.refused += 1;
        } else if self.calls.len() >= 1_200 {
            self.refused += 1;
            self.blocked_until = now.checked_add(five).ok();
        } else {
            self.calls.push_back(now);
        }
        let left = 1_200_usize.saturating_sub(self.calls.len());
        let reset = self.calls.front().map_or(0, |oldest| 300 - now.duration_since(*oldest).as_secs());
        super::headers(&[
            ("ratelimit", &format!("\"default\";r={left};t={}", reset.max(1))),
            ("ratelimit-policy", "\"default\";q=1200;w=300"),
        ])
    }
}

mod rand {
    //! Arrivals, made up from a seed.

    use super::{Lane, Prop};
    use std::time::Duration;

    /// One call to come.
    #[derive(Clone, Copy, Debug)]
    pub(super) struct Call {
        pub(super) at: Duration,
        pub(super) lane: Lane,
        /// Time to the server, and for its answer.
        pub(super) travel: Duration,
    }

    pub(super) struct Arrivals {
        pub(super) calls: Vec<Call>,
        /// Calls of others with the same token.
        pub(super) others: Vec<Duration>,
    }

    impl Arrivals {
        /// Hours of traffic: a steady trickle, bursts of users, sweeps. `others` is their calls per minute.
        pub(super) fn made_up(rng: &mut Prop, hours: u64, others: u64) -> Self {
            let end = hours * 3_600_000;
            let mut calls = Vec::new();
            let mut group = |rng: &mut Prop, lane: Lane, at: u64, count: u64, spread: u64| {
                for _ in 0..count {
                    let at = Duration::from_millis(at + rng.below(spread + 1));
                    calls.push(Call { at, lane, travel: Duration::from_millis(20 + rng.below(400)) });
                }
            };
            let mut at = 0;
            while at < end {
                let (count, spread) = (rng.below(700), rng.below(200_000));
                group(rng, Lane::Interactive, at, count, spread);
                if rng.below(3) == 0 {
                    let count = 1_000 + rng.below(1_500);
                    group(rng, Lane::Interactive, at, count, 500);
                }
                let count = rng.below(500);
                group(rng, Lane::Background, at, count, 2_000);
                at += 60_000 + rng.below(600_000);
            }
            calls.sort_by_key(|call| call.at);
            let others = (0..others * hours * 60).map(|_| Duration::from_millis(rng.below(end))).collect();
            Self { calls, others }
        }
    }
}

/// Numbers from a seed.
struct Prop(TestRng);

impl Prop {
    fn below(&mut self, limit: u64) -> u64 {
        if limit == 0 { 0 } else { self.0.next_u64() % limit }
    }
}

/// When one call came and went.
#[derive(Clone, Copy, Debug)]
struct Trace {
    lane: Lane,
    came: Timestamp,
    went: Timestamp,
}

struct Outcome {
    traces: Vec<Trace>,
    refused: u64,
}

/// Sends all calls through the budget, or past it.
async fn run(arrivals: &Arrivals, rates: Option<Rates>, listens: bool) -> Outcome {
    let clock = Arc::new(MemoryClock::new());
    let budget = Budget::new(Arc::<MemoryClock>::clone(&clock), rates);
    let (clock, budget) = (&*clock, &budget);
    let (model, traces) = (&Mutex::new(Model::default()), &Mutex::new(Vec::new()));
    let send = |call: Call| async move {
        clock.sleep(call.at).await;
        let came = clock.now();
        let under_way = budget.admit(call.lane, Quota::Calls, None).await.expect("waits instead of failing");
        traces.lock().unwrap().push(Trace { lane: call.lane, came, went: clock.now() });
        clock.sleep(call.travel / 2).await;
        let headers = model.lock().unwrap().call(clock.now());
        clock.sleep(call.travel / 2).await;
        if listens {
            budget.learn(&headers);
        }
        drop(under_way);
    };
    let other = |at: Duration| async move {
        clock.sleep(at).await;
        drop(model.lock().unwrap().call(clock.now()));
    };
    let ours = arrivals.calls.iter().map(|call| send(*call).boxed_local());
    let others = arrivals.others.iter().map(|at| other(*at).boxed_local());
    join_all(ours.chain(others)).await;
    let traces = std::mem::take(&mut *traces.lock().unwrap());
    let refused = model.lock().unwrap().refused;
    Outcome { traces, refused }
}

/// The most calls in any window of that length.
fn most(traces: &[Trace], window: Duration) -> usize {
    let mut first = 0;
    let times: Vec<Timestamp> = traces.iter().map(|trace| trace.went).collect();
    let in_window = |last: usize| {
        while remaining(times[first], times[last]) >= window {
            first += 1;
        }
        last + 1 - first
    };
    (0..times.len()).map(in_window).max().unwrap_or_default()
}

/// Calls that went before another of the same lane that had come earlier.
fn out_of_order(traces: &[Trace], lane: Lane) -> usize {
    let mut of_lane: Vec<&Trace> = traces.iter().filter(|trace| trace.lane == lane).collect();
    of_lane.sort_by_key(|trace| (trace.went, trace.came));
    let mut latest = Timestamp::MIN;
    let overtaken = |trace: &&&Trace| {
        let before = latest;
        latest = latest.max(trace.came);
        before > trace.came
    };
    of_lane.iter().filter(overtaken).count()
}

/// Background calls that went while somebody waited and had not themselves waited for a whole window.
fn pushed_in(traces: &[Trace]) -> usize {
    let mut users: Vec<&Trace> = traces.iter().filter(|trace| trace.lane == Lane::Interactive).collect();
    users.sort_by_key(|trace| trace.went);
    // The earliest arrival among those that go at this place or later.
    let mut earliest = vec![Timestamp::MAX; users.len() + 1];
    for (index, user) in users.iter().enumerate().rev() {
        earliest[index] = earliest[index + 1].min(user.came);
    }
    let pushes = |sweep: &&Trace| {
        let later = users.partition_point(|user| user.went <= sweep.went);
        earliest[later] < sweep.went && remaining(sweep.came, sweep.went) < CALLS.window
    };
    traces.iter().filter(|trace| trace.lane == Lane::Background).filter(pushes).count()
}

fn longest_wait(traces: &[Trace], lane: Lane) -> Duration {
    let of_lane = traces.iter().filter(|trace| trace.lane == lane);
    of_lane.map(|trace| remaining(trace.came, trace.went)).max().unwrap_or_default()
}

/// The time all of a lane's calls would take if they came at once and only a part of the budget were theirs.
fn bound(calls: usize, part: usize) -> Duration {
    let windows = calls.div_ceil(CALLS.calls / part) + 2;
    CALLS.window * u32::try_from(windows).unwrap_or(u32::MAX)
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().expect("a runtime")
}

#[test]
fn whatever_arrives_cloudflare_never_answers_429_and_nobody_starves() {
    let sum = Mutex::new(Sum::default());
    let mut runner = TestRunner::new_with_rng(
        Config { failure_persistence: None, max_shrink_iters: 0, ..Config::with_cases(4) },
        TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]),
    );
    let ran = runner.run(&(any::<[u8; 32]>(), 0_u64..80), |(seed, others)| {
        let mut rng = Prop(TestRng::from_seed(RngAlgorithm::ChaCha, &seed));
        let arrivals = Arrivals::made_up(&mut rng, 2, others);
        let kept = runtime().block_on(run(&arrivals, Some(Rates::default()), true));
        let free = runtime().block_on(run(&arrivals, None, true));
        prop_assert_eq!(kept.traces.len(), arrivals.calls.len(), "every call went");
        prop_assert_eq!(kept.refused, 0, "answers with 429");
        prop_assert!(most(&kept.traces, CALLS.window) <= CALLS.calls && most(&kept.traces, BURST.window) <= BURST.calls);
        prop_assert_eq!(out_of_order(&kept.traces, Lane::Interactive) + out_of_order(&kept.traces, Lane::Background), 0);
        prop_assert_eq!(pushed_in(&kept.traces), 0);
        let (users, sweeps) = (longest_wait(&kept.traces, Lane::Interactive), longest_wait(&kept.traces, Lane::Background));
        let of = |lane: Lane| kept.traces.iter().filter(|trace| trace.lane == lane).count();
        prop_assert!(users <= bound(of(Lane::Interactive), 2), "{users:?}");
        prop_assert!(sweeps <= bound(of(Lane::Background), 10), "{sweeps:?}");
        let mut sum = sum.lock().unwrap();
        sum.calls += kept.traces.len();
        sum.refused += kept.refused;
        sum.refused_without += free.refused;
        sum.fullest = sum.fullest.max(most(&kept.traces, CALLS.window));
        sum.waits = (sum.waits.0.max(users), sum.waits.1.max(sweeps));
        Ok(())
    });
    ran.expect("the budget holds");
    let Sum { calls, refused, refused_without, fullest, waits: (users, sweeps) } = sum.into_inner().unwrap();
    println!(
        "{calls} calls over 8 h of virtual time: {refused} answered 429, at most {fullest} in any 300 s, longest waits {} s (users) and {} s (sweeps); \
         without the budget {refused_without} answered 429",
        users.as_secs(),
        sweeps.as_secs()
    );
    assert!(refused_without > 0, "the control");
    assert_eq!(fullest, CALLS.calls, "the budget was used to the full");
}

/// What all runs came to.
#[derive(Default)]
struct Sum {
    calls: usize,
    refused: u64,
    refused_without: u64,
    fullest: usize,
    waits: (Duration, Duration),
}

#[test]
fn a_sweep_goes_on_while_users_ask_for_more_than_there_is() {
    let call = |millis: u64, lane| Call { at: Duration::from_millis(millis), lane, travel: Duration::from_millis(50) };
    // Five users' calls a second where there is room for 3.6, for four hours, and a sweep of a hundred.
    let users = (0..4 * 3_600 * 5).map(|number| call(number * 200, Lane::Interactive));
    let sweep = (0..100).map(|_| call(600_000, Lane::Background));
    let mut calls: Vec<Call> = users.chain(sweep).collect();
    calls.sort_by_key(|call| call.at);
    let outcome = runtime().block_on(run(&Arrivals { calls, others: Vec::new() }, Some(Rates::default()), true));
    let sweeps = longest_wait(&outcome.traces, Lane::Background);
    println!("a sweep among users who ask for 139 % of the budget waits at most {} s", sweeps.as_secs());
    assert_eq!((outcome.refused, pushed_in(&outcome.traces)), (0, 0));
    assert!(sweeps >= CALLS.window && sweeps <= CALLS.window * 3, "{sweeps:?}");
}

#[test]
fn deaf_to_the_headers_the_same_budget_meets_429_when_others_use_the_token() {
    let mut rng = Prop(TestRng::from_seed(RngAlgorithm::ChaCha, &[3; 32]));
    let arrivals = Arrivals::made_up(&mut rng, 1, 60);
    let refused = [true, false].map(|listens| runtime().block_on(run(&arrivals, Some(Rates::default()), listens)).refused);
    println!("others send 60 calls a minute: {} answered 429; deaf to the headers {}", refused[0], refused[1]);
    assert!(refused[0] == 0 && refused[1] > 0, "{refused:?}");
}

#[test]
fn the_checks_find_what_they_are_there_to_find() {
    let start = MemoryClock::new().now();
    let at = |second: u64| start + Duration::from_secs(second);
    let trace = |lane, came, went| Trace { lane, came: at(came), went: at(went) };
    let user = |came, went| trace(Lane::Interactive, came, went);
    let sweep = |came, went| trace(Lane::Background, came, went);
    assert_eq!(out_of_order(&[user(1, 3), user(0, 4), user(2, 4)], Lane::Interactive), 1);
    assert_eq!(out_of_order(&[user(1, 3), user(0, 3), user(2, 4)], Lane::Interactive), 0, "at the same moment");
    assert_eq!(pushed_in(&[sweep(0, 5), user(1, 6)]), 1);
    assert_eq!(pushed_in(&[sweep(0, 300), user(1, 301)]), 0, "it had waited for a whole window");
    assert_eq!(pushed_in(&[user(1, 5), sweep(0, 5)]), 0);
    assert_eq!(most(&[user(0, 0), user(0, 299), user(0, 300)], CALLS.window), 2);
}
