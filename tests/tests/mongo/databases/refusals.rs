//! Servers and users with which databases of stores would not be apart, or could not be made: refused with what mends it.

use super::{Stand, Store, settings};
use std::path::Path;
use storex_core::{Code, DatabaseAdmin, Error, Secret};
use storex_fakes::laws::database_admin::DatabaseWorld;
use storex_mongo::driver::bson::{Bson, Document, doc};
use storex_mongo::{DatabaseSettings, MongoDatabases};
use storex_tests::mongod::{Deployment, Topology};

/// The password of storex's own user.
pub(super) const PASSWORD: &str = "canary-password";

pub(super) async fn make_user(deployment: &Deployment, user: &str) {
    let command = doc! { "createUser": user, "pwd": PASSWORD, "roles": [] };
    deployment.driver("admin").await.unwrap().run_command(command).await.unwrap();
}

async fn refused(settings: DatabaseSettings, code: Code, words: &str) -> Error {
    let error = MongoDatabases::open(settings).await.unwrap_err();
    assert_eq!(error.code(), code, "{error:?}");
    assert!(error.to_string().contains(words), "{error}");
    assert_eq!(error.operation(), Some("databases.open"));
    assert!(!format!("{error} {error:?}").contains(PASSWORD), "{error:?}");
    error
}

/// Runs the commands the refusal prints, as they are printed.
pub(super) async fn grant_what_is_missing(deployment: &Deployment, settings: DatabaseSettings) {
    let error = refused(settings, Code::Unusable, "lacks").await;
    let admin = deployment.driver("admin").await.unwrap();
    let printed: Vec<Document> = error
        .message()
        .split("runCommand(")
        .skip(1)
        .map(|rest| serde_json::from_str(rest.split_once(')').unwrap().0).unwrap())
        .collect();
    assert_eq!(printed.len(), 2, "{error}");
    for command in printed {
        admin.run_command(command).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_right_storex_asks_for_is_missed_by_name_and_no_other_is_needed() {
    let stand = Stand::new().await;
    let admin = stand.deployment.driver("admin").await.unwrap();
    let role = admin.run_command(doc! { "rolesInfo": "storexDatabases", "showPrivileges": true }).await.unwrap();
    let role = role.get_array("roles").unwrap()[0].as_document().unwrap().clone();
    let privileges = role.get_array("privileges").unwrap();
    let mut missed = 0;
    for (place, privilege) in privileges.iter().enumerate() {
        let actions = privilege.as_document().unwrap().get_array("actions").unwrap().clone();
        for action in &actions {
            let action = action.as_str().unwrap();
            let fewer: Vec<Bson> = actions.iter().filter(|other| other.as_str() != Some(action)).cloned().collect();
            let mut without = privileges.clone();
            if fewer.is_empty() {
                without.remove(place);
            } else {
                without[place].as_document_mut().unwrap().insert("actions", fewer);
            }
            admin.run_command(doc! { "updateRole": "storexDatabases", "privileges": without }).await.unwrap();
            let opened = MongoDatabases::open(settings(&stand.deployment, "storex", stand.folder.path())).await;
            // The marks are in a database like any other: who may find everywhere may find there.
            let covered = action == "find" && is_of_marks(&privileges[place]);
            if covered {
                opened.unwrap();
            } else {
                let error = opened.unwrap_err();
                assert!(
                    error.code() == Code::Unusable && error.message().contains(&format!("{action} on ")),
                    "{action}: {error}"
                );
                missed += 1;
            }
        }
    }
    println!(
        "{missed} rights of storex's role taken away one by one: {missed} refused by name; control: with all of them it opens"
    );
    assert_eq!(missed, 15);
    admin.run_command(doc! { "updateRole": "storexDatabases", "privileges": privileges.clone() }).await.unwrap();
    MongoDatabases::open(settings(&stand.deployment, "storex", stand.folder.path())).await.unwrap();

    make_user(&stand.deployment, "usual").await;
    let roles = vec!["readWriteAnyDatabase", "dbAdminAnyDatabase", "userAdminAnyDatabase"];
    admin.run_command(doc! { "grantRolesToUser": "usual", "roles": roles }).await.unwrap();
    MongoDatabases::open(settings(&stand.deployment, "usual", stand.folder.path())).await.unwrap();
}

fn is_of_marks(privilege: &Bson) -> bool {
    privilege.as_document().unwrap().get_document("resource").unwrap().get_str("db").unwrap() == "storex_databases"
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_lets_everybody_in_is_refused_since_it_keeps_nobody_apart() {
    let folder = tempfile::tempdir().unwrap();
    let open = Deployment::start(Topology::One).await.unwrap();
    let nobody = DatabaseSettings::new(open.uri(""), folder.path().join("snapshots"));
    refused(nobody, Code::Unusable, "--auth").await;
    make_user(&open, "storex").await;
    refused(settings(&open, "storex", folder.path()), Code::Unusable, "--auth").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn credentials_and_settings_that_cannot_be_used_are_named() {
    let stand = Stand::new().await;
    let of = |uri: Secret<String>| DatabaseSettings::new(uri, stand.folder.path().join("snapshots"));
    refused(of(stand.deployment.uri_as("", None)), Code::Unusable, "names no user").await;
    refused(of(stand.deployment.uri_as("", Some(("storex", "wrong-canary-password")))), Code::Unusable, "user name or password")
        .await;
    for path in ["store_shop1", "admin", "local", "config"] {
        refused(of(stand.deployment.uri_as(path, Some(("storex", PASSWORD)))), Code::Unusable, "name another database").await;
    }
    refused(of(Secret::new(format!("mongodb://u:{PASSWORD}@"))), Code::Unusable, "STOREX_DATABASES_URI").await;
    let port = storex_tests::installation::free_port().unwrap();
    refused(of(Secret::new(format!("mongodb://u:{PASSWORD}@127.0.0.1:{port}/"))), Code::Unavailable, "primary").await;
    let mut nowhere = settings(&stand.deployment, "storex", stand.folder.path());
    nowhere.snapshots = Path::new("/proc/no/such/folder").to_owned();
    refused(nowhere, Code::Unusable, "/proc/no/such/folder").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_that_differs_in_case_only_is_somebody_elses() {
    let stand = Stand::new().await;
    let store = Store::of(1);
    let capitals = stand.world.root.database("Store_Shop1").collection::<Document>("orders");
    capitals.insert_one(doc! { "_id": "1" }).await.unwrap();
    let error = stand.databases.ensure_database(&store.cx(), &store.name).await.unwrap_err();
    assert!(error.code() == Code::ForeignObject && !error.is_unclear(), "{error:?}");
    assert_eq!(stand.databases.find(&store.name).await.unwrap(), None, "a refusal leaves no mark");
    assert_eq!(capitals.count_documents(doc! {}).await.unwrap(), 1);
    assert_eq!(stand.world.contents(&store.name).await.unwrap(), Vec::<String>::new());
}
