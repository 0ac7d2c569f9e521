//! Token buckets: what may be done at once, and how fast it comes back.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A bucket, in parts of a token so small that its rate gives whole ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bucket {
    /// What is left: a token is 1,000 times the seconds of its rate.
    pub left: u64,
    /// When that was so.
    pub at: Timestamp,
}

/// How large a bucket is and how fast it fills: `tokens` per `seconds`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rate {
    pub(super) size: u64,
    pub(super) tokens: u64,
    pub(super) seconds: u64,
}

impl Rate {
    /// Takes `wanted` tokens at `now`.
    ///
    /// # Errors
    /// Whole seconds until there are enough, and the bucket is as it was.
    pub(super) fn take(self, bucket: &mut Option<Bucket>, wanted: u64, now: Timestamp) -> Result<(), u64> {
        let token = self.seconds.saturating_mul(1000);
        let full = self.size.saturating_mul(token);
        let known = bucket.unwrap_or(Bucket { left: full, at: now });
        let passed = u64::try_from(now.duration_since(known.at).as_millis()).unwrap_or(0);
        let left = known.left.saturating_add(passed.saturating_mul(self.tokens)).min(full);
        let wanted = wanted.saturating_mul(token);
        if left < wanted {
            return Err((wanted - left).div_ceil(self.tokens.saturating_mul(1000)).max(1));
        }
        *bucket = Some(Bucket { left: left - wanted, at: now });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_gives_what_it_holds_and_then_what_comes_back() {
        let at = |second| Timestamp::from_second(second).expect("a small number");
        let rate = Rate { size: 25, tokens: 5, seconds: 60 };
        let mut bucket = None;
        for _ in 0..25 {
            assert_eq!(rate.take(&mut bucket, 1, at(0)), Ok(()));
        }
        assert_eq!(rate.take(&mut bucket, 1, at(0)), Err(12));
        assert_eq!(rate.take(&mut bucket, 1, at(11)), Err(1));
        assert_eq!(rate.take(&mut bucket, 1, at(12)), Ok(()));
        assert_eq!(rate.take(&mut bucket, 26, at(10_000)), Err(12), "more than it ever holds");
    }
}
