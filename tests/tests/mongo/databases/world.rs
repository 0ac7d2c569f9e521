//! A real server as stores and other people see it.

use async_trait::async_trait;
use futures::TryStreamExt;
use std::fs;
use std::path::Path;
use storex_core::{Code, DatabaseAddress, DatabaseName, DatabaseUser, Error, Mark, Result, Secret, SnapshotFacts};
use storex_fakes::laws::database_admin::{DatabaseWorld, StoreLogin};
use storex_mongo::driver::bson::{Document, RawDocument, RawDocumentBuf, doc};
use storex_mongo::driver::error::{Error as DriverError, ErrorKind};
use storex_mongo::driver::options::ClientOptions;
use storex_mongo::driver::{Client, Collection};
use storex_tests::mongod::{Deployment, Mongod};

/// The server by the hands of its root.
#[derive(Clone, Debug)]
pub(super) struct MongoWorld {
    pub(super) root: Client,
    pub(super) address: DatabaseAddress,
}

/// A connection of a store: one, and always the same.
#[derive(Clone, Debug)]
pub(super) struct MongoLogin(pub(super) Client);

/// What a driver's error means to a store.
pub(super) fn meaning(error: &DriverError) -> Error {
    match &*error.kind {
        ErrorKind::Authentication { .. } => Error::new(Code::Unauthenticated, "the server does not know this user"),
        ErrorKind::Command(command) if command.code == 13 => Error::new(Code::Denied, command.message.clone()),
        other => Error::new(Code::Internal, format!("{other:?}")),
    }
}

impl MongoWorld {
    pub(super) async fn of(deployment: &Deployment) -> Self {
        let root = deployment.driver("admin").await.unwrap().client().clone();
        let hosts: Vec<String> = deployment.servers.iter().map(Mongod::address).collect();
        Self { root, address: format!("mongodb://{}/?replicaSet=rs0", hosts.join(",")).parse().unwrap() }
    }

    /// A connection with this connection string.
    pub(super) async fn connect(uri: &Secret<String>) -> Result<MongoLogin> {
        let mut options = ClientOptions::parse(uri.expose()).await.map_err(|error| meaning(&error))?;
        options.max_pool_size = Some(1);
        let client = Client::with_options(options).map_err(|error| meaning(&error))?;
        client.database("admin").run_command(doc! { "ping": 1 }).await.map_err(|error| meaning(&error))?;
        Ok(MongoLogin(client))
    }

    pub(super) async fn as_store(
        &self,
        name: &DatabaseName,
        user: &DatabaseUser,
        password: &Secret<String>,
    ) -> Result<MongoLogin> {
        Self::connect(&self.address.with_credentials(name, user, password)).await
    }

    async fn lines(&self, name: &DatabaseName) -> Result<Vec<String>, DriverError> {
        let database = self.root.database(name.as_str());
        let mut lines = Vec::new();
        let listed = database.run_cursor_command(doc! { "listCollections": 1, "cursor": {} }).await?;
        for found in listed.try_collect::<Vec<Document>>().await? {
            let collection = found.get_str("name").unwrap_or_default();
            lines.push(format!("{collection} {found}"));
            let documents: Collection<RawDocumentBuf> = database.collection(collection);
            let all: Vec<RawDocumentBuf> = documents.find(doc! {}).await?.try_collect().await?;
            lines.extend(all.iter().map(|document| line(collection, document)));
        }
        let users: Collection<Document> = self.root.database("admin").collection("system.users");
        let users: Vec<Document> = users.find(doc! { "db": name.as_str() }).await?.try_collect().await?;
        lines.extend(users.iter().map(|user| format!("user {user}")));
        lines.sort_unstable();
        Ok(lines)
    }
}

/// A document as text, to the byte.
fn line(collection: &str, document: &RawDocument) -> String {
    format!("{collection}/{} {:?}", document.get_str("_id").unwrap_or_default(), document.as_bytes())
}

