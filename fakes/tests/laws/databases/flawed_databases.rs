//! The twin of databases with one flaw at a time.

use async_trait::async_trait;
use std::collections::BTreeMap;
use std::sync::Mutex;
use storex_core::{
    Code, DatabaseAdmin, DatabaseCapabilities, DatabaseFacts, DatabaseName, DatabaseUser, DatabaseUserFacts, EffectCx, Epoch,
    Error, Mark, Result, Secret, SnapshotFacts,
};
use storex_fakes::{Collections, MemoryDatabases};

macro_rules! flaws {
    ($($flaw:ident,)*) => {
        /// What is wrong with the twin.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Flaw { $($flaw,)* }

        impl Flaw {
            pub(crate) const ALL: &[Flaw] = &[$(Flaw::$flaw,)*];
        }
    };
}

flaws! {
    FindsTheUnknown, NoMark, TwoCollections, MarksAnew, EmptiesWhenEnsured, MendsNothing, ForgetsTheEmpty, WritesEverywhere, TakesForeign,
    RemovesForeign, TakesOtherOwners, IgnoresForeignUsers, TakesForeignUsers, RemovesOverForeignUsers, NoUserMark, UserWithoutRights, UserForAll,
    KeepsWiderRights, HidesRights, UserMakesDatabase, MarksUserAnew, IgnoresNewPassword, EnsuringCuts, AnyPassword, OldPasswordCounts,
    RotationDoesNothing, RotationCuts, RotationMakesUser, TakesAnyPassword, RotatesAll, ShowsPassword, UserStays, UserTakesDocuments,
    ConnectionsLive, RemovesAllUsers, RemovesUnderUsers, LeavesDatabase, LeavesMark, AbsentIsAnError, RemovesNeighbours, RemembersDocuments,
    LeftOverUnseen, LeftOverUnlisted, LeftOverStays, SnapshotMiscounts, SnapshotMissesOne, SnapshotChanges, SnapshotUnseen, SnapshotAnew,
    SnapshotOnce, SnapshotGoes, SnapshotOfNothing, IgnoresEpochs, EpochOfDatabasesOnly, StrictEpochs, OneEpochForAll, ListsAll, ListsBackwards,
    ListsPatterns,
}

/// [`MemoryDatabases`] with a flaw.
#[derive(Debug)]
pub(crate) struct FlawedDatabases {
    pub(super) flaw: Flaw,
    pub(super) inner: MemoryDatabases,
    /// Passwords by database, oldest first.
    pub(super) passwords: Mutex<BTreeMap<DatabaseName, Vec<Secret<String>>>>,
    removed: Mutex<BTreeMap<DatabaseName, Collections>>,
    epochs: Mutex<BTreeMap<String, Epoch>>,
}

impl FlawedDatabases {
    pub(crate) fn new(flaw: Flaw, inner: MemoryDatabases) -> Self {
        Self { flaw, inner, passwords: Mutex::default(), removed: Mutex::default(), epochs: Mutex::default() }
    }

    pub(super) fn has(&self, flaw: Flaw) -> bool {
        self.flaw == flaw
    }

    async fn facts(&self, name: &DatabaseName) -> DatabaseFacts {
        let nothing = DatabaseFacts { name: name.clone(), mark: None, collections: vec![], users: vec![], snapshot: None };
        self.inner.find(name).await.unwrap().unwrap_or(nothing)
    }

    pub(super) async fn everything(&self) -> Vec<DatabaseName> {
        self.inner.list_owned("").await.unwrap()
    }

