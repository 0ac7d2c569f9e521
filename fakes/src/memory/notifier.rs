//! A mailbox in memory.

use async_trait::async_trait;
use std::sync::{Arc, Mutex, PoisonError};
use storex_core::{Notification, Notifier, Result};

/// Keeps what was delivered, each id once.
#[derive(Clone, Debug, Default)]
pub struct MemoryNotifier(Arc<Mutex<Vec<Notification>>>);

impl MemoryNotifier {
    /// What was delivered, oldest first.
    pub fn delivered(&self) -> Vec<Notification> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[async_trait]
impl Notifier for MemoryNotifier {
    async fn deliver(&self, notification: &Notification) -> Result<()> {
        let mut delivered = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !delivered.iter().any(|seen| seen.id == notification.id) {
            delivered.push(notification.clone());
        }
        Ok(())
    }
}
