//! The account storex works in.

use crate::api;
use crate::client::CloudflareClient;
use crate::dns::CloudflareDns;
use crate::domains::CloudflareDomains;
use crate::edge::CloudflareEdge;
use crate::insight::CloudflareInsight;
use crate::page;
use crate::tunnels::CloudflareTunnels;
use crate::wire::{AccountId, TokenFacts, WireZone};
use jiff::Timestamp;
use storex_core::{Code, Error, Hostname, Result, ZoneStatus};

/// A Cloudflare account and a client for it.
#[derive(Clone, Debug)]
pub struct CloudflareAccount {
    client: CloudflareClient,
    id: AccountId,
}

impl CloudflareAccount {
    /// The account with this id, taken at its word.
    pub fn new(client: CloudflareClient, id: AccountId) -> Self {
        Self { client, id }
    }

    /// The account that holds the primary zone: the one the client was told to work in, or the only one with an active zone of that name.
    ///
    /// # Errors
    /// `primary_zone_missing` when no such zone exists or none is active; else as `find_zone` of
    /// [`DomainProvider`](storex_core::DomainProvider).
    pub async fn discover(client: &CloudflareClient, primary: &Hostname) -> Result<Self> {
        let missing = |why: &str| {
            let error = Error::new(Code::PrimaryZoneMissing, format!("the zone {primary} {why}"));
            Err(error.with("domain", primary).during("cloudflare.discover_account"))
        };
        let list = api::zones::named(primary, client.account());
        let zones = page::read_all(client, &list, api::zones::PER_PAGE, None)
            .await
            .map_err(|failure| Error::from(failure).during("cloudflare.discover_account"))?;
        let named: Vec<WireZone> = zones.into_iter().filter(|zone| zone.is_named(primary)).collect();
        if named.is_empty() {
            return missing("is in no Cloudflare account this token sees");
        }
        for zone in named {
            if zone.facts()?.status == ZoneStatus::Active {
                let Some(account) = zone.account else {
                    return Err(Error::new(Code::CloudflareAnswer, "Cloudflare answered a zone without its account"));
                };
                return Ok(Self { client: client.clone(), id: account.id });
            }
        }
        missing("is not active: its registrar does not name Cloudflare's name servers yet")
    }

    /// Identifier of the account.
    pub fn id(&self) -> &AccountId {
        &self.id
    }

    /// The client calls go through.
    pub fn client(&self) -> &CloudflareClient {
        &self.client
    }

    /// Checks the token, as a user's or as this account's.
    ///
    /// # Errors
    /// As [`CloudflareClient::verify_token`].
    pub async fn verify_token(&self) -> Result<TokenFacts> {
        self.client.verify_token(Some(&self.id)).await
    }

    /// Zones and DNS records of the account.
    pub fn domains(&self) -> CloudflareDomains {
        CloudflareDomains::new(self.clone())
    }

    /// Settings, rules, certificates and cache of the account's zones.
    pub fn edge(&self) -> CloudflareEdge {
        CloudflareEdge::new(self.clone())
    }

    /// Whole sets of records: export, import, scan.
    pub fn dns(&self) -> CloudflareDns {
        CloudflareDns::new(self.clone())
    }

    /// What the edge counted of the account's zones.
    pub fn insight(&self) -> CloudflareInsight {
        CloudflareInsight::new(self.clone())
    }

    /// Tunnels of the account.
    pub fn tunnels(&self) -> CloudflareTunnels {
        CloudflareTunnels::new(self.clone())
    }

    /// Every zone of the account.
    pub(crate) async fn zones(&self, deadline: Option<Timestamp>) -> Result<Vec<WireZone>> {
        Ok(page::read_all(&self.client, &api::zones::all(&self.id), api::zones::PER_PAGE, deadline).await?)
    }

    /// Zones of exactly this name.
    pub(crate) async fn zone_named(&self, name: &Hostname, deadline: Option<Timestamp>) -> Result<Option<WireZone>> {
        let list = api::zones::named(name, Some(&self.id));
        let zones = page::read_all(&self.client, &list, api::zones::PER_PAGE, deadline).await?;
        Ok(zones.into_iter().find(|zone| zone.is_named(name)))
    }
}
