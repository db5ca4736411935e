//! The artefacts that the demo, the benches and the tests start: engine, portal, `salus`.

use crate::paths::Paths;
use crate::{definitions, portal, run};
use anyhow::Result;
use std::path::PathBuf;
use std::process::Command;

/// What was built. A part whose folder is not written yet is none.
pub(crate) struct Artefacts {
    pub(crate) engine: Option<PathBuf>,
    pub(crate) definitions: Option<PathBuf>,
    pub(crate) portal: Option<PathBuf>,
}

/// Builds everything that `salus demo` starts or serves, and `salus` itself.
pub(crate) fn all(paths: &Paths) -> Result<Artefacts> {
    let engine = engine(paths)?;
    let definitions = match engine {
        Some(_) => Some(definitions::ensure(paths)?),
        None => None,
    };
    let portal = if paths.has_portal() {
        portal::install(paths)?;
        portal::build(paths)?;
        Some(paths.portal_dist())
    } else {
        println!("portal: there is no portal/package.json yet, so no portal is served");
        None
    };
    run::run(run::cargo(paths).args(["build", "--package", "salus", "--bin", "salus"]))?;
    Ok(Artefacts { engine, definitions, portal })
}

/// Builds the clinical engine, when there is one.
pub(crate) fn engine(paths: &Paths) -> Result<Option<PathBuf>> {
    if !paths.has_clinical() {
        println!("engine: there is no clinical/Cargo.toml yet, so no engine is started");
        return Ok(None);
    }
    println!("engine: the first build takes some minutes");
    run::run(run::clinical_cargo(paths).args(["build", "--package", "engine"]))?;
    Ok(Some(paths.engine()))
}

impl Artefacts {
    /// The options by which `salus demo` and `salus bench` are told.
    pub(crate) fn options(&self, command: &mut Command) {
        for (option, path) in
            [("--engine", &self.engine), ("--definitions", &self.definitions), ("--portal", &self.portal)]
        {
            if let Some(path) = path {
                command.arg(option).arg(path);
            }
        }
    }
}

/// Tells tests where the artefacts are, by environment: only those that exist.
pub(crate) fn environment(paths: &Paths, command: &mut Command) {
    for (name, path) in [
        ("SALUS_BIN", Some(paths.salus())),
        ("SALUS_ENGINE", Some(paths.engine())),
        ("SALUS_DEFINITIONS", Some(paths.definitions())),
        ("SALUS_PORTAL_DIST", Some(paths.portal_dist())),
        ("SALUS_CHROMIUM", crate::system::chromium()),
    ] {
        if let Some(path) = path.filter(|p| p.exists()) {
            command.env(name, path);
        }
    }
}
