//! Following an operation: until it is at rest, or until something of it has changed.

use crate::call::{Backend, Call, Outcome};
use std::time::Duration;

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
        let look = Call::named("operations.get", &self.id);
        match tokio::time::timeout(self.limit, backend.changed(&self.id, seen)).await {
            Ok(outcome) => outcome,
            Err(_) => backend.call(&look).await,
        }
    }
}
