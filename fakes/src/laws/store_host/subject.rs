//! The store a law works on, and the laws' ways of judging an answer.

use super::Host;
use crate::laws::{Broken, Verdict, ensure, fresh};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::fmt::Debug;
use std::sync::Arc;
use storex_core::{
    Code, Deployed, EffectCx, EffectId, Epoch, Error, Hostname, Mark, OperationId, Part, PartFacts, Port, Result, StoreId,
    StorePackage, Subject as Owner, Symlinks,
};

/// One store under test, with its own operation.
pub(super) struct Subject {
    pub(super) host: Host,
    pub(super) package: StorePackage,
    operation: OperationId,
}

/// A deadline no test reaches: 2100-01-01.
const FAR: Timestamp = Timestamp::constant(4_102_444_800, 0);

impl Subject {
    /// A store on the `nth` free port.
    pub(super) async fn nth(host: &Host, nth: usize) -> Result<Self, Broken> {
        let port = host.facts().await?.free_ports.get(nth).copied().ok_or_else(|| Broken(format!("no {nth}th free port")))?;
        let username = fresh("laws");
        let number: u64 = username.trim_start_matches("laws").parse().unwrap_or(0);
        let store: StoreId = format!("{username}-{}", 70_000 + number).parse()?;
        let operation = format!("op_{number:032x}").parse()?;
        Ok(Self { host: Arc::clone(host), package: package(&store, port), operation })
    }

    pub(super) async fn new(host: &Host) -> Result<Self, Broken> {
        Self::nth(host, 0).await
    }

    pub(super) fn id(&self) -> &StoreId {
        &self.package.store_id
    }

    pub(super) fn name(&self, key: &str) -> Result<Hostname> {
        self.package.environment.get(key).and_then(Value::as_str).unwrap_or_default().parse()
    }

    pub(super) fn cx(&self, epoch: u64, step: usize, undo: bool) -> Result<EffectCx> {
        let effect = EffectId::of(&self.operation, step, undo);
        let mark = Mark { instance: "00ab12cd".parse()?, subject: Owner::Store(self.id().digits()), effect };
        Ok(EffectCx { mark, epoch: Epoch(epoch), deadline: FAR })
    }

    /// Applies as step `step` in epoch 1.
    pub(super) async fn apply(&self, step: usize, part: Part) -> Result<PartFacts> {
        self.host.apply(&self.cx(1, step, false)?, &self.package, part).await
    }

    /// Applies every part, as steps 1 to 4.
    pub(super) async fn apply_all(&self) -> Result<()> {
        for (step, part) in (1..).zip(Part::ALL) {
            self.apply(step, part).await?;
        }
        Ok(())
    }

    /// Withdraws as step `step` in epoch 1.
    pub(super) async fn withdraw(&self, step: usize, part: Part) -> Result<()> {
        self.host.withdraw(&self.cx(1, step, false)?, self.id(), part).await
    }

    pub(super) async fn found(&self) -> Result<Option<Deployed>> {
        self.host.find(self.id()).await
    }

    pub(super) async fn part(&self, part: Part) -> Result<Option<PartFacts>> {
        Ok(self.found().await?.and_then(|found| found.parts.get(&part).cloned()))
    }

    pub(super) async fn status(&self, key: &str) -> Result<u16> {
        Ok(self.host.visit(&self.name(key)?, "/health").await?.status)
    }

    /// Withdraws everything, under an epoch above all others.
    pub(super) async fn clear(&self) -> Result<()> {
        for (step, part) in (900..).zip(Part::ALL.into_iter().rev()) {
            self.host.withdraw(&self.cx(1_000, step, false)?, self.id(), part).await?;
        }
        Ok(())
    }
}

fn package(store: &StoreId, port: Port) -> StorePackage {
    let username = store.username();
    let environment = json!({
        "PORT": port, "NODE_ENV": "production", "STORE_ID": store, "STORE_NAME": username, "DB_NAME": format!("store_{username}"),
        "DOMAIN": format!("{username}.laws-shop.com"), "INTERNAL_DOMAIN": format!("{username}.storex.com"),
    });
    let environment = environment.as_object().into_iter().flatten().map(|(key, value)| (key.clone(), value.clone()));
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    StorePackage {
        store_id: store.clone(),
        directory: format!("/stores/{username}"),
        environment: environment.collect(),
        symlinks: Symlinks {
            core_components: words(&["models", "middleware", "utils"]),
            static_assets: words(&["public", "templates"]),
        },
    }
}

pub(super) fn equal<T: PartialEq + Debug>(what: &str, seen: &T, wanted: &T) -> Verdict {
    ensure(seen == wanted, || format!("{what}: {seen:?} instead of {wanted:?}"))
}

/// The call was refused with this code, without doubt.
pub(super) fn refused<T: Debug>(outcome: Result<T, Error>, code: Code) -> Verdict {
    match outcome {
        Err(error) if error.code() == code && !error.is_unclear() => Ok(()),
        Err(error) => Err(Broken(format!("refused with {error:?} instead of {code:?}"))),
        Ok(answer) => Err(Broken(format!("accepted with {answer:?} instead of {code:?}"))),
    }
}
