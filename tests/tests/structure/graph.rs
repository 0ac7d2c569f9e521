//! `cargo metadata` as the checks need it: the rooms' declared dependencies and the resolved graph of everything.

use serde_json::Value;
use std::collections::BTreeMap;
use storex_tests::process;

/// How a dependency is declared in a manifest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Normal,
    Development,
    Build,
}

/// A room's declared dependency on another package.
#[derive(Debug)]
pub(crate) struct Declared {
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) kind: Kind,
}

/// A package of the resolved graph.
#[derive(Debug)]
pub(crate) struct Resolved {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) licence: Option<String>,
    /// Names of the packages that depend on it directly.
    pub(crate) dependents: Vec<String>,
}

#[derive(Debug)]
pub(crate) struct Graph {
    pub(crate) declared: Vec<Declared>,
    pub(crate) resolved: Vec<Resolved>,
}

/// The workspace's own graph for this machine's Linux target, from the lock file as it is and without a network.
pub(crate) fn workspace() -> Graph {
    let target = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let arguments = ["metadata", "--format-version", "1", "--locked", "--offline", "--filter-platform", &target];
    let output = process::run("cargo", &arguments, &super::tree::root()).expect("cargo starts");
    assert!(output.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
    parse(&serde_json::from_slice(&output.stdout).expect("cargo metadata prints JSON"))
}

pub(crate) fn parse(metadata: &Value) -> Graph {
    let members: Vec<&str> = items(metadata, "workspace_members").iter().filter_map(Value::as_str).collect();
    let packages: BTreeMap<&str, &Value> =
        items(metadata, "packages").iter().map(|package| (text(package, "id"), package)).collect();
    let nodes = metadata.get("resolve").map_or(&[][..], |resolve| items(resolve, "nodes"));
    Graph {
        declared: packages.iter().filter(|(id, _)| members.contains(id)).flat_map(|(_, package)| declared(package)).collect(),
        resolved: nodes.iter().filter_map(|node| resolved(text(node, "id"), &packages, nodes)).collect(),
    }
}

fn declared(package: &Value) -> Vec<Declared> {
    let from = text(package, "name");
    let one = |dependency: &Value| Declared {
        from: from.to_owned(),
        to: text(dependency, "name").to_owned(),
        kind: match text(dependency, "kind") {
            "dev" => Kind::Development,
            "build" => Kind::Build,
            _ => Kind::Normal,
        },
    };
    items(package, "dependencies").iter().map(one).collect()
}

fn resolved(id: &str, packages: &BTreeMap<&str, &Value>, nodes: &[Value]) -> Option<Resolved> {
    let package = packages.get(id)?;
    let names = |node: &&Value| items(node, "deps").iter().any(|dependency| text(dependency, "pkg") == id);
    let dependents = nodes
        .iter()
        .filter(names)
        .filter_map(|node| packages.get(text(node, "id")))
        .map(|package| text(package, "name").to_owned());
    Some(Resolved {
        name: text(package, "name").to_owned(),
        version: text(package, "version").to_owned(),
        licence: package.get("license").and_then(Value::as_str).map(str::to_owned),
        dependents: dependents.collect(),
    })
}

fn items<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}
