//! Which names may become a zone. The codes and texts are those of the Cloudflare documentation page "Cannot add domain";
//! 1003 for an empty name is not confirmed by it.

use super::envelope::Refusal;

/// Suffixes of two labels under which the public registers, as far as the simulator knows them. It needs no complete
/// list: it refuses the plain mistakes and lets the rest pass.
const SUFFIXES: &[&str] = &[
    "ac.uk",
    "blogspot.com",
    "co.at",
    "co.id",
    "co.il",
    "co.in",
    "co.jp",
    "co.ke",
    "co.kr",
    "co.nz",
    "co.th",
    "co.uk",
    "co.za",
    "com.ar",
    "com.au",
    "com.bd",
    "com.br",
    "com.cn",
    "com.co",
    "com.eg",
    "com.hk",
    "com.mx",
    "com.my",
    "com.ng",
    "com.pe",
    "com.ph",
    "com.pk",
    "com.pl",
    "com.sg",
    "com.tr",
    "com.tw",
    "com.ua",
    "com.vn",
    "edu.au",
    "github.io",
    "gob.mx",
    "gov.uk",
    "ltd.uk",
    "me.uk",
    "ne.jp",
    "net.au",
    "net.br",
    "net.cn",
    "net.nz",
    "or.jp",
    "org.au",
    "org.br",
    "org.cn",
    "org.mx",
    "org.nz",
    "org.uk",
    "org.za",
    "pages.dev",
    "plc.uk",
    "sch.uk",
    "workers.dev",
];

/// Top-level domains nobody registers under (RFC 2606, RFC 6761, RFC 6762).
const RESERVED: &[&str] = &["example", "home", "internal", "invalid", "lan", "local", "localhost", "onion", "test"];

/// Names Cloudflare keeps off its network: the examples of RFC 2606 and its own.
const BANNED: &[&str] =
    &["example.com", "example.net", "example.org", "cloudflare.com", "cloudflare.net", "cloudflare-dns.com", "cfargotunnel.com"];

/// Checks the name of a new zone and returns its canonical spelling (lower case, punycode).
///
/// # Errors
/// 400 with 1003 (empty), 1099 (not a registered root domain: public suffix, single label, address, malformed), 1116 (a
/// subdomain), 1049 (reserved top-level domain) or 1097 (banned).
pub(super) fn examine(given: &str) -> Result<String, Refusal> {
    if given.trim().is_empty() {
        return Err(Refusal::new(400, 1003, "Invalid or missing zone name").at("/name"));
    }
    let Some(name) = canonical(given) else {
        return Err(unidentified(given));
    };
    let labels: Vec<&str> = name.split('.').collect();
    let top = labels.last().copied().unwrap_or_default();
    if labels.len() < 2
        || SUFFIXES.contains(&name.as_str())
        || top.bytes().any(|byte| byte.is_ascii_digit()) && !top.starts_with("xn--")
    {
        return Err(unidentified(&name));
    }
    if RESERVED.contains(&top) {
        return Err(Refusal::new(400, 1049, format!("{name} is not a registered domain")));
    }
    if labels.len() > root_labels(&name) {
        let text = "This zone cannot be added to Cloudflare at this time, please contact Cloudflare Support.";
        return Err(Refusal::new(400, 1116, text));
    }
    if BANNED.contains(&name.as_str()) {
        return Err(Refusal::new(400, 1097, "This web property cannot be added to Cloudflare at this time."));
    }
    Ok(name)
}

/// How many labels a registrable name above `name` has: one more than its public suffix.
fn root_labels(name: &str) -> usize {
    if SUFFIXES.iter().any(|suffix| name.strip_suffix(suffix).is_some_and(|rest| rest.ends_with('.'))) { 3 } else { 2 }
}

/// The lower-case punycode spelling of a host name; `None` when it is not one.
pub(super) fn canonical(given: &str) -> Option<String> {
    let name = idna::domain_to_ascii(given.trim_end_matches('.')).ok()?;
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
    };
    (name.len() <= 253 && name.split('.').all(label)).then_some(name)
}

/// Whether `name` ends in a top-level domain nobody registers under.
pub(super) fn is_reserved(name: &str) -> bool {
    name.rsplit('.').next().is_some_and(|top| RESERVED.contains(&top))
}

/// Whether `name` is itself a public suffix.
pub(super) fn is_suffix(name: &str) -> bool {
    !name.contains('.') || SUFFIXES.contains(&name)
}

fn unidentified(name: &str) -> Refusal {
    let text = format!(
        "We were unable to identify {name} as a registered domain. Please ensure you are providing the root domain and not any subdomains (e.g., example.com, not subdomain.example.com)"
    );
    Refusal::new(400, 1099, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_root_domain_is_accepted_in_its_canonical_spelling() {
        for (given, canonical) in [
            ("OceanBreezeStore.com", "oceanbreezestore.com"),
            ("bluepeak-shop.com.", "bluepeak-shop.com"),
            ("shop.co.uk", "shop.co.uk"),
            ("bücher.de", "xn--bcher-kva.de"),
            ("laden.xn--p1ai", "laden.xn--p1ai"),
        ] {
            assert_eq!(examine(given), Ok(canonical.to_owned()));
        }
    }

    #[test]
    fn what_is_no_root_domain_is_refused_with_the_documented_code() {
        for (given, code) in [
            ("", 1003),
            ("com", 1099),
            ("co.uk", 1099),
            ("localhost", 1099),
            ("10.0.0.1", 1099),
            ("*.shop.com", 1099),
            ("sh op.com", 1099),
            ("shop_1.com", 1099),
            ("-shop.com", 1099),
            ("shop..com", 1099),
            ("www.shop.com", 1116),
            ("www.shop.co.uk", 1116),
            ("shop.test", 1049),
            ("example.com", 1097),
            ("cloudflare.com", 1097),
        ] {
            let refusal = examine(given).expect_err(given);
            assert!(format!("{refusal:?}").contains(&format!("code: {code},")), "{given}: {refusal:?}");
        }
    }
}
