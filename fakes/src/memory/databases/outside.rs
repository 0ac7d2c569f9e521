//! The server of databases as those see it who are not storex: stores that log in, and people with databases of their own.

use super::{Collections, Held, MemoryDatabases, User, own_grant};
use crate::laws::database_admin::{DatabaseWorld, StoreLogin};
use async_trait::async_trait;
use storex_core::{
    Code, DatabaseAdmin, DatabaseGrant, DatabaseName, DatabaseRight, DatabaseUser, DatabaseUserFacts, Error, Mark, Result,
    Secret, SnapshotFacts,
};

/// A connection that logged in.
#[derive(Clone, Debug)]
pub struct MemoryLogin {
    server: MemoryDatabases,
    home: DatabaseName,
    user: String,
    number: u64,
}

impl MemoryLogin {
    /// The collections of a database, where this user may see them.
    fn at<T>(&self, name: &DatabaseName, work: impl FnOnce(&mut Collections) -> T) -> Result<T> {
        let mut state = self.server.state();
        let user = state.databases.get(&self.home).and_then(|held| held.users.get(&self.user));
        let wanted = own_grant(name);
        let may = user.is_some_and(|user| user.number == self.number && user.facts.grants.contains(&wanted));
        if !may {
            return Err(Error::new(Code::Denied, format!("{} may do nothing in {name}", self.user)));
        }
        Ok(work(&mut state.databases.entry(name.clone()).or_default().collections))
    }
}

#[async_trait]
impl StoreLogin for MemoryLogin {
    async fn write(&self, name: &DatabaseName, collection: &str, id: &str) -> Result<()> {
        let put = |collections: &mut Collections| {
            collections.entry(collection.to_owned()).or_default().insert(id.to_owned(), format!("written by {}", self.user));
        };
        self.at(name, put)
    }

    async fn read(&self, name: &DatabaseName, collection: &str) -> Result<Vec<String>> {
        self.at(name, |collections| collections.get(collection).into_iter().flat_map(|held| held.keys().cloned()).collect())
    }

    async fn drop_collection(&self, name: &DatabaseName, collection: &str) -> Result<()> {
        self.at(name, |collections| {
            collections.remove(collection);
        })
    }
}

/// Collections as text, one line for each and one for each document.
fn lines(collections: &Collections) -> Vec<String> {
    let of = |(name, documents): (&String, &std::collections::BTreeMap<String, String>)| {
        let documents = documents.iter().map(|(id, text)| format!("{name}/{id} {text}")).collect::<Vec<_>>();
        std::iter::once(name.clone()).chain(documents).collect::<Vec<_>>()
    };
    collections.iter().flat_map(of).collect()
}

#[async_trait]
impl DatabaseWorld for MemoryDatabases {
    async fn login(&self, name: &DatabaseName, user: &DatabaseUser, password: &Secret<String>) -> Result<Box<dyn StoreLogin>> {
        let state = self.state();
        let found = state.databases.get(name).and_then(|held| held.users.get(user.as_str()));
        let known = found.filter(|found| found.password.expose() == password.expose());
        let known = known.ok_or_else(|| Error::new(Code::Unauthenticated, "no such user, or another password"))?;
        Ok(Box::new(MemoryLogin { server: self.clone(), home: name.clone(), user: user.to_string(), number: known.number }))
    }

    async fn plant_database(&self, name: &DatabaseName) -> Result<()> {
        let documents = [("1".to_owned(), "somebody else's".to_owned())].into();
        let collections = [("orders".to_owned(), documents)].into();
        self.state().databases.insert(name.clone(), Held { collections, ..Held::default() });
        Ok(())
    }

    async fn plant_user(&self, name: &DatabaseName, user: &DatabaseUser, mark: Option<&Mark>) -> Result<()> {
        let mut state = self.state();
        state.users += 1;
        let facts =
            DatabaseUserFacts { name: user.to_string(), mark: mark.cloned(), password_mark: None, grants: vec![own_grant(name)] };
        let planted = User { facts, password: Secret::new("planted-password".to_owned()), number: state.users };
        state.databases.entry(name.clone()).or_default().users.insert(user.to_string(), planted);
        Ok(())
    }

    async fn widen(&self, name: &DatabaseName, user: &DatabaseUser, to: &DatabaseName) -> Result<()> {
        let more = DatabaseGrant { database: to.to_string(), right: DatabaseRight::ReadWrite };
        self.edit_user(name, user.as_str(), |facts| facts.grants.push(more));
        Ok(())
    }

    async fn contents(&self, name: &DatabaseName) -> Result<Vec<String>> {
        let found = self.find(name).await?;
        let mut all: Vec<String> = found.iter().flat_map(|facts| &facts.users).map(|user| format!("{user:?}")).collect();
        all.extend(self.state().databases.get(name).iter().flat_map(|held| lines(&held.collections)));
        Ok(all)
    }

    async fn snapshot_contents(&self, facts: &SnapshotFacts) -> Result<Vec<String>> {
        let state = self.state();
        let held = state.snapshots.get(&facts.place);
        held.map(lines).ok_or_else(|| Error::new(Code::NotFound, "there is no such snapshot"))
    }
}
