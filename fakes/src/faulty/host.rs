//! A store host and the notifier under a script.

use super::{Faulty, again};
use crate::fault::Head;
use async_trait::async_trait;
use storex_core::{
    Deployed, EffectCx, HostFacts, Hostname, Notification, Notifier, Part, PartFacts, Result, StoreHost, StoreId, StorePackage,
    Visit,
};

#[async_trait]
impl StoreHost for Faulty<dyn StoreHost> {
    async fn facts(&self) -> Result<HostFacts> {
        self.line.read("host.facts", "", self.inner.facts()).await
    }

    async fn find(&self, store: &StoreId) -> Result<Option<Deployed>> {
        self.line.read("host.find", &store.to_string(), self.inner.find(store)).await
    }

    async fn list(&self) -> Result<Vec<Deployed>> {
        self.line.read("host.list", "", self.inner.list()).await
    }

    async fn apply(&self, cx: &EffectCx, package: &StorePackage, part: Part) -> Result<PartFacts> {
        let subject = format!("{}/{part}", package.store_id);
        let again = again!(self, [cx, package], |inner| inner.apply(&cx, &package, part));
        self.line.effect(Head::of("host.apply", &subject, cx), self.inner.apply(cx, package, part), &again).await
    }

    async fn withdraw(&self, cx: &EffectCx, store: &StoreId, part: Part) -> Result<()> {
        let subject = format!("{store}/{part}");
        let again = again!(self, [cx, store], |inner| inner.withdraw(&cx, &store, part));
        self.line.effect(Head::of("host.withdraw", &subject, cx), self.inner.withdraw(cx, store, part), &again).await
    }

    async fn visit(&self, name: &Hostname, path: &str) -> Result<Visit> {
        self.line.read("host.visit", name.as_str(), self.inner.visit(name, path)).await
    }

    async fn log_tail(&self, store: &StoreId, lines: usize) -> Result<Vec<String>> {
        self.line.read("host.log_tail", &store.to_string(), self.inner.log_tail(store, lines)).await
    }
}

#[async_trait]
impl Notifier for Faulty<dyn Notifier> {
    async fn deliver(&self, notification: &Notification) -> Result<()> {
        let again = again!(self, [notification], |inner| inner.deliver(&notification));
        self.line.effect(Head::bare("notifier.deliver", &notification.id), self.inner.deliver(notification), &again).await
    }
}
