//! The endpoints storex uses, each a function that answers an [`Endpoint`](crate::endpoint::Endpoint). Source of paths and fields: Cloudflare API
//! reference (Zones, DNS Records for a Zone, Custom Hostnames, Zero Trust Tunnels, User and Account Tokens).

pub(crate) mod custom_hostnames;
pub(crate) mod dns_records;
pub(crate) mod edge;
pub(crate) mod graphql;
pub(crate) mod probe;
pub(crate) mod token;
pub(crate) mod tunnels;
pub(crate) mod zones;
