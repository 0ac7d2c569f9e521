//! The twin in memory sits the laws of [`StoreRepo`], plain and under a wrapper that does nothing; and every law can be broken.

mod twins;

use crate::tally::{Tally, on_a_runtime};
use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use storex_core::{Clock, Lease, StoreRepo, SystemClock};
use storex_fakes::laws::{Broken, broken_laws, store_repo};
use storex_fakes::{FaultScript, Faulty, MemoryClock, MemoryStores};
use twins::{Twin, Twist};

async fn judge(subject: Arc<dyn StoreRepo>) -> Vec<(&'static str, Broken)> {
    broken_laws(&store_repo::laws(), &subject).await
}

#[test]
fn the_laws_are_many_and_their_numbers_differ() {
    let numbers: BTreeSet<&str> = store_repo::laws().iter().map(|law| law.id).collect();
    assert_eq!(numbers.len(), store_repo::laws().len());
    assert!(numbers.len() >= 80, "{} laws", numbers.len());
}

#[tokio::test(start_paused = true)]
async fn the_twin_in_memory_keeps_every_law() {
    assert_eq!(judge(Arc::new(MemoryStores::new(Arc::new(MemoryClock::new())))).await, vec![]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_twin_in_memory_keeps_every_law_in_real_time_on_several_threads() {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    assert_eq!(judge(Arc::new(MemoryStores::new(clock))).await, vec![]);
}

#[tokio::test(start_paused = true)]
async fn the_twin_in_memory_keeps_every_law_under_an_empty_script() {
    let inner: Arc<dyn StoreRepo> = Arc::new(MemoryStores::new(Arc::new(MemoryClock::new())));
    assert_eq!(judge(Arc::new(Faulty::new(inner, FaultScript::new()))).await, vec![]);
}

/// What the broken twins did; computed once.
pub(crate) fn tally() -> &'static Tally {
    static TALLY: OnceLock<Tally> = OnceLock::new();
    let broken = |twist: &Twist| -> (Twist, Arc<dyn StoreRepo>) {
        (*twist, Arc::new(Twin::new(MemoryStores::new(Arc::new(MemoryClock::new())), *twist)))
    };
    TALLY.get_or_init(|| {
        on_a_runtime(true, async { Tally::count("StoreRepo", store_repo::laws(), Twist::ALL.iter().map(broken).collect()).await })
    })
}

#[test]
fn every_broken_twin_fails_a_law_and_every_law_is_failed_by_a_broken_twin() {
    for (twist, broken) in &tally().twins {
        println!("{twist:<24} breaks {}", broken.join(" "));
    }
    tally().assert_whole();
}

#[tokio::test]
async fn clones_share_rows_claims_and_leases_and_voided_leases_are_free() {
    let repo = MemoryStores::new(Arc::new(SystemClock));
    let restarted = repo.clone();
    let lease = |holder: &str| Lease { name: "store".to_owned(), holder: holder.to_owned(), duration: Duration::from_secs(1000) };
    let first = repo.acquire(&lease("a")).await.unwrap();
    assert_eq!(restarted.acquire(&lease("b")).await.unwrap(), None);
    restarted.void_leases();
    assert!(restarted.acquire(&lease("b")).await.unwrap().map(|grant| grant.epoch) > first.map(|grant| grant.epoch));
    assert!(restarted.dump().is_empty() && restarted.claims().is_empty());
}
