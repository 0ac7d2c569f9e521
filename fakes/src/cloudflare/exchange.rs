//! One call on its way through a handler: what was asked, by whom, when, and the world it acts on.

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::auth::TokenSettings;
use super::envelope::Refusal;
use super::limits::Limits;
use super::paging::Query;
use super::state::{CloudState, Zone};
use super::zone_life::later;

/// A call as it came over the wire.
#[derive(Debug)]
pub(super) struct ApiCall {
    /// Upper case.
    pub(super) method: String,
    /// Below `/client/v4`.
    pub(super) path: String,
    /// As written, for the journal.
    pub(super) raw_query: String,
    pub(super) query: Query,
    /// The `Authorization` header; not text counts as empty.
    pub(super) authorization: Option<String>,
    /// The `Content-Type` header; empty without one.
    pub(super) content_type: String,
    pub(super) body: Vec<u8>,
}

/// What a handler is given. It checks first and changes last: a refused call leaves the world as it was.
#[derive(Debug)]
pub(super) struct Exchange<'a> {
    pub(super) state: &'a mut CloudState,
    pub(super) limits: &'a Limits,
    pub(super) token: &'a TokenSettings,
    pub(super) params: &'a [(&'static str, String)],
    pub(super) query: &'a Query,
    pub(super) content_type: &'a str,
    pub(super) body: &'a [u8],
    pub(super) now: Timestamp,
}

impl Exchange<'_> {
    /// The path's `{name}`; empty when the template has none.
    pub(super) fn param(&self, name: &str) -> &str {
        self.params.iter().find(|(key, _)| *key == name).map_or("", |(_, value)| value.as_str())
    }

    /// The body as a JSON object.
    ///
    /// # Errors
    /// 400/6007 as the API's front door answers a body that is not JSON.
    pub(super) fn body(&self) -> Result<Map<String, Value>, Refusal> {
        match serde_json::from_slice(self.body) {
            Ok(Value::Object(fields)) => Ok(fields),
            Ok(_) | Err(_) => Err(Refusal::new(400, 6007, "Malformed JSON in request body")),
        }
    }

    /// The zone named in the path.
    ///
    /// # Errors
    /// 403/10000: Cloudflare does not tell an unknown zone from a foreign one (DNS FAQ of its documentation).
    pub(super) fn zone(&self) -> Result<&Zone, Refusal> {
        self.state.zone(self.param("zone")).filter(|zone| self.token.sees(zone)).ok_or_else(forbidden)
    }

    /// Refuses what hangs below a zone that was made a moment ago, when that limit is on: seen in practice with the right
    /// token (octodns-cloudflare issue 108).
    ///
    /// # Errors
    /// 403/10000.
    pub(super) fn check_age(&self, template: &str) -> Result<(), Refusal> {
        let young = self.limits.young_zone_s;
        if young == 0 || !template.starts_with("/zones/{zone}/") {
            return Ok(());
        }
        let made = self.state.zone(self.param("zone")).map(|zone| zone.created_on);
        if made.is_some_and(|made| later(made, young) > self.now) { Err(forbidden()) } else { Ok(()) }
    }

    /// The zone named in the path, to change. Same errors as [`Exchange::zone`].
    pub(super) fn zone_mut(&mut self) -> Result<&mut Zone, Refusal> {
        let id = self.param("zone").to_owned();
        let token = self.token;
        self.state.zones.iter_mut().find(|zone| zone.id == id && token.sees(zone)).ok_or_else(forbidden)
    }
}

/// What a caller without the right, or with a foreign id, gets.
pub(super) fn forbidden() -> Refusal {
    Refusal::new(403, 10000, "Authentication error")
}
