//! What rules of storex's own must be beyond valid.

use super::hostname::{matches_any, wildcard_suffix};
use super::{Rule, Stricter};
use storex_core::Hostname;

/// The first of its own rules storex would not write, and why.
pub(super) fn refused(rules: &[Rule], is_own: impl Fn(usize) -> bool) -> Option<(Stricter, usize, String)> {
    let found = |(index, rule): (usize, &Rule)| {
        let (kind, detail) = by_itself(rule.hostname()).or_else(|| beside(rules.get(..index).unwrap_or_default(), rule))?;
        Some((kind, index, detail))
    };
    rules.iter().enumerate().filter(|(index, _)| is_own(*index)).find_map(found)
}

fn by_itself(hostname: &str) -> Option<(Stricter, String)> {
    if matches_any(hostname) {
        return None;
    }
    let name = wildcard_suffix(hostname).and_then(|suffix| suffix.strip_prefix('.')).unwrap_or(hostname);
    let kind = if !name.is_ascii() {
        Stricter::NotAscii
    } else if name.contains(|letter: char| letter.is_ascii_uppercase()) {
        Stricter::UpperCase
    } else if name.ends_with('.') {
        Stricter::TrailingDot
    } else if name.parse::<Hostname>().is_err() {
        Stricter::NotAHostname
    } else {
        return None;
    };
    Some((kind, format!("hostname {hostname}")))
}

fn beside(earlier: &[Rule], rule: &Rule) -> Option<(Stricter, String)> {
    let (index, first) = earlier.iter().enumerate().find(|(_, first)| covers(first, rule))?;
    let same = first.hostname() == rule.hostname() && first.path() == rule.path();
    let kind = if same { Stricter::Duplicate } else { Stricter::Unreachable };
    Some((kind, format!("hostname {:?}, whose requests all go to rule #{}", rule.hostname(), index + 1)))
}

/// Whether each request of `rule` goes to the earlier one, as far as host names and equal paths tell.
fn covers(first: &Rule, rule: &Rule) -> bool {
    let paths = first.path().is_none() || first.path() == rule.path();
    let hosts = match wildcard_suffix(first.hostname()) {
        _ if matches_any(first.hostname()) => true,
        None => first.hostname() == rule.hostname(),
        // Of a wildcard, the part behind its star is what all its names end with.
        Some(suffix) => !matches_any(rule.hostname()) && rule.hostname().trim_start_matches('*').ends_with(suffix),
    };
    paths && hosts
}
