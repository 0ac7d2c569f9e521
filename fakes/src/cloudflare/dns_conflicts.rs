//! Which records cannot stand beside each other. Codes 81053, 81054, 81056, 81057 and 81058 are seen in public reports;
//! 81055 is not confirmed.

use super::dns_draft::Draft;
use super::envelope::Refusal;
use super::state::DnsRecord;

/// Checks `draft` against the records of its zone, except the one with id `own`.
///
/// # Errors
/// 400 with the code Cloudflare answers for the first conflict: 81058 (81057 when `older_code`) for an identical record,
/// 81053 for a CNAME where an A, AAAA or CNAME stands, 81054 for an A or AAAA where a CNAME stands, 81056 for anything
/// where a delegation stands, 81055 for a delegation where anything stands. At the apex NS records exclude nothing.
pub(super) fn check(
    draft: &Draft,
    records: &[DnsRecord],
    own: Option<&str>,
    apex: &str,
    older_code: bool,
) -> Result<(), Refusal> {
    let neighbours = || records.iter().filter(|record| record.name == draft.name && own != Some(record.id.as_str()));
    if neighbours().any(|record| record.kind == draft.kind && record.content == draft.content) {
        return Err(if older_code {
            Refusal::new(400, 81057, "The record already exists.")
        } else {
            Refusal::new(400, 81058, "An identical record already exists.")
        });
    }
    let is_address = |kind: &str| matches!(kind, "A" | "AAAA");
    for record in neighbours() {
        let (new, old) = (draft.kind.as_str(), record.kind.as_str());
        if new == "CNAME" && (old == "CNAME" || is_address(old)) {
            return Err(Refusal::new(400, 81053, "An A, AAAA, or CNAME record with that host already exists."));
        }
        if old == "CNAME" && is_address(new) {
            return Err(Refusal::new(400, 81054, "A CNAME record with that host already exists."));
        }
        if draft.name != apex && old == "NS" && new != "NS" {
            return Err(Refusal::new(400, 81056, "NS records with that host already exist."));
        }
        if draft.name != apex && new == "NS" && old != "NS" {
            return Err(Refusal::new(400, 81055, "Records with that host already exist."));
        }
    }
    Ok(())
}
