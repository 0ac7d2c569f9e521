//! The twin of tunnels with one flaw at a time.

use async_trait::async_trait;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use storex_core::{
    Code, ConnectorFacts, ConnectorId, EffectCx, Error, Result, Secret, TunnelDocument, TunnelFacts, TunnelId, TunnelRoutes,
};
use storex_fakes::MemoryTunnels;
use storex_fakes::laws::tunnel_routes::{TunnelHand, WithHand};

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
    FindsWhatNobodyMade, FindsNothing, FindsByBeginning, MakesAnotherEachTime, OneIdForAll, BeginsAtOne, AnswersTheOldVersion,
    DropsUnknownKeys, IgnoresVersions, CountsWhatIsSkipped, AcceptsAnything, KeepsTheRemoved, AbsentIsAnError, RemembersTheRemoved,
    SortsRules, AnswersWhatExists, OneTokenForAll, KeepsTokens, RefusesWildcards, InventsAConnector, FindsNoConnector,
    ListsConnectorsTwice, TellsNoVersion, TellsTheNewestVersion, CountsFourConnections, ForgetsWhenItOpened, AlwaysKnowsSince,
    ListsAllConnectors, FindsConnectorsOfTheGone, ResetsNothing, ResetsAll, MissesTheConnector, WritesWhenItResets,
    ResetsForTheGone, RemovesWhatIsServed, TidiesRules, TellsNoProgram,
}

/// [`MemoryTunnels`] with a flaw.
#[derive(Debug)]
pub(crate) struct FlawedTunnels {
    flaw: Flaw,
    inner: MemoryTunnels,
    calls: AtomicU64,
}

impl FlawedTunnels {
    pub(crate) fn new(flaw: Flaw) -> Self {
        Self { flaw, inner: MemoryTunnels::new(), calls: AtomicU64::new(0) }
    }

    /// The flawed twin, and a hand that reaches its world.
    pub(crate) fn with_hand(flaw: Flaw) -> WithHand {
        let flawed = Self::new(flaw);
        let hand = Arc::new(TwinsHand(flawed.inner.clone()));
        WithHand { tunnels: Arc::new(flawed), hand }
    }

    /// Runs connectors of every tunnel there is.
    async fn all_connectors(&self) -> Result<Vec<ConnectorFacts>> {
        let mut all = Vec::new();
        for tunnel in self.inner.tunnels() {
            all.extend(self.inner.connectors(&tunnel.id).await?);
        }
        Ok(all)
    }

    fn tell(&self, facts: &mut ConnectorFacts, newest: u64) {
        match self.flaw {
            Flaw::TellsNoVersion => facts.config_version = None,
            Flaw::TellsTheNewestVersion => facts.config_version = Some(newest),
            Flaw::CountsFourConnections => facts.connections = 4,
            Flaw::ForgetsWhenItOpened => facts.opened_at = None,
            Flaw::AlwaysKnowsSince => facts.opened_at = Some(jiff::Timestamp::UNIX_EPOCH),
            Flaw::TellsNoProgram => facts.version.clear(),
            _ => {}
        }
    }
}

/// The hand in the twin's world.
#[derive(Debug)]
pub(crate) struct TwinsHand(pub(crate) MemoryTunnels);

#[async_trait]
impl TunnelHand for TwinsHand {
    async fn run(&self, tunnel: &TunnelId) -> Result<ConnectorId> {
        self.0.attach_connector(tunnel)
    }

    async fn stick(&self, tunnel: &TunnelId, connector: &ConnectorId) -> Result<()> {
        self.0.stick_connector(tunnel, connector, true)
    }

    async fn limit(&self, tunnel: &TunnelId, connector: &ConnectorId, connections: u32) -> Result<()> {
        self.0.limit_connections(tunnel, connector, connections)
    }

    async fn overwrite(&self, tunnel: &TunnelId, document: &TunnelDocument) -> Result<()> {
        self.0.overwrite(tunnel, document.clone()).map(|_| ())
    }
}

#[async_trait]
impl TunnelRoutes for FlawedTunnels {
    async fn find(&self, name: &str) -> Result<Option<TunnelFacts>> {
        match self.flaw {
            Flaw::FindsWhatNobodyMade => Ok(Some(TunnelFacts { id: "made-up".parse()?, name: name.to_owned() })),
            Flaw::FindsNothing => Ok(None),
            Flaw::FindsByBeginning => Ok(self.inner.tunnels().into_iter().find(|tunnel| tunnel.name.starts_with(name))),
            _ => self.inner.find(name).await,
        }
    }

    async fn create(&self, cx: &EffectCx, name: &str) -> Result<TunnelFacts> {
        let mut tunnel = match self.inner.create(cx, name).await {
            Err(error) if self.flaw == Flaw::AnswersWhatExists => self.inner.find(name).await?.ok_or(error)?,
            other => other?,
        };
        match self.flaw {
            Flaw::MakesAnotherEachTime => tunnel.id = format!("another{}", self.calls.fetch_add(1, Ordering::SeqCst)).parse()?,
            Flaw::OneIdForAll => tunnel.id = "one".parse()?,
            _ => {}
        }
        Ok(tunnel)
    }

