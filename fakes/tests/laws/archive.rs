//! The twin in memory sits the laws of [`StoreArchive`], and every law can be broken.

mod twins;

use crate::tally::{Tally, on_a_runtime};
use async_trait::async_trait;
use std::sync::{Arc, OnceLock};
use storex_core::{Result, StoreArchive};
use storex_fakes::laws::broken_laws;
use storex_fakes::laws::store_archive::{self, Archives};
use storex_fakes::{MemoryClock, MemoryStores};
use twins::{Twin, Twist};

/// Repos in memory, with one promise broken or none.
struct Memory(Option<Twist>);

#[async_trait]
impl Archives for Memory {
    async fn fresh(&self) -> Result<Arc<dyn StoreArchive>> {
        let inner = MemoryStores::new(Arc::new(MemoryClock::new()));
        Ok(match self.0 {
            None => Arc::new(inner),
            Some(twist) => Arc::new(Twin { inner, twist }),
        })
    }
}

#[tokio::test(start_paused = true)]
async fn the_twin_in_memory_keeps_every_law() {
    let subject: Arc<dyn Archives> = Arc::new(Memory(None));
    assert_eq!(broken_laws(&store_archive::laws(), &subject).await, vec![]);
}

/// What the broken twins did; computed once.
pub(crate) fn tally() -> &'static Tally {
    static TALLY: OnceLock<Tally> = OnceLock::new();
    let broken = |twist: &Twist| -> (Twist, Arc<dyn Archives>) { (*twist, Arc::new(Memory(Some(*twist)))) };
    TALLY.get_or_init(|| {
        let twins = Twist::ALL.iter().map(broken).collect();
        on_a_runtime(true, async { Tally::count("StoreArchive", store_archive::laws(), twins).await })
    })
}

#[test]
fn every_broken_twin_fails_a_law_and_every_law_is_failed_by_a_broken_twin() {
    for (twist, broken) in &tally().twins {
        println!("{twist:<24} breaks {}", broken.join(" "));
    }
    tally().assert_whole();
}
