//! What the user may do on the database of the deployment, which is asked of the server and not tried.

use super::fact::Finding;
use crate::failure::{Failure, code, limited};
use crate::indexes;
use mongodb::Client;
use mongodb::bson::{Bson, Document, doc};
use std::collections::BTreeSet;
use storex_core::Result;

/// Actions on each collection of storex (<https://www.mongodb.com/docs/manual/reference/privilege-actions/>).
const ON_COLLECTIONS: [&str; 7] = ["find", "insert", "update", "remove", "createCollection", "createIndex", "listIndexes"];
/// Actions on the database as a whole.
const ON_DATABASE: [&str; 1] = ["listCollections"];
/// Without it, changes are looked for by the clock.
const TO_WATCH: &str = "changeStream";

/// Looks the user's rights on this database up.
pub(super) async fn look(client: &Client, database: &str) -> Result<Finding> {
    let admin = client.database("admin");
    let status = doc! { "connectionStatus": 1, "showPrivileges": true };
    let status = limited(admin.run_command(status)).await.map_err(Failure::of_read)?;
    let info = status.get_document("authInfo").cloned().unwrap_or_default();
    if info.get_array("authenticatedUsers").is_ok_and(|users| !users.is_empty()) {
        let rights = info.get_array("authenticatedUserPrivileges").cloned().unwrap_or_default();
        return Ok(judge(&rights, database));
    }
    let list = doc! { "listDatabases": 1, "nameOnly": true, "authorizedDatabases": false };
    match tokio::time::timeout(crate::failure::COMMAND, admin.run_command(list)).await {
        Ok(Err(error)) if code(&error) == Some(13) => Ok(Finding::fails(
            "the connection string names no user, and the server serves nobody without one",
            "Write a user and its password into the connection string, with authSource when another database holds the user.",
        )),
        _ => Ok(Finding::warns(
            "the server lets everybody do everything",
            "Turn on authorization on the server, and give storex a user with readWrite on its database.",
        )),
    }
}

fn judge(rights: &[Bson], database: &str) -> Finding {
    let lacks = |action: &&str, collection: &str| !allows(rights, database, collection, action);
    let everywhere = |action: &&&str| indexes::collections().any(|collection| lacks(action, collection));
    let mut missing: BTreeSet<&str> = ON_COLLECTIONS.iter().filter(everywhere).copied().collect();
    missing.extend(ON_DATABASE.iter().filter(|action| lacks(action, "")));
    if !missing.is_empty() {
        let missing = missing.into_iter().collect::<Vec<_>>().join(", ");
        return Finding::fails(
            format!("the user may not do {missing} on the database {database}"),
            format!("Give the user the role readWrite on the database {database}."),
        );
    }
    if lacks(&TO_WATCH, "") {
        return Finding::warns(
            format!("the user may not watch the database {database}: changes are looked for once a second"),
            format!("Give the user the role readWrite on the database {database}."),
        );
    }
    Finding::holds(format!("the user may do all that storex does on the database {database}"))
}

/// Whether one of the rights is this action on this collection, or, without one, on the database as a whole.
fn allows(rights: &[Bson], database: &str, collection: &str, action: &str) -> bool {
    rights.iter().filter_map(Bson::as_document).any(|right| {
        let covers = right.get_document("resource").is_ok_and(|resource| covers(resource, database, collection));
        covers && right.get_array("actions").is_ok_and(|actions| actions.iter().any(|seen| seen.as_str() == Some(action)))
    })
}

/// Resource documents: <https://www.mongodb.com/docs/manual/reference/resource-document/>.
fn covers(resource: &Document, database: &str, collection: &str) -> bool {
    let is = |key: &str, wanted: &str| resource.get_str(key).is_ok_and(|seen| seen.is_empty() || seen == wanted);
    resource.get_bool("anyResource").unwrap_or_default() || is("db", database) && is("collection", collection)
}

#[cfg(test)]
mod tests {
    use super::super::FactState;
    use super::*;

    fn state(resource: Document, actions: &[&str]) -> FactState {
        judge(&[Bson::Document(doc! { "resource": resource, "actions": actions.to_vec() })], "shop").of("rights").state
    }

    #[test]
    fn each_right_is_missed_and_those_of_other_places_do_not_count() {
        let all = [&ON_COLLECTIONS[..], &ON_DATABASE[..], &[TO_WATCH]].concat();
        for resource in
            [doc! { "db": "shop", "collection": "" }, doc! { "db": "", "collection": "" }, doc! { "anyResource": true }]
        {
            assert_eq!(state(resource, &all), FactState::Holds);
        }
        for resource in
            [doc! { "db": "other", "collection": "" }, doc! { "db": "shop", "collection": "rows" }, doc! { "cluster": true }]
        {
            assert_eq!(state(resource, &all), FactState::Fails);
        }
        for missing in &all {
            let rest: Vec<&str> = all.iter().copied().filter(|action| action != missing).collect();
            let wanted = if *missing == TO_WATCH { FactState::Warning } else { FactState::Fails };
            assert_eq!(state(doc! { "db": "shop", "collection": "" }, &rest), wanted, "{missing}");
        }
    }
}
