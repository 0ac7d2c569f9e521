//! What a public resolver answers for a name, with the account's zones and the outside world behind it. Wildcards follow
//! RFC 4592: they stand in for names that do not exist, and a record of any type makes a name, and those above it, exist.
//! A proxied record answers with addresses of the edge and never with its content; a CNAME at the apex is flattened.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::identity::digest;
use super::state::{CloudState, DnsRecord, Zone, ZoneStatus};

/// How many CNAMEs a resolver follows.
const HOPS: usize = 10;

/// One record of an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resolved {
    /// The name it stands at.
    pub name: String,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its content; text without quotes.
    pub content: String,
    /// Whether the edge stands in for it.
    pub proxied: bool,
}

impl CloudState {
    /// What a resolver answers for `name` and the record type `kind`: CNAMEs on the way first. Nothing for a name nobody
    /// serves.
    pub fn resolve(&self, name: &str, kind: &str) -> Vec<Resolved> {
        self.resolve_within(name, kind, HOPS)
    }

    fn resolve_within(&self, name: &str, kind: &str, hops: usize) -> Vec<Resolved> {
        let (mut name, kind) = (spelled(name), kind.to_ascii_uppercase());
        let mut answer = Vec::new();
        for hop in 0..hops {
            let found = self.step(&name, &kind, hops - hop - 1);
            let next = found.iter().find(|record| record.kind == "CNAME" && kind != "CNAME").map(|record| record.content.clone());
            answer.extend(found);
            match next {
                Some(target) => name = spelled(&target),
                None => return answer,
            }
        }
        answer
    }

    /// The names a lookup of `name` passes: itself and every CNAME target, also those the edge hides or a host flattens.
    pub(super) fn passed(&self, name: &str) -> Vec<String> {
        let mut passed = vec![spelled(name)];
        for _ in 0..HOPS {
            let Some(last) = passed.last() else { break };
            let Some(target) = self.target(last) else { break };
            passed.push(spelled(&target));
        }
        passed
    }

    /// The zone of the account whose nameservers the world asks for `name`: its delegation is here, or was never looked at
    /// and the zone is active. A deleted zone answers until it is purged.
    pub(super) fn serving(&self, name: &str) -> Option<&Zone> {
        let archived = self.archived.iter().map(|archived| &archived.zone);
        let above = self.zones.iter().chain(archived).filter(|zone| is_below(name, &zone.name));
        above.filter(|zone| self.is_delegated(zone)).max_by_key(|zone| zone.name.len())
    }

    fn is_delegated(&self, zone: &Zone) -> bool {
        let delegation = self.internet.delegations.get(&zone.name);
        delegation.map_or(zone.status == ZoneStatus::Active, |delegation| delegation.is_to(&zone.name_servers))
    }

    fn target(&self, name: &str) -> Option<String> {
        if let Some(zone) = self.serving(name) {
            return standing(zone, name).into_iter().find(|record| record.kind == "CNAME").map(|record| record.content.clone());
        }
        let outside = self.internet.records.get(name)?;
        outside.iter().find(|record| matches!(record.kind.as_str(), "CNAME" | "ALIAS")).map(|record| record.content.clone())
    }

    fn step(&self, name: &str, kind: &str, hops: usize) -> Vec<Resolved> {
        let Some(zone) = self.serving(name) else {
            return self.outside(name, kind, hops);
        };
        let records = standing(zone, name);
        if let Some(proxied) = records.iter().find(|record| record.proxied) {
            return edge_address(name, kind, &proxied.name).into_iter().collect();
        }
        if let Some(alias) = records.iter().find(|record| record.kind == "CNAME") {
            if name == zone.name && matches!(kind, "A" | "AAAA") {
                return self.flattened(name, kind, &alias.content, hops);
            }
            if name != zone.name {
                return vec![shown(name, "CNAME", alias.content.clone())];
            }
        }
        let wanted = records.into_iter().filter(|record| record.kind == kind);
        wanted.map(|record| shown(name, kind, plain(record))).collect()
    }

