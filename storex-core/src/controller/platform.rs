//! The platform: what must stand before stores are made.

use super::Controller;
use crate::operation::{OPEN, OperationDoc, OperationState, OperationView, Step};
use crate::record::{PLATFORM, PlatformRecord, Routing, decode};
use crate::workflow::{EnsurePlatform, PlatformParams};
use crate::{Code, Error, Json, OperationId, Page, Query, Result, Table};
use serde::Serialize;
use std::sync::PoisonError;

/// Name of the operation that makes the platform stand.
const FLOW: &str = "ensure_platform";
/// Open operations looked through at a time.
const INTERRUPTED_PAGE: usize = 200;

/// Whether stores can be made, and what is missing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Readiness {
    /// True when the platform stands.
    pub ready: bool,
    /// What is missing; empty when ready.
    pub missing: String,
}

impl Readiness {
    pub(super) fn waiting(why: &str) -> Self {
        Self { ready: false, missing: why.to_owned() }
    }
}

impl Controller {
    /// Whether stores can be made.
    pub fn readiness(&self) -> Readiness {
        self.inner.readiness.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set_readiness(&self, readiness: Readiness) {
        *self.inner.readiness.write().unwrap_or_else(PoisonError::into_inner) = readiness;
    }

    /// Makes the platform stand: finds the primary zone, makes the tunnel and the wildcard record, and routes the tunnel to `router`
    /// (such as `http://localhost:3000`). A platform that stands is checked, and its ingress follows the router.
    ///
    /// # Errors
    /// `primary_zone_missing`; `foreign_object` when a record or tunnel storex did not make is in the way; what Cloudflare and the repo answer. After
    /// an error everything this made is gone again.
    ///
    /// # Cancellation
    /// Dropping the future stops the waiting. The operation it began goes on by itself; whether the platform stands is told by the next call.
    pub async fn ensure_platform(&self, router: &str) -> Result<()> {
        let outcome = self.ensure(router).await;
        self.set_readiness(match &outcome {
            Ok(()) => Readiness { ready: true, missing: String::new() },
            Err(error) => Readiness::waiting(&error.to_string()),
        });
        outcome
    }

    /// Takes the platform as its document says, for a controller beside one that ensured it: one read, nothing is looked at or changed. Answers
    /// whether the platform stands.
    ///
    /// # Errors
    /// What the repo answers.
    ///
    /// # Cancellation
    /// Reads only: safe to drop at any moment.
    pub async fn adopt_platform(&self) -> Result<bool> {
        let stands = self.platform_record().await?.is_some();
        self.set_readiness(if stands {
            Readiness { ready: true, missing: String::new() }
        } else {
            Readiness::waiting("no controller has ensured the platform yet")
        });
        Ok(stands)
    }

    /// What a start that was cut short has made is ours by its own journal alone: it comes to rest before another one begins.
    async fn finish_interrupted(&self) -> Result<()> {
        let mut page = Page::first(INTERRUPTED_PAGE);
        loop {
            let rows = self.providers().repo.list(Table::Operations, &Query::equals(OPEN, "1"), &page).await?;
            for row in &rows.rows {
                if row.body.read::<OperationDoc>()?.flow == FLOW {
                    let id = row.id.parse()?;
                    self.spawn(OperationId::clone(&id));
                    self.wait_operation(&id, self.settings().operation_limit * 2).await?;
                }
            }
            match rows.next {
                Some(next) => page.after = Some(next),
                None => return Ok(()),
            }
        }
    }

    /// What the platform is made from, and the steps.
    pub(super) async fn plan_of_platform(&self, router: &str) -> Result<(PlatformParams, Vec<Step>)> {
        let settings = self.settings();
        let before = self.platform_record().await?;
        if let Some(before) = &before
            && before.primary_domain != settings.primary_domain
        {
            let why =
                format!("this installation stands on {}; it cannot move to {}", before.primary_domain, settings.primary_domain);
            return Err(Error::new(Code::Unusable, why));
        }
        self.check_routing(before.as_ref()).await?;
        let direct = settings.routing == Routing::Direct;
        let params = PlatformParams {
            primary_domain: settings.primary_domain.clone(),
            tunnel_name: settings.tunnel_name.clone(),
            router: router.to_owned(),
            routing: settings.routing,
            direct_host: direct.then(|| settings.host.clone()),
            custom_hostnames: settings.serves_custom_hostnames(),
            policy: self.providers().edge.as_ref().map(|_| settings.primary_policy.clone()).unwrap_or_default(),
            before,
        };
        let steps = EnsurePlatform::steps(&params)?;
        Ok((params, steps))
    }

    async fn ensure(&self, router: &str) -> Result<()> {
        self.finish_interrupted().await?;
        let (params, steps) = self.plan_of_platform(router).await?;
        let doc = self.document(FLOW, "platform", Json::of(&params)?, steps)?;
        let id = doc.id.clone();
        self.start(doc).await?;
        let view: OperationView = self.wait_operation(&id, self.settings().operation_limit * 2).await?;
        match (view.state, view.error) {
            (OperationState::Succeeded, _) => {
                if let Some(platform) = self.platform_record().await? {
                    self.refresh_shadows(&platform).await;
                }
                Ok(())
            }
            (_, Some(error)) => Err(error.into()),
            (state, None) => {
                Err(Error::new(Code::Timeout, format!("the platform does not stand yet: operation {id} is {state:?}")))
            }
        }
    }

    /// Direct routing leads to one host, and to no store that was made without a rule of its own.
    async fn check_routing(&self, before: Option<&PlatformRecord>) -> Result<()> {
        let settings = self.settings();
        let Some(before) = before.filter(|_| settings.routing == Routing::Direct) else { return Ok(()) };
        if let Some(host) = before.direct_host.as_ref().filter(|host| **host != settings.host) {
            let why =
                format!("direct routing serves one host only: the stores run on {host}, new ones would run on {}", settings.host);
            return Err(Error::new(Code::Unusable, why));
        }
        let stores = self.providers().repo.list(Table::Stores, &Query::All, &Page::first(1)).await?;
        if before.routing != Routing::Direct && !stores.rows.is_empty() {
            let why = "this installation has stores that are reached through the router: it cannot change to direct routing";
            return Err(Error::new(Code::Unusable, why));
        }
        Ok(())
    }

    pub(super) async fn platform_record(&self) -> Result<Option<PlatformRecord>> {
        let row = self.providers().repo.get(Table::Platform, PLATFORM).await?;
        row.as_ref().map(decode).transpose()
    }

    /// The platform, when it stands.
    ///
    /// # Errors
    /// `platform_not_ready` with what is missing.
    pub(super) async fn platform(&self) -> Result<PlatformRecord> {
        let readiness = self.readiness();
        if !readiness.ready {
            return Err(Error::new(Code::PlatformNotReady, readiness.missing));
        }
        self.platform_record().await?.ok_or_else(|| Error::new(Code::PlatformNotReady, "the platform's document is missing"))
    }
}
