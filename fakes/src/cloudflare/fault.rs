//! Fault rules: which call they meet, and what happens to it. Rules belong to the process and are not saved, so a
//! restarted simulator answers again.

use serde::{Deserialize, Serialize};

use super::fault_action::FaultAction;
use super::routes::ROUTES;

/// On which side of the effect a fault strikes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum When {
    /// The effect has not happened. A call that is held or delayed here goes on afterwards; any other answer replaces
    /// the effect.
    #[default]
    Before,
    /// The effect has happened and is saved; only the answer is affected.
    After,
}

/// A fault to inject.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultRule {
    /// Name of the rule; one is made up when it has none.
    #[serde(default)]
    pub id: Option<String>,
    /// HTTP method, or `*` for any.
    pub method: String,
    /// A route template such as `/zones/{zone}/dns_records` (the name in braces does not matter), which meets that route
    /// only; any other text meets every path below `/client/v4` that starts with it, segment by segment, `{…}` standing
    /// for any one segment.
    pub path: String,
    /// The first call to strike, counted from 1 among the calls met since the rule was added.
    #[serde(default = "one")]
    pub nth: u64,
    /// How many calls in a row to strike; 0 means every one from then on.
    #[serde(default = "one")]
    pub times: u64,
    /// Before or after the effect.
    #[serde(default)]
    pub when: When,
    /// What happens.
    pub action: FaultAction,
}

const fn one() -> u64 {
    1
}

impl FaultRule {
    /// Strikes the next call to `method` and `path`, before its effect.
    pub fn before(method: &str, path: &str, action: FaultAction) -> Self {
        Self { id: None, method: method.to_owned(), path: path.to_owned(), nth: 1, times: 1, when: When::Before, action }
    }

    /// Strikes the next call to `method` and `path`, after its effect.
    pub fn after(method: &str, path: &str, action: FaultAction) -> Self {
        Self { when: When::After, ..Self::before(method, path, action) }
    }

    /// The same rule with a name.
    #[must_use]
    pub fn named(mut self, id: &str) -> Self {
        self.id = Some(id.to_owned());
        self
    }

    /// The same rule, striking first at the `nth` call.
    #[must_use]
    pub const fn nth(mut self, nth: u64) -> Self {
        self.nth = nth;
        self
    }

    /// The same rule, striking `times` calls in a row; 0 for every one.
    #[must_use]
    pub const fn times(mut self, times: u64) -> Self {
        self.times = times;
        self
    }

    fn meets(&self, method: &str, path: &str, route: Option<&str>) -> bool {
        if self.method != "*" && !self.method.eq_ignore_ascii_case(method) {
            return false;
        }
        match ROUTES.iter().find(|known| same_shape(known.template, &self.path)) {
            Some(known) => route == Some(known.template),
            None => is_prefix(&self.path, path),
        }
    }
}

fn is_placeholder(segment: &str) -> bool {
    segment.starts_with('{') && segment.ends_with('}')
}

fn same_shape(template: &str, path: &str) -> bool {
    let mut wanted = path.split('/');
    let alike = |part: &str| wanted.next().is_some_and(|want| want == part || is_placeholder(want) && is_placeholder(part));
    template.split('/').all(alike) && wanted.next().is_none()
}

fn is_prefix(prefix: &str, path: &str) -> bool {
    let mut parts = path.split('/');
    prefix.trim_end_matches('/').split('/').all(|want| parts.next().is_some_and(|part| want == part || is_placeholder(want)))
}

/// A rule and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FaultStatus {
    /// The rule; its `id` is set.
    pub rule: FaultRule,
    /// Calls it met.
    pub met: u64,
    /// Calls it struck.
    pub fired: u64,
}

/// Why a rule is not accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum FaultError {
    /// `nth` counts from 1.
    NthZero,
    /// There is a rule of that name.
    Duplicate(String),
    /// The path does not start with a slash.
    Path(String),
}

impl std::fmt::Display for FaultError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NthZero => write!(f, "nth counts from 1"),
            Self::Duplicate(id) => write!(f, "there is a fault rule {id} already"),
            Self::Path(path) => write!(f, "the path {path:?} does not start with a slash"),
        }
    }
}

impl std::error::Error for FaultError {}

/// What strikes one call: at most one fault on each side of the effect.
#[derive(Debug, Default)]
pub(super) struct Struck {
    pub(super) before: Option<(String, FaultAction)>,
    pub(super) after: Option<(String, FaultAction)>,
}

impl Struck {
    /// The names of the rules that fired.
    pub(super) fn ids(&self) -> Vec<String> {
        [&self.before, &self.after].into_iter().flatten().map(|(id, _)| id.clone()).collect()
    }
}