/// The documents of a file in which they lie one behind the other.
fn documents_in(bytes: &[u8]) -> Vec<RawDocumentBuf> {
    let mut rest = bytes;
    let mut all = Vec::new();
    while let Some(length) = rest.first_chunk::<4>() {
        let (one, more) = rest.split_at(usize::try_from(i32::from_le_bytes(*length)).unwrap());
        all.push(RawDocumentBuf::from_bytes(one.to_vec()).unwrap());
        rest = more;
    }
    all
}

/// Everything in a snapshot, as text.
pub(super) fn kept(place: &Path) -> Vec<String> {
    let mut lines = Vec::new();
    for entry in fs::read_dir(place).unwrap() {
        let path = entry.unwrap().path();
        let Some(base) = path.to_str().unwrap().strip_suffix(".metadata.json").map(str::to_owned) else { continue };
        let about: Document = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        let collection = about.get_str("collectionName").unwrap();
        lines.push(collection.to_owned());
        let documents = documents_in(&fs::read(format!("{base}.bson")).unwrap());
        lines.extend(documents.iter().map(|document| line(collection, document)));
    }
    lines.sort_unstable();
    lines
}

#[async_trait]
impl DatabaseWorld for MongoWorld {
    async fn login(&self, name: &DatabaseName, user: &DatabaseUser, password: &Secret<String>) -> Result<Box<dyn StoreLogin>> {
        Ok(Box::new(self.as_store(name, user, password).await?))
    }

    async fn plant_database(&self, name: &DatabaseName) -> Result<()> {
        let orders = self.root.database(name.as_str()).collection::<Document>("orders");
        orders.insert_one(doc! { "_id": "1", "of": "somebody else" }).await.map_err(|error| meaning(&error))?;
        Ok(())
    }

    async fn plant_user(&self, name: &DatabaseName, user: &DatabaseUser, mark: Option<&Mark>) -> Result<()> {
        let roles = vec![doc! { "role": "readWrite", "db": name.as_str() }];
        let mut command = doc! { "createUser": user.as_str(), "pwd": "planted-password", "roles": roles };
        if let Some(mark) = mark {
            command.insert("customData", doc! { "mark": mark.to_string() });
        }
        self.root.database(name.as_str()).run_command(command).await.map_err(|error| meaning(&error))?;
        Ok(())
    }

    async fn widen(&self, name: &DatabaseName, user: &DatabaseUser, to: &DatabaseName) -> Result<()> {
        let roles = vec![doc! { "role": "readWrite", "db": to.as_str() }];
        let command = doc! { "grantRolesToUser": user.as_str(), "roles": roles };
        self.root.database(name.as_str()).run_command(command).await.map_err(|error| meaning(&error))?;
        Ok(())
    }

    async fn contents(&self, name: &DatabaseName) -> Result<Vec<String>> {
        self.lines(name).await.map_err(|error| meaning(&error))
    }

    async fn snapshot_contents(&self, facts: &SnapshotFacts) -> Result<Vec<String>> {
        Ok(kept(Path::new(&facts.place)))
    }
}

#[async_trait]
impl StoreLogin for MongoLogin {
    async fn write(&self, name: &DatabaseName, collection: &str, id: &str) -> Result<()> {
        let collection = self.0.database(name.as_str()).collection::<Document>(collection);
        let written = collection.insert_one(doc! { "_id": id, "text": "written" }).await;
        written.map(drop).map_err(|error| meaning(&error))
    }

    async fn read(&self, name: &DatabaseName, collection: &str) -> Result<Vec<String>> {
        let collection = self.0.database(name.as_str()).collection::<Document>(collection);
        let find = async { collection.find(doc! {}).sort(doc! { "_id": 1 }).await?.try_collect::<Vec<Document>>().await };
        let found = find.await.map_err(|error| meaning(&error))?;
        Ok(found.iter().map(|document| document.get_str("_id").unwrap_or_default().to_owned()).collect())
    }

    async fn drop_collection(&self, name: &DatabaseName, collection: &str) -> Result<()> {
        let collection = self.0.database(name.as_str()).collection::<Document>(collection);
        collection.drop().await.map_err(|error| meaning(&error))
    }
}
