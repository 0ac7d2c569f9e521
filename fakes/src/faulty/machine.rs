//! What a store host is made of, under a script: files, processes, the router.

use super::{Faulty, again};
use crate::fault::Head;
use async_trait::async_trait;
use storex_core::{
    Committed, EffectCx, EnvironmentFacts, FilesFacts, ProcessFacts, ProcessSpec, ProcessSupervisor, ProxyWriter, Result,
    RouteTable, StoreFiles, StoreId, StorePackage, SupervisorInfo, TreeFacts,
};

#[async_trait]
impl StoreFiles for Faulty<dyn StoreFiles> {
    async fn ensure_tree(&self, cx: &EffectCx, package: &StorePackage) -> Result<TreeFacts> {
        let subject = package.store_id.to_string();
        let again = again!(self, [cx, package], |inner| inner.ensure_tree(&cx, &package));
        self.line.effect(Head::of("files.ensure_tree", &subject, cx), self.inner.ensure_tree(cx, package), &again).await
    }

    async fn ensure_environment(&self, cx: &EffectCx, package: &StorePackage) -> Result<EnvironmentFacts> {
        let subject = package.store_id.to_string();
        let again = again!(self, [cx, package], |inner| inner.ensure_environment(&cx, &package));
        let head = Head::of("files.ensure_environment", &subject, cx);
        self.line.effect(head, self.inner.ensure_environment(cx, package), &again).await
    }

    async fn find(&self, store: &StoreId) -> Result<FilesFacts> {
        self.line.read("files.find", &store.to_string(), self.inner.find(store)).await
    }

    async fn list(&self) -> Result<Vec<StoreId>> {
        self.line.read("files.list", "", self.inner.list()).await
    }

    async fn remove_tree(&self, cx: &EffectCx, store: &StoreId) -> Result<()> {
        let subject = store.to_string();
        let again = again!(self, [cx, store], |inner| inner.remove_tree(&cx, &store));
        self.line.effect(Head::of("files.remove_tree", &subject, cx), self.inner.remove_tree(cx, store), &again).await
    }

    async fn remove_environment(&self, cx: &EffectCx, store: &StoreId) -> Result<()> {
        let subject = store.to_string();
        let again = again!(self, [cx, store], |inner| inner.remove_environment(&cx, &store));
        let head = Head::of("files.remove_environment", &subject, cx);
        self.line.effect(head, self.inner.remove_environment(cx, store), &again).await
    }
}

#[async_trait]
impl ProcessSupervisor for Faulty<dyn ProcessSupervisor> {
    async fn info(&self) -> Result<SupervisorInfo> {
        self.line.read("processes.info", "", self.inner.info()).await
    }

    async fn list(&self) -> Result<Vec<ProcessFacts>> {
        self.line.read("processes.list", "", self.inner.list()).await
    }

    async fn start(&self, cx: &EffectCx, spec: &ProcessSpec) -> Result<ProcessFacts> {
        let subject = spec.store.to_string();
        let again = again!(self, [cx, spec], |inner| inner.start(&cx, &spec));
        self.line.effect(Head::of("processes.start", &subject, cx), self.inner.start(cx, spec), &again).await
    }

    async fn stop(&self, cx: &EffectCx, store: &StoreId) -> Result<()> {
        let subject = store.to_string();
        let again = again!(self, [cx, store], |inner| inner.stop(&cx, &store));
        self.line.effect(Head::of("processes.stop", &subject, cx), self.inner.stop(cx, store), &again).await
    }

    async fn remove(&self, cx: &EffectCx, store: &StoreId) -> Result<()> {
        let subject = store.to_string();
        let again = again!(self, [cx, store], |inner| inner.remove(&cx, &store));
        self.line.effect(Head::of("processes.remove", &subject, cx), self.inner.remove(cx, store), &again).await
    }

    async fn log_tail(&self, store: &StoreId, lines: usize) -> Result<Vec<String>> {
        self.line.read("processes.log_tail", &store.to_string(), self.inner.log_tail(store, lines)).await
    }
}

#[async_trait]
impl ProxyWriter for Faulty<dyn ProxyWriter> {
    async fn load(&self) -> Result<(u64, RouteTable)> {
        self.line.read("proxy.load", "", self.inner.load()).await
    }

    async fn check(&self, table: &RouteTable) -> Result<()> {
        self.line.read("proxy.check", "", self.inner.check(table)).await
    }

    async fn commit(&self, table: &RouteTable, expected_generation: u64) -> Result<Committed> {
        let again = again!(self, [table], |inner| inner.commit(&table, expected_generation));
        self.line.effect(Head::bare("proxy.commit", ""), self.inner.commit(table, expected_generation), &again).await
    }
}
