//! A control plane in a program of yours, in one line: create a store, wait for it, list, delete. Everything is in memory.
//!
//! `cargo run --example embed`
#![expect(clippy::print_stdout, reason = "an example says what it does")]

use serde_json::json;
use std::time::Duration;
use storex_core::{CreateStoreRequest, Result};

#[tokio::main]
async fn main() -> Result<()> {
    // The twins of every provider, and a platform that stands. In production `Controller::builder()` takes the real ones.
    let controller = storex_fakes::sandbox().await?;

    // Input is parsed once; what is wrong with it is told with a JSON pointer.
    let request = CreateStoreRequest::from_json(&json!({
        "username": "oceanbreeze",
        "domain": "oceanbreezestore.com",
        "storeDetails": { "owner": "John Smith", "email": "john@oceanbreezestore.com", "plan": "professional" }
    }))?;

    // Answers once the names are claimed and the intent is durable. The operation goes on by itself.
    let (created, operation) = controller.create_store(&request).await?;
    println!("created {}: {}", created.store_id, created.domains.system);
    println!("name servers for the registrar: {}", created.configuration.nameservers.join(", "));

    // The handle waits for it; dropping the handle would change nothing.
    operation.success(Duration::from_mins(1)).await?;
    let store = controller.get_store(&created.store_id).await?;
    println!("{} is {:?}", store.created.store_id, store.state);

    let page = controller.list_stores(0, None).await?;
    println!("{} store in the list", page.stores.len());

    let deletion = controller.delete_store(&created.store_id).await?;
    deletion.success(Duration::from_mins(1)).await?;
    println!("deleted; {} stores left", controller.list_stores(0, None).await?.stores.len());
    Ok(())
}
