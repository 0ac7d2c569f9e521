//! An installation whose shops have databases.

use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::Duration;
use storex_core::Secret;
use storex_mongo::driver::bson::{Document, doc};
use storex_mongo::driver::options::ClientOptions;
use storex_mongo::driver::{Client, Database};
use storex_tests::canary::{Sink, files_below};
use storex_tests::installation::{Installation, directory, exchange, header, options};
use storex_tests::mongod::{Deployment, Topology};
use storex_tests::process::{living_in, run};
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// Things a shop tries at a database.
pub(crate) const ATTEMPTS: usize = 5;

/// A store.
#[derive(Clone, Debug)]
pub(crate) struct Shop {
    pub(crate) id: String,
    pub(crate) username: String,
}

/// What a shop reaches its database with.
#[derive(Clone, Debug)]
pub(crate) struct Login {
    pub(crate) host: String,
    pub(crate) name: String,
    pub(crate) user: String,
    pub(crate) password: Secret<String>,
}

/// A database server with access control, and an installation on it.
pub(crate) struct Stand {
    runtime: Runtime,
    deployment: Deployment,
    up: Installation,
    folder: TempDir,
    answers: std::cell::RefCell<Vec<Sink>>,
}

impl Stand {
    pub(crate) fn start(stores: u16) -> Self {
        Self::start_with(stores, "")
    }

    /// The same with the files of this folder over those of the example shop.
    pub(crate) fn start_with(stores: u16, over: &str) -> Self {
        let runtime = Runtime::new().unwrap();
        let deployment = runtime.block_on(Deployment::start(Topology::OneWithUsers)).unwrap();
        let folder = directory().unwrap();
        let core = folder.path().join("core");
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let made = run("scripts/shop-core.sh", &[core.to_str().unwrap()], root).unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        if !over.is_empty() {
            let from = format!("{}/.", root.join(over).display());
            assert!(run("cp", &["-r", &from, core.to_str().unwrap()], root).unwrap().status.success());
        }
        let mut options = options(folder.path(), "examples/store-core", stores).unwrap();
        options.core = core;
        options.databases.uri = Some(deployment.uri(""));
        let up = Installation::start(options).unwrap();
        Self { runtime, deployment, up, folder, answers: std::cell::RefCell::default() }
    }

    pub(crate) fn router(&self) -> u16 {
        self.up.ports.router
    }

    fn api(&self, method: &str, path: &str, body: Option<&Value>) -> (u16, String, Value) {
        let (status, head, answer) = self.up.api(method, path, body).unwrap();
        let sink = Sink::new("answer", format!("{method} {path}"), format!("{head}\n{answer}"));
        self.answers.borrow_mut().push(sink);
        (status, head, answer)
    }

    /// Waits for the operation an answer names; answers it.
    fn rest(&self, head: &str, answer: &Value) -> Value {
        let named = header(head, "operation-location");
        let path = named.unwrap_or_else(|| format!("/api/operations/{}", answer["operation"].as_str().unwrap()));
        self.up.rest(&path).unwrap();
        self.api("GET", &path, None).2
    }

    pub(crate) fn create(&self, username: &str) -> Shop {
        let body = json!({ "username": username, "storeDetails": { "owner": "John Smith", "email": "john@example-mail.com" } });
        let (status, head, answer) = self.api("POST", "/api/stores", Some(&body));
        assert_eq!(status, 201, "{answer:#}");
        let view = self.rest(&head, &answer);
        assert_eq!(view["state"], "succeeded", "{view:#}");
        Shop { id: answer["store_id"].as_str().unwrap().to_owned(), username: username.to_owned() }
    }

    pub(crate) fn delete(&self, shop: &Shop) {
        let (_, head, answer) = self.api("DELETE", &format!("/api/stores/{}", shop.id), None);
        let view = self.rest(&head, &answer);
        assert_eq!(view["state"], "succeeded", "{view:#}");
    }

    /// Gives the shop another password; answers how the operation ended.
    pub(crate) fn rotate(&self, shop: &Shop) -> Value {
        let (status, head, answer) = self.api("POST", &format!("/api/stores/{}/database/rotate", shop.id), None);
        assert_eq!(status, 202, "{answer:#}");
        self.rest(&head, &answer)
    }

    pub(crate) fn shop_get(&self, shop: &Shop, path: &str) -> (u16, Value) {
        let host = format!("{}.storex.com", shop.username);
        let text = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        let (status, _, body) = exchange(self.router(), &text).unwrap();
        (status, json_of(&body))
    }

    pub(crate) fn order(&self, shop: &Shop, order: &Value) -> (u16, Value) {
        let (host, body) = (format!("{}.storex.com", shop.username), order.to_string());
        let head =
            format!("POST /api/orders HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Type: application/json\r\n");
        let text = format!("{head}Content-Length: {}\r\n\r\n{body}", body.len());
        let (status, _, body) = exchange(self.router(), &text).unwrap();
        (status, json_of(&body))
    }

