//! The laws about drift on the twin, and on twins with one flaw each.

use super::twin;
use crate::tally::Tally;
use async_trait::async_trait;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use storex_core::{
    Code, Deployed, EffectCx, Error, HostFacts, Hostname, Part, PartFacts, Result, StoreHost, StoreId, StorePackage, Visit,
};
use storex_fakes::MemoryHost;
use storex_fakes::laws::store_host::{DRIFT, Hand, WithHand};
use storex_fakes::laws::{Law, broken_laws};

/// Changes parts of the twin.
#[derive(Debug)]
struct Damage(MemoryHost);

#[async_trait]
impl Hand for Damage {
    async fn change(&self, store: &StoreId, part: Part) -> Result<()> {
        self.0.damage(store, part, "changed by hand");
        Ok(())
    }
}

#[tokio::test]
async fn the_twin_keeps_every_law_about_drift() {
    let host = twin();
    let subject = WithHand { hand: Arc::new(Damage(host.clone())), host: Arc::new(host) };
    assert_eq!(broken_laws(DRIFT, &Arc::new(subject)).await, []);
}

/// What the flawed twins did.
pub(super) async fn count() -> Tally {
    let laws = DRIFT.iter().map(|law| Law { ..*law }).collect();
    let flawed = |flaw: &Flaw| {
        let host = twin();
        let hand = Arc::new(Damage(host.clone()));
        let host = Flawed { host, flaw: *flaw, told: Mutex::default(), once: Mutex::default() };
        (*flaw, Arc::new(WithHand { host: Arc::new(host), hand }))
    };
    Tally::count("StoreHost", laws, FLAWS.iter().map(flawed).collect()).await
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Flaw {
    SeesNoDrift,
    SeesDriftEverywhere,
    TellsOneWord,
    BlamesEveryPart,
    BlamesEveryStore,
    TellsTheEnvironment,
    LosesChangedParts,
    ForgetsWhoseAChangedPartIs,
    MendsNothing,
    RefusesToRemoveWhatWasChanged,
}

const FLAWS: [Flaw; 10] = [
    Flaw::SeesNoDrift,
    Flaw::SeesDriftEverywhere,
    Flaw::TellsOneWord,
    Flaw::BlamesEveryPart,
    Flaw::BlamesEveryStore,
    Flaw::TellsTheEnvironment,
    Flaw::LosesChangedParts,
    Flaw::ForgetsWhoseAChangedPartIs,
    Flaw::MendsNothing,
    Flaw::RefusesToRemoveWhatWasChanged,
];

/// The twin with one flaw.
#[derive(Debug)]
struct Flawed {
    host: MemoryHost,
    flaw: Flaw,
    /// What the last apply was told.
    told: Mutex<Value>,
    /// Parts whose removal was asked for before.
    once: Mutex<BTreeSet<(StoreId, Part)>>,
}

fn is_changed(facts: &PartFacts) -> bool {
    facts.detail.get("drift").is_some()
}

/// Says this of the part's drift.
fn say(facts: &mut PartFacts, words: &str) {
    if facts.detail.is_null() {
        facts.detail = json!({});
    }
    facts.detail["drift"] = json!(words);
}

impl Flawed {
    async fn seen(&self, mut deployed: Deployed) -> Result<Deployed> {
        let any = deployed.parts.values().any(is_changed);
        let elsewhere = self.host.list().await?.iter().any(|other| other.parts.values().any(is_changed));
        if self.flaw == Flaw::LosesChangedParts {
            deployed.parts.retain(|_, facts| !is_changed(facts));
        }
        for facts in deployed.parts.values_mut() {
            let changed = is_changed(facts);
            match self.flaw {
                Flaw::SeesNoDrift if changed => facts.detail = Value::Null,
                Flaw::SeesDriftEverywhere => say(facts, "nobody knows"),
                Flaw::TellsOneWord if changed => say(facts, "changed"),
                Flaw::BlamesEveryPart if any => say(facts, "something was changed"),
                Flaw::BlamesEveryStore if elsewhere => say(facts, "something was changed somewhere"),
                Flaw::TellsTheEnvironment if changed => say(facts, &format!("it was {}", self.told.lock().unwrap())),
                Flaw::ForgetsWhoseAChangedPartIs if changed => {
                    facts.mark = "storex/1 i=00ab12cd s=12345 e=nobody".parse().unwrap();
                }
                _ => {}
            }
        }
        Ok(deployed)
    }

    async fn shows_drift(&self, store: &StoreId, part: Part) -> Result<bool> {
        Ok(self.host.find(store).await?.is_some_and(|found| found.parts.get(&part).is_some_and(is_changed)))
    }
}

#[async_trait]
impl StoreHost for Flawed {
    async fn facts(&self) -> Result<HostFacts> {
        self.host.facts().await
    }

    async fn find(&self, store: &StoreId) -> Result<Option<Deployed>> {
        match self.host.find(store).await? {
            Some(found) => self.seen(found).await.map(Some),
            None => Ok(None),
        }
    }

    async fn list(&self) -> Result<Vec<Deployed>> {
        self.host.list().await
    }

    async fn apply(&self, cx: &EffectCx, package: &StorePackage, part: Part) -> Result<PartFacts> {
        *self.told.lock().unwrap() = json!(package.environment);
        let changed = self.shows_drift(&package.store_id, part).await?;
        let facts = self.host.apply(cx, package, part).await?;
        if self.flaw == Flaw::MendsNothing && changed {
            self.host.damage(&package.store_id, part, "changed by hand");
        }
        Ok(facts)
    }

    async fn withdraw(&self, cx: &EffectCx, store: &StoreId, part: Part) -> Result<()> {
        let is_first = self.once.lock().unwrap().insert((store.clone(), part));
        if self.flaw == Flaw::RefusesToRemoveWhatWasChanged && is_first && self.shows_drift(store, part).await? {
            return Err(Error::new(Code::ForeignObject, "it is not as it was applied"));
        }
        self.host.withdraw(cx, store, part).await
    }

    async fn visit(&self, name: &Hostname, path: &str) -> Result<Visit> {
        self.host.visit(name, path).await
    }

    async fn log_tail(&self, store: &StoreId, lines: usize) -> Result<Vec<String>> {
        self.host.log_tail(store, lines).await
    }
}