    /// What every call does wrong before it begins; the context it goes on with.
    async fn enter(&self, cx: &EffectCx, name: &DatabaseName, is_database: bool) -> Result<EffectCx> {
        let facts = self.facts(name).await;
        let foreign = facts.mark.is_none() && !facts.collections.is_empty();
        let other = facts.mark.as_ref().is_some_and(|mark| !mark.same_owner(&cx.mark));
        if (foreign && self.has(Flaw::TakesForeign)) || (other && self.has(Flaw::TakesOtherOwners)) {
            self.inner.edit_mark(name, Some(cx.mark.clone()));
        }
        for user in facts.users.iter().filter(|user| user.mark.is_none() && self.has(Flaw::TakesForeignUsers)) {
            self.inner.edit_user(name, &user.name, |facts| facts.mark = Some(cx.mark.clone()));
        }
        let key = if self.has(Flaw::OneEpochForAll) { String::new() } else { name.to_string() };
        let seen = self.epochs.lock().unwrap().insert(key, cx.epoch).unwrap_or_default();
        let strict = self.has(Flaw::StrictEpochs) && cx.epoch == seen && cx.epoch > Epoch(1);
        if strict || (self.has(Flaw::OneEpochForAll) && cx.epoch < seen) {
            return Err(Error::new(Code::StaleEpoch, "by its flaw"));
        }
        let epoch = match self.flaw {
            Flaw::IgnoresEpochs => Epoch(0),
            Flaw::EpochOfDatabasesOnly if !is_database => Epoch(u64::MAX),
            _ => cx.epoch,
        };
        Ok(EffectCx { epoch, ..cx.clone() })
    }

    /// The context as the owner of the mark would have it.
    fn as_owner(cx: &EffectCx, mark: Option<&Mark>) -> EffectCx {
        let mut cx = EffectCx { epoch: Epoch(u64::MAX), ..cx.clone() };
        if let Some(mark) = mark {
            cx.mark.subject = mark.subject;
            cx.mark.instance = mark.instance.clone();
        }
        cx
    }

    fn remember(&self, name: &DatabaseName, password: &Secret<String>) -> Secret<String> {
        let mut all = self.passwords.lock().unwrap();
        let known = all.entry(name.clone()).or_default();
        known.push(password.clone());
        known[0].clone()
    }

    fn fit(&self, password: &Secret<String>) -> Secret<String> {
        let fit = password.expose().chars().filter(char::is_ascii_graphic).chain("x".chars()).take(100).collect();
        if self.has(Flaw::TakesAnyPassword) { Secret::new(fit) } else { password.clone() }
    }

    fn shown<T>(&self, outcome: Result<T>, password: &Secret<String>) -> Result<T> {
        let tell = |error: Error| if self.has(Flaw::ShowsPassword) { error.with("pwd", password.expose()) } else { error };
        outcome.map_err(tell)
    }

    fn clear(&self, name: &DatabaseName) {
        self.inner.edit_documents(name, Collections::clear);
    }
}

#[async_trait]
impl DatabaseAdmin for FlawedDatabases {
    fn capabilities(&self) -> DatabaseCapabilities {
        self.inner.capabilities()
    }

    async fn find(&self, name: &DatabaseName) -> Result<Option<DatabaseFacts>> {
        let Some(mut facts) = self.inner.find(name).await? else {
            let seen = self.has(Flaw::FindsTheUnknown);
            return Ok(if seen { Some(self.facts(name).await) } else { None });
        };
        match self.flaw {
            Flaw::NoMark => facts.mark = None,
            Flaw::ForgetsTheEmpty if facts.collections.is_empty() => return Ok(None),
            Flaw::LeftOverUnseen if facts.collections.is_empty() && facts.mark.is_none() => return Ok(None),
            Flaw::HidesRights => facts.users.iter_mut().for_each(|user| user.grants.truncate(1)),
            Flaw::SnapshotUnseen => facts.snapshot = None,
            Flaw::NoUserMark => facts.users.iter_mut().for_each(|user| user.mark = None),
            _ => {}
        }
        Ok(Some(facts))
    }

    async fn list_owned(&self, mark_prefix: &str) -> Result<Vec<DatabaseName>> {
        let mut all = match self.flaw {
            Flaw::ListsAll => self.everything().await,
            Flaw::ListsPatterns => self.inner.list_owned(&mark_prefix.replace("s.", "s=")).await?,
            _ => self.inner.list_owned(mark_prefix).await?,
        };
        if self.has(Flaw::ListsBackwards) {
            all.reverse();
        }
        if self.has(Flaw::LeftOverUnlisted) {
            let mut kept = Vec::new();
            for name in all {
                if self.facts(&name).await.mark.is_some() {
                    kept.push(name);
                }
            }
            return Ok(kept);
        }
        Ok(all)
    }

