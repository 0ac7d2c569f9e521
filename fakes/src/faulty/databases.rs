//! Databases of stores, under a script.

use super::{Faulty, again};
use crate::fault::Head;
use async_trait::async_trait;
use storex_core::{
    DatabaseAdmin, DatabaseCapabilities, DatabaseFacts, DatabaseName, DatabaseUser, DatabaseUserFacts, EffectCx, Result, Secret,
    SnapshotFacts,
};

#[async_trait]
impl DatabaseAdmin for Faulty<dyn DatabaseAdmin> {
    fn capabilities(&self) -> DatabaseCapabilities {
        self.inner.capabilities()
    }

    async fn find(&self, name: &DatabaseName) -> Result<Option<DatabaseFacts>> {
        let before = self.before.as_ref().map(|before| before.find(name));
        self.line.read_stale("databases.find", name.as_str(), self.inner.find(name), before).await
    }

    async fn list_owned(&self, mark_prefix: &str) -> Result<Vec<DatabaseName>> {
        let before = self.before.as_ref().map(|before| before.list_owned(mark_prefix));
        self.line.read_stale("databases.list_owned", mark_prefix, self.inner.list_owned(mark_prefix), before).await
    }

    async fn ensure_database(&self, cx: &EffectCx, name: &DatabaseName) -> Result<DatabaseFacts> {
        let again = again!(self, [cx, name], |inner| inner.ensure_database(&cx, &name));
        let head = Head::of("databases.ensure_database", name.as_str(), cx);
        self.line.effect(head, self.inner.ensure_database(cx, name), &again).await
    }

    async fn ensure_user(
        &self,
        cx: &EffectCx,
        name: &DatabaseName,
        user: &DatabaseUser,
        password: &Secret<String>,
    ) -> Result<DatabaseUserFacts> {
        let again = again!(self, [cx, name, user, password], |inner| inner.ensure_user(&cx, &name, &user, &password));
        let head = Head::of("databases.ensure_user", name.as_str(), cx);
        self.line.effect(head, self.inner.ensure_user(cx, name, user, password), &again).await
    }

    async fn set_password(
        &self,
        cx: &EffectCx,
        name: &DatabaseName,
        user: &DatabaseUser,
        password: &Secret<String>,
    ) -> Result<DatabaseUserFacts> {
        let again = again!(self, [cx, name, user, password], |inner| inner.set_password(&cx, &name, &user, &password));
        let head = Head::of("databases.set_password", name.as_str(), cx);
        self.line.effect(head, self.inner.set_password(cx, name, user, password), &again).await
    }

    async fn remove_user(&self, cx: &EffectCx, name: &DatabaseName, user: &DatabaseUser) -> Result<()> {
        let again = again!(self, [cx, name, user], |inner| inner.remove_user(&cx, &name, &user));
        let head = Head::of("databases.remove_user", name.as_str(), cx);
        self.line.effect(head, self.inner.remove_user(cx, name, user), &again).await
    }

    async fn snapshot(&self, cx: &EffectCx, name: &DatabaseName) -> Result<SnapshotFacts> {
        let again = again!(self, [cx, name], |inner| inner.snapshot(&cx, &name));
        let head = Head::of("databases.snapshot", name.as_str(), cx);
        self.line.effect(head, self.inner.snapshot(cx, name), &again).await
    }

    async fn remove_database(&self, cx: &EffectCx, name: &DatabaseName) -> Result<()> {
        let again = again!(self, [cx, name], |inner| inner.remove_database(&cx, &name));
        let head = Head::of("databases.remove_database", name.as_str(), cx);
        self.line.effect(head, self.inner.remove_database(cx, name), &again).await
    }
}
