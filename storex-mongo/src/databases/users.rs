//! Users of stores. They are defined in the store's database and kept by the server in `admin.system.users`, which is read by majority
//! (<https://www.mongodb.com/docs/manual/reference/system-users-collection/>).

use super::answer::{Failed, Limit, effect, limited};
use super::foreign;
use super::marks::begins;
use futures::TryStreamExt;
use mongodb::bson::{Document, doc};
use mongodb::{Client, Collection};
use std::collections::BTreeSet;
use storex_core::{
    Code, DatabaseGrant, DatabaseName, DatabaseRight, DatabaseUser, DatabaseUserFacts, EffectCx, Error, Mark, Result, Secret,
};

/// The one role a store's user has.
const READ_WRITE: &str = "readWrite";
/// There is no such user.
const ABSENT: i32 = 11;
/// The user is there.
const EXISTS: i32 = 51003;
/// How often a user may come and go between a look and the command that rests on it.
const ATTEMPTS: usize = 3;

fn all(client: &Client) -> Collection<Document> {
    client.database("admin").collection("system.users")
}

/// Refuses a password that some client would send differently, or that cannot stand in an environment.
///
/// # Errors
/// `invalid_field`.
pub(super) fn check_password(password: &Secret<String>) -> Result<()> {
    let text = password.expose();
    if (1..=128).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(());
    }
    let why = "a database password has 1 to 128 printable ASCII characters and no spaces";
    Err(Error::new(Code::InvalidField, why).pointer("/password"))
}

/// The users defined in a database, ascending.
pub(super) async fn of(client: &Client, name: &DatabaseName, limit: Limit) -> Result<Vec<DatabaseUserFacts>> {
    found(client, doc! { "db": name.as_str() }, limit).await
}

/// The user, when there is one.
///
/// # Errors
/// `foreign_object` when it has another owner.
pub(super) async fn own(
    client: &Client,
    cx: &EffectCx,
    name: &DatabaseName,
    user: &DatabaseUser,
    limit: Limit,
) -> Result<Option<DatabaseUserFacts>> {
    let found = found(client, doc! { "db": name.as_str(), "user": user.as_str() }, limit).await?;
    match found.into_iter().next() {
        Some(found) if !is_owned(&found, cx) => Err(foreign("the database user", user.as_str())),
        found => Ok(found),
    }
}

/// Whether the user has the owner of the effect.
pub(super) fn is_owned(user: &DatabaseUserFacts, cx: &EffectCx) -> bool {
    user.mark.as_ref().is_some_and(|mark| mark.same_owner(&cx.mark))
}

async fn found(client: &Client, filter: Document, limit: Limit) -> Result<Vec<DatabaseUserFacts>> {
    let fields = doc! { "user": 1, "customData": 1, "roles": 1 };
    let find = async {
        let cursor = all(client).find(filter).projection(fields).sort(doc! { "user": 1 }).max_time(limit.duration()).await?;
        cursor.try_collect::<Vec<Document>>().await
    };
    Ok(limited(limit, find).await.map_err(Failed::of_read)?.iter().map(facts).collect())
}

fn facts(document: &Document) -> DatabaseUserFacts {
    let mark = |key| -> Option<Mark> { document.get_document("customData").ok()?.get_str(key).ok()?.parse().ok() };
    let roles = document.get_array("roles").map(Vec::as_slice).unwrap_or_default();
    let grant = |role: &Document| DatabaseGrant {
        database: role.get_str("db").unwrap_or_default().to_owned(),
        right: match role.get_str("role").unwrap_or_default() {
            READ_WRITE => DatabaseRight::ReadWrite,
            other => DatabaseRight::Other(other.to_owned()),
        },
    };
    DatabaseUserFacts {
        name: document.get_str("user").unwrap_or_default().to_owned(),
        mark: mark("mark"),
        password_mark: mark("password_mark"),
        grants: roles.iter().filter_map(|role| role.as_document()).map(grant).collect(),
    }
}

