//! The public DNS in memory.

use async_trait::async_trait;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use storex_core::{Lookup, Resolver, Result};

/// Values by name and type.
type Records = BTreeMap<(String, &'static str), Vec<String>>;

/// The [`Resolver`] without a network: what a test put in. Clones share one world.
#[derive(Clone, Debug, Default)]
pub struct MemoryResolver(Arc<Mutex<Records>>);

impl MemoryResolver {
    /// A world in which nobody has any record.
    pub fn new() -> Self {
        Self::default()
    }

    /// A world of its own that begins as this one is now.
    #[must_use]
    pub fn fork(&self) -> Self {
        let records = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Self(Arc::new(Mutex::new(records)))
    }

    /// The records of this type at `name` are these from now on; none removes them.
    pub fn set(&self, name: &str, kind: Lookup, values: &[&str]) {
        let mut records = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        records.insert((spelled(name), kind.as_str()), values.iter().map(ToString::to_string).collect());
    }
}

fn spelled(name: &str) -> String {
    name.trim_end_matches('.').to_ascii_lowercase()
}

#[async_trait]
impl Resolver for MemoryResolver {
    async fn lookup(&self, name: &str, kind: Lookup) -> Result<Vec<String>> {
        let records = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = records.get(&(spelled(name), kind.as_str())).cloned().unwrap_or_default();
        Ok(match kind {
            Lookup::Ns => found.iter().map(|server| spelled(server)).collect(),
            _ => found,
        })
    }
}
