//! The named points at which a process is killed, derived from what a create and a delete call.

use super::gate::Moment;
use super::seed::Seed;
use super::world::{PATIENCE, Role, World, until};
use std::fmt;
use std::time::Duration;

/// What is going on when the kill comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Create,
    Delete,
    /// A create that fails for good at its last step and turns back.
    Unwind,
}

impl Phase {
    const ALL: [Self; 3] = [Self::Create, Self::Delete, Self::Unwind];
}

/// Where a call is held while its process is killed.
#[derive(Clone, Debug)]
pub(crate) enum Place {
    /// A call to Cloudflare: method, route, the how-many-th, before or after its effect.
    Cloud(&'static str, &'static str, u32, &'static str),
    /// A call to the agent.
    Host(String, Moment),
    /// A call to the controller's repository: name, subject, the how-many-th, before or after.
    Repo(&'static str, &'static str, u32, &'static str),
    /// Nowhere: so many milliseconds after the request was sent.
    Anytime(u64),
}

/// A kill.
#[derive(Clone, Debug)]
pub(crate) struct Failpoint {
    pub(crate) phase: Phase,
    pub(crate) victims: Vec<Role>,
    pub(crate) place: Place,
    /// Milliseconds after which what was started again is killed again.
    pub(crate) again: Option<u64>,
}

impl fmt::Display for Failpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: kill {:?} ", self.phase, self.victims)?;
        match &self.place {
            Place::Cloud(method, path, nth, when) => write!(f, "{when} {method} {path} #{nth}"),
            Place::Host(call, moment) => write!(f, "at {call} {moment:?}"),
            Place::Repo(call, subject, nth, when) => write!(f, "{when} {call} {subject} #{nth}"),
            Place::Anytime(pause) => write!(f, "after {pause} ms"),
        }?;
        self.again.map_or(Ok(()), |pause| write!(f, ", again {pause} ms after its start"))
    }
}

const PARTS: [&str; 4] = ["files", "environment", "process", "route"];
const BATCH: &str = "/zones/{zone}/dns_records/batch";
const ZONE: &str = "/zones/{zone}";

/// Calls to Cloudflare by which changes are made: method, route, the how-many-th.
fn cloud_calls(phase: Phase) -> &'static [(&'static str, &'static str, u32)] {
    match phase {
        Phase::Create => &[("POST", "/zones", 1), ("POST", BATCH, 1)],
        Phase::Delete => &[("POST", BATCH, 1), ("DELETE", ZONE, 1)],
        Phase::Unwind => &[("POST", BATCH, 2), ("DELETE", ZONE, 1)],
    }
}

/// Calls to Cloudflare by which the very first start makes the platform, in their order.
pub(crate) const PLATFORM: [(&str, &str); 3] = [
    ("POST", "/accounts/{account}/cfd_tunnel"),
    ("POST", BATCH),
    ("PUT", "/accounts/{account}/cfd_tunnel/{tunnel}/configurations"),
];

/// Calls to the repository: name, subject, the how-many-th.
fn repo_calls(phase: Phase) -> &'static [(&'static str, &'static str, u32)] {
    match phase {
        Phase::Create => &[
            ("repo.claim", "username", 1),
            ("repo.claim_first", "", 1),
            ("repo.put", "operations", 1),
            ("repo.put", "operations", 3),
            ("repo.put", "stores", 1),
            ("repo.put", "stores", 2),
            ("repo.put", "outbox", 1),
        ],
        Phase::Delete => &[
            ("repo.put", "operations", 1),
            ("repo.put", "operations", 4),
            ("repo.put", "stores", 1),
            ("repo.delete", "domains", 1),
            ("repo.release", "username", 1),
            ("repo.delete", "stores", 1),
        ],
        Phase::Unwind => &[
            ("repo.delete", "due_times", 1),
            ("repo.delete", "certificates", 1),
            ("repo.delete", "domains", 2),
            ("repo.delete", "stores", 1),
            ("repo.release", "username", 1),
            ("repo.release", "port", 1),
        ],
    }
}

/// Points that leave the removal of something at Cloudflare in doubt: it can take effect for as long as Cloudflare may work on it.
pub(crate) fn in_doubt() -> Vec<Failpoint> {
    let is_one = |point: &Failpoint| matches!(point.place, Place::Cloud(..));
    [Phase::Delete, Phase::Unwind].into_iter().flat_map(every).filter(is_one).collect()
}

/// The named points of a phase but those [`in_doubt`].
fn named(phase: Phase) -> Vec<Failpoint> {
    let is_quick = |point: &Failpoint| phase == Phase::Create || !matches!(point.place, Place::Cloud(..));
    every(phase).into_iter().filter(is_quick).collect()
}

