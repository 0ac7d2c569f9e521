//! Reads that cost little and need one permission each.

use crate::endpoint::Endpoint;
use crate::wire::AccountId;
use reqwest::Method;
use serde_json::Value;
use storex_core::ZoneId;

/// A read of the zone that needs the permission of the template's object.
pub(crate) fn of_zone(template: &'static str, zone: &ZoneId) -> Endpoint<Value> {
    Endpoint::new(Method::GET, template, &[zone.as_str()])
}

/// A read of the account.
pub(crate) fn of_account(template: &'static str, account: &AccountId) -> Endpoint<Value> {
    Endpoint::new(Method::GET, template, &[account.as_str()])
}
