//! What a test does to its sandbox: faults, a look at what is left, messages, time.

use crate::assembly::Opened;
use crate::call::{Answer, Call, Outcome};
use serde_json::json;
use std::time::Duration;
use storex_core::{Code, Error, Page, Query, Table};
use storex_fakes::{Allowance, FaultRule, Sentinels, World};

/// Documents of a table that are looked at for what is left behind.
const LOOKED_AT: usize = 1000;

impl Opened {
    /// Carries out a call about the sandbox itself.
    pub(crate) async fn sandbox(&self, what: &str, call: &Call) -> Outcome {
        let Some(world) = &self.world else {
            return Err(Error::new(Code::Unsupported, "this engine is no sandbox").into());
        };
        match what {
            "faults" => Answer::of(&world.script.rules()),
            "fault" => {
                world.script.add(rule(call)?);
                Answer::of(&json!({}))
            }
            "clear" => {
                world.script.clear();
                Answer::of(&json!({}))
            }
            "calls" => Answer::of(&world.script.history()),
            "traces" => Answer::of(&self.traces(world).await?),
            "judge" if self.documents.is_some() => {
                Err(Error::new(Code::Unsupported, "promises are judged by the documents in memory").into())
            }
            "judge" => Answer::of(&world.judge(Allowance::default()).await),
            "measure" => self.measure(world, call).await,
            "now" => Answer::of(&world.clock().now()),
            "elapse" => {
                world.clock().sleep(Duration::from_secs(u64::try_from(call.whole_number("seconds")?).unwrap_or(u64::MAX))).await;
                Answer::of(&world.clock().now())
            }
            "messages" => {
                self.controller.deliver_due().await?;
                Answer::of(&world.notifier.delivered())
            }
            _ => meddle(world, what, call),
        }
    }

    /// What belongs to stores: zones that a test put there do not.
    async fn traces(&self, world: &World) -> Result<Vec<String>, Error> {
        let foreign: Vec<String> = world.wires.sentinels().zones.iter().map(|zone| format!("zone {}", zone.name)).collect();
        let mut traces = world.store_traces();
        if let Some(repo) = &self.documents {
            for table in Table::ALL.iter().filter(|table| !matches!(table, Table::Operations | Table::Platform)) {
                let rows = repo.list(*table, &Query::All, &Page::first(LOOKED_AT)).await?.rows;
                traces.extend(rows.iter().map(|row| format!("document {table}/{}", row.id)));
            }
        }
        traces.retain(|trace| !foreign.contains(trace));
        Ok(traces)
    }
}

fn rule(call: &Call) -> Result<FaultRule, Error> {
    serde_json::from_value(call.document()?).map_err(|error| Error::new(Code::InvalidField, format!("this is no fault: {error}")))
}

/// What happens in the world beside storex.
fn meddle(world: &World, what: &str, call: &Call) -> Outcome {
    match what {
        "silence" => world.host.silence(&call.id),
        "unsilence" => world.host.unsilence(&call.id),
        "foreign_zone" => {
            let zone = world.domains.insert_foreign_zone(&call.id.parse()?);
            // Whoever changes it is found out.
            world.wires.guard(Sentinels { zones: vec![zone], ..Sentinels::default() });
        }
        "activate" => {
            let zone = world.domains.zones().into_iter().find(|zone| zone.name.as_str() == call.id);
            let zone = zone.ok_or_else(|| Error::new(Code::NotFound, format!("there is no zone {}", call.id)))?;
            world.domains.activate(&zone.id)?;
        }
        _ => return Err(Error::new(Code::Internal, format!("a sandbox cannot {what}")).into()),
    }
    Answer::of(&json!({}))
}
