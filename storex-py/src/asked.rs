//! What Python asks an engine: a call, or to follow an operation.

use crate::call::{Backend, Call, Outcome};
use crate::follow::Follow;
use std::sync::Arc;

/// What is asked. Clones are the same question.
#[derive(Clone, Debug)]
pub(crate) enum Asked {
    /// A use case by name.
    Call(Arc<Call>),
    /// An operation to wait for.
    Follow(Follow),
}

impl Asked {
    /// A use case by name.
    pub(crate) fn call(call: Call) -> Self {
        Self::Call(Arc::new(call))
    }

    /// Asks. Dropping the future ends the waiting, not what was begun.
    pub(crate) async fn run(self, backend: &dyn Backend) -> Outcome {
        match self {
            Self::Call(call) => backend.call(&call).await,
            Self::Follow(follow) => follow.run(backend).await,
        }
    }

    /// The operation it is about, as far as that is known here.
    pub(crate) fn known(&self) -> Option<String> {
        match self {
            Self::Call(call) => call.begun.known(),
            Self::Follow(follow) => Some(follow.id.clone()),
        }
    }

    /// The operation that goes on although nobody waits for the answer any more; found out soon, or not at all.
    pub(crate) async fn found(self, backend: &dyn Backend) -> Option<String> {
        match (self.known(), self) {
            (Some(operation), _) => Some(operation),
            (None, Self::Call(call)) => backend.begun(&call).await,
            (None, Self::Follow(_)) => None,
        }
    }
}
