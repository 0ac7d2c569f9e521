//! Following an operation: until it is at rest, or until something of it has changed.

use crate::call::{Answer, Backend, Call, Outcome};
use std::time::Duration;

/// First pause between two looks; doubles.
const FIRST_PAUSE: Duration = Duration::from_millis(5);
/// Longest pause between two looks.
const LONGEST_PAUSE: Duration = Duration::from_millis(200);

/// What is waited for.
#[derive(Clone, Debug)]
pub(crate) struct Follow {
    /// The operation.
    pub(crate) id: String,
    /// Longest wait.
    pub(crate) limit: Duration,
    /// The document seen last: an answer comes with the first one that differs. Without one the operation has to come to rest.
    pub(crate) seen: Option<String>,
}

impl Follow {
    /// Waits. Answers the operation as it is when what was waited for is there or the time is over.
    pub(crate) async fn run(self, backend: &dyn Backend) -> Outcome {
        let Some(seen) = &self.seen else { return backend.rest(&self.id, self.limit).await };
        let look = Call { name: "operations.get".to_owned(), id: self.id.clone(), ..Call::default() };
        match tokio::time::timeout(self.limit, changed(backend, &look, seen)).await {
            Ok(outcome) => outcome,
            Err(_) => backend.call(&look).await,
        }
    }
}

async fn changed(backend: &dyn Backend, look: &Call, seen: &str) -> Outcome<Answer> {
    let mut pause = FIRST_PAUSE;
    loop {
        match backend.call(look).await {
            Ok(answer) if answer.document != seen => return Ok(answer),
            Err(failure) if !failure.is_passing() => return Err(failure),
            _ => tokio::time::sleep(pause).await,
        }
        pause = LONGEST_PAUSE.min(pause * 2);
    }
}
