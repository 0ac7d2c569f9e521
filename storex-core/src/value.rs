//! Values that are parsed once at the edge and cannot be wrong afterwards.

mod database;
mod dns;
mod email;
mod hostname;
mod id;
mod json;
mod mark;
mod port;
mod sealed;
mod secret;
mod strategy;
mod username;

pub use database::{DatabaseAddress, DatabaseName, DatabaseUser};
pub use dns::{CaaTag, CaaValue, DnsName, RecordContent, RecordName, RecordSpec, RecordType, Ttl, TxtText};
pub use email::Email;
pub use hostname::Hostname;
pub use id::{Epoch, HostId, InstanceId, OperationId, StoreDigits, StoreId};
pub use json::Json;
pub use mark::{EffectCx, EffectId, Mark, Subject};
pub use port::{Port, PortRange};
pub use sealed::{Keyring, SealPlace, Sealed};
pub use secret::Secret;
pub use strategy::DomainStrategy;
pub use username::Username;

/// Serde through the textual form: `FromStr` in, `Display` out.
macro_rules! text_serde {
    ($type:ty) => {
        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                text.parse().map_err(|error: crate::Error| serde::de::Error::custom(error.message()))
            }
        }
    };
}
pub(crate) use text_serde;
