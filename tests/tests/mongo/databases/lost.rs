//! Deadlines, lost answers, and a server that is held still.

use super::Stand;
use std::time::Duration;
use storex_core::{Clock, Code, DatabaseAdmin, Error, Result, SystemClock};
use storex_mongo::driver::bson::{Document, doc};

/// Makes the server fail storex's next command of this name; with `after` only its answer is lost.
async fn strike(stand: &Stand, command: &str, data: Document) {
    let mut data = data;
    data.extend(doc! { "failCommands": [command], "appName": "storex" });
    let fail = doc! { "configureFailPoint": "failCommand", "mode": { "times": 1 }, "data": data };
    stand.world.root.database("admin").run_command(fail).await.unwrap();
}

fn unclear<T: std::fmt::Debug>(outcome: Result<T>) -> Error {
    let error = outcome.unwrap_err();
    assert!(error.is_unclear() && error.is_transient(), "{error:?}");
    error
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lost_answers_leave_the_effect_in_doubt_and_repeating_the_call_settles_it() {
    let stand = Stand::new().await;
    let store = super::Store::of(1);
    let (name, user, password) = (&store.name, &store.user, &store.password);
    let databases = &stand.databases;
    // Before the effect the connection is closed; after it no majority is said to have confirmed.
    let before = || doc! { "closeConnection": true };
    let after = || doc! { "writeConcernError": { "code": 64, "errmsg": "waiting for replication timed out" } };
    for (fault, is_done) in [(before(), false), (after(), true)] {
        strike(&stand, "create", fault).await;
        unclear(databases.ensure_database(&store.cx(), name).await);
        let found = databases.find(name).await.unwrap().unwrap();
        assert!(found.mark.is_some() && found.collections.is_empty() != is_done, "{found:?}");
        databases.remove_database(&store.cx(), name).await.unwrap();
    }
    databases.ensure_database(&store.cx(), name).await.unwrap();
    for (fault, is_done) in [(before(), false), (after(), true)] {
        strike(&stand, "createUser", fault).await;
        unclear(databases.ensure_user(&store.cx(), name, user, password).await);
        assert_eq!(databases.find(name).await.unwrap().unwrap().user(user).is_some(), is_done);
    }
    let cx = store.cx();
    databases.ensure_user(&cx, name, user, password).await.unwrap();
    for (fault, is_done) in [(before(), false), (after(), true)] {
        let rotation = store.cx();
        strike(&stand, "updateUser", fault).await;
        unclear(databases.set_password(&rotation, name, user, password).await);
        let seen = databases.find(name).await.unwrap().unwrap().user(user).unwrap().password_mark.clone().unwrap();
        assert_eq!(seen == rotation.mark, is_done, "who changed the password last is read, not guessed");
    }
    for (fault, is_done) in [(before(), false), (after(), true)] {
        strike(&stand, "dropUser", fault).await;
        unclear(databases.remove_user(&store.cx(), name, user).await);
        assert_eq!(databases.find(name).await.unwrap().unwrap().users.is_empty(), is_done);
    }
    for (fault, is_done) in [(before(), false), (after(), true)] {
        strike(&stand, "dropDatabase", fault).await;
        unclear(databases.remove_database(&store.cx(), name).await);
        let found = databases.find(name).await.unwrap().unwrap();
        assert!(found.collections.is_empty() == is_done && found.mark.is_some(), "the mark goes last: {found:?}");
    }
    databases.remove_database(&store.cx(), name).await.unwrap();
    assert_eq!(databases.find(name).await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_sent_after_the_deadline_and_a_still_server_is_not_waited_for_longer() {
    let stand = Stand::new().await;
    let store = stand.store(1).await;
    let other = super::Store::of(2);
    let past = other.cx_for(Duration::ZERO);
    let error = stand.databases.ensure_database(&past, &other.name).await.unwrap_err();
    assert!(error.code() == Code::Timeout && !error.is_unclear(), "{error:?}");
    assert_eq!(stand.databases.find(&other.name).await.unwrap(), None);

    let server = stand.deployment.servers.first().unwrap();
    server.hold().unwrap();
    let (began, cx) = (SystemClock.now(), store.cx_for(Duration::from_secs(1)));
    let held = stand.databases.remove_user(&cx, &store.name, &store.user).await;
    let waited = SystemClock.now().duration_since(began);
    server.resume().unwrap();
    let error = held.unwrap_err();
    assert!(error.code() == Code::Timeout && waited.as_secs() < 3, "{waited:?}: {error:?}");
    // The control: with the server running the same call goes through.
    stand.databases.remove_user(&store.cx(), &store.name, &store.user).await.unwrap();
}
