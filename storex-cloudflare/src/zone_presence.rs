//! What a refusal on a zone's routes means.
//!
//! Cloudflare answers 403 with code 10000 for a zone that is gone, one that belongs to somebody else, one the token may not touch, and for a
//! while for one that was just made (Cloudflare docs, "DNS records: FAQ"; octodns/octodns-cloudflare issue 108). The complete list of the account's
//! zones tells them apart.

use crate::account::CloudflareAccount;
use crate::error::Refusal;
use jiff::Timestamp;
use std::time::Duration;
use storex_core::{Code, Error, ZoneId, remaining};

/// How long the rights on a new zone may take to spread.
const YOUNG: Duration = Duration::from_mins(10);
/// When to try again on a zone that is too young.
const TRY_AGAIN: Duration = Duration::from_secs(5);

/// The refusal of a call on `zone` as an error: `not_found` when the account proves to have no such zone, `unavailable` when it is too young, else what
/// Cloudflare said. Costs reading all zones, and only after a refusal that may be about the zone.
pub(crate) async fn explain(account: &CloudflareAccount, zone: &ZoneId, refusal: Refusal, deadline: Option<Timestamp>) -> Error {
    if !refusal.may_be_about_the_zone() {
        return refusal.into();
    }
    // A list that cannot be read proves nothing; the refusal stands.
    let Ok(zones) = account.zones(deadline).await else {
        return unproved(refusal);
    };
    let Some(found) = zones.iter().find(|candidate| candidate.id() == zone.as_str()) else {
        return Error::new(Code::NotFound, "the account has no such zone").with("detail", zone);
    };
    let created = found.facts().ok().and_then(|facts| facts.created_at);
    if created.is_some_and(|created| remaining(created, account.client().now()) < YOUNG) {
        return Error::new(Code::Unavailable, "the zone is so new that Cloudflare does not serve it yet")
            .with("detail", zone)
            .retry_after(TRY_AGAIN);
    }
    unproved(refusal)
}

/// The refusal of a call on a zone that may well be there, so never `not_found`.
fn unproved(refusal: Refusal) -> Error {
    if refusal.is_missing() {
        return Error::new(Code::CloudflareRefused, format!("Cloudflare does not know {}", refusal.call))
            .caused_by(Error::from(refusal));
    }
    refusal.into()
}
