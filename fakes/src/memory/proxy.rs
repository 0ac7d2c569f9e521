//! Routes in memory.

use async_trait::async_trait;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use storex_core::{Code, Committed, Error, Hostname, Port, ProxyWriter, Result, RouteTable};

/// A router that routes nothing: it keeps the table in force and its generation. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct MemoryProxy(Arc<Mutex<(u64, RouteTable)>>);

impl MemoryProxy {
    fn in_force(&self) -> MutexGuard<'_, (u64, RouteTable)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where requests for this name go now.
    pub fn route(&self, name: &Hostname) -> Option<Port> {
        self.in_force().1.routes.get(name).copied()
    }
}

#[async_trait]
impl ProxyWriter for MemoryProxy {
    async fn load(&self) -> Result<(u64, RouteTable)> {
        Ok(self.in_force().clone())
    }

    async fn check(&self, _: &RouteTable) -> Result<()> {
        Ok(())
    }

    async fn commit(&self, table: &RouteTable, expected_generation: u64) -> Result<Committed> {
        let mut in_force = self.in_force();
        if in_force.0 != expected_generation {
            return Err(Error::new(
                Code::VersionConflict,
                format!("table {} is in force, not {expected_generation}", in_force.0),
            ));
        }
        *in_force = (expected_generation + 1, table.clone());
        Ok(Committed { generation: in_force.0, quarantined: Vec::new() })
    }
}
