//! Following an operation until it is at rest.

use super::args::WaitArgs;
use super::failure::{Failure, Outcome};
use super::http::{Client, segment};
use super::progress::Progress;
use super::streams::Streams;
use crate::Problem;
use serde::Deserialize;
use serde_json::Value;
use std::time::Duration;
use storex_core::operation::{OperationState, OperationView};
use storex_core::{Code, Error};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Time the server holds one question, in seconds: how often progress is told.
const ONE_QUESTION: u64 = 1;
/// Pause between two questions; the server may answer at once.
const PAUSE: Duration = Duration::from_millis(200);
/// How many times in a row the server may be unreachable, as while it starts again.
const PATIENCE: u32 = 30;
/// Pause after it was unreachable.
const UNREACHABLE_PAUSE: Duration = Duration::from_secs(1);

/// Follows the operation and tells its progress on standard error. Answers its last document once it succeeded.
///
/// # Errors
/// `rolled_back` (10) and `poisoned` (11) with the operation's own error; 8 when the time is over; 130 and 143 after a signal, which detaches from the
/// operation and never stops it.
pub(super) async fn follow(client: &Client, id: &str, wait: &WaitArgs, streams: &mut Streams) -> Outcome<Value> {
    let mut interrupt = listen(SignalKind::interrupt())?;
    let mut terminate = listen(SignalKind::terminate())?;
    let limit = wait.timeout.map_or(Duration::MAX, Duration::from_secs);
    let detached = |exit| Err(Failure::Detached { exit, operation: id.to_owned() });
    tokio::select! {
        biased;
        _ = interrupt.recv() => detached(130),
        _ = terminate.recv() => detached(143),
        rested = tokio::time::timeout(limit, until_rest(client, id, streams)) => rested.unwrap_or_else(|_| Err(Failure::pending(id))),
    }
}

fn listen(kind: SignalKind) -> Outcome<Signal> {
    signal(kind).map_err(|error| Error::new(Code::Internal, format!("signals cannot be heard: {error}")).into())
}

async fn until_rest(client: &Client, id: &str, streams: &mut Streams) -> Outcome<Value> {
    let path = format!("/api/operations/{}?wait={ONE_QUESTION}", segment(id));
    let mut progress = Progress::default();
    let mut unreachable = 0;
    loop {
        match client.get(&path).await {
            Ok(answer) => {
                unreachable = 0;
                let view = view(&answer.body)?;
                for line in progress.news(&view) {
                    streams.note(&line);
                }
                if view.done {
                    return judge(answer.body, &view);
                }
                tokio::time::sleep(PAUSE).await;
            }
            Err(failure) if unreachable < PATIENCE && is_passing(&failure) => {
                unreachable += 1;
                tokio::time::sleep(UNREACHABLE_PAUSE).await;
            }
            Err(failure) => return Err(failure),
        }
    }
}

/// The operation of a document.
///
/// # Errors
/// `unavailable` when it is none.
pub(super) fn view(document: &Value) -> Outcome<OperationView> {
    let unreadable =
        |error| Error::new(Code::Unavailable, format!("the answer is no operation this version can read: {error}")).into();
    OperationView::deserialize(document).map_err(unreadable)
}

fn is_passing(failure: &Failure) -> bool {
    failure.problem().is_some_and(|problem| matches!(Code::parse(&problem.code), Some(Code::Unavailable | Code::Timeout)))
}

fn judge(document: Value, view: &OperationView) -> Outcome<Value> {
    match view.state {
        OperationState::RolledBack => Err(ended(Code::RolledBack, view)),
        OperationState::Poisoned => Err(ended(Code::Poisoned, view)),
        _ => Ok(document),
    }
}

/// How the operation ended, told by the error that made it end.
fn ended(code: Code, view: &OperationView) -> Failure {
    let cause = view.error.clone();
    let detail = cause.as_ref().map_or_else(|| code.entry().title.to_owned(), |cause| cause.message.clone());
    let mut error = Error::new(code, detail);
    if let Some(pointer) = cause.as_ref().and_then(|cause| cause.pointer.clone()) {
        error = error.pointer(pointer);
    }
    let mut problem = Problem::from(&error);
    if let Some(cause) = cause {
        let told = Problem::from(&Error::from(cause));
        problem.next_step = told.next_step;
        problem.context = told.context;
        problem.context.insert("cause".to_owned(), told.code.into());
        problem.log = told.log;
    }
    problem.operation = Some(view.id.to_string());
    problem.into()
}
