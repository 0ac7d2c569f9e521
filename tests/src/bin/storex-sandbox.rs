//! A controller over a world in memory, behind its REST API on loopback: what tests of remote clients talk to. Prints one line of JSON (`url`,
//! `token`) when it is ready and ends when its standard input does.
//!
//! Beside the API, without a token, `/__world` lets a test meddle: `POST faults` with a rule, `DELETE faults`, `GET traces`.

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use std::sync::Arc;
use storex_core::{Entropy, EntropyExt, SystemEntropy};
use storex_fakes::{FaultRule, World};
use storex_server::{ApiToken, router, serve};
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;

/// What ends the program early.
type Failure = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main(worker_threads = 2)]
async fn main() -> Result<(), Failure> {
    let world = Arc::new(World::new()?);
    let controller = world.ready_controller().await?;
    let entropy: &dyn Entropy = &SystemEntropy;
    let token = format!("stx_{}", entropy.hex(32)?);
    let api = router(controller.clone(), token.parse::<ApiToken>()?).merge(levers(Arc::clone(&world)));
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    announce(&serde_json::json!({ "url": format!("http://{}", listener.local_addr()?), "token": token }));
    tokio::select! {
        () = serve(listener, api, std::future::pending()) => {}
        () = controller.run_outbox() => {}
        () = controller.run_recovery() => {}
        () = until_input_ends() => {}
    }
    controller.stop().await;
    Ok(())
}

#[expect(clippy::print_stdout, reason = "the one line its starter waits for")]
fn announce(line: &serde_json::Value) {
    println!("{line}");
}

async fn until_input_ends() {
    let mut buffer = [0; 256];
    while tokio::io::stdin().read(&mut buffer).await.is_ok_and(|read| read > 0) {}
}

fn levers(world: Arc<World>) -> Router {
    Router::new().route("/__world/faults", post(add).delete(clear)).route("/__world/traces", get(traces)).with_state(world)
}

async fn add(State(world): State<Arc<World>>, Json(rule): Json<FaultRule>) -> StatusCode {
    world.script.add(rule);
    StatusCode::CREATED
}

async fn clear(State(world): State<Arc<World>>) -> StatusCode {
    world.script.clear();
    StatusCode::NO_CONTENT
}

async fn traces(State(world): State<Arc<World>>) -> Json<Vec<String>> {
    Json(world.store_traces())
}
