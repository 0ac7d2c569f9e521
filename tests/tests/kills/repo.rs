//! The repository as it lies on disk: a copy of its file is opened, so that the one under test mends itself.

use super::world::{World, now, until};
use jiff::Timestamp;
use serde_json::Value;
use std::fs;
use std::sync::Arc;
use storex_core::{Claim, ClaimOutcome, Page, Query, StoreRepo, SystemClock, Table};
use storex_redb::RedbStores;

/// A copy of the repository.
pub(crate) struct Copy {
    repo: RedbStores,
}

impl Copy {
    /// Copies the file as it is now. A copy that was made while somebody wrote is damaged and made again.
    pub(crate) fn of(world: &World) -> Self {
        let path = world.scratch("copy.redb");
        let repo = until("a copy of the repository opens", || {
            fs::copy(world.data.join("storex.redb"), &path).unwrap();
            world.runtime.block_on(async { RedbStores::open(&path, Arc::new(SystemClock)) }).ok()
        });
        Self { repo }
    }

    /// Every document of a table.
    pub(crate) fn rows(&self, world: &World, table: Table) -> Vec<(String, Value)> {
        let page = world.runtime.block_on(self.repo.list(table, &Query::All, &Page::first(100_000))).unwrap();
        page.rows.into_iter().map(|row| (row.id, row.body.value())).collect()
    }

    /// Identifiers of the operations that are not at rest.
    pub(crate) fn open_operations(&self, world: &World) -> Vec<String> {
        let open = Query::equals("open", "1");
        let page = world.runtime.block_on(self.repo.list(Table::Operations, &open, &Page::first(1000))).unwrap();
        page.rows.into_iter().map(|row| row.id).collect()
    }

    /// Identifiers of the operations that have nothing to do but wait, by their documents: nothing was begun and not answered, and what was sent once may still
    /// take effect.
    pub(crate) fn waiting_operations(&self, world: &World) -> Vec<String> {
        let now = now();
        let waits = |doc: &Value| {
            let steps = doc["steps"].as_array().map(Vec::as_slice).unwrap_or_default();
            let until = |step: &Value| step["doubt_until"].as_str().and_then(|until| until.parse::<Timestamp>().ok());
            steps.iter().all(|step| step["state"] != "intent") && steps.iter().filter_map(until).any(|until| until > now)
        };
        self.rows(world, Table::Operations).into_iter().filter(|(_, doc)| waits(doc)).map(|(id, _)| id).collect()
    }

    /// Whether nobody holds the name.
    pub(crate) fn is_free(&self, world: &World, namespace: &str, name: &str) -> bool {
        let (namespace, name) = (namespace.to_owned(), name.to_owned());
        let claim = Claim { namespace, name, owner: "the judge".to_owned(), label: "the judge".to_owned() };
        world.runtime.block_on(self.repo.claim(&claim, storex_core::Fence::NONE)).unwrap() == ClaimOutcome::Held
    }
}