    async fn ensure_database(&self, cx: &EffectCx, name: &DatabaseName) -> Result<DatabaseFacts> {
        let cx = self.enter(cx, name, true).await?;
        let before = self.facts(name).await;
        if self.has(Flaw::IgnoresForeignUsers) {
            for user in before.users.iter().filter(|user| user.mark.is_none()) {
                self.inner.edit_user(name, &user.name, |facts| facts.mark = Some(cx.mark.clone()));
            }
        }
        let made = self.inner.ensure_database(&cx, name).await?;
        match self.flaw {
            Flaw::TwoCollections => self.inner.edit_documents(name, |held| drop(held.remove("products"))),
            Flaw::MarksAnew => self.inner.edit_mark(name, Some(cx.mark.clone())),
            Flaw::EmptiesWhenEnsured => self.inner.edit_documents(name, |held| held.values_mut().for_each(BTreeMap::clear)),
            Flaw::MendsNothing if before.mark.is_some() => {
                self.inner.edit_documents(name, |held| held.retain(|kept, _| before.collections.contains(kept)));
            }
            Flaw::RemembersDocuments => {
                let back = self.removed.lock().unwrap().remove(name).unwrap_or_default();
                self.inner.edit_documents(name, |held| held.extend(back));
            }
            _ => return Ok(made),
        }
        Ok(self.facts(name).await)
    }

    async fn ensure_user(
        &self,
        cx: &EffectCx,
        name: &DatabaseName,
        user: &DatabaseUser,
        password: &Secret<String>,
    ) -> Result<DatabaseUserFacts> {
        let cx = self.enter(cx, name, false).await?;
        let fit = self.fit(password);
        let first = self.remember(name, &fit);
        let before = self.facts(name).await.user(user).cloned();
        if self.has(Flaw::UserMakesDatabase) {
            self.inner.ensure_database(&cx, name).await?;
        }
        if self.has(Flaw::EnsuringCuts) {
            self.inner.remove_user(&cx, name, user).await?;
        }
        let given = if self.has(Flaw::IgnoresNewPassword) { &first } else { &fit };
        let made = self.shown(self.inner.ensure_user(&cx, name, user, given).await, password)?;
        match self.flaw {
            Flaw::UserWithoutRights => self.inner.edit_user(name, user.as_str(), |facts| facts.grants.clear()),
            Flaw::MarksUserAnew => self.inner.edit_user(name, user.as_str(), |facts| facts.mark = Some(cx.mark.clone())),
            Flaw::KeepsWiderRights => self.inner.edit_user(name, user.as_str(), |facts| {
                facts.grants = before.map_or_else(|| facts.grants.clone(), |before| before.grants);
            }),
            _ => return Ok(made),
        }
        Ok(made)
    }

    async fn set_password(
        &self,
        cx: &EffectCx,
        name: &DatabaseName,
        user: &DatabaseUser,
        password: &Secret<String>,
    ) -> Result<DatabaseUserFacts> {
        let cx = self.enter(cx, name, false).await?;
        let fit = self.fit(password);
        let first = self.remember(name, &fit);
        match self.flaw {
            Flaw::RotationCuts => {
                self.inner.remove_user(&cx, name, user).await?;
                return self.inner.ensure_user(&cx, name, user, &fit).await;
            }
            Flaw::RotationMakesUser => return self.inner.ensure_user(&cx, name, user, &fit).await,
            Flaw::RotationDoesNothing => return self.inner.set_password(&cx, name, user, &first).await,
            Flaw::RotatesAll => {
                for other in self.everything().await {
                    for facts in self.facts(&other).await.users.iter().filter(|facts| facts.mark.is_some()) {
                        let cx = Self::as_owner(&cx, facts.mark.as_ref());
                        drop(self.inner.set_password(&cx, &other, &facts.name.parse().unwrap(), &fit).await);
                    }
                }
            }
            _ => {}
        }
        self.shown(self.inner.set_password(&cx, name, user, &fit).await, password)
    }

