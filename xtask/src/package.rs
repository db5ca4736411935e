//! `cargo xtask package`: the Debian package, of the release profile. What is built apart from `salus` (engine,
//! definitions, portal) is put beside it first; the rest is in `[package.metadata.deb]` of `crates/cli`.

use crate::paths::Paths;
use crate::{build, run, setup, tools};
use anyhow::{Context, Result, bail, ensure};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What to do with the package.
enum Wanted {
    /// Make it and unpack it.
    Package { install: bool },
    /// Only the files, for an image.
    Folder(PathBuf),
}

fn wanted(args: &[String]) -> Result<Wanted> {
    match args {
        [] => Ok(Wanted::Package { install: false }),
        [flag] if flag == "--install" => Ok(Wanted::Package { install: true }),
        [flag, folder] if flag == "--folder" => Ok(Wanted::Folder(std::path::absolute(folder)?)),
        _ => bail!("this chore knows --install, or --folder DIR"),
    }
}

pub(crate) fn run(paths: &Paths, args: &[String]) -> Result<()> {
    let wanted = wanted(args)?;
    let paths = &paths.released();
    setup::prepare(paths, setup::Purpose::Demo)?;
    let artefacts = build::all(paths)?;
    stage(paths, &artefacts)?;
    let package = make(paths)?;
    println!("made {}", package.display());
    match wanted {
        Wanted::Folder(folder) => unpack(&package, &folder),
        Wanted::Package { install } => {
            let folder = paths.target.join("package-root");
            empty(&folder)?;
            unpack(&package, &folder)?;
            try_program(&folder.join("usr/bin/salus"))?;
            check_unit(&folder)?;
            if install { try_installed(&package) } else { Ok(()) }
        }
    }
}

/// Puts what cargo-deb does not find by itself where the manifest says.
fn stage(paths: &Paths, artefacts: &build::Artefacts) -> Result<()> {
    let staged = paths.salus().with_file_name("package");
    empty(&staged)?;
    let engine = artefacts.engine.as_ref().context("the package needs the clinical engine")?;
    fs::copy(engine, staged.join("salus-engine"))?;
    copy(
        artefacts.definitions.as_ref().context("the package needs the definitions")?,
        &staged.join("definitions"),
    )?;
    copy(artefacts.portal.as_ref().context("the package needs the portal")?, &staged.join("portal"))
}

fn empty(folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    Ok(fs::create_dir_all(folder)?)
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from).with_context(|| format!("cannot read `{}`", from.display()))? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        match entry.file_type()?.is_dir() {
            true => copy(&entry.path(), &target)?,
            false => fs::copy(entry.path(), target).map(drop)?,
        }
    }
    Ok(())
}

fn make(paths: &Paths) -> Result<PathBuf> {
    let out = paths.target.join("package");
    empty(&out)?;
    let mut command = Command::new(tools::deb(paths)?);
    command.current_dir(&paths.root).env("CARGO_TARGET_DIR", &paths.target);
    command.args(["deb", "--package", "salus", "--no-build", "--locked", "--fast", "--output"]);
    run::run(command.arg(&out))?;
    let made = fs::read_dir(&out)?.filter_map(Result::ok).map(|entry| entry.path());
    made.into_iter()
        .find(|file| file.extension().is_some_and(|kind| kind == "deb"))
        .context("no package was made")
}

fn unpack(package: &Path, folder: &Path) -> Result<()> {
    fs::create_dir_all(folder)?;
    run::run(Command::new("dpkg").arg("-x").arg(package).arg(folder))
}

/// The program runs from where it was put.
fn try_program(program: &Path) -> Result<()> {
    let version = run::output(Command::new(program).arg("--version"))?;
    ensure!(version.starts_with("salus "), "`{}` says: {version}", program.display());
    println!("{}: {version}", program.display());
    Ok(())
}

/// The highest exposure that `systemd-analyze security` may see in the unit, in tenths: 0 (none) to 100.
const EXPOSURE_MAX: u32 = 20;

/// The unit is one that systemd takes without a word, and a closed one; where there is systemd to ask.
fn check_unit(folder: &Path) -> Result<()> {
    if run::find_program(&["systemd-analyze"]).is_none() {
        println!("systemd-analyze is not here: the unit is not checked");
        return Ok(());
    }
    let (root, units) = (format!("--root={}", folder.display()), "usr/lib/systemd/system");
    // What the unit refers to is the system's, and not in the package.
    for target in fs::read_dir(Path::new("/").join(units))?.filter_map(Result::ok) {
        let name = target.file_name();
        if name.to_string_lossy().ends_with(".target") {
            fs::copy(target.path(), folder.join(units).join(name))?;
        }
    }
    let unit = "salus-node.service";
    let verify = Command::new("systemd-analyze").args(["verify", "--man=no", &root, unit]).output()?;
    let said = String::from_utf8_lossy(&verify.stderr);
    ensure!(verify.status.success() && said.trim().is_empty(), "systemd does not take the unit: {said}");
    let threshold = format!("--threshold={EXPOSURE_MAX}");
    let security = ["security", "--offline=true", "--no-pager", &threshold, &root, unit];
    run::output(Command::new("systemd-analyze").args(security)).map(drop)?;
    println!("{unit}: verified, exposure at most {}.{}", EXPOSURE_MAX / 10, EXPOSURE_MAX % 10);
    Ok(())
}

/// Installs, tries and removes it.
fn try_installed(package: &Path) -> Result<()> {
    run::run(Command::new("dpkg").arg("--install").arg(package))?;
    let tried = try_program(Path::new("/usr/bin/salus"));
    run::run(Command::new("dpkg").args(["--remove", "salus"]))?;
    tried?;
    ensure!(!Path::new("/usr/bin/salus").exists(), "the package leaves its program behind");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_its_own_arguments_are_taken() {
        let check = |args: &[&str], fine: bool| {
            let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
            assert_eq!(wanted(&args).is_ok(), fine, "{args:?}");
        };
        check(&[], true);
        check(&["--install"], true);
        check(&["--folder", "x"], true);
        check(&["--folder"], false);
        check(&["--no-such-flag"], false);
    }
}
