//! The same calls as Python makes, made from Rust: the floor of the figures.

use crate::assembly::Opened;
use crate::call::{Answer, Call, Outcome};
use crate::embedded::use_case;
use serde_json::json;
use storex_core::{Code, Error};
use storex_fakes::World;

/// Longest wait for one store, in seconds.
const LONGEST: std::time::Duration = std::time::Duration::from_mins(1);

impl Opened {
    /// Looks at a store so many times one after another, or creates so many stores and waits for each; answers the seconds it took by the world's clock.
    pub(crate) async fn measure(&self, world: &World, call: &Call) -> Outcome {
        let count = call.whole_number("count")?;
        let began = world.clock().now();
        for number in 0..count {
            match call.text("what") {
                Some("get") => drop(use_case(&self.controller, &Call::named("stores.get", &call.id)).await?),
                Some("create") => self.create(number).await?,
                _ => return Err(Error::new(Code::Internal, "what is measured is get or create").into()),
            }
        }
        let took = world.clock().now().duration_since(began);
        Answer::of(&json!({ "seconds": took.as_secs_f64() }))
    }

    async fn create(&self, number: usize) -> Outcome<()> {
        let details = json!({ "owner": "John Smith", "email": "john@example-mail.com" });
        let document = json!({ "username": format!("rust-{number}"), "domain": null, "storeDetails": details });
        let create = Call { body: Some(document.to_string()), ..Call::named("stores.create", "") };
        let id = use_case(&self.controller, &create).await?.operation.unwrap_or_default();
        let view = self.controller.wait_operation(&id.parse()?, LONGEST).await?;
        if view.done { Ok(()) } else { Err(Error::new(Code::Timeout, format!("{id} does not end")).into()) }
    }
}
