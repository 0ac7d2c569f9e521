//! Which store of this host has which port and which names: no two stores share one.

use super::{Entry, Share};
use std::collections::BTreeMap;
use storex_core::{Code, Error, Hostname, Port, Result, StoreId};

/// Ports and names by the store that has them.
#[derive(Debug, Default)]
pub(super) struct Claims {
    ports: BTreeMap<Port, StoreId>,
    names: BTreeMap<Hostname, StoreId>,
}

impl Claims {
    pub(super) fn port(&mut self, store: &StoreId, port: Port) -> Result<()> {
        match self.ports.get(&port) {
            Some(owner) if owner != store => {
                Err(Error::new(Code::PortBusy, format!("port {port} is used by another store")).with("port", port))
            }
            _ => {
                self.ports.insert(port, store.clone());
                Ok(())
            }
        }
    }

    pub(super) fn names<'a>(&mut self, store: &StoreId, names: impl Iterator<Item = &'a Hostname> + Clone) -> Result<()> {
        let mut wanted = names.clone();
        if let Some(name) = wanted.find(|name| self.names.get(name).is_some_and(|owner| owner != store)) {
            return Err(Error::new(Code::DomainTaken, format!("{name} is routed to another store")).with("domain", name));
        }
        self.names.extend(names.map(|name| (name.clone(), store.clone())));
        Ok(())
    }

    /// Makes the store have exactly what its entry holds; while a part is in doubt it also keeps what it had.
    pub(super) fn settle(&mut self, entry: &Entry) {
        let store = &entry.store_id;
        if entry.doubts.is_empty() {
            self.ports.retain(|_, owner| owner != store);
            self.names.retain(|_, owner| owner != store);
        }
        for standing in entry.parts.values() {
            match &standing.share {
                Share::Process { port, .. } => drop(self.ports.insert(*port, store.clone())),
                Share::Route { rows } => {
                    self.names.extend(rows.keys().map(|name| (name.clone(), store.clone())));
                    self.ports.extend(rows.values().map(|port| (*port, store.clone())));
                }
                Share::Files { .. } | Share::Environment { .. } => {}
            }
        }
    }

    pub(super) fn is_free(&self, port: Port) -> bool {
        !self.ports.contains_key(&port)
    }
}
