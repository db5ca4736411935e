//! Planted bad edges: each must be found, and said to be what it is.

use super::*;

fn package_of(name: &str, dependencies: &[&str]) -> Package {
    Package { name: name.into(), dependencies: dependencies.iter().map(|d| (*d).to_owned()).collect() }
}

/// Checks one edge; an empty `reason` means that it is allowed.
fn check(from: &str, to: &str, reason: &str) {
    let found = violations(&[package_of(from, &[to])]);
    if reason.is_empty() {
        assert!(found.is_empty(), "{from} -> {to}: {found:?}");
    } else {
        assert!(found.len() == 1 && found[0].contains(reason), "{from} -> {to}: {found:?}");
    }
}

#[test]
fn edges_of_the_design_are_allowed_and_planted_ones_are_found() {
    for (from, to, reason) in [
        ("salus", "salus-node", ""),
        ("salus", "salus-ledger", ""),
        ("salus", "commonware-runtime", ""),
        ("salus-node", "commonware-consensus", ""),
        ("salus-ledger", "commonware-codec", ""),
        ("salus-gateway", "axum", ""),
        ("salus", "salus-policy", "may import only"),
        ("salus", "salus-sim", "siblings"),
        ("salus", "commonware-consensus", "reserved for node"),
        ("salus-node", "salus-gateway", "siblings"),
        ("salus-node", "salus-vault", "may import only"),
        ("salus-gateway", "salus-ledger", "may import only"),
        ("salus-gateway", "commonware-p2p", "reserved for node"),
        ("salus-gateway", "commonware-runtime", "reserved for node, cli, sim"),
        ("salus-ledger", "salus-vault", "siblings"),
        ("salus-ledger", "salus-gateway", "above"),
        ("salus-ledger", "tokio", "pure"),
        ("salus-ledger", "axum", "pure"),
        ("salus-ledger", "cedar-policy", "pure"),
        ("salus-policy", "salus-crypto", "may import only"),
        ("salus-types", "salus-ledger", "above"),
        ("salus-crypto", "salus-types", "above"),
        ("salus-types", "salus-utils", "no layer"),
        ("salus-utils", "anyhow", "no layer"),
        ("xtask", "salus-types", "only crates with a layer"),
    ] {
        if from == "salus-utils" {
            assert!(violations(&[package_of(from, &[to])])[0].contains(reason));
        } else {
            check(from, to, reason);
        }
    }
}

#[test]
fn the_table_itself_obeys_the_layers() {
    for from in TABLE {
        for name in from.may_import {
            let to = find(name).expect("a row for every name");
            assert!(to.layer < from.layer, "{} -> {name}", from.name);
        }
    }
}

#[test]
fn development_and_build_dependencies_count_too() {
    let value = serde_json::json!({
        "name": "salus-ledger",
        "dependencies": [{ "name": "tokio", "kind": "dev" }, { "name": "axum", "kind": "build" }],
    });
    assert_eq!(violations(&[package(&value).expect("the shape of cargo metadata")]).len(), 2);
}

#[test]
fn the_picture_shows_only_crates_that_exist() {
    let text = picture(&[package_of("salus-types", &[]), package_of("salus-crypto", &[])]);
    assert!(text.contains("  1    types      crypto\n"), "{text}");
    assert!(!text.contains("gateway"), "{text}");
}
