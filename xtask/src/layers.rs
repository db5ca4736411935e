//! `cargo xtask layers`: who imports whom.
//!
//! A crate imports only from lower layers, never a sibling, and only what [`TABLE`] lets it. Development and
//! build dependencies count like any other. `ARCHITECTURE.md` shows the picture that this chore prints.

use crate::{paths::Paths, run};
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::fs;

#[cfg(test)]
mod tests;

/// One crate of the design.
struct Crate {
    layer: u8,
    /// The folder below `crates/`.
    name: &'static str,
    may_import: &'static [&'static str],
}

const fn row(layer: u8, name: &'static str, may_import: &'static [&'static str]) -> Crate {
    Crate { layer, name, may_import }
}

/// The design, as in ARCHITECTURE.md. A new crate gets its row here and there in the same commit.
const TABLE: &[Crate] = &[
    row(5, "cli", &["node", "gateway", "ledger", "vault", "verifier", "types", "crypto"]),
    row(5, "sim", &["node", "gateway", "ledger", "vault", "types", "crypto"]),
    row(5, "fuzz", &["node", "ledger", "vault", "verifier", "feeds", "types", "crypto"]),
    row(4, "node", &["ledger", "types", "crypto"]),
    row(4, "gateway", &["vault", "policy", "verifier", "feeds", "types", "crypto"]),
    row(3, "ledger", &["vm", "types", "crypto"]),
    row(3, "vault", &["types", "crypto"]),
    row(2, "policy", &["types"]),
    row(2, "verifier", &["types", "crypto"]),
    row(2, "feeds", &["types", "crypto"]),
    row(2, "vm", &["types"]),
    row(1, "types", &["crypto"]),
    row(0, "crypto", &[]),
];

/// Outside crates that only some of ours may name, and why.
const RESERVED: &[(&[&str], &[&str], &str)] = &[
    (
        &[
            "commonware-broadcast",
            "commonware-consensus",
            "commonware-glue",
            "commonware-p2p",
            "commonware-resolver",
        ],
        &["node", "sim", "fuzz"],
        "consensus and its network are wired in one crate, simulated in another, and its formats fuzzed in a third",
    ),
    (&["commonware-runtime"], &["node", "cli", "sim"], "only what starts or wires a node names its runtime"),
];

/// Outside crates that one of ours must not name, and why.
const FORBIDDEN: &[(&str, &[&str], &str)] = &[
    ("ledger", &["tokio", "axum", "cedar-policy"], "the ledger is pure and synchronous"),
    ("types", &["tokio", "axum", "cedar-policy"], "types are shared with browsers and verifiers"),
    ("crypto", &["tokio", "axum", "cedar-policy"], "crypto does no I/O"),
];

/// A package of the workspace and everything that it names as a dependency.
struct Package {
    name: String,
    dependencies: Vec<String>,
}

/// Checks every edge, then prints the picture, its block for ARCHITECTURE.md, or writes that block.
pub(crate) fn run(paths: &Paths, args: &[String]) -> Result<()> {
    let flags = crate::flags(args, &["--markdown", "--update"])?;
    let packages = packages(paths)?;
    if flags.iter().any(|f| f == "--markdown") {
        print!("{}", block(&packages));
        return Ok(());
    }
    let bad = violations(&packages);
    if !bad.is_empty() {
        bail!("{} bad edge(s):\n  {}", bad.len(), bad.join("\n  "));
    }
    if flags.iter().any(|f| f == "--update") {
        return update(paths, &packages);
    }
    print!("{}", picture(&packages));
    Ok(())
}

/// Fails when ARCHITECTURE.md exists but shows another picture.
pub(crate) fn documented(paths: &Paths) -> Result<bool> {
    let Ok(text) = fs::read_to_string(paths.root.join("ARCHITECTURE.md")) else { return Ok(false) };
    if text.contains(&block(&packages(paths)?)) {
        return Ok(true);
    }
    bail!("ARCHITECTURE.md does not show the layers as they are; run: cargo xtask layers --update");
}

const BEGIN: &str = "<!-- layers: written by `cargo xtask layers --update` -->\n";
const END: &str = "<!-- layers: end -->\n";

fn block(packages: &[Package]) -> String {
    format!("{BEGIN}\n```text\n{}```\n\n{END}", picture(packages))
}

fn update(paths: &Paths, packages: &[Package]) -> Result<()> {
    let file = paths.root.join("ARCHITECTURE.md");
    let text = fs::read_to_string(&file).context("there is no ARCHITECTURE.md to update")?;
    let (before, rest) = text.split_once(BEGIN).with_context(|| {
        format!("ARCHITECTURE.md has no place for the picture; put there:\n{}{}", BEGIN, END)
    })?;
    let (_, after) = rest.split_once(END).with_context(|| format!("ARCHITECTURE.md lacks: {END}"))?;
    fs::write(file, format!("{before}{}{after}", block(packages)))?;
    Ok(())
}

fn packages(paths: &Paths) -> Result<Vec<Package>> {
    let mut cargo = run::cargo(paths);
    let text = run::output(cargo.args(["metadata", "--no-deps", "--offline", "--format-version", "1"]))?;
    let metadata: Value = serde_json::from_str(&text)?;
    let list = metadata["packages"].as_array().context("cargo metadata lists no packages")?;
    list.iter().map(package).collect::<Option<_>>().context("cargo metadata has an unknown shape")
}

fn package(value: &Value) -> Option<Package> {
    let named = |v: &Value| v["name"].as_str().map(str::to_owned);
    let dependencies = value["dependencies"].as_array()?.iter().map(named).collect::<Option<_>>()?;
    Some(Package { name: named(value)?, dependencies })
}

/// Our name of a package: `salus-types` is `types`, and the binary's package `salus` is `cli`.
fn ours(package: &str) -> Option<&str> {
    if package == "salus" { Some("cli") } else { package.strip_prefix("salus-") }
}

fn find(name: &str) -> Option<&'static Crate> {
    TABLE.iter().find(|c| c.name == name)
}

