//! [`DomainProvider`](storex_core::DomainProvider) and [`TunnelRoutes`](storex_core::TunnelRoutes) over the Cloudflare v4 API.
//!
//! Every byte that goes to Cloudflare passes [`CloudflareClient`]: one place for the token, the time limits and the call budget. It reports facts; whose an
//! object is, core decides.
//!
//! # A first example
//!
//! Against the simulator of `storex-fakes`, which speaks the same API on this machine:
//!
//! ```
//! use std::sync::Arc;
//! use storex_cloudflare::{CloudflareAccount, CloudflareClient};
//! use storex_core::{DomainProvider, Secret, TunnelRoutes};
//! use storex_fakes::cloudflare::Simulator;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let cloudflare = Simulator::builder().primary_domain("storex.com").token("sandbox").build()?.start_on_loopback().await?;
//! let client = CloudflareClient::builder()
//!     .base_url(cloudflare.base_url()) // without it: api.cloudflare.com
//!     .token(Secret::new("sandbox".to_owned()))
//!     .loopback_only(true)
//!     .build()?;
//! let account = CloudflareAccount::discover(&client, &"storex.com".parse()?).await?;
//! account.verify_token().await?;
//! let domains: Arc<dyn DomainProvider> = Arc::new(account.domains());
//! let tunnels: Arc<dyn TunnelRoutes> = Arc::new(account.tunnels());
//! assert!(domains.find_zone(&"storex.com".parse()?).await?.is_some());
//! assert!(tunnels.find("storex-main-tunnel").await?.is_none());
//! # Ok(())
//! # }
//! ```
//!
//! # The map
//!
//! | part | what it is |
//! |---|---|
//! | [`CloudflareClient`], [`CloudflareClientBuilder`] | connections, token, limits and the budget of calls, shared by all clones |
//! | [`CloudflareAccount`] | the account that holds the primary zone, and the capabilities over it |
//! | [`CloudflareDomains`], [`CloudflareTunnels`] | the traits of core |
//! | [`TokenReport`] | what the token can do, what is missing and what to do |
//! | [`ingress`] | would cloudflared accept an ingress document, and which rule takes a URL; asks no server |
//! | [`in_background`] | calls that go behind whatever somebody waits for |
//!
//! # Errors
//!
//! Those of core. `cloudflare_denied`, `cloudflare_refused` and `cloudflare_answer` say whose turn it is; a timeout, a reset, a 5xx or an answer that cannot be
//! decoded is unclear for a call with an effect, because it may have happened. An answer 429 is waited out within the call's deadline.
//!
//! # TLS
//!
//! ring is the one provider. [`ensure_crypto_provider`] makes it the process's unless the program has installed one already; building a client calls it.
//!
//! # Features
//!
//! There are none.

mod account;
mod api;
mod base_url;
mod budget;
mod builder;
mod client;
mod dns;
mod domains;
mod edge;
mod edge_limits;
mod edge_rules;
mod endpoint;
mod error;
mod hostnames;
mod http;
pub mod ingress;
mod insight;
mod lane;
mod page;
mod rate_headers;
mod record_plan;
mod record_quota;
mod resolver;
mod taxonomy;
mod tls;
mod token_report;
mod tunnels;
mod wire;
mod zone_file;
mod zone_presence;

pub use account::CloudflareAccount;
pub use builder::CloudflareClientBuilder;
pub use client::CloudflareClient;
pub use dns::{CloudflareDns, Imported, Skipped};
pub use domains::CloudflareDomains;
pub use edge::CloudflareEdge;
pub use edge_rules::hardened_policy;
pub use insight::CloudflareInsight;
pub use lane::in_background;
pub use resolver::CloudflareResolver;
pub use tls::ensure_crypto_provider;
pub use token_report::{Capability, CapabilityState, PrimaryZone, TokenReport, WildcardCertificate};
pub use tunnels::CloudflareTunnels;
pub use wire::{AccountId, TokenFacts, TokenOwner, TokenStatus};
