//! Operations as handles: one is watched to its end, one fails and is rolled back, one is cancelled on its way.
//!
//! `cargo run --example watch_operations`
#![expect(clippy::print_stdout, reason = "an example says what it does")]

use serde_json::json;
use std::time::Duration;
use storex_core::{Code, Controller, CreateStoreRequest, OperationEvent, OperationHandle, Result};
use storex_fakes::{Fault, FaultRule, When, World};

#[tokio::main]
async fn main() -> Result<()> {
    // A world of its own instead of `sandbox()`, because it is to fail by script.
    let world = World::new()?;
    let controller = world.ready_controller().await?;

    println!("== one that succeeds");
    let operation = create(&controller, "oceanbreeze").await?;
    watch(&operation).await?;

    println!("== one whose process cannot be started: everything it made is removed again");
    world.script.add(FaultRule::next("host.apply", "process", When::Before, Fault::Refuse(Code::HostRefused)).forever());
    let operation = create(&controller, "mountainpeak").await?;
    watch(&operation).await?;
    // The same as a result, for code that only wants to know whether it worked.
    let failure = operation.success(Duration::ZERO).await;
    println!("success(): {}", failure.err().map_or("yes", |error| error.code().as_str()));
    world.script.clear();

    println!("== one that is cancelled while the host does not answer");
    world.script.add(FaultRule::next("host.apply", "", When::Before, Fault::Hold));
    let operation = create(&controller, "cedarforest").await?;
    operation.cancel().await?;
    world.script.clear();
    watch(&operation).await?;

    println!("stores left: {}", controller.list_stores(0, None).await?.stores.len());
    Ok(())
}

async fn create(controller: &Controller, username: &str) -> Result<OperationHandle> {
    let request = CreateStoreRequest::from_json(&json!({
        "username": username,
        "storeDetails": { "owner": "John Smith", "email": "john@example-mail.com" }
    }))?;
    match controller.create_store(&request).await {
        Ok((_, operation)) => Ok(operation),
        // One that fails before it could be answered names its operation in the error.
        Err(error) => {
            let id = error.context().find(|(key, _)| *key == "operation").map(|(_, id)| id.to_owned());
            Ok(controller.handle(&id.ok_or(error)?.parse()?))
        }
    }
}

/// Prints what becomes of the operation. The stream begins with where it is and ends with how it ended, however late it is asked for.
async fn watch(operation: &OperationHandle) -> Result<()> {
    let mut events = operation.events();
    while let Some(event) = events.next().await {
        match event? {
            OperationEvent::Ended { operation } => println!("{} {}: {:?}", operation.kind, operation.label, operation.state),
            event => println!("  {event}"),
        }
    }
    Ok(())
}
