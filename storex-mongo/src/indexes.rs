//! The collections and indexes storex works with: made when missing, and verified.

use crate::claims::CLAIMS;
use crate::failure::{Failure, limited};
use crate::leases::{KEPT, LEASES};
use crate::schema::{META, refused};
use futures::TryStreamExt;
use mongodb::bson::{Bson, Document, doc};
use mongodb::options::IndexOptions;
use mongodb::{Database, IndexModel};
use storex_core::{Code, Error, Result, Table};

/// Index values by which core lists the rows of a table. A listing by any other name works, by looking at every row.
fn listed_by(table: Table) -> &'static [&'static str] {
    match table {
        Table::Operations => &["open", "turn", "ended"],
        Table::Outbox | Table::DueTimes | Table::Certificates | Table::Domains => &["due"],
        _ => &[],
    }
}

/// Every index storex needs, by collection, besides those of `_id`, which carry all that must be unique.
fn wanted() -> Vec<(&'static str, Vec<IndexModel>)> {
    let rows = Table::ALL.iter().map(|table| (table.as_str(), listed_by(*table).iter().map(|name| of_value(name)).collect()));
    let owner = named(doc! { "_id.namespace": 1, "owner": 1 }, IndexOptions::builder().name("owner".to_owned()).build());
    let over = IndexOptions::builder().name("until".to_owned()).expire_after(KEPT).build();
    rows.chain([(CLAIMS, vec![owner]), (LEASES, vec![named(doc! { "until": 1 }, over)]), (META, vec![])]).collect()
}

/// Every collection of storex.
pub(crate) fn collections() -> impl Iterator<Item = &'static str> {
    wanted().into_iter().map(|(name, _)| name)
}

/// An index of the rows that have this value, and of no others.
fn of_value(name: &str) -> IndexModel {
    let field = format!("x.{name}");
    let have_it = doc! { &field: { "$exists": true } };
    let options = IndexOptions::builder().name(format!("x_{name}")).partial_filter_expression(have_it).build();
    named(doc! { field: 1, "_id": 1 }, options)
}

fn named(keys: Document, options: IndexOptions) -> IndexModel {
    IndexModel::builder().keys(keys).options(options).build()
}

/// Makes what is missing and verifies all of it.
///
/// # Errors
/// `unusable` when the user may not make an index, when an index of the same name is another one, or a collection compares texts otherwise.
pub(crate) async fn ensure(database: &Database) -> Result<()> {
    refuse_other_kinds(database).await?;
    for (collection, indexes) in wanted() {
        let rows = database.collection::<Document>(collection);
        let missing = missing(database, collection, &indexes).await?;
        if !missing.is_empty() {
            let made = tokio::time::timeout(crate::failure::COMMAND * 5, rows.create_indexes(missing).into_future()).await;
            match made {
                Ok(Ok(_)) => {}
                Ok(Err(error)) => return Err(refused(&error, collection)),
                Err(_) => {
                    return Err(Error::new(Code::Timeout, "MongoDB did not make an index in time").with("collection", collection));
                }
            }
        }
        if let Some(absent) = self::missing(database, collection, &indexes).await?.first() {
            let what = "an index that storex needs is missing in MongoDB, though it was made: check who drops it";
            return Err(Error::new(Code::Unusable, what).with("collection", collection).with("index", &absent.keys));
        }
    }
    Ok(())
}

/// Those of the indexes that the collection lacks.
async fn missing(database: &Database, collection: &str, indexes: &[IndexModel]) -> Result<Vec<IndexModel>> {
    if indexes.is_empty() {
        return Ok(Vec::new());
    }
    let rows = database.collection::<Document>(collection);
    let list = async { rows.list_indexes().await?.try_collect::<Vec<IndexModel>>().await };
    let there = match tokio::time::timeout(crate::failure::COMMAND, list).await {
        Ok(Ok(there)) => there,
        // The collection does not exist yet (`NamespaceNotFound`).
        Ok(Err(error)) if crate::failure::code(&error) == Some(26) => Vec::new(),
        Ok(Err(error)) => return Err(refused(&error, collection)),
        Err(_) => {
            return Err(Error::new(Code::Timeout, "MongoDB did not list its indexes in time").with("collection", collection));
        }
    };
    Ok(indexes.iter().filter(|wanted| !there.iter().any(|seen| is_same(seen, wanted))).cloned().collect())
}

/// Whether an index does what the wanted one does.
fn is_same(seen: &IndexModel, wanted: &IndexModel) -> bool {
    let of = |index: &IndexModel| {
        let options = index.options.clone().unwrap_or_default();
        let keys: Vec<(String, String)> = index.keys.iter().map(|(field, kind)| (field.clone(), direction(kind))).collect();
        let unlike = options.collation.is_some()
            || [options.hidden, options.unique, options.sparse].contains(&Some(true))
            || options.wildcard_projection.is_some();
        (keys, options.partial_filter_expression, options.expire_after, unlike)
    };
    of(seen) == of(wanted)
}

/// Up, down, or what kind of index it is, such as `hashed`. Servers and tools keep a direction in numbers of several types.
fn direction(kind: &Bson) -> String {
    let number = kind
        .as_f64()
        .or_else(|| kind.as_i32().map(f64::from))
        .or_else(|| kind.as_i64().map(|kind| if kind < 0 { -1.0 } else { 1.0 }));
    number.map_or_else(|| kind.to_string(), |number| if number < 0.0 { "down" } else { "up" }.to_owned())
}

/// A collation would take two names for one, and a view or a capped collection is none to write to.
async fn refuse_other_kinds(database: &Database) -> Result<()> {
    let list = async { database.list_collections().await?.try_collect::<Vec<_>>().await };
    let ours: Vec<&str> = collections().collect();
    for seen in limited(list).await.map_err(Failure::of_read)? {
        let odd = seen.collection_type != mongodb::results::CollectionType::Collection
            || seen.options.collation.is_some()
            || seen.options.capped == Some(true);
        if odd && ours.contains(&seen.name.as_str()) {
            let what = "a collection of storex is a view, capped, or has a collation, by which storex cannot work: drop it and start again";
            return Err(Error::new(Code::Unusable, what).with("collection", seen.name));
        }
    }
    Ok(())
}
