//! `storex plan`.

use super::args::{PlanCommand, PlanCreateArgs, PlanDeleteArgs};
use super::connection::connect;
use super::failure::Outcome;
use super::http::segment;
use super::show;
use super::store::request;
use super::streams::Streams;
use crate::Environment;

pub(super) async fn run(command: PlanCommand, environment: &Environment, streams: &mut Streams) -> Outcome {
    let plan = match command {
        PlanCommand::Create(PlanCreateArgs { store, connection }) => {
            connect(&connection, environment)?.post("/api/stores?dry_run=true", &request(&store), None).await?
        }
        PlanCommand::Delete(PlanDeleteArgs { id, connection }) => {
            let path = format!("/api/stores/{}?dry_run=true", segment(&id));
            connect(&connection, environment)?.delete(&path, None).await?
        }
    };
    streams.answer(&plan.body, || Ok(show::plan(&plan.body)))
}
