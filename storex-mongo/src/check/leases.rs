//! A lease is one holder's until the server's clock says that it is over; then it is the next one's, with a higher epoch.

use super::fact::Finding;
use super::scratch::Scratch;
use std::time::Duration;
use storex_core::{Lease, Result, StoreRepo};

/// Length of the lease that runs out.
const SHORT: Duration = Duration::from_millis(500);

pub(super) async fn pass_on(scratch: &Scratch) -> Result<Finding> {
    let lease = |holder: &str| Lease { name: "checked".to_owned(), holder: holder.to_owned(), duration: SHORT };
    let Some(first) = scratch.repo.acquire(&lease("first")).await? else {
        return Ok(Finding::judged(false, "a lease that nobody holds was not given"));
    };
    let mut refused = 0;
    loop {
        match scratch.repo.acquire(&lease("second")).await? {
            None => refused += 1,
            Some(second) if refused == 0 || second.epoch <= first.epoch || second.until <= first.until => {
                return Ok(Finding::judged(false, "a lease was given to two holders at once, or without a higher epoch"));
            }
            Some(_) => return Ok(Finding::holds("one holder at a time, and a higher epoch for the next")),
        }
        tokio::time::sleep(SHORT / 10).await;
    }
}
