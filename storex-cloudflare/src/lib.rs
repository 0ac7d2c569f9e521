//! [`DomainProvider`](storex_core::DomainProvider) and [`TunnelRoutes`](storex_core::TunnelRoutes) over the Cloudflare v4 API.
//!
//! Every byte that goes to Cloudflare passes [`CloudflareClient`]: one place for the token, the time limits and the call budget. An endpoint is
//! a value (`endpoint`), its answer a tolerant wire shape (`wire`); what a failure means for the effect is decided in `error`.
//!
//! ```no_run
//! use std::sync::Arc;
//! use storex_cloudflare::{CloudflareAccount, CloudflareClient};
//! use storex_core::{Secret, SystemClock};
//!
//! # async fn assemble(token: Secret<String>) -> storex_core::Result<()> {
//! let client = CloudflareClient::builder().token(token).clock(Arc::new(SystemClock)).build()?;
//! let account = CloudflareAccount::discover(&client, &"storex.com".parse()?).await?;
//! account.verify_token().await?;
//! let (domains, tunnels) = (account.domains(), account.tunnels());
//! # let _ = (domains, tunnels);
//! # Ok(())
//! # }
//! ```

mod account;
mod api;
mod base_url;
mod budget;
mod builder;
mod client;
mod domains;
mod endpoint;
mod error;
mod http;
mod page;
mod record_plan;
mod tls;
mod tunnels;
mod wire;
mod zone_presence;

pub use account::CloudflareAccount;
pub use builder::CloudflareClientBuilder;
pub use client::CloudflareClient;
pub use domains::CloudflareDomains;
pub use tls::ensure_crypto_provider;
pub use tunnels::CloudflareTunnels;
pub use wire::{AccountId, TokenFacts, TokenStatus};
