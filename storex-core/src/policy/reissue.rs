//! What "reissue the certificate" comes down to. There is no such call: what helps depends on the certificate and where it is on its way.

use crate::{CertificateChange, CertificateFacts, PackFacts, PackKind, PackOrder, PackStatus};

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reissue {
    /// One change, after which the certificate comes by itself.
    Change(CertificateChange),
    /// A new certificate is ordered, and once it serves, the old one is taken away.
    Replace {
        /// What to order.
        order: PackOrder,
        /// What to take away then.
        old: PackFacts,
    },
    /// The universal certificate is switched off and on again: visitors over HTTPS get none in between. Only when it is asked for.
    Toggle,
    /// Nothing that is not dangerous helps; why, and what `force` would do.
    NeedsForce(String),
    /// Nothing is to be done; why.
    Nothing(String),
}

/// Decides from the facts. An ordered pack that covers `host` goes before the universal one. Sources: Cloudflare docs, "Universal SSL: troubleshooting" (validate
/// again; off and on leaves visitors without HTTPS) and "Advanced certificates: manage" (restart what timed out, order anew what is active).
pub fn reissue(facts: &CertificateFacts, host: &str, force: bool) -> Reissue {
    let covering = |kind: &PackKind| facts.packs.iter().find(|pack| pack.kind == *kind && pack.covers(host));
    if let Some(pack) = covering(&PackKind::Advanced) {
        return advanced(pack);
    }
    let Some(pack) = covering(&PackKind::Universal) else {
        return without_a_pack(facts, host);
    };
    match &pack.status {
        PackStatus::TimedOut(_) | PackStatus::Pending(_) if pack.held_up => Reissue::Nothing(
            "the provider does not issue a universal certificate for a name like this; order an advanced certificate".to_owned(),
        ),
        PackStatus::TimedOut(_) | PackStatus::Pending(_) => {
            let method = pack.validation_method.clone();
            Reissue::Change(CertificateChange::Revalidate { pack: pack.id.clone(), method })
        }
        PackStatus::Active | PackStatus::Over(_) if force => Reissue::Toggle,
        PackStatus::Active | PackStatus::Over(_) => Reissue::NeedsForce(
            "the universal certificate is in place and renews itself; with force it is switched off and on again, and until the new one is issued visitors get no \
             HTTPS"
                .to_owned(),
        ),
    }
}

fn advanced(pack: &PackFacts) -> Reissue {
    match &pack.status {
        PackStatus::TimedOut(_) => Reissue::Change(CertificateChange::Restart { pack: pack.id.clone() }),
        PackStatus::Pending(place) => Reissue::Nothing(format!("the certificate is on its way: {place}")),
        PackStatus::Active | PackStatus::Over(_) => {
            let order = PackOrder {
                hosts: pack.hosts.clone(),
                validation_method: pack.validation_method.clone(),
                validity_days: pack.validity_days.unwrap_or(USUAL_DAYS),
                authority: pack.authority.clone(),
            };
            Reissue::Replace { order, old: pack.clone() }
        }
    }
}

/// How long a certificate lasts when the old one does not say.
const USUAL_DAYS: u32 = 90;

/// A zone gets its universal certificate once it is active; switched off, it gets none.
fn without_a_pack(facts: &CertificateFacts, host: &str) -> Reissue {
    if facts.universal {
        return Reissue::Nothing(format!("no certificate covers {host} yet: it is issued once the zone is active"));
    }
    Reissue::Change(CertificateChange::Universal { enabled: true })
}

