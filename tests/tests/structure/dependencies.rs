//! Licences and banned packages, over every package that the lock file resolves to on Linux.

use super::graph::{self, Resolved};
use super::spdx;

const LICENCES: &[&str] = &[
    "MIT",
    "MIT-0",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "ISC",
    "Unicode-3.0",
    "Zlib",
    "CC0-1.0",
    "CDLA-Permissive-2.0",
    "BSL-1.0",
    "Unlicense",
];

/// A package that must not be in the graph, but below the one room that may bring it (if any).
struct Ban {
    package: &'static str,
    only_below: Option<&'static str>,
    why: &'static str,
}

const ONE_PROVIDER: &str = "ring is the one TLS provider: with two in the graph rustls panics at its first use, at run time only";
const BANS: &[Ban] = &[
    Ban { package: "aws-lc-rs", only_below: None, why: ONE_PROVIDER },
    Ban { package: "aws-lc-sys", only_below: None, why: ONE_PROVIDER },
    Ban { package: "openssl", only_below: None, why: ONE_PROVIDER },
    Ban { package: "openssl-sys", only_below: None, why: ONE_PROVIDER },
    Ban { package: "native-tls", only_below: None, why: ONE_PROVIDER },
    Ban { package: "mongodb", only_below: Some("storex-mongo"), why: "one room speaks to MongoDB" },
];

fn unlicensed(packages: &[Resolved]) -> Vec<String> {
    let refused = |package: &&Resolved| !package.licence.as_deref().is_some_and(|licence| spdx::is_met(licence, LICENCES));
    packages
        .iter()
        .filter(refused)
        .map(|package| format!("{} {}: {:?}", package.name, package.version, package.licence))
        .collect()
}

fn banned(packages: &[Resolved]) -> Vec<String> {
    packages.iter().filter_map(ban_on).collect()
}

fn ban_on(package: &Resolved) -> Option<String> {
    let ban = BANS.iter().find(|ban| ban.package == package.name)?;
    let excused = ban.only_below.is_some_and(|room| package.dependents.iter().all(|dependent| dependent == room));
    (!excused).then(|| format!("{} {} (below {}): {}", package.name, package.version, package.dependents.join(", "), ban.why))
}

#[test]
fn every_package_has_an_allowed_licence_and_none_is_banned() {
    let packages = graph::workspace().resolved;
    assert!(packages.len() > 100, "only {} packages were read: the check would be empty", packages.len());
    assert_eq!(unlicensed(&packages), Vec::<String>::new());
    assert_eq!(banned(&packages), Vec::<String>::new());
}

#[test]
fn ring_is_in_the_graph_so_the_ban_list_is_read_against_the_right_names() {
    assert!(graph::workspace().resolved.iter().any(|package| package.name == "ring" && !package.dependents.is_empty()));
}

#[test]
fn a_copyleft_a_missing_licence_and_each_banned_package_are_found() {
    let sample = serde_json::json!({
        "workspace_members": [],
        "packages": [
            { "id": "a", "name": "copyleft", "version": "1.0.0", "license": "MIT AND GPL-3.0-only", "dependencies": [] },
            { "id": "b", "name": "silent", "version": "1.0.0", "license": null, "dependencies": [] },
            { "id": "c", "name": "aws-lc-rs", "version": "1.0.0", "license": "ISC", "dependencies": [] },
            { "id": "d", "name": "mongodb", "version": "3.0.0", "license": "Apache-2.0", "dependencies": [] },
            { "id": "e", "name": "storex-core", "version": "0.1.0", "license": "MIT OR Apache-2.0", "dependencies": [] }
        ],
        "resolve": { "nodes": [
            { "id": "a", "deps": [] }, { "id": "b", "deps": [] }, { "id": "c", "deps": [] }, { "id": "d", "deps": [] },
            { "id": "e", "deps": [{ "pkg": "d" }, { "pkg": "c" }] }
        ] }
    });
    let packages = graph::parse(&sample).resolved;
    assert_eq!(unlicensed(&packages), ["copyleft 1.0.0: Some(\"MIT AND GPL-3.0-only\")", "silent 1.0.0: None"]);
    let found = banned(&packages);
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found.iter().all(|finding| finding.contains("(below storex-core)")), "{found:?}");
}

#[test]
fn mongodb_is_excused_below_its_own_room_only() {
    let package = |dependents: &[&str]| Resolved {
        name: "mongodb".to_owned(),
        version: "3.0.0".to_owned(),
        licence: Some("Apache-2.0".to_owned()),
        dependents: dependents.iter().map(ToString::to_string).collect(),
    };
    assert_eq!(banned(&[package(&["storex-mongo"])]), Vec::<String>::new());
    assert_eq!(banned(&[package(&["storex-mongo", "storex-server"])]).len(), 1);
}
