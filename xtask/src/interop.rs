//! `cargo xtask interop [NAME..]`: a demo network, judged by software that nobody here wrote (`interop/`, `docs/interop.md`).
//!
//! Its packages lie in the cache, Node's by a link from `interop/node_modules`; the portal's packages are used beside them.

use crate::build::{self, Artefact};
use crate::paths::Paths;
use crate::setup::{self, Purpose};
use crate::{digest, portal, run};
use anyhow::{Context, Result};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const NEEDS: &[Artefact] =
    &[Artefact::Salus, Artefact::Engine, Artefact::Definitions, Artefact::Portal, Artefact::Chromium];

/// Builds and installs what is missing, then hears the judges that are named, or all.
pub(crate) fn run(paths: &Paths, args: &[String]) -> Result<()> {
    if let Some(option) = args.iter().find(|arg| arg.starts_with('-')) {
        anyhow::bail!("unknown argument `{option}`; this chore knows names of judges");
    }
    setup::prepare(paths, Purpose::Check)?;
    build::all(paths)?;
    judge(paths, args)
}

/// The same with what `check` has built.
pub(crate) fn judge(paths: &Paths, names: &[String]) -> Result<()> {
    packages(paths)?;
    let python = python(paths)?;
    let mut node = Command::new("node");
    node.current_dir(folder(paths)).arg("--import").arg("../portal/node_modules/tsx/dist/loader.mjs");
    build::environment(paths, &mut node, NEEDS)?;
    run::run(node.env("SALUS_PYTHON", python).arg("run.ts").args(names))
}

/// Does TypeScript accept the judges?
pub(crate) fn types(paths: &Paths) -> Result<()> {
    packages(paths)?;
    run::run(portal::npm(paths).args(["exec", "--", "tsc", "--noEmit", "--project", "../interop"]))
}

fn folder(paths: &Paths) -> PathBuf {
    paths.root.join("interop")
}

/// `npm ci` in the cache, unless that has been done for this very lock file.
fn packages(paths: &Paths) -> Result<()> {
    portal::install(paths)?;
    let (from, to) = (folder(paths), paths.cache.join("interop/node"));
    let wanted = digest::file(&from.join("package-lock.json"))?;
    let stamp = to.join("node_modules/.salus-install");
    if !digest::is_stamped(&stamp, &wanted) {
        fs::create_dir_all(&to)?;
        for name in ["package.json", "package-lock.json", ".npmrc"] {
            fs::copy(from.join(name), to.join(name))
                .with_context(|| format!("cannot copy interop/{name}"))?;
        }
        let mut npm = Command::new("npm");
        run::run(npm.current_dir(&to).args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]))?;
        fs::write(&stamp, wanted)?;
    }
    link(&to.join("node_modules"), &from.join("node_modules"))
}

/// Leaves alone what somebody has installed there by hand.
fn link(to: &Path, at: &Path) -> Result<()> {
    if at.is_symlink() {
        fs::remove_file(at)?;
    }
    if at.exists() {
        return Ok(());
    }
    #[cfg(unix)]
    std::os::unix::fs::symlink(to, at)?;
    #[cfg(not(unix))]
    anyhow::bail!(
        "please install the packages in `{}` by `npm ci`; a link to `{}` is not possible here",
        at.display(),
        to.display()
    );
    Ok(())
}

/// A Python with the locked packages, and nothing else.
fn python(paths: &Paths) -> Result<PathBuf> {
    let (locked, home) = (folder(paths).join("requirements.txt"), paths.cache.join("interop/python"));
    let (program, stamp) = (home.join("bin/python"), home.join(".salus-install"));
    let wanted = digest::file(&locked)?;
    if digest::is_stamped(&stamp, &wanted) {
        return Ok(program);
    }
    let system = run::find_program(&["python3"]).context("please install Python 3.11 or newer")?;
    run::run(Command::new(system).args(["-m", "venv", "--clear"]).arg(&home))?;
    let mut pip = Command::new(&program);
    pip.args(["-m", "pip", "install", "--quiet", "--no-deps", "--require-hashes", "--requirement"]);
    run::run(pip.arg(&locked))?;
    fs::write(&stamp, wanted)?;
    Ok(program)
}
