//! The life of a custom domain, decided from what was seen: on whom it waits, and when to look again. Pure.

use crate::record::{DomainRecord, WaitsOn};
use crate::{CertificateStatus, HostnameFacts, RoutingStatus, ValidationRecord, ZoneFacts, ZoneStatus};
use jiff::Timestamp;
use std::time::Duration;

/// Pause between two looks at a domain that is active.
const ACTIVE_PAUSE: Duration = Duration::from_hours(24);
/// Pauses between two looks at one that waits, each with how long it has waited at most: who just changed the DNS wants to see it soon, and who has not
/// for days will not in the next minute.
const WAITING_PAUSES: [(Duration, Duration); 3] = [
    (Duration::from_mins(15), Duration::from_mins(1)),
    (Duration::from_hours(24), Duration::from_mins(10)),
    (Duration::from_hours(24 * 7), Duration::from_hours(1)),
];
/// Pause between two looks at one that waits for longer.
const LONG_PAUSE: Duration = Duration::from_hours(6);
/// How often the provider is asked to look now: a zone on the free plan once an hour at most (Cloudflare API reference, "Rerun the activation
/// check"), and a hostname's own schedule is denser than that at first.
const RECHECK_PACE: Duration = Duration::from_hours(1);

/// On whom something waits, and for what.
pub(super) type Wait = (&'static str, String);

/// What a look at a domain says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Verdict {
    /// On whom its traffic waits.
    pub(super) routing: Option<Wait>,
    /// On whom its certificate waits.
    pub(super) certificate: Option<Wait>,
    /// Whether asking the provider to look now can help.
    pub(super) recheck: bool,
}

/// Of a zone and the certificate it gets once it is active.
pub(super) fn of_zone(zone: &ZoneFacts, certificate: Option<&CertificateStatus>) -> Verdict {
    let owner = |what: &str| Verdict {
        routing: Some(("owner", what.to_owned())),
        certificate: Some(("owner", "the certificate is issued once the zone is active".to_owned())),
        recheck: true,
    };
    match &zone.status {
        ZoneStatus::Pending => owner("point the domain's name servers at Cloudflare"),
        ZoneStatus::Moved => owner("point the domain's name servers at Cloudflare again"),
        ZoneStatus::Other(word) => {
            let wait = Some(("cloudflare", format!("the zone is {word}")));
            Verdict { routing: wait.clone(), certificate: wait, recheck: false }
        }
        ZoneStatus::Active => {
            let certificate = certificate.filter(|status| **status != CertificateStatus::Active);
            Verdict { routing: None, certificate: certificate.map(|status| ("cloudflare", issuing(status))), recheck: false }
        }
    }
}

/// Of a custom hostname.
pub(super) fn of_hostname(record: &DomainRecord, facts: &HostnameFacts) -> Verdict {
    let name = &facts.name;
    let target = record.target.as_ref().map(ToString::to_string).unwrap_or_default();
    let why = facts.errors.first().map(|error| format!(" ({})", error.trim_end_matches('.'))).unwrap_or_default();
    let routing = match &facts.routing {
        RoutingStatus::Active => None,
        RoutingStatus::Pending => Some(("owner", format!("add the CNAME record {name} that points to {target}{why}"))),
        RoutingStatus::Moved => Some(("owner", format!("point the CNAME record {name} at {target} again{why}"))),
        RoutingStatus::Blocked => Some(("operator", format!("Cloudflare blocks the custom hostname {name}{why}"))),
        RoutingStatus::Other(word) => Some(("cloudflare", format!("the custom hostname {name} is {word}{why}"))),
    };
    let certificate = match &facts.certificate {
        Some(CertificateStatus::Active) => None,
        None => Some((
            "operator",
            format!("the custom hostname {name} has no certificate; delete the store's domain and add it again"),
        )),
        Some(CertificateStatus::PendingValidation) => Some(validation(facts, routing.as_ref())),
        Some(status) => Some(("cloudflare", issuing(status))),
    };
    // An owner who has to do both is told both at once, the text first: so the certificate can be there before the name leads here.
    let routing = match (routing, &certificate) {
        (Some(("owner", what)), Some(("owner", text))) if *text != what => Some(("owner", format!("{text}; then {what}"))),
        (routing, _) => routing,
    };
    // Cloudflare gives up by itself: then only being asked makes it look again.
    let given_up = matches!(&facts.certificate, Some(CertificateStatus::Other(word)) if word.ends_with("timed_out"));
    let recheck = given_up || routing.is_some();
    Verdict { routing, certificate, recheck }
}

