//! The twin of edge insight with one flaw at a time.

use async_trait::async_trait;
use jiff::SignedDuration;
use std::time::Duration;
use storex_core::{EdgeInsight, HostEvents, HostTraffic, InsightLimits, InsightWindow, Result, ZoneId, ZoneInsight};
use storex_fakes::MemoryInsight;

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
    TellsOfNobody, ForgetsTheCache, CountsErrorsTwice, HoldsItsEnd, LosesItsBeginning, OneHostForAll, Backwards, TenZonesOnly, EventsAreOneKind,
    EventsAreRequests, GoneIsEmpty, NoTime, AnswersUnasked,
}

/// [`MemoryInsight`] with a flaw.
#[derive(Debug)]
pub(crate) struct FlawedInsight {
    flaw: Flaw,
    inner: MemoryInsight,
}

impl FlawedInsight {
    pub(crate) fn new(flaw: Flaw, inner: MemoryInsight) -> Self {
        Self { flaw, inner }
    }

    /// The window as the flaw reads it.
    fn window(&self, window: &InsightWindow) -> InsightWindow {
        let second = SignedDuration::from_secs(1);
        match self.flaw {
            Flaw::HoldsItsEnd => InsightWindow { until: window.until + second, ..*window },
            Flaw::LosesItsBeginning => InsightWindow { from: window.from + second, ..*window },
            _ => *window,
        }
    }
}

/// What the flaw makes of a host's figures.
fn spoilt(flaw: Flaw, host: &mut HostTraffic) {
    match flaw {
        Flaw::ForgetsTheCache => host.cached = 0,
        Flaw::CountsErrorsTwice => host.client_errors += host.server_errors,
        _ => {}
    }
}

#[async_trait]
impl EdgeInsight for FlawedInsight {
    async fn limits(&self, zones: &[ZoneId]) -> Result<Vec<InsightLimits>> {
        let mut limits = match self.inner.limits(zones).await {
            Err(_) if self.flaw == Flaw::GoneIsEmpty => Vec::new(),
            other => other?,
        };
        match self.flaw {
            Flaw::NoTime => limits.iter_mut().for_each(|limits| limits.longest = Duration::ZERO),
            Flaw::AnswersUnasked if zones.is_empty() => {
                let (oldest, longest) = (Duration::from_secs(1), Duration::from_secs(1));
                limits.push(InsightLimits { zone: "unasked".parse()?, oldest, longest, events: true });
            }
            _ => {}
        }
        Ok(limits)
    }

    async fn traffic(&self, zones: &[ZoneId], window: &InsightWindow) -> Result<Vec<ZoneInsight<HostTraffic>>> {
        let mut answer = match self.inner.traffic(zones, &self.window(window)).await {
            Err(_) if self.flaw == Flaw::GoneIsEmpty => Vec::new(),
            other => other?,
        };
        for insight in &mut answer {
            insight.hosts.iter_mut().for_each(|host| spoilt(self.flaw, host));
            if self.flaw == Flaw::TellsOfNobody {
                insight.hosts.push(HostTraffic { host: "nobody.com".to_owned(), ..HostTraffic::default() });
            }
            if self.flaw == Flaw::OneHostForAll {
                insight.hosts.iter_mut().for_each(|host| "a-shop.com".clone_into(&mut host.host));
            }
        }
        if self.flaw == Flaw::EventsAreRequests {
            let events = self.inner.events(zones, window).await?;
            for (insight, events) in answer.iter_mut().zip(events) {
                let counted =
                    |event: HostEvents| HostTraffic { host: event.host, requests: event.count, ..HostTraffic::default() };
                insight.hosts.extend(events.hosts.into_iter().map(counted));
            }
        }
        match self.flaw {
            Flaw::Backwards => answer.reverse(),
            Flaw::TenZonesOnly => answer.truncate(10),
            _ => {}
        }
        Ok(answer)
    }

    async fn events(&self, zones: &[ZoneId], window: &InsightWindow) -> Result<Vec<ZoneInsight<HostEvents>>> {
        let mut answer = match self.inner.events(zones, window).await {
            Err(_) if self.flaw == Flaw::GoneIsEmpty => Vec::new(),
            other => other?,
        };
        if self.flaw == Flaw::EventsAreOneKind {
            for insight in &mut answer {
                insight.hosts.truncate(1);
            }
        }
        Ok(answer)
    }
}
