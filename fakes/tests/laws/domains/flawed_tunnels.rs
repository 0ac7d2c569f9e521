//! The twin of tunnels with one flaw at a time.

use async_trait::async_trait;
use std::sync::atomic::{AtomicU64, Ordering};
use storex_core::{Code, EffectCx, Error, Result, TunnelDocument, TunnelFacts, TunnelId, TunnelRoutes};
use storex_fakes::MemoryTunnels;

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
    SortsRules,
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

    async fn ensure(&self, cx: &EffectCx, name: &str) -> Result<TunnelFacts> {
        let mut tunnel = self.inner.ensure(cx, name).await?;
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
            Flaw::RemembersTheRemoved => self.inner.overwrite(id, TunnelDocument::default()).map(|_| ()),
            _ => self.inner.remove(cx, id).await,
        }
    }
}
