//! Store directories and environment files in memory.

use async_trait::async_trait;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use storex_core::{
    Code, EffectCx, EnvironmentFacts, Error, FilesFacts, Result, StoreFiles, StoreId, StorePackage, TreeFacts, Username,
};

const LINKS: [&str; 5] = ["middleware", "models", "public", "templates", "utils"];
const RESERVED: [&str; 4] = ["PATH", "HOME", "SHELL", "PROCESS_TITLE"];
const RESERVED_PREFIXES: [&str; 3] = ["NODE_", "PM2_", "LD_"];

/// The files of a host without a disk: what belongs in each directory, and each environment. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct MemoryFiles(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    /// Whose a directory is, and its links.
    trees: BTreeMap<Username, (StoreId, BTreeSet<String>)>,
    environments: BTreeMap<StoreId, BTreeMap<String, Value>>,
}

impl MemoryFiles {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The variables in a store's environment file.
    pub fn environment(&self, store: &StoreId) -> Option<BTreeMap<String, Value>> {
        self.state().environments.get(store).cloned()
    }
}

impl State {
    /// The links of a store's directory; `None` when it has none.
    fn tree(&self, store: &StoreId) -> Result<Option<&BTreeSet<String>>> {
        match self.trees.get(store.username()) {
            Some((owner, links)) if owner == store => Ok(Some(links)),
            Some(_) => Err(Error::new(Code::ForeignObject, "the directory belongs to another store").with("store", store)),
            None => Ok(None),
        }
    }
}

fn tree_facts(store: &StoreId, links: &BTreeSet<String>) -> TreeFacts {
    TreeFacts {
        path: PathBuf::from(format!("/memory/stores/{}", store.username())),
        digest: format!("{store} {links:?}"),
        intact: true,
    }
}

fn environment_facts(store: &StoreId, variables: &BTreeMap<String, Value>) -> EnvironmentFacts {
    // A digest that tells different variables apart without repeating a secret in them.
    let digest = format!("{variables:?}")
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3));
    EnvironmentFacts { path: PathBuf::from(format!("/memory/env/{store}.env")), digest: format!("{digest:016x}") }
}

fn check_tree(package: &StorePackage) -> Result<BTreeSet<String>> {
    if package.directory != format!("/stores/{}", package.store_id.username()) {
        return Err(Error::new(Code::InvalidField, "the directory is not the store's own").pointer("/directory"));
    }
    let links: BTreeSet<String> =
        package.symlinks.core_components.iter().chain(&package.symlinks.static_assets).cloned().collect();
    match links.iter().find(|link| !LINKS.contains(&link.as_str())) {
        Some(link) => Err(Error::new(Code::InvalidField, format!("{link:?} is no part of the core")).pointer("/symlinks")),
        None => Ok(links),
    }
}

fn check_environment(variables: &BTreeMap<String, Value>) -> Result<()> {
    for (key, value) in variables {
        let refused =
            |why: &str| Err(Error::new(Code::InvalidField, format!("{key:?} {why}")).pointer(format!("/environment/{key}")));
        let well_formed = key.starts_with(|c: char| c.is_ascii_uppercase()) && key.len() <= 64;
        if !well_formed || !key.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_') {
            return refused("is malformed");
        }
        if key != "NODE_ENV"
            && (RESERVED.contains(&key.as_str()) || RESERVED_PREFIXES.iter().any(|prefix| key.starts_with(prefix)))
        {
            return refused("is reserved");
        }
        let held = match value {
            Value::String(text) => can_be_held(text),
            Value::Number(number) => number.is_i64() || number.is_u64(),
            Value::Bool(_) => true,
            _ => false,
        };
        if !held {
            return refused("has a value an environment file cannot hold exactly");
        }
    }
    Ok(())
}

/// Whether Node's grammar has a form for this text: between quotes it does not hold, or bare.
fn can_be_held(text: &str) -> bool {
    let between = |quote| !text.contains(quote);
    let bare = || !text.contains(['#', '\n']) && text.trim() == text && !text.starts_with(['\'', '"', '`']);
    !text.contains(['\0', '\r']) && (between('\'') || between('`') || (between('"') && !text.contains("\\n")) || bare())
}

#[async_trait]
impl StoreFiles for MemoryFiles {
    async fn ensure_tree(&self, _: &EffectCx, package: &StorePackage) -> Result<TreeFacts> {
        let (store, links) = (&package.store_id, check_tree(package)?);
        let mut state = self.state();
        state.tree(store)?;
        let facts = tree_facts(store, &links);
        state.trees.insert(store.username().clone(), (store.clone(), links));
        Ok(facts)
    }

    async fn ensure_environment(&self, _: &EffectCx, package: &StorePackage) -> Result<EnvironmentFacts> {
        check_environment(&package.environment)?;
        self.state().environments.insert(package.store_id.clone(), package.environment.clone());
        Ok(environment_facts(&package.store_id, &package.environment))
    }

    async fn find(&self, store: &StoreId) -> Result<FilesFacts> {
        let state = self.state();
        let tree = state.tree(store).ok().flatten().map(|links| tree_facts(store, links));
        let environment = state.environments.get(store).map(|variables| environment_facts(store, variables));
        Ok(FilesFacts { tree, environment })
    }

    async fn list(&self) -> Result<Vec<StoreId>> {
        let state = self.state();
        let stores: BTreeSet<&StoreId> = state.trees.values().map(|(store, _)| store).chain(state.environments.keys()).collect();
        Ok(stores.into_iter().cloned().collect())
    }

    async fn remove_tree(&self, _: &EffectCx, store: &StoreId) -> Result<()> {
        let mut state = self.state();
        if state.tree(store)?.is_some() {
            state.trees.remove(store.username());
        }
        Ok(())
    }

    async fn remove_environment(&self, _: &EffectCx, store: &StoreId) -> Result<()> {
        self.state().environments.remove(store);
        Ok(())
    }
}