    fn outside(&self, name: &str, kind: &str, hops: usize) -> Vec<Resolved> {
        let Some(records) = self.internet.records.get(name) else { return Vec::new() };
        if let Some(alias) = records.iter().find(|record| record.kind == "ALIAS") {
            if matches!(kind, "A" | "AAAA") {
                return self.flattened(name, kind, &alias.content, hops);
            }
        } else if let Some(alias) = records.iter().find(|record| record.kind == "CNAME") {
            return vec![shown(name, "CNAME", alias.content.clone())];
        }
        let wanted = records.iter().filter(|record| record.kind == kind);
        wanted.map(|record| shown(name, kind, record.content.clone())).collect()
    }

    /// The addresses of `target` as if they were `name`'s own.
    fn flattened(&self, name: &str, kind: &str, target: &str, hops: usize) -> Vec<Resolved> {
        let found = self.resolve_within(target, kind, hops).into_iter().filter(|record| record.kind == kind);
        found.map(|record| Resolved { name: name.to_owned(), ..record }).collect()
    }
}

/// The records that stand at `name` in `zone`: its own, or those of the wildcard that stands in for it.
pub(super) fn standing<'z>(zone: &'z Zone, name: &str) -> Vec<&'z DnsRecord> {
    let own: Vec<&DnsRecord> = zone.records.iter().filter(|record| record.name == name).collect();
    if !own.is_empty() {
        return own;
    }
    let existing: BTreeSet<&str> = zone.records.iter().flat_map(|record| ancestors(&record.name, &zone.name)).collect();
    if existing.contains(name) {
        return Vec::new();
    }
    let Some(encloser) = ancestors(name, &zone.name).find(|above| existing.contains(above) || *above == zone.name) else {
        return Vec::new();
    };
    let wildcard = format!("*.{encloser}");
    zone.records.iter().filter(|record| record.name == wildcard).collect()
}

/// `name` and the names above it, down to `zone`.
fn ancestors<'n>(name: &'n str, zone: &str) -> impl Iterator<Item = &'n str> {
    let least = zone.len();
    std::iter::successors(Some(name), |name| name.split_once('.').map(|(_, above)| above))
        .take_while(move |name| name.len() >= least)
}

/// Whether `name` is `zone` or below it.
pub(super) fn is_below(name: &str, zone: &str) -> bool {
    name.strip_suffix(zone).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

fn spelled(name: &str) -> String {
    name.trim_end_matches('.').to_ascii_lowercase()
}

fn shown(name: &str, kind: &str, content: String) -> Resolved {
    Resolved { name: name.to_owned(), kind: kind.to_owned(), content, proxied: false }
}

/// An address of the edge: the same one for the same record.
fn edge_address(name: &str, kind: &str, key: &str) -> Option<Resolved> {
    let host = digest(key) % 65_536;
    let content = match kind {
        "A" => format!("104.16.{}.{}", host / 256, host % 256),
        "AAAA" => format!("2606:4700::{host:x}"),
        _ => return None,
    };
    Some(Resolved { name: name.to_owned(), kind: kind.to_owned(), content, proxied: true })
}

/// A record's content as a resolver hands it on: text joined and without quotes, mail with its priority.
fn plain(record: &DnsRecord) -> String {
    match (record.kind.as_str(), record.priority) {
        ("TXT", _) => unquoted(&record.content),
        ("MX", Some(priority)) => format!("{priority} {}", record.content),
        _ => record.content.clone(),
    }
}

/// The text of quoted strings, joined.
pub(super) fn unquoted(content: &str) -> String {
    let (mut text, mut inside) = (String::new(), false);
    let mut symbols = content.chars();
    while let Some(symbol) = symbols.next() {
        match symbol {
            '"' => inside = !inside,
            '\\' if inside => text.extend(symbols.next()),
            _ if inside => text.push(symbol),
            _ => {}
        }
    }
    text
}
