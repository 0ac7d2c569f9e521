//! Hints that another process has written: a change stream on a replica set, the clock on a standalone server.

use crate::server::Topology;
use futures::StreamExt;
use mongodb::Database;
use mongodb::bson::doc;
use std::time::Duration;
use storex_core::Table;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// How often watchers are woken when nothing can tell of changes.
const POLL: Duration = Duration::from_secs(1);

/// The task that wakes watchers; dropping it ends the task.
#[derive(Debug)]
pub(crate) struct Waker(JoinHandle<()>);

impl Waker {
    /// Wakes by what the topology can tell.
    pub(crate) fn start(topology: Topology, database: Database, changed: watch::Sender<()>) -> Self {
        Self(match topology {
            Topology::ReplicaSet => tokio::spawn(follow(database, changed)),
            Topology::Standalone => tokio::spawn(poll(changed)),
        })
    }
}

impl Drop for Waker {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn poll(changed: watch::Sender<()>) {
    loop {
        tokio::time::sleep(POLL).await;
        changed.send_replace(());
    }
}

/// Follows the change stream. Between two streams, and before the first, watchers are woken by the clock, since a change may have been missed.
async fn follow(database: Database, changed: watch::Sender<()>) {
    loop {
        let tables: Vec<&str> = Table::ALL.iter().map(|table| table.as_str()).collect();
        // No documents, only that something changed; the driver needs these fields to go on after a lost connection.
        let seen =
            [doc! { "$match": { "ns.coll": { "$in": tables } } }, doc! { "$project": { "_id": 1, "operationType": 1, "ns": 1 } }];
        match database.watch().pipeline(seen).await {
            Ok(mut stream) => {
                changed.send_replace(());
                while let Some(Ok(_)) = stream.next().await {
                    changed.send_replace(());
                }
                tracing::warn!("the change stream of MongoDB ended: it is opened again");
            }
            Err(error) => {
                let error = crate::failure::describe(&error);
                tracing::warn!(%error, "MongoDB gives no change stream: watchers are woken once a second");
            }
        }
        tokio::time::sleep(POLL).await;
        changed.send_replace(());
    }
}
