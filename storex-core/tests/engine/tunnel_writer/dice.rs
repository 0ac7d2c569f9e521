//! Randomness that can be repeated.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Dice of one trial: the same seed and the same throws give the same numbers. Clones are the same dice.
#[derive(Clone, Debug)]
pub(crate) struct Dice(Arc<AtomicU64>);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(Arc::new(AtomicU64::new(seed)))
    }

    /// A number below `limit`; 0 when that is 0. Source: splitmix64, Vigna, public domain.
    pub(crate) fn below(&self, limit: u64) -> u64 {
        let state = self.0.fetch_add(0x9E37_79B9_7F4A_7C15, Ordering::SeqCst).wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)).checked_rem(limit).unwrap_or_default()
    }
}