/// Who answers the certificate authority: the owner where it wants a text, else the edge, once the name leads there.
fn validation(facts: &HostnameFacts, routing: Option<&Wait>) -> Wait {
    let text = facts.validation.iter().find_map(|record| match record {
        ValidationRecord::Txt(proof) => Some(proof),
        _ => None,
    });
    match (text, routing) {
        (Some(proof), _) => ("owner", format!("add the TXT record {} with the value {}", proof.name, proof.value)),
        (None, Some(wait)) => wait.clone(),
        (None, None) => ("cloudflare", issuing(&CertificateStatus::PendingValidation)),
    }
}

fn issuing(status: &CertificateStatus) -> String {
    format!("wait for the certificate, which is {status}")
}

/// The wait of a document: since when the same is waited for.
pub(super) fn waiting(wait: Option<Wait>, before: Option<&WaitsOn>, now: Timestamp) -> Option<WaitsOn> {
    let (who, what) = wait?;
    let same = before.filter(|before| before.who == who && before.what == what);
    Some(WaitsOn { who: who.to_owned(), what, since: same.map_or(now, |before| before.since) })
}

/// How long until the next look.
pub(super) fn pause(waits: Option<&WaitsOn>, now: Timestamp) -> Duration {
    let Some(waits) = waits else { return ACTIVE_PAUSE };
    let age = now.duration_since(waits.since).unsigned_abs();
    WAITING_PAUSES.iter().find(|(limit, _)| age < *limit).map_or(LONG_PAUSE, |(_, pause)| *pause)
}

