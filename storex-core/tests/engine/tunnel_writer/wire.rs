//! A tunnel's document as it is on the wire: read, then replaced whole, with nothing between that ties the two together.

use crate::tunnel_writer::dice::Dice;
use async_trait::async_trait;
use jiff::Timestamp;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use storex_core::{
    Clock, Code, ConnectorFacts, ConnectorId, EffectCx, Error, Result, Secret, TunnelDocument, TunnelFacts, TunnelId,
    TunnelRoutes, remaining,
};
use storex_fakes::MemoryTunnels;
use tokio::sync::RwLock;

/// How long after its deadline a write may still land.
pub(crate) const LATE: Duration = Duration::from_secs(8);

/// What happened on the wire.
#[derive(Debug, Default)]
pub(crate) struct Traffic {
    /// When each write began.
    pub(crate) puts: Mutex<Vec<Timestamp>>,
    /// Writes that began while another was on its way with its sender waiting.
    pub(crate) overlaps: AtomicUsize,
    /// Writes that landed after their sender gave up.
    pub(crate) late: AtomicUsize,
    under_way: AtomicUsize,
}

/// The wire of one world. A write lands some time after its version was compared, sometimes long after its sender gave up.
#[derive(Debug)]
pub(crate) struct Wire {
    pub(crate) inner: MemoryTunnels,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) dice: Dice,
    pub(crate) traffic: Arc<Traffic>,
    /// Held by writes; others write the document only while none is between its comparison and its landing, since nobody's client sees that gap.
    pub(crate) gap: Arc<RwLock<()>>,
    /// Compares versions before it writes.
    pub(crate) compares: bool,
}

/// Counts a write whose sender waits.
struct UnderWay(Arc<Traffic>);

impl UnderWay {
    fn begin(traffic: &Arc<Traffic>) -> Self {
        if traffic.under_way.fetch_add(1, Ordering::SeqCst) > 0 {
            traffic.overlaps.fetch_add(1, Ordering::SeqCst);
        }
        Self(Arc::clone(traffic))
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.under_way.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Wire {
    async fn pause(&self, longest: u64) {
        self.clock.sleep(Duration::from_millis(self.dice.below(longest))).await;
    }
}

#[async_trait]
impl TunnelRoutes for Wire {
    async fn find(&self, name: &str) -> Result<Option<TunnelFacts>> {
        self.inner.find(name).await
    }

    async fn create(&self, cx: &EffectCx, name: &str) -> Result<TunnelFacts> {
        self.inner.create(cx, name).await
    }

    async fn load(&self, id: &TunnelId) -> Result<(u64, TunnelDocument)> {
        self.pause(100).await;
        let loaded = self.inner.load(id).await;
        self.pause(600).await;
        loaded
    }

    async fn store(&self, cx: &EffectCx, id: &TunnelId, document: &TunnelDocument, expected: u64) -> Result<u64> {
        let gap = Arc::clone(&self.gap).read_owned().await;
        let (version, _) = self.inner.load(id).await?;
        if self.compares && version != expected {
            return Err(Error::new(Code::VersionConflict, format!("version {version}, not {expected}")));
        }
        if self.clock.now() >= cx.deadline {
            return Err(Error::new(Code::Timeout, "the deadline had passed before it was sent"));
        }
        let sending = UnderWay::begin(&self.traffic);
        self.traffic.puts.lock().unwrap().push(self.clock.now());
        let left = remaining(self.clock.now(), cx.deadline);
        let late = self.dice.below(6) == 0;
        let travel = if late {
            left + Duration::from_millis(self.dice.below(7500))
        } else {
            Duration::from_millis(self.dice.below(900)).min(left)
        };
        let (inner, clock, id, document) = (self.inner.clone(), Arc::clone(&self.clock), id.clone(), document.clone());
        // It is on its way: whether its sender lives on makes no difference.
        let landing = tokio::spawn(async move {
            clock.sleep(travel).await;
            let _gap = gap;
            inner.overwrite(&id, document)
        });
        if late {
            self.traffic.late.fetch_add(1, Ordering::SeqCst);
            self.clock.sleep(left).await;
            drop(sending);
            return Err(Error::unclear(Code::Timeout, "no answer in time"));
        }
        landing.await.map_err(|error| Error::unclear(Code::Internal, error.to_string()))?
    }

    async fn remove(&self, cx: &EffectCx, id: &TunnelId) -> Result<()> {
        self.inner.remove(cx, id).await
    }

    async fn connectors(&self, id: &TunnelId) -> Result<Vec<ConnectorFacts>> {
        self.inner.connectors(id).await
    }

    async fn reset_connector(&self, cx: &EffectCx, id: &TunnelId, connector: &ConnectorId) -> Result<()> {
        self.inner.reset_connector(cx, id, connector).await
    }

    async fn run_token(&self, id: &TunnelId) -> Result<Secret<String>> {
        self.inner.run_token(id).await
    }
}
