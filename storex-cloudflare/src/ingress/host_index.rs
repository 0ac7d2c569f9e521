//! Finds the rules that match a host without looking at all of them.

use super::hostname::{matches_any, wildcard_suffix};
use std::collections::HashMap;

/// Numbers of rules by the hosts they match, each list in the order of the rules.
#[derive(Clone, Debug, Default)]
pub(super) struct HostIndex {
    exact: HashMap<String, Vec<usize>>,
    /// By the end of the name, its dot included.
    suffixes: HashMap<String, Vec<usize>>,
    any: Vec<usize>,
}

impl HostIndex {
    /// Adds a rule behind those that are there.
    pub(super) fn add(&mut self, rule: usize, hostname: &str, punycode: Option<&str>) {
        if matches_any(hostname) {
            self.any.push(rule);
            return;
        }
        for name in [Some(hostname), punycode].into_iter().flatten() {
            self.exact.entry(name.to_owned()).or_default().push(rule);
        }
        if let Some(suffix) = wildcard_suffix(hostname) {
            self.suffixes.entry(suffix.to_owned()).or_default().push(rule);
        }
    }

    /// The first rule that matches the host and is accepted.
    pub(super) fn first(&self, host: &str, mut accepted: impl FnMut(usize) -> bool) -> Option<usize> {
        let ends = host.match_indices('.').filter_map(|(at, _)| self.suffixes.get(host.get(at..)?));
        let mut lists: Vec<&[usize]> = ends.chain(self.exact.get(host)).map(Vec::as_slice).chain([self.any.as_slice()]).collect();
        loop {
            let next = lists.iter_mut().filter(|list| !list.is_empty()).min_by_key(|list| list.first().copied())?;
            let (rule, rest) = next.split_first()?;
            if accepted(*rule) {
                return Some(*rule);
            }
            *next = rest;
        }
    }
}
