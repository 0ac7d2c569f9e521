//! Token checks. A token is known to one of the two routes only: a user's to the first, an account's to the second.

use crate::endpoint::Endpoint;
use crate::wire::{AccountId, WireToken};
use reqwest::Method;

/// Checks a token owned by a user.
pub(crate) fn verify_of_user() -> Endpoint<WireToken> {
    Endpoint::new(Method::GET, "/user/tokens/verify", &[])
}

/// Checks a token owned by the account.
pub(crate) fn verify_of_account(account: &AccountId) -> Endpoint<WireToken> {
    Endpoint::new(Method::GET, "/accounts/{account}/tokens/verify", &[account.as_str()])
}