    async fn remove_user(&self, cx: &EffectCx, name: &DatabaseName, user: &DatabaseUser) -> Result<()> {
        let cx = self.enter(cx, name, false).await?;
        let facts = self.facts(name).await;
        match self.flaw {
            Flaw::UserStays => return Ok(()),
            Flaw::LeftOverStays if facts.mark.is_none() => return Ok(()),
            Flaw::AbsentIsAnError if facts.user(user).is_none() => {
                return Err(Error::new(Code::NotFound, "there is no such user"));
            }
            Flaw::UserTakesDocuments => self.inner.edit_documents(name, |held| held.values_mut().for_each(BTreeMap::clear)),
            Flaw::RemovesAllUsers => {
                for other in self.everything().await {
                    for facts in self.facts(&other).await.users.iter().filter(|facts| facts.name == user.as_str()) {
                        let cx = Self::as_owner(&cx, facts.mark.as_ref());
                        drop(self.inner.remove_user(&cx, &other, user).await);
                    }
                }
            }
            _ => {}
        }
        self.inner.remove_user(&cx, name, user).await
    }

    async fn snapshot(&self, cx: &EffectCx, name: &DatabaseName) -> Result<SnapshotFacts> {
        let mut cx = self.enter(cx, name, false).await?;
        let before = self.facts(name).await.snapshot;
        if let (Flaw::SnapshotOnce, Some(taken)) = (self.flaw, before) {
            return Ok(taken);
        }
        if self.has(Flaw::SnapshotAnew) {
            cx.mark.effect = storex_fakes::laws::fresh("anew.").parse()?;
        }
        let mut missed = None;
        if self.has(Flaw::SnapshotMissesOne) {
            self.inner.edit_documents(name, |held| missed = held.remove("extra"));
        }
        let taken = self.inner.snapshot(&cx, name).await;
        if let Some(missed) = missed {
            self.inner.edit_documents(name, |held| drop(held.insert("extra".to_owned(), missed)));
        }
        match (self.flaw, taken) {
            (Flaw::SnapshotMiscounts, Ok(taken)) => Ok(SnapshotFacts { documents: taken.documents + 1, ..taken }),
            (Flaw::SnapshotChanges, taken) => {
                self.inner.edit_documents(name, |held| drop(held.remove("extra")));
                taken
            }
            (Flaw::SnapshotOfNothing, Err(_)) => {
                Ok(SnapshotFacts { mark: cx.mark.clone(), place: "nowhere".to_owned(), documents: 0, bytes: 0 })
            }
            (_, taken) => taken,
        }
    }

    async fn remove_database(&self, cx: &EffectCx, name: &DatabaseName) -> Result<()> {
        let cx = self.enter(cx, name, true).await?;
        let facts = self.facts(name).await;
        let foreign = facts.mark.is_none() && !facts.collections.is_empty();
        match self.flaw {
            Flaw::AbsentIsAnError if facts.mark.is_none() => return Err(Error::new(Code::NotFound, "there is no such database")),
            Flaw::RemovesForeign if foreign => self.clear(name),
            Flaw::LeavesDatabase => {
                self.inner.edit_mark(name, None);
                return Ok(());
            }
            Flaw::LeavesMark => {
                self.clear(name);
                return Ok(());
            }
            Flaw::RemovesUnderUsers | Flaw::RemovesOverForeignUsers => {
                for user in &facts.users {
                    if user.mark.is_none() == self.has(Flaw::RemovesOverForeignUsers) {
                        self.inner.edit_user(name, &user.name, |facts| facts.mark = Some(cx.mark.clone()));
                        self.inner.remove_user(&cx, name, &user.name.parse()?).await?;
                    }
                }
            }
            Flaw::RemovesNeighbours => {
                for other in self.everything().await.into_iter().filter(|other| other != name) {
                    self.clear(&other);
                }
            }
            Flaw::RemembersDocuments => self.inner.edit_documents(name, |held| {
                self.removed.lock().unwrap().insert(name.clone(), held.clone());
            }),
            _ => {}
        }
        self.inner.remove_database(&cx, name).await
    }
}
