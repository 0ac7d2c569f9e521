//! The heart of storex: values, traits, resources and the operation engine.
//!
//! storex runs many isolated e-commerce stores behind one Cloudflare tunnel. A store is a list of resources, an operation a list of
//! transitions. No network, process or vendor name lives here: those are behind the traits.

mod clock;
mod controller;
mod entropy;
mod error;
pub mod operation;
pub mod record;
pub mod resource;
mod traits;
mod value;
mod workflow;

pub use clock::{Clock, SystemClock, remaining};
pub use controller::{
    ConfigurationStatus, ConfigurationView, Controller, ControllerBuilder, CreateStoreRequest, DomainsView, Readiness, Settings, StoreCreated, StoreList, StoreView,
};
pub use entropy::{Entropy, EntropyExt, SystemEntropy};
pub use error::{Certainty, Code, Entry, Error, ErrorRecord, Kind, Result};
pub use traits::*;
pub use value::{
    EffectCx, EffectId, Email, Epoch, HostId, Hostname, InstanceId, Mark, OperationId, Port, PortRange, Secret, StoreDigits, StoreId, Subject, Username,
};
