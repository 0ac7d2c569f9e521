//! Zones.

use crate::budget::Quota;
use crate::endpoint::Endpoint;
use crate::wire::{AccountId, WireRemoved, WireZone};
use reqwest::Method;
use serde_json::json;
use storex_core::{Hostname, ZoneId};

/// Most zones Cloudflare puts on a page.
pub(crate) const PER_PAGE: u32 = 50;

/// Zones of exactly this name, in every account the token sees or in one.
pub(crate) fn named(name: &Hostname, account: Option<&AccountId>) -> Endpoint<Vec<WireZone>> {
    within(account).query("name", name.as_str())
}

/// All zones of the account.
pub(crate) fn all(account: &AccountId) -> Endpoint<Vec<WireZone>> {
    within(Some(account))
}

fn within(account: Option<&AccountId>) -> Endpoint<Vec<WireZone>> {
    let list = Endpoint::new(Method::GET, "/zones", &[]);
    account.into_iter().fold(list, |list, account| list.query("account.id", account.as_str()))
}

/// Adds a zone; it begins `pending`.
pub(crate) fn create(account: &AccountId, name: &Hostname) -> Endpoint<WireZone> {
    let body = json!({"name": name.as_str(), "account": {"id": account.as_str()}, "type": "full"});
    Endpoint::new(Method::POST, "/zones", &[]).body(body).quota(Quota::ZoneSignup)
}

/// Deletes a zone with all that is in it.
pub(crate) fn delete(zone: &ZoneId) -> Endpoint<Option<WireRemoved>> {
    Endpoint::new(Method::DELETE, "/zones/{zone}", &[zone.as_str()])
}

/// Lets Cloudflare look at the registrar now. Allowed once an hour on the free plan, else every five minutes.
pub(crate) fn activation_check(zone: &ZoneId) -> Endpoint<Option<WireRemoved>> {
    Endpoint::new(Method::PUT, "/zones/{zone}/activation_check", &[zone.as_str()]).paced()
}
