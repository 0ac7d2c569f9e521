//! A clock that follows tokio's: paused in tests, so that days pass in no time.

use async_trait::async_trait;
use jiff::Timestamp;
use std::time::Duration;
use storex_core::Clock;
use tokio::time::Instant;

/// A clock that begins at a fixed moment and runs with tokio's clock. Under a paused runtime every sleep ends at once and the time jumps.
#[derive(Clone, Debug)]
pub struct MemoryClock {
    start: Timestamp,
    since: Instant,
}

impl MemoryClock {
    /// A clock that shows 2026-01-01T00:00:00Z now.
    pub fn new() -> Self {
        Self::at(Timestamp::constant(1_767_225_600, 0))
    }

    /// A clock that shows this time now.
    #[expect(clippy::disallowed_methods, reason = "tokio's own clock is the time of this twin")]
    pub fn at(start: Timestamp) -> Self {
        Self { start, since: Instant::now() }
    }
}

impl Default for MemoryClock {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl Clock for MemoryClock {
    fn now(&self) -> Timestamp {
        self.start + self.since.elapsed()
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}