/// Databases that have a user with a mark that begins so.
pub(super) async fn list(client: &Client, mark_prefix: &str) -> Result<BTreeSet<DatabaseName>> {
    let find = async {
        let marked = doc! { "customData.mark": begins(mark_prefix) };
        let cursor = all(client).find(marked).projection(doc! { "db": 1 }).await?;
        cursor.try_collect::<Vec<Document>>().await
    };
    let found = limited(Limit::READ, find).await.map_err(Failed::of_read)?;
    Ok(found.iter().filter_map(|document| document.get_str("db").ok()?.parse().ok()).collect())
}

/// Makes the user as it should be, or brings it there.
pub(super) async fn ensure(
    client: &Client,
    cx: &EffectCx,
    name: &DatabaseName,
    user: &DatabaseUser,
    password: &Secret<String>,
) -> Result<DatabaseUserFacts> {
    for _ in 0..ATTEMPTS {
        let standing = own(client, cx, name, user, Limit::of(cx)?).await?;
        let mark = standing.as_ref().and_then(|standing| standing.mark.clone()).unwrap_or_else(|| cx.mark.clone());
        let verb = if standing.is_some() { "updateUser" } else { "createUser" };
        let roles = vec![doc! { "role": READ_WRITE, "db": name.as_str() }];
        let mut command = doc! { verb: user.as_str(), "roles": roles };
        command.extend(credential(cx, &mark, password));
        match effect(&client.database(name.as_str()), cx, command).await {
            Ok(()) => return seen(client, cx, name, user).await,
            Err(Failed { code: Some(EXISTS | ABSENT), .. }) => {}
            Err(failed) => return Err(failed.into()),
        }
    }
    Err(Error::new(Code::VersionConflict, format!("the database user {user} comes and goes meanwhile")))
}

/// Gives the user another password.
pub(super) async fn rotate(
    client: &Client,
    cx: &EffectCx,
    name: &DatabaseName,
    user: &DatabaseUser,
    password: &Secret<String>,
) -> Result<DatabaseUserFacts> {
    let absent = || Error::new(Code::NotFound, format!("the database {name} has no user {user}"));
    let standing = own(client, cx, name, user, Limit::of(cx)?).await?.ok_or_else(absent)?;
    let mut command = doc! { "updateUser": user.as_str() };
    command.extend(credential(cx, standing.mark.as_ref().unwrap_or(&cx.mark), password));
    match effect(&client.database(name.as_str()), cx, command).await {
        Ok(()) => seen(client, cx, name, user).await,
        Err(Failed { code: Some(ABSENT), .. }) => Err(absent()),
        Err(failed) => Err(failed.into()),
    }
}

/// Password and marks, changed together. Only SCRAM-SHA-256: the older mechanism would keep a weaker form of the password.
fn credential(cx: &EffectCx, mark: &Mark, password: &Secret<String>) -> Document {
    let marks = doc! { "mark": mark.to_string(), "password_mark": cx.mark.to_string() };
    doc! { "pwd": password.expose().as_str(), "customData": marks, "mechanisms": ["SCRAM-SHA-256"] }
}

/// The user as it is after a change.
async fn seen(client: &Client, cx: &EffectCx, name: &DatabaseName, user: &DatabaseUser) -> Result<DatabaseUserFacts> {
    let found = own(client, cx, name, user, Limit::READ).await.map_err(Error::into_unclear)?;
    found.ok_or_else(|| Error::unclear(Code::VersionConflict, format!("the database user {user} was removed meanwhile")))
}

/// Removes the user, which ends what its connections may do; absent is success.
pub(super) async fn remove(client: &Client, cx: &EffectCx, name: &DatabaseName, user: &DatabaseUser) -> Result<()> {
    match effect(&client.database(name.as_str()), cx, doc! { "dropUser": user.as_str() }).await {
        Ok(()) | Err(Failed { code: Some(ABSENT), .. }) => Ok(()),
        Err(failed) => Err(failed.into()),
    }
}
