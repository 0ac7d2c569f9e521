//! A `DomainProvider` of your own: it sits the laws every provider must keep, and then carries a create whose calls fail.
//!
//! `cargo run --example custom_dns_provider`
#![expect(clippy::print_stdout, reason = "an example says what it does")]

mod provider;
mod zones;

use provider::OwnDns;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use storex_core::{CreateStoreRequest, DomainProvider, Result};
use storex_fakes::laws::{broken_laws, domain_provider};
use storex_fakes::{Fault, FaultRule, FaultScript, Faulty, When, World};

#[tokio::main]
async fn main() -> Result<()> {
    // 1. The laws. `Faulty` wraps any implementation of a trait; with an empty script it changes nothing.
    let script = FaultScript::new();
    let own: Arc<dyn DomainProvider> = Arc::new(OwnDns::default());
    let faulty: Arc<dyn DomainProvider> = Arc::new(Faulty::new(Arc::clone(&own), script.clone()));
    // Custom hostnames are not served here, so their laws are left out.
    let laws = domain_provider::zone_laws();
    let broken = broken_laws(&laws, &faulty).await;
    for (law, how) in &broken {
        println!("broken: {law} {how}");
    }
    println!("{} of {} laws passed", laws.len() - broken.len(), laws.len());

    // The control: the same provider while every answer to a new zone is lost. If nothing were judged, nothing would fail.
    script.add(FaultRule::next("domains.create_zone", "", When::After, Fault::Unclear).forever());
    println!("with lost answers {} of them fail", broken_laws(&laws, &faulty).await.len());

    // 2. A create over it. The answer to the zone and one to the records are lost: what was made is found again, not made twice.
    let world = World::new()?;
    let own = Arc::new(OwnDns::default());
    own.delegate(&"storex.com".parse()?);
    let provider: Arc<dyn DomainProvider> = Arc::clone(&own) as Arc<dyn DomainProvider>;
    let controller = world.controller_over(provider).await?;
    controller.ensure_platform("http://localhost:3000").await?;
    world.script.add(FaultRule::next("domains.create_zone", "", When::After, Fault::Unclear));
    world.script.add(FaultRule::next("domains.ensure_records", "", When::After, Fault::Undecodable));
    let request = CreateStoreRequest::from_json(&json!({
        "username": "oceanbreeze",
        "domain": "oceanbreezestore.com",
        "storeDetails": { "owner": "John Smith", "email": "john@oceanbreezestore.com" }
    }))?;
    let (created, operation) = controller.create_store(&request).await?;
    operation.success(Duration::from_mins(2)).await?;
    let faults = world.script.rules().iter().filter(|rule| rule.fired > 0).count();
    println!("{faults} calls failed, {} was created: zones {:?}", created.store_id, own.names());

    // 3. And gone again, with everything it had.
    controller.delete_store(&created.store_id).await?.success(Duration::from_mins(2)).await?;
    println!("deleted: zones {:?}", own.names());
    Ok(())
}
