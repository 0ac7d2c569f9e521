//! Collections of a store's database.

use super::answer::{Failed, Limit, effect, limited};
use super::foreign;
use mongodb::Database;
use mongodb::bson::doc;
use storex_core::{Code, EffectCx, Error, Result};

/// A collection of this name is there.
const EXISTS: i32 = 48;
/// A database is there whose name differs in case only.
const OTHER_CASE: i32 = 13297;

/// The collections and views, ascending; the system's own are left out.
pub(super) async fn names(database: &Database, limit: Limit) -> Result<Vec<String>> {
    let listed = limited(limit, database.list_collection_names()).await.map_err(Failed::of_read)?;
    let mut names: Vec<String> = listed.into_iter().filter(|name| !name.starts_with("system.")).collect();
    names.sort_unstable();
    Ok(names)
}

/// Makes a collection exist.
pub(super) async fn create(database: &Database, collection: &str, cx: &EffectCx) -> Result<()> {
    match effect(database, cx, doc! { "create": collection }).await {
        Ok(()) | Err(Failed { code: Some(EXISTS), .. }) => Ok(()),
        Err(Failed { code: Some(OTHER_CASE), .. }) => {
            Err(foreign("the database with other capital letters than", database.name()))
        }
        Err(failed) => Err(failed.into()),
    }
}

/// Drops the database and sees it gone.
pub(super) async fn drop_all(database: &Database, cx: &EffectCx) -> Result<()> {
    effect(database, cx, doc! { "dropDatabase": 1 }).await?;
    let left = names(database, Limit::of(cx).map_err(Error::into_unclear)?).await.map_err(Error::into_unclear)?;
    if left.is_empty() {
        return Ok(());
    }
    let why = format!("somebody writes into the database {} while it is removed", database.name());
    Err(Error::unclear(Code::VersionConflict, why).with("collections", left.join(", ")))
}
