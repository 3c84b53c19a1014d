//! What users build: every dependency of the published crates compiles with the Rust that `rust-version` names.

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

const PUBLISHED: [&str; 3] = ["cekura-cli", "cekura-trace", "cekura-trace-macros"];

/// What cargo knows of this workspace, with the versions of its lock file.
fn metadata() -> Value {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("Cargo.toml");
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args([
        "metadata",
        "--format-version=1",
        "--locked",
        "--offline",
        "--all-features",
        "--manifest-path",
    ]);
    let output = cargo.arg(manifest).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn list<'v>(value: &'v Value, key: &str) -> &'v [Value] {
    value[key].as_array().map_or(&[], Vec::as_slice)
}

/// All packages that a build of one needs, by their ids; those of its tests alone are not among them.
fn built<'v>(metadata: &'v Value, package: &'v Value) -> BTreeSet<&'v str> {
    let nodes: BTreeMap<_, _> =
        list(&metadata["resolve"], "nodes").iter().map(|node| (node["id"].as_str(), node)).collect();
    let (mut found, mut open) = (BTreeSet::new(), Vec::from_iter(package["id"].as_str()));
    while let Some(id) = open.pop() {
        if found.insert(id) {
            let needed = list(nodes[&Some(id)], "deps").iter();
            let needed = needed.filter(|to| list(to, "dep_kinds").iter().any(|kind| kind["kind"] != "dev"));
            open.extend(needed.filter_map(|to| to["pkg"].as_str()));
        }
    }
    found
}

/// `1.88` or `1.88.0`, as numbers; `None` where nothing is said.
fn rust_version(package: &Value) -> Option<Vec<u32>> {
    let parts = package["rust_version"].as_str()?.split('.').map(|part| part.parse().unwrap());
    Some(parts.chain([0]).take(3).collect())
}

#[test]
fn no_dependency_needs_a_newer_rust_than_its_package_says() {
    let metadata = metadata();
    let packages = list(&metadata, "packages");
    for name in PUBLISHED {
        let ours = packages.iter().find(|it| it["name"] == name && it["source"].is_null()).unwrap();
        let built = built(&metadata, ours);
        assert!(built.len() > 3, "{name} needs {built:?} only");
        let newer = packages.iter().filter(|it| it["id"].as_str().is_some_and(|id| built.contains(id)));
        let newer = newer.filter(|it| rust_version(it) > rust_version(ours));
        let newer: Vec<_> =
            newer.map(|it| format!("{} {}: {}", it["name"], it["version"], it["rust_version"])).collect();
        assert!(newer.is_empty(), "newer than {} of {name}:\n{}", ours["rust_version"], newer.join("\n"));
    }
}
