//! The artefacts that the demo, the benches and the tests start: engine, portal, `salus`.

use crate::paths::{Paths, Profile};
use crate::{definitions, portal, run};
use anyhow::{Context, Result};
use std::path::PathBuf;
use std::process::Command;

/// What was built. A part whose folder is not written yet is none.
pub(crate) struct Artefacts {
    pub(crate) engine: Option<PathBuf>,
    pub(crate) definitions: Option<PathBuf>,
    pub(crate) portal: Option<PathBuf>,
}

/// Signatures are verified a fifth faster where a processor has AVX-512 IFMA; the program chooses when it runs. Flags
/// concern every crate, so only what is built apart anyway has them.
const RELEASE_FLAGS: &str = r#"--cfg curve25519_dalek_backend="avx512""#;

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
    salus(paths)?;
    Ok(Artefacts { engine, definitions, portal })
}

/// Builds `salus` alone.
pub(crate) fn salus(paths: &Paths) -> Result<()> {
    program(paths, "salus")
}

/// Builds one program of the workspace. The whole workspace is named, so that dependencies have the features that
/// they have in `check`, and are built once for both.
pub(crate) fn program(paths: &Paths, name: &str) -> Result<()> {
    let mut cargo = run::cargo(paths);
    if paths.profile == Profile::Release {
        println!("{name}: the first build for release takes some minutes more");
        cargo.env("RUSTFLAGS", RELEASE_FLAGS);
    }
    run::run(cargo.arg("build").args(profile(paths)).args(["--workspace", "--bin", name]))
}

/// What tells cargo the profile.
fn profile(paths: &Paths) -> &'static [&'static str] {
    match paths.profile {
        Profile::Development => &[],
        Profile::Release => &["--release"],
    }
}

/// Builds the clinical engine, when there is one.
pub(crate) fn engine(paths: &Paths) -> Result<Option<PathBuf>> {
    if !paths.has_clinical() {
        println!("engine: there is no clinical/Cargo.toml yet, so no engine is started");
        return Ok(None);
    }
    println!("engine: the first build takes some minutes");
    run::run(run::clinical_cargo(paths).arg("build").args(profile(paths)).args(["--package", "engine"]))?;
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

/// Tells tests where the artefacts are, by environment.
///
/// `SALUS_TEST_DATA`, a folder of FHIR bundles, is set where somebody has put one beside the checkout. It is never
/// required: tests that want it say that they were skipped.
///
/// # Errors
/// When an artefact is missing. A test would skip what needs it, and nobody would know.
pub(crate) fn environment(paths: &Paths, command: &mut Command, needs: &[Artefact]) -> Result<()> {
    for need in needs {
        let (name, path) = need.variable(paths);
        let path = path.filter(|p| p.exists());
        command.env(name, path.with_context(|| format!("what {name} should name is missing"))?);
    }
    if let Some(data) = paths.test_data().filter(|p| p.is_dir()) {
        command.env("SALUS_TEST_DATA", data);
    }
    Ok(())
}

/// What tests find by environment.
#[derive(Clone, Copy)]
pub(crate) enum Artefact {
    Salus,
    Engine,
    Definitions,
    Portal,
    Chromium,
}

impl Artefact {
    fn variable(self, paths: &Paths) -> (&'static str, Option<PathBuf>) {
        match self {
            Self::Salus => ("SALUS_BIN", Some(paths.salus())),
            Self::Engine => ("SALUS_ENGINE", Some(paths.engine())),
            Self::Definitions => ("SALUS_DEFINITIONS", Some(paths.definitions())),
            Self::Portal => ("SALUS_PORTAL_DIST", Some(paths.portal_dist())),
            Self::Chromium => ("SALUS_CHROMIUM", crate::system::chromium()),
        }
    }
}
