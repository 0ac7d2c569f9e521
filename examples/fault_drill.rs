//! A drill: the Cloudflare adapter against the simulator, which loses answers, throttles and refuses. After each the world is either as wanted
//! or as before.
//!
//! `cargo run --example fault_drill`
#![expect(clippy::print_stdout, reason = "an example says what it does")]

use serde_json::json;
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;
use storex_cloudflare::{CloudflareAccount, CloudflareClient};
use storex_core::operation::OperationState;
use storex_core::{Clock, Controller, CreateStoreRequest, OperationId, Secret, Settings, SingleHost, SystemClock};
use storex_fakes::cloudflare::{FaultAction, FaultRule, RunningSimulator, Simulator};
use storex_fakes::{MemoryHost, MemoryNotifier, MemoryStores};

const TOKEN: &str = "drill";
const RECORDS: &str = "/zones/{zone}/dns_records/batch";

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let refuse = || FaultAction::answer(403, 9109, "Unauthorized to access requested resource");
    let drills = [
        ("nothing fails", None),
        ("the answer about the new zone is lost", Some(FaultRule::after("POST", "/zones", FaultAction::Reset))),
        ("the new zone arrives twice", Some(FaultRule::before("POST", "/zones", FaultAction::Twice))),
        ("a proxy answers for the zone", Some(FaultRule::before("POST", "/zones", FaultAction::Html))),
        ("the first write is throttled", Some(FaultRule::before("POST", "/zones", FaultAction::RateLimited { retry_after: 1 }))),
        ("half of the answer about the new records is lost", Some(FaultRule::after("POST", RECORDS, FaultAction::Truncated))),
        ("the token may not write records", Some(FaultRule::before("POST", RECORDS, refuse()).times(0))),
    ];
    for (number, (what, rule)) in drills.into_iter().enumerate() {
        println!("{what}: {}", drill(number, rule).await?);
    }
    Ok(())
}

/// Creates a store while the rule strikes, and says how that ended.
async fn drill(number: usize, rule: Option<FaultRule>) -> Result<String, Box<dyn Error>> {
    let simulator = Simulator::builder().primary_domain("storex.com").token(TOKEN).build()?.start_on_loopback().await?;
    let controller = assemble(&simulator).await?;
    controller.ensure_platform("http://localhost:3000").await?;
    let before = zones(&simulator);
    let quiet = rule.is_none();
    if let Some(rule) = rule {
        simulator.add_fault(rule)?;
    }
    let domain = format!("drill{number}-shop.com");
    let request = CreateStoreRequest::from_json(&json!({
        "username": format!("drill{number}"),
        "domain": domain,
        "storeDetails": { "owner": "John Smith", "email": "john@example-mail.com" }
    }))?;
    // A create that fails before it could be answered names its operation in the error.
    let operation: OperationId = match controller.create_store(&request).await {
        Ok((_, operation)) => operation.into(),
        Err(error) => error.context().find(|(key, _)| *key == "operation").ok_or("no operation")?.1.parse()?,
    };
    let end = controller.handle(&operation).wait(Duration::from_mins(2)).await?;
    let struck: u64 = simulator.faults().iter().map(|fault| fault.fired).sum();
    let after = zones(&simulator);
    let sound = match end.state {
        OperationState::Succeeded => after.len() == before.len() + 1 && after.contains(&domain),
        OperationState::RolledBack => after == before && controller.list_stores(0, None).await?.stores.is_empty(),
        _ => false,
    };
    if !sound || (struck == 0 && !quiet) {
        return Err(format!("{:?} after {struck} faults leaves {after:?}", end.state).into());
    }
    Ok(format!("{struck} faults, {:?}, zones {after:?}", end.state))
}

/// A controller over the simulated Cloudflare and a host and documents in memory, with short limits: a drill does not wait for minutes.
async fn assemble(simulator: &RunningSimulator) -> storex_core::Result<Controller> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let client = CloudflareClient::builder()
        .base_url(simulator.base_url())
        .token(Secret::new(TOKEN.to_owned()))
        .loopback_only(true)
        .hard_deadline(Duration::from_secs(2))
        .late_effect_window(Duration::from_millis(300))
        .build()?;
    let primary = "storex.com".parse()?;
    let account = CloudflareAccount::discover(&client, &primary).await?;
    let mut settings = Settings::new(primary);
    settings.first_pause = Duration::from_millis(20);
    settings.longest_pause = Duration::from_millis(200);
    let host = MemoryHost::new("4001-4100".parse()?).with_clock(Arc::clone(&clock));
    Controller::builder()
        .repo(Arc::new(MemoryStores::new(Arc::clone(&clock))))
        .domains(Arc::new(account.domains()))
        .tunnel(Arc::new(account.tunnels()))
        .hosts(Arc::new(SingleHost(Arc::new(host))))
        .notifier(Arc::new(MemoryNotifier::default()))
        .clock(clock)
        .build(settings)
        .await
}

fn zones(simulator: &RunningSimulator) -> Vec<String> {
    simulator.state().zones.iter().map(|zone| zone.name.clone()).collect()
}