/// Every named point of a phase.
fn every(phase: Phase) -> Vec<Failpoint> {
    let one = |victim: Role, place: Place| Failpoint { phase, victims: vec![victim], place, again: None };
    let mut points = Vec::new();
    for when in ["before", "after"] {
        let victim = if phase == Phase::Unwind { Role::Whole } else { Role::Controller };
        points.extend(cloud_calls(phase).iter().map(|(method, path, nth)| one(victim, Place::Cloud(method, path, *nth, when))));
        points.extend(
            repo_calls(phase).iter().map(|(call, subject, nth)| one(Role::Whole, Place::Repo(call, subject, *nth, when))),
        );
    }
    let verb = match phase {
        Phase::Create => "apply",
        Phase::Delete => "withdraw",
        // One process for all: its agent is asked without a wire the test could hold.
        Phase::Unwind => return points,
    };
    for part in PARTS {
        let call = format!("{verb} {part}");
        for moment in [Moment::Before, Moment::After] {
            points.push(one(Role::Controller, Place::Host(call.clone(), moment)));
        }
        // A file is there within a millisecond; a process and a route need tens of them.
        for pause in if ["process", "route"].contains(&part) { [5, 40] } else { [0, 1] } {
            points.push(one(Role::Agent, Place::Host(call.clone(), Moment::During(Duration::from_millis(pause)))));
        }
        for moment in [Moment::Before, Moment::After] {
            points.push(one(Role::Agent, Place::Host(call.clone(), moment)));
        }
    }
    if phase == Phase::Create {
        points
            .extend([Moment::Before, Moment::After].map(|moment| one(Role::Controller, Place::Host("visit".to_owned(), moment))));
    }
    points
}

/// A kill at a moment nobody chose; every third one comes twice.
fn random(phase: Phase, seed: &mut Seed) -> Failpoint {
    let victims = [vec![Role::Controller], vec![Role::Agent], vec![Role::Controller, Role::Agent], vec![Role::Whole]];
    let (victims, pause) = match phase {
        Phase::Create => (victims[usize::try_from(seed.below(4)).unwrap()].clone(), seed.below(250)),
        Phase::Delete => (victims[usize::try_from(seed.below(4)).unwrap()].clone(), seed.below(150)),
        Phase::Unwind => (vec![Role::Whole], seed.below(400)),
    };
    let again = (seed.below(3) == 0).then(|| seed.below(500));
    Failpoint { phase, victims, place: Place::Anytime(pause), again }
}

/// So many kills, the phases in turn: the named points in an order of the seed, then random moments.
pub(crate) fn plan(kills: usize, seed: &mut Seed) -> Vec<Failpoint> {
    let mut phases = Phase::ALL.map(|phase| (phase, named(phase)));
    for (_, points) in &mut phases {
        seed.shuffle(points);
    }
    let mut plan: Vec<Failpoint> = Vec::new();
    let mut planned = 0;
    for turn in 0.. {
        if planned >= kills {
            break;
        }
        // Two creates and deletes for each create that turns back.
        let (phase, points) = &mut phases[[0, 1, 0, 1, 2][turn % 5]];
        // One in four is random from the beginning, so that a short run has both.
        let point = if turn % 20 < 15 { points.pop() } else { None };
        let point = point.unwrap_or_else(|| random(*phase, seed));
        planned += 1 + usize::from(point.again.is_some());
        plan.push(point);
    }
    plan
}

impl Failpoint {
    /// Whether the operation must end as it was before: it was on its way back when the kill came.
    pub(crate) fn turns_back(&self) -> bool {
        self.phase == Phase::Unwind && !matches!(self.place, Place::Anytime(_))
    }

    /// The processes that run while it is waited for.
    pub(crate) fn roles(&self) -> &'static [Role] {
        if self.victims == [Role::Whole] { &[Role::Whole] } else { &[Role::Simulator, Role::Agent, Role::Controller] }
    }

    /// Makes the call be held.
    pub(crate) fn arm(&self, world: &World) {
        if self.phase == Phase::Unwind {
            world.cloud.refuse_last_step();
        }
        match &self.place {
            Place::Cloud(method, path, nth, when) => world.cloud.hold(method, path, *nth, when),
            Place::Host(call, moment) => world.gate.arm(call, *moment),
            Place::Repo(call, subject, nth, when) => world.cloud.hold_repo(call, subject, *nth, when),
            Place::Anytime(_) => {}
        }
    }

    /// Waits until the call is held; a point that is never reached fails the test.
    pub(crate) fn reached(&self, world: &World) {
        match &self.place {
            Place::Cloud(..) => until(&self.to_string(), || world.cloud.holds().then_some(())),
            Place::Host(..) => assert!(world.gate.struck(PATIENCE), "{self} was not reached"),
            Place::Repo(.., when) => {
                until(&self.to_string(), || world.cloud.repo_holds().then_some(()));
                if *when == "after" {
                    // The rule has struck when the call begins; its effect is a durable write.
                    std::thread::sleep(Duration::from_millis(50));
                }
            }
            Place::Anytime(pause) => std::thread::sleep(Duration::from_millis(*pause)),
        }
    }

    /// Forgets the rule; what is held is dropped.
    pub(crate) fn disarm(&self, world: &World) {
        world.gate.release();
        // The rules of one process for all ended with it.
        if !self.victims.contains(&Role::Whole) {
            world.cloud.clear();
        }
    }
}

#[test]
fn a_long_plan_has_every_named_point_and_a_short_one_both_kinds() {
    let long = plan(400, &mut Seed(1));
    let all: Vec<String> = Phase::ALL.into_iter().flat_map(named).map(|point| point.to_string()).collect();
    assert!(all.len() > 60, "{} named points", all.len());
    for point in &all {
        assert!(long.iter().any(|planned| planned.to_string() == *point), "{point} is not planned");
    }
    let short = plan(40, &mut Seed(1));
    let random = short.iter().filter(|point| matches!(point.place, Place::Anytime(_))).count();
    assert!((5..20).contains(&random), "{random} of {} are random", short.len());
    assert!(short.iter().any(|point| point.again.is_some()));
}