    /// What is in the shop's environment file.
    pub(crate) fn login(&self, shop: &Shop) -> Login {
        let file = self.files().into_iter().find(|path| is_environment(path) && path.to_string_lossy().contains(&shop.username));
        let text = std::fs::read_to_string(file.unwrap()).unwrap();
        let value = |key: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(&format!("{key}=")));
            line.unwrap().trim_matches('\'').to_owned()
        };
        let password = Secret::new(value("DB_PASSWORD"));
        Login { host: value("DB_HOST"), name: value("DB_NAME"), user: value("DB_USER"), password }
    }

    fn files(&self) -> Vec<PathBuf> {
        files_below(&self.folder.path().join("data"))
    }

    /// Every file of the installation but the two kinds that hold passwords by intent, environment and arguments of every process it runs, and every answer of
    /// its API.
    pub(crate) fn sinks(&self) -> Vec<Sink> {
        let read = |kind: &str, path: &Path| {
            // A process may be gone by now.
            Sink::new(kind, path.display(), std::fs::read(path).unwrap_or_default())
        };
        let files = self.files().into_iter().filter(|path| !is_environment(path) && !is_ledger(path));
        let mut sinks: Vec<Sink> = files.map(|path| read("file", &path)).collect();
        let mut processes = living_in(self.folder.path());
        processes.push(std::process::id());
        for pid in processes {
            sinks.push(read("environ", Path::new(&format!("/proc/{pid}/environ"))));
            sinks.push(read("argv", Path::new(&format!("/proc/{pid}/cmdline"))));
        }
        self.api("GET", "/api/stores", None);
        self.api("GET", "/api/drift", None);
        sinks.extend(self.answers.borrow().iter().cloned());
        sinks
    }

    pub(crate) fn block_on<T>(&self, work: impl AsyncFnOnce(Client) -> T) -> T {
        self.runtime.block_on(async {
            let root = Client::with_uri_str(self.deployment.uri("").expose()).await.unwrap();
            work(root).await
        })
    }

    /// Names of all databases.
    pub(crate) fn databases(&self) -> Vec<String> {
        self.block_on(async |root| root.list_database_names().await.unwrap())
    }

    /// Users of shops.
    pub(crate) fn users(&self) -> usize {
        let all = self.block_on(async |root| {
            root.database("admin").run_command(doc! { "usersInfo": { "forAllDBs": true } }).await.unwrap()
        });
        let is_shop = |user: &&Document| user.get_str("user").unwrap().starts_with("store_user_");
        all.get_array("users").unwrap().iter().filter_map(|user| user.as_document()).filter(is_shop).count()
    }

    /// Whether a snapshot has a file of this name that holds these bytes.
    pub(crate) fn snapshot_holds(&self, name: &str, bytes: &[u8]) -> bool {
        let named = |path: &PathBuf| path.ends_with(name) && path.starts_with(self.folder.path().join("data/snapshots"));
        let holds = |path: PathBuf| std::fs::read(path).unwrap().windows(bytes.len()).any(|window| window == bytes);
        self.files().into_iter().filter(named).any(holds)
    }

    async fn connected(login: &Login, name: &str) -> Database {
        let uri = format!("{}&serverSelectionTimeoutMS=3000", login.host);
        let mut options = ClientOptions::parse(uri).await.unwrap();
        let credential = storex_mongo::driver::options::Credential::builder()
            .username(login.user.clone())
            .password(login.password.expose().clone())
            .source(login.name.clone())
            .build();
        options.credential = Some(credential);
        Client::with_options(options).unwrap().database(name)
    }

    /// Whether the login opens its database.
    pub(crate) fn opens(&self, login: &Login) -> bool {
        self.runtime.block_on(async {
            Self::connected(login, &login.name).await.run_command(doc! { "listCollections": 1 }).await.is_ok()
        })
    }

    /// How many of [`ATTEMPTS`] things the login can do in this database.
    pub(crate) fn attempts(&self, login: &Login, name: &str) -> usize {
        let commands = [
            doc! { "find": "orders" },
            doc! { "insert": "orders", "documents": [{ "by": &login.user }] },
            doc! { "listCollections": 1 },
            doc! { "aggregate": "products", "pipeline": [{ "$match": {} }, { "$out": "copied" }], "cursor": {} },
            doc! { "dropDatabase": 1 },
        ];
        self.runtime.block_on(async {
            let database = Self::connected(login, name).await;
            let mut through = 0;
            for command in commands {
                through += usize::from(database.run_command(command).await.is_ok());
            }
            through
        })
    }

    /// Removes the user and makes it again as it was, a second later.
    pub(crate) fn take_user_away_for_a_moment(&self, login: &Login) {
        self.block_on(async |root| {
            let database = root.database(&login.name);
            database.run_command(doc! { "dropUser": &login.user }).await.unwrap();
            tokio::time::sleep(Duration::from_secs(1)).await;
            let user = doc! { "createUser": &login.user, "pwd": login.password.expose(), "roles": ["readWrite"] };
            database.run_command(user).await.unwrap();
        });
    }

    /// Stops it; the folder goes with what is answered.
    pub(crate) fn stop(self) -> TempDir {
        self.up.stop().unwrap();
        self.folder
    }
}

fn json_of(body: &str) -> Value {
    // Nginx may send it in chunks; the shop sends its length.
    serde_json::from_str(body).unwrap_or(Value::Null)
}

fn is_environment(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "env")
}

fn is_ledger(path: &Path) -> bool {
    path.parent().is_some_and(|folder| folder.ends_with("ledger"))
}
