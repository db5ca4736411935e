//! A workspace that cargo-deny must refuse under our `deny.toml`: who checks must first catch a planted bug.

use crate::{paths::Paths, run};
use anyhow::{Context, Result, ensure};
use std::fs;
use std::path::Path;

/// What is planted, the check that must find it, and what that check then says.
const PLANTED: &[(&str, &str, &str)] = &[
    ("a crate under AGPL-3.0-only", "licenses", "AGPL-3.0-only"),
    ("the banned crate `sha1_smol`", "bans", "'sha1_smol = 0.1.0' is explicitly banned"),
];

/// Lays the workspace out in a folder of the cache, and fails unless each planted bug is found there.
pub(super) fn ensure_refused(paths: &Paths, tool: &Path) -> Result<()> {
    let folder = paths.cache.join(format!("planted-{}", std::process::id()));
    let outcome = write(&folder).and_then(|()| {
        PLANTED.iter().try_for_each(|(what, check, said)| {
            let answer = answer(paths, tool, &folder, check)?;
            ensure!(answer.contains(said), "cargo-deny does not find {what}; it says:\n{answer}");
            println!("planted: {what} is refused");
            Ok(())
        })
    });
    let _ = fs::remove_dir_all(&folder); // Only costs disk space.
    outcome
}

/// What cargo-deny says of the planted workspace; an error if it finds nothing wrong.
fn answer(paths: &Paths, tool: &Path, folder: &Path, check: &str) -> Result<String> {
    let manifest = folder.join("Cargo.toml");
    let mut command = super::deny(paths, tool, &manifest.to_string_lossy());
    let refused = run::output(command.args(["check", "--hide-inclusion-graph", check]));
    Ok(refused.err().with_context(|| format!("cargo-deny passes a planted workspace ({check})"))?.to_string())
}

fn write(folder: &Path) -> Result<()> {
    let package = |name: &str, licence: &str, rest: &str| {
        format!(
            "[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2024\"\nlicense = \"{licence}\"\n{rest}"
        )
    };
    let outer = package(
        "planted",
        "AGPL-3.0-only",
        "\n[workspace]\n\n[dependencies]\nsha1_smol = { path = \"sha1_smol\", version = \"0.1.0\" }\n",
    );
    for (place, manifest) in [("", outer), ("sha1_smol", package("sha1_smol", "MIT", ""))] {
        let place = folder.join(place);
        fs::create_dir_all(place.join("src"))?;
        fs::write(place.join("Cargo.toml"), manifest)?;
        fs::write(place.join("src/lib.rs"), "")?;
    }
    let lock = "version = 4\n\n[[package]]\nname = \"planted\"\nversion = \"0.1.0\"\ndependencies = [\n \"sha1_smol\",\n]\n\n\
                [[package]]\nname = \"sha1_smol\"\nversion = \"0.1.0\"\n";
    fs::write(folder.join("Cargo.lock"), lock)?;
    Ok(())
}