    async fn load(&self, id: &TunnelId) -> Result<(u64, TunnelDocument)> {
        let (version, document) = self.inner.load(id).await?;
        Ok((version + u64::from(self.flaw == Flaw::BeginsAtOne), document))
    }

    async fn store(&self, cx: &EffectCx, id: &TunnelId, document: &TunnelDocument, expected_version: u64) -> Result<u64> {
        let (version, before) = self.inner.load(id).await?;
        let mut document = document.clone();
        match self.flaw {
            Flaw::DropsUnknownKeys => {
                document.rest.clear();
                document.ingress.iter_mut().for_each(|rule| rule.rest.clear());
            }
            Flaw::TidiesRules => document
                .ingress
                .iter_mut()
                .for_each(|rule| rule.hostname = rule.hostname.as_ref().map(|name| name.to_lowercase())),
            Flaw::RefusesWildcards
                if document
                    .ingress
                    .iter()
                    .filter(|rule| rule.hostname.as_deref().unwrap_or_default().starts_with('*'))
                    .count()
                    > 1 =>
            {
                return Err(Error::new(Code::CloudflareRefused, "one wildcard is enough"));
            }
            Flaw::SortsRules => document.ingress.sort_by_key(|rule| (rule.hostname.is_none(), rule.hostname.clone())),
            Flaw::IgnoresVersions => return self.inner.store(cx, id, &document, version).await,
            Flaw::AcceptsAnything if version == expected_version => return self.inner.overwrite(id, document),
            Flaw::CountsWhatIsSkipped if before == document && version == expected_version => return Ok(version + 1),
            Flaw::AnswersTheOldVersion => {
                self.inner.store(cx, id, &document, expected_version).await?;
                return Ok(expected_version);
            }
            _ => {}
        }
        self.inner.store(cx, id, &document, expected_version).await
    }

    async fn remove(&self, cx: &EffectCx, id: &TunnelId) -> Result<()> {
        match self.flaw {
            Flaw::KeepsTheRemoved => Ok(()),
            Flaw::AbsentIsAnError if self.inner.tunnels().iter().all(|tunnel| tunnel.id != *id) => {
                Err(Error::new(Code::NotFound, "there is no such tunnel"))
            }
            Flaw::RemovesWhatIsServed => {
                self.inner.detach_connectors(id).ok();
                self.inner.remove(cx, id).await
            }
            Flaw::RemembersTheRemoved => self.inner.overwrite(id, TunnelDocument::default()).map(|_| ()),
            _ => self.inner.remove(cx, id).await,
        }
    }

    async fn connectors(&self, id: &TunnelId) -> Result<Vec<ConnectorFacts>> {
        let known = self.inner.connectors(id).await;
        let mut found = match self.flaw {
            Flaw::FindsNoConnector => Vec::new(),
            Flaw::ListsAllConnectors => self.all_connectors().await?,
            Flaw::FindsConnectorsOfTheGone => known.unwrap_or_default(),
            Flaw::ListsConnectorsTwice => known.map(|known| [known.clone(), known].concat())?,
            _ => known?,
        };
        if self.flaw == Flaw::InventsAConnector {
            let (id, version) = ("11111111-1111-4111-8111-111111111111".parse()?, "0".to_owned());
            found.push(ConnectorFacts { id, version, config_version: None, connections: 4, reconnecting: 0, opened_at: None });
        }
        let newest = self.inner.load(id).await.map(|(version, _)| version).unwrap_or_default();
        for facts in &mut found {
            self.tell(facts, newest);
        }
        Ok(found)
    }

    async fn reset_connector(&self, cx: &EffectCx, id: &TunnelId, connector: &ConnectorId) -> Result<()> {
        match self.flaw {
            Flaw::ResetsNothing => self.inner.connectors(id).await.map(|_| ()),
            Flaw::ResetsAll => {
                for other in self.inner.connectors(id).await? {
                    self.inner.reset_connector(cx, id, &other.id).await?;
                }
                Ok(())
            }
            Flaw::MissesTheConnector => {
                let known = self.inner.connectors(id).await?.iter().any(|facts| facts.id == *connector);
                if known {
                    self.inner.reset_connector(cx, id, connector).await
                } else {
                    Err(Error::new(Code::NotFound, "no such connector"))
                }
            }
            Flaw::WritesWhenItResets => self.inner.overwrite(id, TunnelDocument::default()).map(|_| ()),
            Flaw::ResetsForTheGone => self.inner.reset_connector(cx, id, connector).await.or(Ok(())),
            _ => self.inner.reset_connector(cx, id, connector).await,
        }
    }

    async fn run_token(&self, id: &TunnelId) -> Result<Secret<String>> {
        match self.flaw {
            Flaw::OneTokenForAll => self.inner.run_token(id).await.map(|_| Secret::new("one".to_owned())),
            Flaw::KeepsTokens => Ok(Secret::new(id.to_string())),
            _ => self.inner.run_token(id).await,
        }
    }
}
