//! The live suite holds on the simulator and leaves nothing, also when it fails in the middle.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test ends where it cannot go on")]

use serde_json::Value;
use storex_cloudflare::CloudflareClient;
use storex_core::Secret;
use storex_fakes::cloudflare::{FaultAction, FaultRule, RunningSimulator, Simulator};
use storex_tests::live::{Live, fresh_run, plan};

const TOKEN: &str = "simulated";

async fn simulator() -> RunningSimulator {
    let builder = Simulator::builder().primary_domain("storex.com").token(TOKEN);
    builder.build().unwrap().start_on_loopback().await.unwrap()
}

async fn live(simulator: &RunningSimulator) -> Live {
    let base = format!("http://{}/client/v4", simulator.address());
    let client = CloudflareClient::builder().base_url(base).loopback_only(true).token(Secret::new(TOKEN.to_owned()));
    Live::prepare(client.build().unwrap(), &"storex.com".parse().unwrap(), &fresh_run().unwrap()).await.unwrap()
}

/// Records of a zone and tunnels that a run left in the account.
fn left(simulator: &RunningSimulator) -> usize {
    let state = serde_json::to_value(simulator.state()).unwrap();
    let zones = state["zones"].as_array().unwrap();
    let records = zones.iter().flat_map(|zone| zone["records"].as_array().unwrap()).filter(|record| is_of_a_run(&record["name"]));
    let tunnels = state["tunnels"].as_array().unwrap().iter().filter(|tunnel| tunnel["deleted_at"].is_null());
    records.count() + tunnels.filter(|tunnel| is_of_a_run(&tunnel["name"])).count()
}

fn is_of_a_run(name: &Value) -> bool {
    name.as_str().unwrap().starts_with("storex-live-")
}

#[tokio::test]
async fn the_live_suite_holds_and_leaves_nothing() {
    let simulator = simulator().await;
    let mut said = Vec::new();
    live(&simulator).await.run(&mut said).await.unwrap();
    assert_eq!(said.len(), 4, "{said:?}");
    assert_eq!(said.last().unwrap(), "0 things were left to remove at the end");
    assert_eq!(left(&simulator), 0);
    assert_eq!(plan(&"storex.com".parse().unwrap(), "0a1b2c3d").len(), 2);
}

/// Every call of the suite is refused once: the suite says so and leaves nothing. Without its sweep, things are left.
#[tokio::test]
async fn a_live_suite_that_fails_in_the_middle_leaves_nothing() {
    let simulator = simulator().await;
    let whole = live(&simulator).await;
    simulator.clear_calls();
    whole.run(&mut Vec::new()).await.unwrap();
    let calls = simulator.calls().len();
    let (mut failed, mut swept, mut unswept) = (0, 0, 0);
    for nth in 1..=calls {
        for sweeps in [true, false] {
            // An account of its own for each: the calls of all of them are more than one may send in a minute.
            let simulator = self::simulator().await;
            let live = live(&simulator).await;
            let refusal = FaultAction::answer(403, 10000, "Authentication error");
            let rule = FaultRule::before("*", "/", refusal).nth(u64::try_from(nth).unwrap());
            simulator.add_fault(rule).unwrap();
            let mut said = Vec::new();
            let outcome = if sweeps { live.run(&mut said).await } else { live.all(&mut said).await };
            failed += usize::from(outcome.is_err());
            let left = left(&simulator);
            assert!(left == 0 || !sweeps || outcome.is_err(), "call {nth}: {left} left and nothing said");
            unswept += if sweeps { 0 } else { left };
            swept += if sweeps { left } else { 0 };
        }
    }
    println!("live suite: {failed} of {} runs failed, {swept} things left; control without the sweep: {unswept} left", calls * 2);
    assert!(failed > calls && swept == 0 && unswept > 0);
}