/// Whether the provider may be asked to look now. Right after a change by us it looks anyway.
pub(super) fn may_recheck(last: Option<Timestamp>, now: Timestamp) -> bool {
    last.is_none_or(|last| now.duration_since(last).unsigned_abs() >= RECHECK_PACE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{DnsProof, Hostname};

    fn zone(status: ZoneStatus) -> ZoneFacts {
        let name: Hostname = "oceanbreezestore.com".parse().unwrap();
        ZoneFacts { id: "z1".parse().unwrap(), name, status, name_servers: Vec::new(), created_at: None }
    }

    fn record() -> DomainRecord {
        serde_json::from_value(serde_json::json!({
            "name": "www.oceanbreezestore.com", "store_id": "oceanbreeze-12345", "strategy": "custom_hostname", "zone": null,
            "name_servers": [], "waits_on": null, "target": "shops.storex.com"
        }))
        .unwrap()
    }

    fn hostname(routing: RoutingStatus, certificate: CertificateStatus) -> HostnameFacts {
        HostnameFacts {
            id: "h1".parse().unwrap(),
            name: "www.oceanbreezestore.com".parse().unwrap(),
            routing,
            certificate: Some(certificate),
            ownership: None,
            validation: Vec::new(),
            errors: vec!["custom hostname does not CNAME to this zone.".to_owned()],
            created_at: None,
        }
    }

    #[test]
    fn a_zone_waits_on_its_owner_then_on_its_certificate_then_on_nobody() {
        let who = |verdict: &Verdict| {
            (verdict.routing.as_ref().map(|(who, _)| *who), verdict.certificate.as_ref().map(|(who, _)| *who), verdict.recheck)
        };
        assert_eq!(who(&of_zone(&zone(ZoneStatus::Pending), None)), (Some("owner"), Some("owner"), true));
        assert_eq!(who(&of_zone(&zone(ZoneStatus::Moved), None)), (Some("owner"), Some("owner"), true));
        let issuing = CertificateStatus::PendingIssuance;
        assert_eq!(who(&of_zone(&zone(ZoneStatus::Active), Some(&issuing))), (None, Some("cloudflare"), false));
        for certificate in [None, Some(&CertificateStatus::Active)] {
            assert_eq!(of_zone(&zone(ZoneStatus::Active), certificate), Verdict::default());
        }
        let odd = of_zone(&zone(ZoneStatus::Other("read only".to_owned())), None);
        assert_eq!(who(&odd), (Some("cloudflare"), Some("cloudflare"), false));
    }

    #[test]
    fn a_hostname_says_who_has_to_do_what_in_every_pair_of_its_states() {
        let look = |routing, certificate| of_hostname(&record(), &hostname(routing, certificate));
        assert_eq!(look(RoutingStatus::Active, CertificateStatus::Active), Verdict::default());
        let pending = look(RoutingStatus::Pending, CertificateStatus::PendingValidation);
        let (who, what) = pending.routing.clone().unwrap();
        assert_eq!((who, pending.recheck, &pending.certificate), ("owner", true, &pending.routing));
        assert!(what.contains("shops.storex.com (custom hostname does not CNAME to this zone)"), "{what}");
        assert_eq!(look(RoutingStatus::Moved, CertificateStatus::Active).routing.unwrap().0, "owner");
        assert_eq!(look(RoutingStatus::Blocked, CertificateStatus::Active).routing.unwrap().0, "operator");
        let timed_out = look(RoutingStatus::Active, CertificateStatus::Other("validation_timed_out".to_owned()));
        assert_eq!((timed_out.routing, timed_out.certificate.unwrap().0, timed_out.recheck), (None, "cloudflare", true));
        let mut text = hostname(RoutingStatus::Active, CertificateStatus::PendingValidation);
        let proof = DnsProof { name: "_acme-challenge.www.oceanbreezestore.com".to_owned(), value: "tok".to_owned() };
        text.validation = vec![ValidationRecord::Txt(proof)];
        let (who, what) = of_hostname(&record(), &text).certificate.unwrap();
        assert!(who == "owner" && what.ends_with("with the value tok"), "{what}");
        text.routing = RoutingStatus::Pending;
        let both = of_hostname(&record(), &text).routing.unwrap().1;
        assert!(both.contains("TXT record") && both.contains("; then add the CNAME record"), "{both}");
        text.routing = RoutingStatus::Active;
        text.certificate = None;
        assert_eq!(of_hostname(&record(), &text).certificate.unwrap().0, "operator");
    }

    #[test]
    fn the_longer_it_waits_the_less_often_it_is_looked_at() {
        let now = Timestamp::constant(1_767_225_600, 0);
        let since = |age: Duration| WaitsOn { who: "owner".to_owned(), what: "act".to_owned(), since: now - age };
        let pauses: Vec<u64> = [0, 16, 60 * 25, 60 * 24 * 8]
            .into_iter()
            .map(|minutes| pause(Some(&since(Duration::from_mins(minutes))), now).as_secs())
            .collect();
        assert_eq!(pauses, [60, 600, 3600, 21_600]);
        assert_eq!(pause(None, now), ACTIVE_PAUSE);
        let hour = Duration::from_hours(1);
        assert!(may_recheck(None, now) && may_recheck(Some(now - hour), now) && !may_recheck(Some(now - hour / 2), now));
        let before = since(hour);
        let same = waiting(Some(("owner", "act".to_owned())), Some(&before), now).unwrap();
        let other = waiting(Some(("owner", "wait".to_owned())), Some(&before), now).unwrap();
        assert_eq!((same.since, other.since), (before.since, now));
        assert_eq!(waiting(None, Some(&before), now), None);
    }
}
