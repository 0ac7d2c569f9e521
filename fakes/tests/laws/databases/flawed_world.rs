//! The server the flawed twin stands on, with the flaws that are seen from outside.

use super::flawed_databases::{Flaw, FlawedDatabases};
use async_trait::async_trait;
use storex_core::{DatabaseAdmin, DatabaseName, DatabaseUser, Error, Mark, Result, Secret, SnapshotFacts};
use storex_fakes::MemoryDatabases;
use storex_fakes::laws::database_admin::{DatabaseWorld, StoreLogin};

#[async_trait]
impl DatabaseWorld for FlawedDatabases {
    async fn login(&self, name: &DatabaseName, user: &DatabaseUser, password: &Secret<String>) -> Result<Box<dyn StoreLogin>> {
        if self.has(Flaw::UserForAll) {
            for other in self.everything().await {
                self.inner.widen(name, user, &other).await?;
            }
        }
        let mut login = self.inner.login(name, user, password).await;
        let known = self.passwords.lock().unwrap().get(name).cloned().unwrap_or_default();
        let was = known.iter().any(|old| old.expose() == password.expose());
        if self.has(Flaw::AnyPassword) || (self.has(Flaw::OldPasswordCounts) && was) {
            for old in &known {
                login = login.or(self.inner.login(name, user, old).await);
            }
        }
        Ok(Box::new(FlawedLogin { flaw: self.flaw, server: self.inner.clone(), inner: login? }))
    }

    async fn plant_database(&self, name: &DatabaseName) -> Result<()> {
        self.inner.plant_database(name).await
    }

    async fn plant_user(&self, name: &DatabaseName, user: &DatabaseUser, mark: Option<&Mark>) -> Result<()> {
        self.inner.plant_user(name, user, mark).await
    }

    async fn widen(&self, name: &DatabaseName, user: &DatabaseUser, to: &DatabaseName) -> Result<()> {
        self.inner.widen(name, user, to).await
    }

    async fn contents(&self, name: &DatabaseName) -> Result<Vec<String>> {
        self.inner.contents(name).await
    }

    async fn snapshot_contents(&self, facts: &SnapshotFacts) -> Result<Vec<String>> {
        let database = facts.place.trim_start_matches("memory:").split('.').next().unwrap_or_default().parse()?;
        if self.has(Flaw::SnapshotGoes) && self.inner.find(&database).await?.is_none() {
            return Ok(Vec::new());
        }
        self.inner.snapshot_contents(facts).await
    }
}

/// A connection with a flaw.
#[derive(Debug)]
struct FlawedLogin {
    flaw: Flaw,
    server: MemoryDatabases,
    inner: Box<dyn StoreLogin>,
}

impl FlawedLogin {
    fn write_anyway(&self, name: &DatabaseName, collection: &str, id: &str) {
        self.server.edit_documents(name, |held| {
            held.entry(collection.to_owned()).or_default().insert(id.to_owned(), "by a flaw".to_owned());
        });
    }
}

#[async_trait]
impl StoreLogin for FlawedLogin {
    async fn write(&self, name: &DatabaseName, collection: &str, id: &str) -> Result<()> {
        if self.flaw == Flaw::WritesEverywhere {
            for other in self.server.list_owned("").await? {
                self.write_anyway(&other, collection, id);
            }
        }
        let live = |_: Error| {
            self.write_anyway(name, collection, id);
            Ok(())
        };
        let written = self.inner.write(name, collection, id).await;
        if self.flaw == Flaw::ConnectionsLive { written.or_else(live) } else { written }
    }

    async fn read(&self, name: &DatabaseName, collection: &str) -> Result<Vec<String>> {
        self.inner.read(name, collection).await
    }

    async fn drop_collection(&self, name: &DatabaseName, collection: &str) -> Result<()> {
        self.inner.drop_collection(name, collection).await
    }
}
