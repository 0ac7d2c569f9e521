//! The promises about drift, SH-30 to SH-37: what somebody changed at the host behind its back is told, and mended by applying the part anew.
//!
//! A subject needs a hand besides the host: whatever changes a part of a store as a person at the machine would.

use super::Host;
use super::subject::{Subject, equal};
use crate::laws::{Broken, Law, Verdict, ensure};
use async_trait::async_trait;
use serde_json::{Value, json};
use std::fmt::Debug;
use std::sync::Arc;
use storex_core::{Part, PartFacts, Result, StoreId};

/// A person at the host, or a program that is not storex.
#[async_trait]
pub trait Hand: Debug + Send + Sync + 'static {
    /// Changes the part of a store that stands, so that it is not as it was applied any more. Other parts and other stores stay as they are.
    ///
    /// # Errors
    /// When the part cannot be reached.
    async fn change(&self, store: &StoreId, part: Part) -> Result<()>;
}

/// A host, and a hand that reaches what the host runs.
#[derive(Clone, Debug)]
pub struct WithHand {
    /// The host under test.
    pub host: Arc<dyn storex_core::StoreHost>,
    /// The hand.
    pub hand: Arc<dyn Hand>,
}

macro_rules! laws {
    ($($id:literal $judge:ident $sentence:literal;)*) => {
        /// Every law about drift.
        pub const DRIFT: &[Law<WithHand>] = &[$(Law { id: $id, sentence: $sentence, judge: |subject| Box::pin($judge(subject)) },)*];
    };
}

laws! {
    "SH-30" untouched_is_silent "What nobody touched shows no drift.";
    "SH-31" changed_is_told "A part that was changed by hand is found with `drift` in its detail, in words.";
    "SH-32" nothing_else_is_told "Only the part that was changed shows drift.";
    "SH-33" neighbours_are_silent "The parts of another store show no drift.";
    "SH-34" content_is_not_told "What is said of drift holds no value of the environment.";
    "SH-35" facts_stay "A part that was changed by hand keeps its mark and its digest.";
    "SH-36" applying_mends "Applying a changed part under a new effect mends it: no drift is left and the store serves.";
    "SH-37" changed_can_go "A part that was changed by hand can be withdrawn and is found no more.";
}

/// A value no host may repeat.
const SECRET: &str = "correct horse battery staple";

/// What is said of a part's drift.
fn said(part: &PartFacts) -> Option<&str> {
    part.detail.get("drift").and_then(Value::as_str)
}

/// A store that stands, of whose environment one value is secret.
async fn standing(host: &Host, nth: usize) -> Result<Subject, Broken> {
    let mut store = Subject::nth(host, nth).await?;
    store.package.environment.insert("DB_PASSWORD".to_owned(), json!(SECRET));
    store.apply_all().await?;
    Ok(store)
}

/// The parts that show drift.
async fn drifted(store: &Subject) -> Result<Vec<Part>> {
    let parts = store.found().await?.map(|found| found.parts).unwrap_or_default();
    Ok(parts.iter().filter(|(_, facts)| facts.detail.get("drift").is_some()).map(|(part, _)| *part).collect())
}

async fn untouched_is_silent(subject: Arc<WithHand>) -> Verdict {
    let store = standing(&subject.host, 0).await?;
    equal("drift", &drifted(&store).await?, &Vec::new())?;
    Ok(store.clear().await?)
}

async fn changed_is_told(subject: Arc<WithHand>) -> Verdict {
    for part in Part::ALL {
        let store = standing(&subject.host, 0).await?;
        subject.hand.change(store.id(), part).await?;
        let facts = store.part(part).await?.ok_or_else(|| Broken(format!("the changed {part} is not found")))?;
        let words = said(&facts).unwrap_or_default();
        ensure(words.contains(' '), || format!("what is said of the changed {part} is {words:?}"))?;
        store.clear().await?;
    }
    Ok(())
}

async fn nothing_else_is_told(subject: Arc<WithHand>) -> Verdict {
    for part in Part::ALL {
        let store = standing(&subject.host, 0).await?;
        subject.hand.change(store.id(), part).await?;
        let others: Vec<Part> = drifted(&store).await?.into_iter().filter(|told| *told != part).collect();
        ensure(others.is_empty(), || format!("the {part} was changed and {others:?} show drift"))?;
        store.clear().await?;
    }
    Ok(())
}

async fn neighbours_are_silent(subject: Arc<WithHand>) -> Verdict {
    let (store, other) = (standing(&subject.host, 0).await?, standing(&subject.host, 0).await?);
    for part in Part::ALL {
        subject.hand.change(store.id(), part).await?;
    }
    equal("drift of the other store", &drifted(&other).await?, &Vec::new())?;
    equal("its status", &other.status("DOMAIN").await?, &200)?;
    store.clear().await?;
    Ok(other.clear().await?)
}

async fn content_is_not_told(subject: Arc<WithHand>) -> Verdict {
    let store = standing(&subject.host, 0).await?;
    for part in Part::ALL {
        subject.hand.change(store.id(), part).await?;
    }
    let parts = store.found().await?.map(|found| found.parts).unwrap_or_default();
    for (part, facts) in &parts {
        let words = facts.detail.get("drift").map(Value::to_string).unwrap_or_default();
        ensure(!words.contains(SECRET), || format!("what is said of the {part} holds a secret"))?;
    }
    Ok(store.clear().await?)
}

async fn facts_stay(subject: Arc<WithHand>) -> Verdict {
    let store = standing(&subject.host, 0).await?;
    let facts = |facts: Option<PartFacts>| facts.map(|facts| (facts.mark, facts.digest));
    for part in Part::ALL {
        let before = facts(store.part(part).await?);
        subject.hand.change(store.id(), part).await?;
        equal(&format!("mark and digest of the {part}"), &facts(store.part(part).await?), &before)?;
    }
    Ok(store.clear().await?)
}

async fn applying_mends(subject: Arc<WithHand>) -> Verdict {
    let store = standing(&subject.host, 0).await?;
    for (step, part) in (5..).zip(Part::ALL) {
        subject.hand.change(store.id(), part).await?;
        let answer = store.apply(step, part).await?;
        equal(&format!("drift in the answer about the {part}"), &said(&answer), &None)?;
        equal(&format!("drift after the {part} was applied"), &drifted(&store).await?, &Vec::new())?;
        for key in ["INTERNAL_DOMAIN", "DOMAIN"] {
            equal(&format!("status after the {part} was applied"), &store.status(key).await?, &200)?;
        }
    }
    Ok(store.clear().await?)
}

async fn changed_can_go(subject: Arc<WithHand>) -> Verdict {
    let store = standing(&subject.host, 0).await?;
    for (step, part) in (5..).zip(Part::ALL.into_iter().rev()) {
        subject.hand.change(store.id(), part).await?;
        store.withdraw(step, part).await?;
        equal(&format!("the withdrawn {part}"), &store.part(part).await?, &None)?;
    }
    equal("found", &store.found().await?, &None)?;
    equal("status", &store.status("DOMAIN").await?, &421)
}
