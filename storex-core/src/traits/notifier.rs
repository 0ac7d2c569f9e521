//! Messages to people and programs outside.

use crate::Result;
use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fmt::Debug;

/// A message.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Notification {
    /// Unique and stable over repeated deliveries; receivers drop what they have seen.
    pub id: String,
    /// What happened, such as `store.created`.
    pub event: String,
    /// When it happened.
    pub at: Timestamp,
    /// Whom it is for: an e-mail address.
    pub recipient: String,
    /// What there is to know; never a secret.
    pub data: Value,
}

/// Delivers messages at least once.
///
/// # Cancellation
/// Dropping the future leaves the message delivered or not; it is delivered again.
#[async_trait]
pub trait Notifier: Debug + Send + Sync + 'static {
    /// Delivers the message; success means it will not be lost by this side.
    ///
    /// # Errors
    /// A transient error is tried again later; any other means the message can never be delivered.
    async fn deliver(&self, notification: &Notification) -> Result<()>;
}
