//! Store files that each break a promise or two.

use async_trait::async_trait;
use std::collections::BTreeMap;
use std::path::PathBuf;
use storex_core::{Code, EffectCx, EnvironmentFacts, Error, FilesFacts, Result, StoreFiles, StoreId, StorePackage, TreeFacts};
use storex_fakes::MemoryFiles;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Defect {
    AbsentIsAnError,
    OnePathForAll,
    DigestOfTheMark,
    ConstantDigest,
    TakesAnyLink,
    TakesAnyDirectory,
    ForgetsOnRefusal,
    KnowsUserNamesOnly,
    RemovesNothing,
    RemovesTheEnvironmentToo,
    TakesAnyKey,
    TakesAnyValue,
    TakesTextOnly,
    RepeatsTheValue,
    RemovesTheTreeToo,
    ListsTwice,
}

/// Store files with one defect.
#[derive(Debug)]
pub(crate) struct BrokenFiles {
    defect: Defect,
    inner: MemoryFiles,
}

impl BrokenFiles {
    /// Every defect and the laws it breaks.
    pub(crate) const ALL: &[(Defect, &[&str])] = &[
        (Defect::AbsentIsAnError, &["SF-01"]),
        (Defect::OnePathForAll, &["SF-02", "SF-11"]),
        (Defect::DigestOfTheMark, &["SF-03"]),
        (Defect::ConstantDigest, &["SF-04", "SF-12"]),
        (Defect::TakesAnyLink, &["SF-05"]),
        (Defect::TakesAnyDirectory, &["SF-06"]),
        (Defect::ForgetsOnRefusal, &["SF-07"]),
        (Defect::KnowsUserNamesOnly, &["SF-08"]),
        (Defect::RemovesNothing, &["SF-09"]),
        (Defect::RemovesTheEnvironmentToo, &["SF-10"]),
        (Defect::TakesAnyKey, &["SF-13"]),
        (Defect::TakesAnyValue, &["SF-14"]),
        (Defect::TakesTextOnly, &["SF-15"]),
        (Defect::RepeatsTheValue, &["SF-16"]),
        (Defect::RemovesTheTreeToo, &["SF-17"]),
        (Defect::ListsTwice, &["SF-18"]),
    ];

    pub(crate) fn new(defect: Defect) -> Self {
        Self { defect, inner: MemoryFiles::default() }
    }

    fn has(&self, defect: Defect) -> bool {
        self.defect == defect
    }

    fn known_as(&self, store: &StoreId) -> StoreId {
        if self.has(Defect::KnowsUserNamesOnly) {
            format!("{}-10001", store.username()).parse().expect("a user name and a number")
        } else {
            store.clone()
        }
    }

    /// The package as a careless implementation would take it.
    fn bent(&self, package: &StorePackage) -> StorePackage {
        let mut package = package.clone();
        package.store_id = self.known_as(&package.store_id);
        if self.has(Defect::TakesAnyLink) {
            package.symlinks = storex_core::Symlinks::default();
        }
        if self.has(Defect::TakesAnyDirectory) {
            package.directory = format!("/stores/{}", package.store_id.username());
        }
        let plain_key = |key: &str| {
            key.starts_with(|c: char| c.is_ascii_uppercase()) && !key.contains(['-', '_', ' ', '=', '\n']) && key.len() < 5
        };
        match self.defect {
            Defect::TakesAnyKey => package.environment.retain(|key, _| plain_key(key) && key != "PATH" && key != "HOME"),
            Defect::TakesAnyValue => package.environment.retain(|key, _| key != "VALUE"),
            _ => {}
        }
        package
    }

    fn tree(&self, mut facts: TreeFacts, cx: Option<&EffectCx>) -> TreeFacts {
        match (self.defect, cx) {
            (Defect::OnePathForAll, _) => facts.path = PathBuf::from("/stores"),
            (Defect::ConstantDigest, _) => "same".clone_into(&mut facts.digest),
            (Defect::DigestOfTheMark, Some(cx)) => facts.digest = cx.mark.to_string(),
            _ => {}
        }
        facts
    }

    fn environment(&self, mut facts: EnvironmentFacts) -> EnvironmentFacts {
        match self.defect {
            Defect::OnePathForAll => facts.path = PathBuf::from("/env"),
            Defect::ConstantDigest => "same".clone_into(&mut facts.digest),
            _ => {}
        }
        facts
    }

    fn refuse_numbers(&self, environment: &BTreeMap<String, serde_json::Value>) -> Result<()> {
        if self.has(Defect::TakesTextOnly) && environment.get("VALUE").is_some_and(|value| !value.is_string()) {
            return Err(Error::new(Code::InvalidField, "only text is possible"));
        }
        Ok(())
    }
}

#[async_trait]
impl StoreFiles for BrokenFiles {
    async fn ensure_tree(&self, cx: &EffectCx, package: &StorePackage) -> Result<TreeFacts> {
        let made = self.inner.ensure_tree(cx, &self.bent(package)).await;
        if made.is_err() && self.has(Defect::ForgetsOnRefusal) {
            self.inner.remove_tree(cx, &package.store_id).await?;
        }
        Ok(self.tree(made?, Some(cx)))
    }

    async fn ensure_environment(&self, cx: &EffectCx, package: &StorePackage) -> Result<EnvironmentFacts> {
        self.refuse_numbers(&package.environment)?;
        match self.inner.ensure_environment(cx, &self.bent(package)).await {
            Err(error) if self.has(Defect::RepeatsTheValue) => Err(error.with("detail", format!("{:?}", package.environment))),
            other => Ok(self.environment(other?)),
        }
    }

    async fn find(&self, store: &StoreId) -> Result<FilesFacts> {
        let found = self.inner.find(&self.known_as(store)).await?;
        Ok(FilesFacts {
            tree: found.tree.map(|facts| self.tree(facts, None)),
            environment: found.environment.map(|facts| self.environment(facts)),
        })
    }

    async fn list(&self) -> Result<Vec<StoreId>> {
        let mut stores = self.inner.list().await?;
        if self.has(Defect::ListsTwice) {
            stores.extend(stores.clone());
        }
        Ok(stores)
    }

    async fn remove_tree(&self, cx: &EffectCx, store: &StoreId) -> Result<()> {
        let store = self.known_as(store);
        if self.has(Defect::RemovesNothing) {
            return Ok(());
        }
        if self.has(Defect::AbsentIsAnError) && self.inner.find(&store).await?.tree.is_none() {
            return Err(Error::new(Code::NotFound, "there is no directory"));
        }
        if self.has(Defect::RemovesTheEnvironmentToo) {
            self.inner.remove_environment(cx, &store).await?;
        }
        self.inner.remove_tree(cx, &store).await
    }

    async fn remove_environment(&self, cx: &EffectCx, store: &StoreId) -> Result<()> {
        if self.has(Defect::RemovesTheTreeToo) {
            self.inner.remove_tree(cx, store).await?;
        }
        self.inner.remove_environment(cx, &self.known_as(store)).await
    }
}
