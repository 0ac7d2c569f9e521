//! Which room may name which. The table lists every room of the design, those that do not exist yet included.

use super::graph::{self, Declared, Kind};

/// A room's package, the rooms its code may name, and those only its tests may name.
struct Room {
    package: &'static str,
    may: &'static [&'static str],
    tests_may: &'static [&'static str],
}

const CORE: &str = "storex-core";
const FAKES: &str = "storex-fakes";
/// What assembles: the server, and the Python bindings.
const PARTS: &[&str] = &[CORE, "storex-cloudflare", "storex-mongo", "storex-redb", "storex-agent", "storex-probe", FAKES];
const ALL: &[&str] = &[
    CORE,
    "storex-cloudflare",
    "storex-mongo",
    "storex-redb",
    "storex-agent",
    "storex-probe",
    FAKES,
    "storex-server",
    "storex-py",
    "storex-tests",
];

const ROOMS: &[Room] = &[
    Room { package: CORE, may: &[], tests_may: &[FAKES] },
    Room { package: FAKES, may: &[CORE], tests_may: &[] },
    Room { package: "storex-cloudflare", may: &[CORE], tests_may: &[FAKES] },
    Room { package: "storex-mongo", may: &[CORE], tests_may: &[FAKES] },
    Room { package: "storex-redb", may: &[CORE], tests_may: &[FAKES] },
    Room { package: "storex-agent", may: &[CORE], tests_may: &[FAKES] },
    Room { package: "storex-probe", may: &[CORE], tests_may: &[FAKES] },
    Room { package: "storex-server", may: PARTS, tests_may: &[] },
    Room { package: "storex-py", may: PARTS, tests_may: &[] },
    Room { package: "storex-tests", may: ALL, tests_may: &[] },
    Room { package: "storex-examples", may: ALL, tests_may: &[] },
];

fn forbidden(declared: &[Declared]) -> Vec<String> {
    declared.iter().filter(|edge| edge.to.starts_with("storex")).filter(|edge| !allowed(edge)).map(describe).collect()
}

fn allowed(edge: &Declared) -> bool {
    ROOMS.iter().find(|room| room.package == edge.from).is_some_and(|room| {
        room.may.contains(&edge.to.as_str()) || (edge.kind == Kind::Development && room.tests_may.contains(&edge.to.as_str()))
    })
}

fn describe(edge: &Declared) -> String {
    format!("{} may not name {} ({:?})", edge.from, edge.to, edge.kind)
}

#[test]
fn rooms_name_only_the_rooms_the_design_lets_them() {
    let graph = graph::workspace();
    let arrows = graph.declared.iter().filter(|edge| edge.to.starts_with("storex")).count();
    assert!(arrows > 10, "only {arrows} arrows were read: the check would be empty");
    assert_eq!(forbidden(&graph.declared), Vec::<String>::new());
}

#[test]
fn each_forbidden_arrow_is_found() {
    let edge = |from: &str, to: &str, kind| Declared { from: from.to_owned(), to: to.to_owned(), kind };
    let bad = [
        edge("storex-core", "storex-redb", Kind::Normal),
        edge("storex-core", "storex-fakes", Kind::Normal),
        edge("storex-core", "storex-fakes", Kind::Build),
        edge("storex-cloudflare", "storex-agent", Kind::Normal),
        edge("storex-redb", "storex-mongo", Kind::Development),
        edge("storex-agent", "storex-server", Kind::Development),
        edge("storex-fakes", "storex-cloudflare", Kind::Development),
        edge("storex-py", "storex-server", Kind::Normal),
        edge("storex-unheard-of", "storex-core", Kind::Normal),
    ];
    assert_eq!(forbidden(&bad).len(), bad.len());
    let good = [
        edge("storex-core", "storex-fakes", Kind::Development),
        edge("storex-server", "storex-fakes", Kind::Normal),
        edge("storex-core", "serde", Kind::Normal),
    ];
    assert_eq!(forbidden(&good), Vec::<String>::new());
}
