//! The routes of one host's router.

use crate::{Hostname, Port, Result};
use async_trait::async_trait;
use std::collections::BTreeMap;
use std::fmt::Debug;

/// All routes of a router: which local port answers for which host name. A map, so a name has one route.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RouteTable {
    /// Host name → port on 127.0.0.1.
    pub routes: BTreeMap<Hostname, Port>,
}

/// A table that every worker of the router now routes by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committed {
    /// Number of the table; rises with each commit.
    pub generation: u64,
    /// Names left out because the router refused them; empty when all are routed.
    pub quarantined: Vec<Hostname>,
}

/// Writes the routes of one router. Called by one route writer only, which holds the whole table.
///
/// # Cancellation
/// Dropping the future of `commit` leaves the old table in force or the new one, never a mixture; `load` tells which.
#[async_trait]
pub trait ProxyWriter: Debug + Send + Sync + 'static {
    /// The table in force and its generation; generation 0 and no routes before the first commit.
    ///
    /// # Errors
    /// `unavailable` when it cannot be read.
    async fn load(&self) -> Result<(u64, RouteTable)>;

    /// Asks the router whether it would take the table; changes nothing.
    ///
    /// # Errors
    /// `route_rejected` with the router's words.
    async fn check(&self, table: &RouteTable) -> Result<()>;

    /// Makes the router route by exactly this table and answers when every worker does and no worker of the previous table accepts
    /// connections any more. On failure the previous table is in force again.
    ///
    /// # Errors
    /// `version_conflict` when `expected_generation` is not in force; `route_rejected`; `timeout` when workers do not switch.
    async fn commit(&self, table: &RouteTable, expected_generation: u64) -> Result<Committed>;
}
