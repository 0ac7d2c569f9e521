//! One list of all custom hostnames instead of a look at each: what makes a sweep over thousands of stores cost pages, not stores.
//!
//! A sweep, and whoever pages through drift, lists them at the first store that has one, and goes on with that list for an hour at most. What the list
//! does not show is looked at by itself.

use super::Controller;
use crate::record::{PlatformRecord, StoreRecord};
use crate::resource::{HostnameListing, ResourceKind};
use crate::{HostnameFacts, Result};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

/// How long a list is used. A sweep of many zones takes hours, and 3,000 hostnames are 60 calls: so they are half a hundredth of the budget.
const USED_FOR: Duration = Duration::from_hours(1);
/// Hostnames on a page of a list (Cloudflare API reference, "List Custom Hostnames": at most 50).
const ON_A_PAGE: usize = 50;

impl Controller {
    /// The next store with a custom hostname has them listed anew.
    pub(super) fn forget_listing(&self) {
        *self.inner.hostnames.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// The list by which this store is looked at: none when it has no custom hostname. Answers too how many calls were made for it just now.
    ///
    /// # Errors
    /// What the repo answers. A list that could not be read is none: then each hostname is looked at by itself.
    pub(super) async fn listing_for(&self, store: &StoreRecord) -> Result<(Option<Arc<HostnameListing>>, usize)> {
        if !store.resources.iter().any(|held| held.key.kind == ResourceKind::Hostname) {
            return Ok((None, 0));
        }
        let now = self.providers().clock.now();
        let known = self.inner.hostnames.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(fresh) = known.filter(|listing| listing.age(now) < USED_FOR) {
            return Ok((Some(fresh), 0));
        }
        let Some(platform) = self.platform_record().await? else { return Ok((None, 0)) };
        let list = self.all_hostnames(&platform).await;
        let calls = list.len().div_ceil(ON_A_PAGE).max(1);
        let listing = Arc::new(HostnameListing::new(platform.primary_zone.id, list, now));
        *self.inner.hostnames.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&listing));
        Ok((Some(listing), calls))
    }

    async fn all_hostnames(&self, platform: &PlatformRecord) -> Vec<HostnameFacts> {
        match self.providers().domains.list_hostnames(&platform.primary_zone.id).await {
            Ok(list) => list.unwrap_or_default(),
            Err(error) => {
                tracing::warn!(%error, "the custom hostnames could not be listed; each is looked at by itself");
                Vec::new()
            }
        }
    }
}
