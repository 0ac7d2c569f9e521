//! The route table: every endpoint the simulator has, in one place.

use super::auth::{self, Permission};
use super::envelope::{Outcome, Refusal};
use super::exchange::Exchange;
use super::identity::{is_hex_id, is_uuid};
use super::{
    batch, bot_management, certificate_packs, connectors, custom_hostnames, dns_records, dns_transfer, dnssec, fallback_origin,
    graphql, purge, rulesets, ssl_verification, tunnel_configurations, tunnels, zone_holds, zone_settings, zones,
};

/// Answers one endpoint.
pub(super) type Handler = fn(&mut Exchange<'_>) -> Outcome;

/// One endpoint.
#[derive(Debug, Clone, Copy)]
pub(super) struct Route {
    pub(super) method: &'static str,
    pub(super) template: &'static str,
    pub(super) permission: Permission,
    pub(super) handler: Handler,
}

const fn route(method: &'static str, template: &'static str, permission: Permission, handler: Handler) -> Route {
    Route { method, template, permission, handler }
}

const RECORDS: &str = "/zones/{zone}/dns_records";
const RECORD: &str = "/zones/{zone}/dns_records/{record}";
const SETTING: &str = "/zones/{zone}/settings/{setting}";
const SCAN: &str = "/zones/{zone}/dns_records/scan";
const REVIEW: &str = "/zones/{zone}/dns_records/scan/review";
const DNSSEC: &str = "/zones/{zone}/dnssec";
const HOLD: &str = "/zones/{zone}/hold";
const UNIVERSAL: &str = "/zones/{zone}/ssl/universal/settings";
const PACKS: &str = "/zones/{zone}/ssl/certificate_packs";
const PACK: &str = "/zones/{zone}/ssl/certificate_packs/{pack}";
const VERIFICATION: &str = "/zones/{zone}/ssl/verification";
const HOSTNAMES: &str = "/zones/{zone}/custom_hostnames";
const HOSTNAME: &str = "/zones/{zone}/custom_hostnames/{hostname}";
const FALLBACK: &str = "/zones/{zone}/custom_hostnames/fallback_origin";
const RULESETS: &str = "/zones/{zone}/rulesets";
const RULESET: &str = "/zones/{zone}/rulesets/{ruleset}";
const ENTRYPOINT: &str = "/zones/{zone}/rulesets/phases/{phase}/entrypoint";
const RULE: &str = "/zones/{zone}/rulesets/{ruleset}/rules/{rule}";
const BOTS: &str = "/zones/{zone}/bot_management";
const TUNNELS: &str = "/accounts/{account}/cfd_tunnel";
const TUNNEL: &str = "/accounts/{account}/cfd_tunnel/{tunnel}";
const CONFIGURATIONS: &str = "/accounts/{account}/cfd_tunnel/{tunnel}/configurations";
const CONNECTIONS: &str = "/accounts/{account}/cfd_tunnel/{tunnel}/connections";

/// Literal segments stand before placeholders of the same place.
pub(super) const ROUTES: &[Route] = &[
    route("GET", "/user/tokens/verify", Permission::None, auth::verify_user),
    route("GET", "/accounts/{account}/tokens/verify", Permission::None, auth::verify_account),
    route("GET", "/user/tokens/permission_groups", Permission::None, auth::permission_groups),
    route("GET", "/zones", Permission::Zone, zones::list),
    route("POST", "/zones", Permission::Zone, zones::create),
    route("GET", "/zones/{zone}", Permission::Zone, zones::get),
    route("PATCH", "/zones/{zone}", Permission::Zone, zones::patch),
    route("DELETE", "/zones/{zone}", Permission::Zone, zones::delete),
    route("PUT", "/zones/{zone}/activation_check", Permission::Zone, zones::activation_check),
    route("GET", HOLD, Permission::Zone, zone_holds::get),
    route("POST", HOLD, Permission::Zone, zone_holds::create),
    route("PATCH", HOLD, Permission::Zone, zone_holds::patch),
    route("DELETE", HOLD, Permission::Zone, zone_holds::delete),
    route("GET", DNSSEC, Permission::Dns, dnssec::get),
    route("PATCH", DNSSEC, Permission::Dns, dnssec::patch),
    route("DELETE", DNSSEC, Permission::Dns, dnssec::delete),
    route("GET", SETTING, Permission::ZoneSettings, zone_settings::get),
    route("PATCH", SETTING, Permission::ZoneSettings, zone_settings::patch),
    route("POST", "/zones/{zone}/dns_records/batch", Permission::Dns, batch::apply),
    route("GET", "/zones/{zone}/dns_records/usage", Permission::Dns, dns_transfer::usage),
    route("GET", "/zones/{zone}/dns_records/export", Permission::Dns, dns_transfer::export),
    route("POST", "/zones/{zone}/dns_records/import", Permission::Dns, dns_transfer::import),
    route("POST", SCAN, Permission::Dns, dns_transfer::scan),
    route("POST", "/zones/{zone}/dns_records/scan/trigger", Permission::Dns, dns_transfer::trigger),
    route("GET", REVIEW, Permission::Dns, dns_transfer::review),
    route("POST", REVIEW, Permission::Dns, dns_transfer::judge),
    route("GET", RECORDS, Permission::Dns, dns_records::list),
    route("POST", RECORDS, Permission::Dns, dns_records::create),
    route("GET", RECORD, Permission::Dns, dns_records::get),
    route("PUT", RECORD, Permission::Dns, dns_records::put),
    route("PATCH", RECORD, Permission::Dns, dns_records::patch),
    route("DELETE", RECORD, Permission::Dns, dns_records::delete),
    route("GET", UNIVERSAL, Permission::Certificates, ssl_verification::get_universal),
    route("PATCH", UNIVERSAL, Permission::Certificates, ssl_verification::patch_universal),
    route("GET", "/zones/{zone}/ssl/certificate_packs/quota", Permission::Certificates, certificate_packs::quota),
    route("POST", "/zones/{zone}/ssl/certificate_packs/order", Permission::Certificates, certificate_packs::order),
    route("GET", PACKS, Permission::Certificates, certificate_packs::list),
    route("GET", PACK, Permission::Certificates, certificate_packs::get),
    route("PATCH", PACK, Permission::Certificates, certificate_packs::restart),
    route("DELETE", PACK, Permission::Certificates, certificate_packs::delete),
    route("GET", VERIFICATION, Permission::Certificates, ssl_verification::list),
    route("PATCH", "/zones/{zone}/ssl/verification/{pack}", Permission::Certificates, ssl_verification::patch),
    route("GET", "/zones/{zone}/dcv_delegation/uuid", Permission::Certificates, ssl_verification::delegation),
    route("GET", "/zones/{zone}/custom_hostnames/quota", Permission::Certificates, custom_hostnames::quota),
    route("GET", FALLBACK, Permission::Certificates, fallback_origin::get),
    route("PUT", FALLBACK, Permission::Certificates, fallback_origin::put),
    route("DELETE", FALLBACK, Permission::Certificates, fallback_origin::delete),
    route("GET", HOSTNAMES, Permission::Certificates, custom_hostnames::list),
    route("POST", HOSTNAMES, Permission::Certificates, custom_hostnames::create),
    route("GET", HOSTNAME, Permission::Certificates, custom_hostnames::get),
    route("PATCH", HOSTNAME, Permission::Certificates, custom_hostnames::patch),
    route("DELETE", HOSTNAME, Permission::Certificates, custom_hostnames::delete),
    route("GET", ENTRYPOINT, Permission::Rulesets, rulesets::get_entrypoint),
    route("PUT", ENTRYPOINT, Permission::Rulesets, rulesets::put_entrypoint),
    route("GET", RULESETS, Permission::Rulesets, rulesets::list),
    route("POST", RULESETS, Permission::Rulesets, rulesets::create),
    route("GET", RULESET, Permission::Rulesets, rulesets::get),
    route("PUT", RULESET, Permission::Rulesets, rulesets::put),
    route("DELETE", RULESET, Permission::Rulesets, rulesets::delete),
    route("POST", "/zones/{zone}/rulesets/{ruleset}/rules", Permission::Rulesets, rulesets::add_rule),
    route("PATCH", RULE, Permission::Rulesets, rulesets::patch_rule),
    route("DELETE", RULE, Permission::Rulesets, rulesets::delete_rule),
    route("GET", BOTS, Permission::BotManagement, bot_management::get),
    route("PUT", BOTS, Permission::BotManagement, bot_management::put),
    route("POST", "/zones/{zone}/purge_cache", Permission::CachePurge, purge::purge),
    route("POST", "/graphql", Permission::Analytics, graphql::answer),
    route("GET", TUNNELS, Permission::Tunnel, tunnels::list),
    route("POST", TUNNELS, Permission::Tunnel, tunnels::create),
    route("GET", TUNNEL, Permission::Tunnel, tunnels::get),
    route("PATCH", TUNNEL, Permission::Tunnel, tunnels::patch),
    route("DELETE", TUNNEL, Permission::Tunnel, tunnels::delete),
    route("GET", "/accounts/{account}/cfd_tunnel/{tunnel}/token", Permission::Tunnel, tunnels::token),
    route("GET", CONFIGURATIONS, Permission::Tunnel, tunnel_configurations::get),
    route("PUT", CONFIGURATIONS, Permission::Tunnel, tunnel_configurations::put),
    route("GET", CONNECTIONS, Permission::Tunnel, connectors::list),
    route("DELETE", CONNECTIONS, Permission::Tunnel, connectors::drop_connections),
    route("GET", "/accounts/{account}/cfd_tunnel/{tunnel}/connectors/{connector}", Permission::Tunnel, connectors::get),
    route("POST", "/accounts/{account}/cfd_tunnel/{tunnel}/management", Permission::Tunnel, tunnels::management),
];

/// A call's place in the table.
#[derive(Debug, Clone)]
pub(super) struct Match {
    pub(super) route: &'static Route,
    pub(super) params: Vec<(&'static str, String)>,
}

/// Finds the endpoint for `method` and `path`.
///
/// # Errors
/// 404/7003 when no template fits or an id in the path is malformed; 405/10405 when only the method does not fit.
pub(super) fn find(method: &str, path: &str) -> Result<Match, Refusal> {
    let mut fits: Vec<Match> =
        ROUTES.iter().filter_map(|route| params(route.template, path).map(|params| Match { route, params })).collect();
    if fits.is_empty() {
        return Err(unroutable(path));
    }
    match fits.iter().position(|found| found.route.method == method) {
        None => Err(Refusal::new(405, 10405, "Method not allowed for this resource")),
        Some(index) if fits.get(index).is_some_and(well_formed) => Ok(fits.swap_remove(index)),
        Some(_) => Err(unroutable(path)),
    }
}

/// Every endpoint as `"METHOD /template"`.
pub(super) fn names() -> Vec<String> {
    ROUTES.iter().map(|route| format!("{} {}", route.method, route.template)).collect()
}

/// The template of a call whether or not it will be served; what the journal counts under.
pub(super) fn template(method: &str, path: &str) -> Option<&'static str> {
    ROUTES.iter().find(|route| route.method == method && params(route.template, path).is_some()).map(|route| route.template)
}

fn unroutable(path: &str) -> Refusal {
    let message = format!("Could not route to /client/v4{path}, perhaps your object identifier is invalid?");
    Refusal::new(404, 7003, message)
}

fn params(template: &'static str, path: &str) -> Option<Vec<(&'static str, String)>> {
    let mut parts = path.strip_prefix('/')?.split('/');
    let mut params = Vec::new();
    for expected in template.strip_prefix('/')?.split('/') {
        let part = parts.next().filter(|part| !part.is_empty())?;
        match expected.strip_prefix('{').and_then(|name| name.strip_suffix('}')) {
            Some(name) => params.push((name, part.to_owned())),
            None if part == expected => {}
            None => return None,
        }
    }
    parts.next().is_none().then_some(params)
}

fn well_formed(found: &Match) -> bool {
    found.params.iter().all(|(name, value)| match *name {
        "tunnel" | "pack" | "hostname" | "connector" => is_uuid(value),
        "setting" | "phase" => true,
        _ => is_hex_id(value),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const UUID: &str = "f70ff985-a4ef-4643-bbbc-4a0ed4fc8415";
    const ZONE: &str = "023e105f4ecef8ad9ca31a8372d0c353";

    #[test]
    fn a_literal_segment_wins_over_an_id() {
        let batch = find("POST", &format!("/zones/{ZONE}/dns_records/batch")).expect("a route");
        assert_eq!(batch.route.template, "/zones/{zone}/dns_records/batch");
        assert_eq!(batch.params, [("zone", ZONE.to_owned())]);
    }

    #[test]
    fn a_malformed_id_is_a_missing_route_and_a_wrong_method_is_not() {
        assert_eq!(find("GET", "/zones/storex.com"), Err(unroutable("/zones/storex.com")));
        assert_eq!(find("GET", "/nowhere"), Err(unroutable("/nowhere")));
        assert_eq!(find("GET", &format!("/zones/{ZONE}/")), Err(unroutable(&format!("/zones/{ZONE}/"))));
        let refused = find("PUT", &format!("/zones/{ZONE}")).expect_err("no such method");
        assert_eq!(refused, Refusal::new(405, 10405, "Method not allowed for this resource"));
    }

    #[test]
    fn every_route_finds_itself() {
        for route in ROUTES {
            let path = route
                .template
                .replace("{tunnel}", UUID)
                .replace("{connector}", UUID)
                .replace("{pack}", UUID)
                .replace("{hostname}", UUID)
                .replace("{phase}", "ddos_l7")
                .replace("{ruleset}", ZONE)
                .replace("{rule}", ZONE)
                .replace("{setting}", "ssl")
                .replace("{zone}", ZONE)
                .replace("{record}", ZONE)
                .replace("{account}", ZONE);
            let found = find(route.method, &path).expect("a route");
            assert_eq!((found.route.method, found.route.template), (route.method, route.template));
        }
    }

    impl PartialEq for Match {
        fn eq(&self, other: &Self) -> bool {
            self.route.template == other.route.template && self.params == other.params
        }
    }
}
