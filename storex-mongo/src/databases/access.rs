//! Whether the server keeps anybody out, and whether storex's user may do what it does.

use super::SETTING;
use super::answer::{Failed, Limit, limited};
use crate::connect;
use mongodb::Client;
use mongodb::bson::{Bson, Document, doc};
use mongodb::options::ClientOptions;
use storex_core::{Code, Error, Result};

/// What is done to databases and users of stores. MongoDB grants by exact name or for all databases.
const EVERYWHERE: [&str; 11] = [
    "changeCustomData",
    "changePassword",
    "createCollection",
    "createUser",
    "dropDatabase",
    "dropUser",
    "find",
    "grantRole",
    "listCollections",
    "listIndexes",
    "revokeRole",
];
/// What is done to the marks.
const MARKS: [&str; 4] = ["find", "insert", "remove", "update"];
/// Name of the role the grant makes.
const ROLE: &str = "storexDatabases";

/// Refuses a server on which anybody may do anything: a user of a store would be confined by nothing. Asked as somebody without credentials, since that is
/// the question, and needs no right to be answered; what the server says of its own configuration would need one.
///
/// # Errors
/// `unusable`; `unavailable`.
pub(super) async fn refuse_open_server(options: &ClientOptions) -> Result<()> {
    let mut bare = options.clone();
    bare.credential = None;
    let client = connect::client(SETTING, bare)?;
    let question = doc! { "listDatabases": 1, "nameOnly": true };
    let answer = limited(Limit::READ, client.database("admin").run_command(question)).await;
    client.shutdown().await;
    match answer {
        Ok(_) => {
            let what = "the MongoDB server lets everybody in without a password, so databases of stores would be open to every store: start mongod with --auth (security.authorization: enabled), or leave the databases of stores out";
            Err(Error::new(Code::Unusable, format!("{SETTING} cannot be used: {what}")))
        }
        Err(Failed { code: Some(13), .. }) => Ok(()),
        Err(failed) => Err(failed.of_read()),
    }
}

/// Proves that the user has every right storex uses.
///
/// # Errors
/// `unusable` with the command that grants what is missing.
pub(super) async fn check_rights(client: &Client, marks: &str) -> Result<()> {
    let question = doc! { "connectionStatus": 1, "showPrivileges": true };
    let answer = limited(Limit::READ, client.database("admin").run_command(question)).await.map_err(Failed::of_read)?;
    let info = answer.get_document("authInfo").cloned().unwrap_or_default();
    let users = info.get_array("authenticatedUsers").cloned().unwrap_or_default();
    let Some(user) = users.first().and_then(Bson::as_document) else {
        let what = "it names no user: write it as mongodb://user:password@host:port/database";
        return Err(Error::new(Code::Unusable, format!("{SETTING} cannot be used: {what}")));
    };
    let privileges = info.get_array("authenticatedUserPrivileges").cloned().unwrap_or_default();
    let missing = missing(&privileges, marks);
    if missing.is_empty() { Ok(()) } else { Err(refusal(user, &missing, marks)) }
}

/// A right that is missing, for people.
fn missing(privileges: &[Bson], marks: &str) -> Vec<String> {
    let may = |database: &str, collection: &str, action: &str| {
        privileges.iter().filter_map(Bson::as_document).any(|privilege| {
            let actions = privilege.get_array("actions").map(Vec::as_slice).unwrap_or_default();
            covers(privilege, database, collection) && actions.iter().any(|known| known.as_str() == Some(action))
        })
    };
    let everywhere =
        EVERYWHERE.into_iter().filter(|action| !may("", "", action)).map(|action| format!("{action} on every database"));
    let of_marks = MARKS.into_iter().filter(|action| !may(marks, "", action)).map(|action| format!("{action} on {marks}"));
    let users = (!may("admin", "system.users", "find")).then(|| "find on admin.system.users".to_owned());
    everywhere.chain(of_marks).chain(users).collect()
}

/// Whether the privilege is about all of this, an empty name standing for all.
fn covers(privilege: &Document, database: &str, collection: &str) -> bool {
    let Ok(resource) = privilege.get_document("resource") else { return false };
    if resource.get_bool("anyResource").unwrap_or_default() {
        return true;
    }
    let (Ok(on), Ok(of)) = (resource.get_str("db"), resource.get_str("collection")) else { return false };
    // All collections does not mean the system's.
    (on.is_empty() || on == database) && (of == collection || (of.is_empty() && !collection.starts_with("system.")))
}

fn refusal(user: &Document, missing: &[String], marks: &str) -> Error {
    let (name, database) = (user.get_str("user").unwrap_or_default(), user.get_str("db").unwrap_or_default());
    let create = doc! { "createRole": ROLE, "privileges": [
        { "resource": { "db": "", "collection": "" }, "actions": EVERYWHERE.as_slice() },
        { "resource": { "db": marks, "collection": "" }, "actions": MARKS.as_slice() },
        { "resource": { "db": "admin", "collection": "system.users" }, "actions": ["find"] },
    ], "roles": [] };
    let grant = doc! { "grantRolesToUser": name, "roles": [{ "role": ROLE, "db": "admin" }] };
    let shell = |database: &str, command: Document| {
        let command = serde_json::to_string(&command).unwrap_or_default();
        format!("db.getSiblingDB({}).runCommand({command})", serde_json::Value::from(database))
    };
    let what = format!(
        "the user {name} of {SETTING} lacks {}: run in mongosh as an administrator: {}; {}",
        missing.join(", "),
        shell("admin", create),
        shell(database, grant),
    );
    Error::new(Code::Unusable, what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_right_for_all_databases_is_none_for_the_systems_collections() {
        let all = vec![doc! { "resource": { "db": "", "collection": "" }, "actions": EVERYWHERE.as_slice() }.into()];
        let lacks = missing(&all, "marks");
        assert_eq!(lacks, ["insert on marks", "remove on marks", "update on marks", "find on admin.system.users"]);
        let both = [EVERYWHERE.as_slice(), MARKS.as_slice()].concat();
        let any = vec![doc! { "resource": { "anyResource": true }, "actions": both }.into()];
        assert_eq!(missing(&any, "marks"), Vec::<String>::new());
        let elsewhere = vec![doc! { "resource": { "db": "shop", "collection": "" }, "actions": EVERYWHERE.as_slice() }.into()];
        assert_eq!(missing(&elsewhere, "marks").len(), EVERYWHERE.len() + MARKS.len() + 1);
        assert_eq!(missing(&[], "marks").len(), EVERYWHERE.len() + MARKS.len() + 1);
    }

    #[test]
    fn the_refusal_holds_the_command_that_mends_it() {
        let error = refusal(&doc! { "user": "storex", "db": "admin" }, &["find on every database".to_owned()], "marks");
        let text = error.to_string();
        assert!(error.code() == Code::Unusable && text.contains("lacks find on every database"), "{text}");
        assert!(text.contains(r#"db.getSiblingDB("admin").runCommand({"createRole":"storexDatabases""#), "{text}");
        let grant = r#"runCommand({"grantRolesToUser":"storex","roles":[{"role":"storexDatabases","db":"admin"}]})"#;
        assert!(text.contains(grant), "{text}");
    }
}
