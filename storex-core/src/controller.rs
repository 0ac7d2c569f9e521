//! The one door: HTTP, CLI, Python and embedding programs call these use cases and nothing deeper.

mod builder;
mod databases;
mod domain_life;
mod domains;
mod drift;
mod edge;
mod events;
mod handle;
mod idempotency;
mod insight;
mod interventions;
mod listing;
mod operations;
mod outbox;
mod plan;
mod platform;
mod reconcile;
mod recovery;
mod request;
mod settings;
mod shadows;
mod stores;
mod tunnel;
mod tunnel_health;
mod view;

pub use builder::ControllerBuilder;
pub use drift::{Drift, DriftQuery, DriftReport};
pub use edge::{PurgeView, ReissueView};
pub use events::{OperationEvent, OperationEvents};
pub use handle::OperationHandle;
pub use idempotency::{Accepted, IdempotencyKey, RequestOptions};
pub use insight::InsightView;
pub use plan::{PlanView, PlannedStep};
pub use platform::Readiness;
pub use reconcile::{ReconcileOptions, ReconcileReport};
pub use request::{CreateStoreRequest, force_from_json};
pub use settings::Settings;
pub use tunnel::{ConnectorView, TunnelView};
pub use tunnel_health::{TunnelHealth, TunnelState};
pub use view::{ConfigurationStatus, ConfigurationView, DomainsView, PlanGap, StoreCreated, StoreList, StoreView};

use crate::operation::{Driver, Ears};
use crate::resource::{HostnameListing, Providers};
use crate::{Notifier, OperationId};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use tokio::task::JoinSet;

/// The operations driven here.
type Driven = HashMap<OperationId, Ears>;

/// A running control plane. Cheap to clone; clones are the same control plane. Two controllers in one process are independent, and nothing
/// global is installed.
///
/// Operations run as tasks of the ambient tokio runtime. Dropping a controller or an [`OperationHandle`] never stops one; [`Controller::stop`] and the end of the runtime do,
/// and the next controller on the same repo resumes them.
#[derive(Clone, Debug)]
pub struct Controller {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    providers: Providers,
    notifier: Arc<dyn Notifier>,
    settings: Settings,
    driver: Driver,
    driven: Mutex<Driven>,
    readiness: RwLock<Readiness>,
    memory: Mutex<reconcile::Memory>,
    /// What stands in the wildcard's way, as last listed.
    shadows: Mutex<Option<Arc<shadows::Shadows>>>,
    /// The custom hostnames, as last listed.
    hostnames: Mutex<Option<Arc<HostnameListing>>>,
    /// How the tunnel was connected when it was last looked at.
    seen_tunnel: Mutex<Option<TunnelHealth>>,
    /// Tasks that drive operations.
    tasks: Mutex<JoinSet<()>>,
}

impl Controller {
    fn providers(&self) -> &Providers {
        &self.inner.providers
    }

    /// Stops driving operations, as a crash would: what was on its way is in doubt, and the next controller on the same repo looks for it.
    /// Returns when no task of this controller sends anything any more.
    ///
    /// # Cancellation
    /// Dropping the future stops the driving all the same; then nobody has waited for what was on its way.
    pub async fn stop(&self) {
        let mut tasks = std::mem::take(&mut *self.inner.tasks.lock().unwrap_or_else(PoisonError::into_inner));
        tasks.shutdown().await;
    }

    /// What the controller was built with.
    pub fn settings(&self) -> &Settings {
        &self.inner.settings
    }
}
