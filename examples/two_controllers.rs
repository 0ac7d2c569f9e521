//! Two control planes in one process, each on a world of its own. Nothing is global, so neither knows of the other.
//!
//! `cargo run --example two_controllers`
#![expect(clippy::print_stdout, reason = "an example says what it does")]

use serde_json::json;
use std::time::Duration;
use storex_core::{CreateStoreRequest, Result};
use storex_fakes::World;

#[tokio::main]
async fn main() -> Result<()> {
    // A staging and a production platform, say, on different primary domains.
    let (staging, production) = (World::on("staging-shops.com".parse()?)?, World::on("storex.com".parse()?)?);
    let (on_staging, on_production) = (staging.ready_controller().await?, production.ready_controller().await?);

    // The same name is free in both, and both creates run at the same time.
    let request = CreateStoreRequest::from_json(&json!({
        "username": "oceanbreeze",
        "storeDetails": { "owner": "John Smith", "email": "john@oceanbreezestore.com" }
    }))?;
    let (one, other) = tokio::join!(on_staging.create_store(&request), on_production.create_store(&request));
    let ((one, first), (other, second)) = (one?, other?);
    first.success(Duration::from_mins(1)).await?;
    second.success(Duration::from_mins(1)).await?;
    println!("{} and {}", one.domains.system, other.domains.system);

    // Stopping one leaves the other at work.
    on_staging.stop().await;
    on_production.delete_store(&other.store_id).await?.success(Duration::from_mins(1)).await?;
    println!("staging has {} store", on_staging.list_stores(0, None).await?.stores.len());
    println!("production has {} stores", on_production.list_stores(0, None).await?.stores.len());

    // An operation of one is unknown to the other.
    let unknown = on_production.get_operation(&first).await;
    println!("staging's operation on production: {}", unknown.err().map_or("found", |error| error.code().as_str()));
    Ok(())
}
