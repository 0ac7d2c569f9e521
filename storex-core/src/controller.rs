//! The one door: HTTP, CLI, Python and embedding programs call these use cases and nothing deeper.

mod builder;
mod operations;
mod outbox;
mod platform;
mod request;
mod settings;
mod stores;
mod view;

pub use builder::ControllerBuilder;
pub use platform::Readiness;
pub use request::CreateStoreRequest;
pub use settings::Settings;
pub use view::{ConfigurationStatus, ConfigurationView, DomainsView, StoreCreated, StoreList, StoreView};

use crate::operation::{Driver, OperationDoc};
use crate::resource::Providers;
use crate::{Notifier, OperationId};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, RwLock};
use tokio::sync::watch;

type Watchers = HashMap<OperationId, watch::Sender<Option<Arc<OperationDoc>>>>;

/// A running control plane. Cheap to clone; clones are the same control plane. Two controllers in one process are independent, and nothing
/// global is installed.
///
/// Operations run as tasks of the ambient tokio runtime. Dropping every clone does not stop them; they end with the runtime, and the next
/// controller on the same repo resumes them.
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
    /// Documents of the operations driven here, as they change.
    watchers: Mutex<Watchers>,
    readiness: RwLock<Readiness>,
}

impl Controller {
    fn providers(&self) -> &Providers {
        &self.inner.providers
    }

    /// What the controller was built with.
    pub fn settings(&self) -> &Settings {
        &self.inner.settings
    }
}
