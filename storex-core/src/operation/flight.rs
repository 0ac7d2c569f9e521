//! What one operation has sent and not folded in yet.

use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use std::pin::pin;

/// Calls on their way, and the outcomes of those that have landed.
///
/// A call goes on only while it is asked for, and one that stands still may hold what others wait for: a driver that hands its connections or sessions on
/// in turn gives the next turn to a call nobody asks. So whoever has calls on their way waits for everything else [`beside`](Self::beside) them.
#[derive(Debug)]
pub(super) struct Flight<T> {
    calls: FuturesUnordered<BoxFuture<'static, T>>,
    landed: Vec<T>,
}

impl<T> Default for Flight<T> {
    fn default() -> Self {
        Self { calls: FuturesUnordered::new(), landed: Vec::new() }
    }
}

impl<T> Flight<T> {
    /// Sends a call.
    pub(super) fn begin(&mut self, call: impl Future<Output = T> + Send + 'static) {
        self.calls.push(call.boxed());
    }

    /// Waits for something else while the calls go on.
    pub(super) async fn beside<A>(&mut self, other: impl Future<Output = A>) -> A {
        let mut other = pin!(other);
        loop {
            tokio::select! {
                biased;
                answer = &mut other => return answer,
                Some(outcome) = self.calls.next() => self.landed.push(outcome),
            }
        }
    }

    /// Waits until an outcome is there; for ever when nothing is on its way.
    pub(super) async fn lands(&mut self) {
        if self.landed.is_empty() {
            match self.calls.next().await {
                Some(outcome) => self.landed.push(outcome),
                None => std::future::pending().await,
            }
        }
    }

    /// The outcomes that are there, in the order in which they came.
    pub(super) fn landed(&mut self) -> Vec<T> {
        while let Some(Some(outcome)) = self.calls.next().now_or_never() {
            self.landed.push(outcome);
        }
        std::mem::take(&mut self.landed)
    }
}
