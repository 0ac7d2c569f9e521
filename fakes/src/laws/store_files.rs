//! Laws of [`StoreFiles`]: trees and environment files, each whole, each of one store only.
//!
//! What another program put on the disk is out of reach of the trait; implementations with a disk test that themselves. Here a store of the
//! same user name and another number is the foreign one.

mod environments;
mod trees;

use super::{Broken, Law, Verdict, ensure, fresh};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use storex_core::{Code, EffectCx, Epoch, Error, Mark, Result, StoreFiles, StoreId, StorePackage, Subject as Owner, Symlinks};

/// What a law judges.
type Subject = Arc<dyn StoreFiles>;

macro_rules! law {
    ($id:literal, $sentence:literal, $judge:path) => {
        Law { id: $id, sentence: $sentence, judge: |files| Box::pin($judge(files)) }
    };
}
use law;

/// Every law of the trait.
pub fn laws() -> Vec<Law<dyn StoreFiles>> {
    [trees::laws(), environments::laws()].into_iter().flatten().collect()
}

/// A store nobody used, with all links and a small environment.
fn package() -> Result<StorePackage> {
    Ok(package_of(&format!("{}-10001", fresh("files")).parse()?))
}

fn package_of(store: &StoreId) -> StorePackage {
    let environment: BTreeMap<String, Value> =
        [("PORT", json!(4001)), ("NODE_ENV", json!("production")), ("FORCE_HTTPS", json!(true))]
            .map(|(key, value)| (key.to_owned(), value))
            .into();
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let symlinks =
        Symlinks { core_components: names(&["models", "middleware", "utils"]), static_assets: names(&["public", "templates"]) };
    StorePackage { store_id: store.clone(), directory: format!("/stores/{}", store.username()), environment, symlinks }
}

/// The package with one more variable.
fn with(package: &StorePackage, key: &str, value: Value) -> StorePackage {
    let mut changed = package.clone();
    changed.environment.insert(key.to_owned(), value);
    changed
}

/// The context of an effect nobody made before.
fn cx(store: &StoreId) -> Result<EffectCx> {
    let mark = Mark { instance: "0a1b2c3d".parse()?, subject: Owner::Store(store.digits()), effect: fresh("law.").parse()? };
    Ok(EffectCx { mark, epoch: Epoch(1), deadline: jiff::Timestamp::MAX })
}

/// Nothing of the store lies on disk.
async fn nothing(files: &Subject, store: &StoreId) -> Verdict {
    let found = files.find(store).await?;
    ensure(found.tree.is_none() && found.environment.is_none(), || format!("{found:?} lies there"))?;
    ensure(!files.list().await?.contains(store), || format!("{store} is listed"))
}

/// The call was refused with this code, proved to have had no effect.
fn refused<T>(outcome: Result<T>, code: Code) -> std::result::Result<Error, Broken> {
    match outcome {
        Err(error) if error.code() == code && !error.is_unclear() => Ok(error),
        Err(error) => Err(Broken(format!("expected a clear {}, got {error:?}", code.as_str()))),
        Ok(_) => Err(Broken(format!("expected {}, it was accepted", code.as_str()))),
    }
}
