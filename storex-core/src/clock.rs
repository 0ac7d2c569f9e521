//! Time as a parameter. The only module of the library that asks the machine for the time.

use async_trait::async_trait;
use jiff::Timestamp;
use std::fmt::Debug;
use std::time::Duration;

/// Where the time comes from.
///
/// # Cancellation
/// A dropped sleep has no effect.
#[async_trait]
pub trait Clock: Debug + Send + Sync + 'static {
    /// The time now. Readings of one clock never run backwards by more than the machine's own adjustments.
    fn now(&self) -> Timestamp;

    /// Returns after `duration`. Dropping the future is safe.
    async fn sleep(&self, duration: Duration);
}

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

#[async_trait]
impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the machine's clock")]
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}

/// The time from `now` until `until`, zero when it has passed.
pub fn remaining(now: Timestamp, until: Timestamp) -> Duration {
    Duration::try_from(until.duration_since(now)).unwrap_or(Duration::ZERO)
}
