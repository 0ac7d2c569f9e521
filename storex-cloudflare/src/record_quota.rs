//! How many records a zone may hold, and how many changes one batch may make.
//!
//! A batch is one transaction, so a small one that does not fit is refused by Cloudflare with nothing done: only then is the zone's usage read, for
//! the numbers. One that may be larger than the smallest plan's batch is weighed before it is sent.

use crate::account::CloudflareAccount;
use crate::api::dns_records;
use crate::error::Failure;
use jiff::Timestamp;
use storex_core::{Code, Error, ZoneId};

/// Changes a batch takes on the Free plan, and records a new zone of it holds (Cloudflare docs, "Batch record changes", "DNS records": limits).
pub(crate) const FREE: usize = 200;
/// The same on every other plan.
pub(crate) const PAID: usize = 3_500;
/// Most records a zone of the Free plan holds: one made before 2024-09-01 (the same page).
const FREE_BEFORE_2024: usize = 1_000;

/// A change of a zone in numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    /// Records made.
    pub(crate) made: usize,
    /// Records removed in the same transaction.
    pub(crate) removed: usize,
    /// All operations of the batch.
    pub(crate) operations: usize,
}

/// What a zone holds and may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Room {
    /// Records there are.
    pub(crate) used: usize,
    /// Records the plan allows, when Cloudflare says so.
    pub(crate) quota: Option<usize>,
}

impl Room {
    /// What the zone holds and may hold.
    pub(crate) async fn of(account: &CloudflareAccount, zone: &ZoneId, deadline: Option<Timestamp>) -> Result<Self, Failure> {
        let usage = account.client().read(&dns_records::usage(zone), deadline).await?.result;
        Ok(Self { used: usage.record_usage, quota: usage.record_quota })
    }

    /// Changes one batch takes. The plan shows in the quota.
    pub(crate) fn batch(self) -> usize {
        if self.quota.is_some_and(|quota| quota > FREE_BEFORE_2024) { PAID } else { FREE }
    }

    /// Whether the change fits, and with which numbers it does not.
    ///
    /// # Errors
    /// `quota`.
    pub(crate) fn admit(self, change: Change) -> Result<(), Error> {
        let more = change.made.saturating_sub(change.removed);
        match self.quota {
            Some(quota) if self.used + more > quota => Err(Error::new(
                Code::Quota,
                format!(
                    "the zone holds {} of the {quota} records its plan allows, and {more} more do not fit; remove records that are not needed, or move the zone to a paid plan, which allows {PAID}",
                    self.used
                ),
            )),
            _ if change.operations > self.batch() => Err(Error::new(
                Code::Quota,
                format!(
                    "{} changes at once are more than the {} one batch takes on the zone's plan; ask for fewer at a time",
                    change.operations,
                    self.batch()
                ),
            )),
            _ => Ok(()),
        }
    }
}

/// Weighs a change that may be larger than the smallest plan's batch; a smaller one costs no call.
///
/// # Errors
/// `quota`; what reading the usage answers.
pub(crate) async fn admit(
    account: &CloudflareAccount,
    zone: &ZoneId,
    change: Change,
    deadline: Option<Timestamp>,
) -> Result<(), Failure> {
    if change.operations <= FREE {
        return Ok(());
    }
    Room::of(account, zone, deadline).await?.admit(change).map_err(Failure::Unsent)
}

/// A refusal for quota with its numbers. When they cannot be read the refusal stands as it is.
pub(crate) async fn explain(
    account: &CloudflareAccount,
    zone: &ZoneId,
    change: Change,
    refusal: Error,
    deadline: Option<Timestamp>,
) -> Error {
    match Room::of(account, zone, deadline).await {
        Ok(room) => room.admit(change).err().map_or(refusal, |error| error.with("detail", zone)),
        Err(_) => refusal,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(made: usize, removed: usize) -> Change {
        Change { made, removed, operations: made + removed }
    }

    #[test]
    fn what_does_not_fit_is_refused_with_numbers_and_the_fix() {
        let free = Room { used: 150, quota: Some(200) };
        assert!(free.admit(change(50, 0)).is_ok() && free.admit(change(60, 10)).is_ok());
        let error = free.admit(change(51, 0)).expect_err("one too many");
        assert_eq!(error.code(), Code::Quota);
        for part in ["150", "200", "51", "3500", "remove"] {
            assert!(error.message().contains(part), "{error}");
        }
        assert!(Room { used: 9, quota: None }.admit(change(150, 0)).is_ok(), "Cloudflare names no quota");
    }

    #[test]
    fn the_plan_shows_in_the_quota() {
        for (quota, batch) in [(Some(200), FREE), (Some(1_000), FREE), (Some(3_500), PAID), (None, FREE)] {
            assert_eq!(Room { used: 0, quota }.batch(), batch, "{quota:?}");
        }
        let old = Room { used: 500, quota: Some(1_000) };
        let error = old.admit(change(201, 0)).expect_err("more than a batch");
        assert!(error.message().contains("201") && error.message().contains("200"), "{error}");
    }
}