/// Every edge that the design does not allow, each as one line that says why.
fn violations(packages: &[Package]) -> Vec<String> {
    packages.iter().flat_map(package_violations).collect()
}

fn package_violations(package: &Package) -> Vec<String> {
    let Some(name) = ours(&package.name) else {
        return outsider_violations(package);
    };
    let Some(from) = find(name) else {
        return vec![format!("`{name}` has no layer: add it to ARCHITECTURE.md and to xtask/src/layers.rs")];
    };
    package.dependencies.iter().filter_map(|to| edge_violation(from, to)).collect()
}

/// The chores, and any package not named after the product, import nothing of the product.
fn outsider_violations(package: &Package) -> Vec<String> {
    let product = package.dependencies.iter().filter(|d| ours(d).is_some());
    product.map(|d| format!("{} -> {d}: only crates with a layer import others", package.name)).collect()
}

fn edge_violation(from: &Crate, to: &str) -> Option<String> {
    let reason = match ours(to) {
        Some(name) => internal_violation(from, name)?,
        None => external_violation(from, to)?,
    };
    Some(format!("{} -> {}: {reason}", from.name, ours(to).unwrap_or(to)))
}

fn internal_violation(from: &Crate, name: &str) -> Option<String> {
    if from.may_import.contains(&name) {
        return None;
    }
    Some(match find(name) {
        None => "that crate has no layer".to_owned(),
        Some(to) if to.layer == from.layer => format!("siblings of layer {} never import", to.layer),
        Some(to) if to.layer > from.layer => format!("layer {} is above layer {}", to.layer, from.layer),
        Some(_) => format!("`{}` may import only: {}", from.name, from.may_import.join(", ")),
    })
}

fn external_violation(from: &Crate, to: &str) -> Option<String> {
    let reserved =
        RESERVED.iter().find(|(names, owners, _)| names.contains(&to) && !owners.contains(&from.name));
    if let Some((_, owners, reason)) = reserved {
        return Some(format!("reserved for {}: {reason}", owners.join(", ")));
    }
    let forbidden = FORBIDDEN.iter().find(|(name, names, _)| *name == from.name && names.contains(&to));
    forbidden.map(|(_, _, reason)| (*reason).to_owned())
}

/// The layers that exist, top first, and what each crate may import.
fn picture(packages: &[Package]) -> String {
    let present: Vec<&str> = packages.iter().filter_map(|p| ours(&p.name)).collect();
    let rows: Vec<&Crate> = TABLE.iter().filter(|c| present.contains(&c.name)).collect();
    let mut text = String::from("layer  crate      may import\n");
    let mut last = None;
    for row in rows {
        let layer = if last == Some(row.layer) { String::from(" ") } else { row.layer.to_string() };
        if last != Some(row.layer) {
            text.push_str("-----  ---------  ------------------------------------------------------\n");
        }
        let imports: Vec<_> = row.may_import.iter().copied().filter(|n| present.contains(n)).collect();
        let imports = if imports.is_empty() { "-".to_owned() } else { imports.join("  ") };
        text.push_str(&format!("{layer:>3}    {:<9}  {imports}\n", row.name));
        last = Some(row.layer);
    }
    text
}
