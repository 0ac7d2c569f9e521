//! The endpoints storex uses, each a function that answers an [`Endpoint`](crate::endpoint::Endpoint). Source of paths and fields: Cloudflare API
//! reference (Zones, DNS Records for a Zone, Zero Trust Tunnels, User and Account Tokens).

pub(crate) mod dns_records;
pub(crate) mod token;
pub(crate) mod tunnels;
pub(crate) mod zones;