/// The rules in force.
#[derive(Debug, Default)]
pub(super) struct Faults {
    named: u64,
    rules: Vec<FaultStatus>,
}

impl Faults {
    /// Puts a rule in force and returns its name.
    ///
    /// # Errors
    /// See [`FaultError`].
    pub(super) fn add(&mut self, mut rule: FaultRule) -> Result<String, FaultError> {
        if rule.nth == 0 {
            return Err(FaultError::NthZero);
        }
        if !rule.path.starts_with('/') {
            return Err(FaultError::Path(rule.path));
        }
        let id = rule.id.take().unwrap_or_else(|| {
            self.named += 1;
            format!("fault-{}", self.named)
        });
        if self.rules.iter().any(|known| known.rule.id.as_ref() == Some(&id)) {
            return Err(FaultError::Duplicate(id));
        }
        rule.id = Some(id.clone());
        self.rules.push(FaultStatus { rule, met: 0, fired: 0 });
        Ok(id)
    }

    pub(super) fn list(&self) -> Vec<FaultStatus> {
        self.rules.clone()
    }

    /// Takes a rule out of force; whether there was one.
    pub(super) fn remove(&mut self, id: &str) -> bool {
        let before = self.rules.len();
        self.rules.retain(|known| known.rule.id.as_deref() != Some(id));
        before != self.rules.len()
    }

    pub(super) fn clear(&mut self) {
        self.rules.clear();
    }

    /// Counts an arriving call at every rule that meets it. Of several that strike on one side the oldest acts, and only
    /// that one counts as fired.
    pub(super) fn arrive(&mut self, method: &str, path: &str, route: Option<&str>) -> Struck {
        let mut struck = Struck::default();
        for known in self.rules.iter_mut().filter(|known| known.rule.meets(method, path, route)) {
            known.met += 1;
            let due = known.met >= known.rule.nth && (known.rule.times == 0 || known.met - known.rule.nth < known.rule.times);
            let side = if known.rule.when == When::Before { &mut struck.before } else { &mut struck.after };
            if due && side.is_none() {
                known.fired += 1;
                *side = Some((known.rule.id.clone().unwrap_or_default(), known.rule.action.clone()));
            }
        }
        struck
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fired(rule: FaultRule, calls: u64) -> Vec<u64> {
        let mut faults = Faults::default();
        faults.add(rule).expect("a good rule");
        (1..=calls).filter(|_| faults.arrive("POST", "/zones", Some("/zones")).before.is_some()).collect()
    }

    #[test]
    fn nth_and_times_choose_the_calls() {
        let rule = || FaultRule::before("POST", "/zones", FaultAction::Reset);
        assert_eq!(fired(rule(), 4), [1]);
        assert_eq!(fired(rule().nth(3), 5), [3]);
        assert_eq!(fired(rule().nth(2).times(2), 5), [2, 3]);
        assert_eq!(fired(rule().nth(3).times(0), 5), [3, 4, 5]);
    }

    #[test]
    fn a_template_meets_its_route_only_and_other_text_is_a_prefix() {
        let meets = |rule: &str, path: &str, route: Option<&str>| {
            FaultRule::before("*", rule, FaultAction::Hold).meets("POST", path, route)
        };
        let records = Some("/zones/{zone}/dns_records");
        assert!(meets("/zones", "/zones", Some("/zones")));
        assert!(!meets("/zones", "/zones/abc/dns_records", records), "the route /zones is not its children");
        assert!(meets("/zones/{id}/dns_records", "/zones/abc/dns_records", records));
        assert!(!meets("/zones/{id}/dns_records", "/zones/abc/dns_records/x", Some("/zones/{zone}/dns_records/{record}")));
        assert!(meets("/zones/abc", "/zones/abc/dns_records", records));
        assert!(!meets("/zones/ab", "/zones/abc/dns_records", records), "a prefix ends at a segment");
        assert!(meets("/accounts/{any}", "/accounts/1/cfd_tunnel", Some("/accounts/{account}/cfd_tunnel")));
        assert!(meets("/", "/nowhere", None));
    }

    #[test]
    fn rules_that_cannot_work_are_refused() {
        let mut faults = Faults::default();
        let rule = || FaultRule::before("POST", "/zones", FaultAction::Hold);
        assert_eq!(faults.add(rule().nth(0)), Err(FaultError::NthZero));
        assert_eq!(faults.add(rule().named("a")), Ok("a".to_owned()));
        assert_eq!(faults.add(rule().named("a")), Err(FaultError::Duplicate("a".to_owned())));
        let relative = FaultRule::before("POST", "zones", FaultAction::Hold);
        assert_eq!(faults.add(relative), Err(FaultError::Path("zones".to_owned())));
        assert!(faults.remove("a") && !faults.remove("a"));
    }
}