impl PackFacts {
    /// Whether the pack covers this host: by its name, or by a wildcard for its last label but not for more.
    pub fn covers(&self, host: &str) -> bool {
        let above = host.split_once('.').map(|(_, above)| above);
        self.hosts.iter().any(|name| name == host || name.strip_prefix("*.").is_some_and(|zone| above == Some(zone)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pack(kind: PackKind, status: PackStatus, hosts: &[&str]) -> PackFacts {
        PackFacts {
            id: format!("{kind:?}").to_lowercase().parse().unwrap(),
            kind,
            status,
            hosts: hosts.iter().map(ToString::to_string).collect(),
            validation_method: "txt".to_owned(),
            validity_days: Some(30),
            authority: "google".to_owned(),
            expires_at: None,
            held_up: false,
        }
    }

    fn zone(packs: Vec<PackFacts>) -> CertificateFacts {
        CertificateFacts { universal: true, packs }
    }

    const NAMES: [&str; 2] = ["shop.com", "*.shop.com"];

    #[test]
    fn a_universal_certificate_on_its_way_is_validated_again() {
        for status in [PackStatus::TimedOut("validation_timed_out".into()), PackStatus::Pending("pending_validation".into())] {
            let facts = zone(vec![pack(PackKind::Universal, status, &NAMES)]);
            let wanted = CertificateChange::Revalidate { pack: "universal".parse().unwrap(), method: "txt".to_owned() };
            assert_eq!(reissue(&facts, "www.shop.com", false), Reissue::Change(wanted.clone()));
            assert_eq!(
                reissue(&facts, "shop.com", true),
                Reissue::Change(wanted),
                "force changes nothing where nothing is dangerous"
            );
        }
        let held_up =
            PackFacts { held_up: true, ..pack(PackKind::Universal, PackStatus::Pending("initializing".into()), &NAMES) };
        assert!(matches!(reissue(&zone(vec![held_up]), "shop.com", true), Reissue::Nothing(why) if why.contains("advanced")));
    }

    #[test]
    fn a_universal_certificate_in_place_is_toggled_only_with_force() {
        let facts = zone(vec![pack(PackKind::Universal, PackStatus::Active, &NAMES)]);
        assert!(matches!(reissue(&facts, "shop.com", false), Reissue::NeedsForce(why) if why.contains("no HTTPS")));
        assert_eq!(reissue(&facts, "shop.com", true), Reissue::Toggle);
    }

    #[test]
    fn an_ordered_certificate_is_restarted_when_it_stopped_and_else_made_before_it_is_broken() {
        let universal = pack(PackKind::Universal, PackStatus::Active, &NAMES);
        let stopped = pack(PackKind::Advanced, PackStatus::TimedOut("issuance_timed_out".into()), &NAMES);
        let restart = CertificateChange::Restart { pack: "advanced".parse().unwrap() };
        assert_eq!(reissue(&zone(vec![universal.clone(), stopped]), "shop.com", false), Reissue::Change(restart));
        let active = pack(PackKind::Advanced, PackStatus::Active, &NAMES);
        let Reissue::Replace { order, old } = reissue(&zone(vec![universal.clone(), active.clone()]), "shop.com", false) else {
            panic!("a replacement")
        };
        assert_eq!((order.hosts.as_slice(), order.validity_days, &old), (active.hosts.as_slice(), 30, &active));
        let pending = pack(PackKind::Advanced, PackStatus::Pending("pending_issuance".into()), &NAMES);
        assert!(matches!(reissue(&zone(vec![universal, pending]), "shop.com", true), Reissue::Nothing(_)));
    }

    #[test]
    fn only_a_pack_that_covers_the_host_counts() {
        let universal = pack(PackKind::Universal, PackStatus::Active, &NAMES);
        assert!(universal.covers("www.shop.com") && universal.covers("shop.com"));
        assert!(!universal.covers("a.b.shop.com") && !universal.covers("othershop.com") && !universal.covers("com"));
        let deep = pack(PackKind::Advanced, PackStatus::TimedOut("x".into()), &["shop.com", "*.b.shop.com"]);
        let facts = zone(vec![universal, deep]);
        assert!(matches!(reissue(&facts, "a.b.shop.com", false), Reissue::Change(CertificateChange::Restart { .. })));
        assert!(matches!(reissue(&facts, "www.shop.com", false), Reissue::NeedsForce(_)));
    }

    #[test]
    fn a_zone_without_a_certificate_waits_for_it_or_switches_it_on() {
        assert!(matches!(reissue(&zone(Vec::new()), "shop.com", true), Reissue::Nothing(_)));
        let off = CertificateFacts { universal: false, packs: Vec::new() };
        let on = Reissue::Change(CertificateChange::Universal { enabled: true });
        assert_eq!(reissue(&off, "shop.com", false), on);
    }
}
