//! Starting other programs, with errors that name the program instead of a backtrace.

use crate::paths::Paths;
use anyhow::{Context, Result, anyhow, bail};
use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Cargo for the main workspace.
pub(crate) fn cargo(paths: &Paths) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(&paths.root).env("CARGO_TARGET_DIR", &paths.target);
    command
}

/// Keeps from a command the variables in which cargo has told this program where it comes from. Build scripts (ring's)
/// ask to be run again when those change: then each checkout, and each cargo that is started by hand, would build half
/// of the engine's dependencies anew.
fn without_own_variables(command: &mut Command) -> &mut Command {
    for (name, _) in env::vars_os() {
        let own = |name: &str| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_");
        if name.to_str().is_some_and(own) {
            command.env_remove(name);
        }
    }
    command
}

/// Cargo for the clinical workspace, which has its own lock file and build folder.
pub(crate) fn clinical_cargo(paths: &Paths) -> Command {
    let mut command = cargo(paths);
    command.current_dir(paths.clinical()).env("CARGO_TARGET_DIR", paths.engine_target());
    command
}

/// Runs a command whose output the person sees.
///
/// # Errors
/// When the program is missing or exits with anything but 0.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let shown = show(command);
    println!("$ {shown}");
    let status =
        without_own_variables(command).stdin(Stdio::null()).status().with_context(|| missing(command))?;
    if status.success() { Ok(()) } else { Err(anyhow!("`{shown}` failed ({status})")) }
}

/// Runs a command and returns its standard output, trimmed; its errors become part of ours.
///
/// # Errors
/// When the program is missing or exits with anything but 0.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let shown = show(command);
    let out =
        without_own_variables(command).stdin(Stdio::null()).output().with_context(|| missing(command))?;
    if !out.status.success() {
        let said = String::from_utf8_lossy(&out.stderr);
        bail!("`{shown}` failed ({}): {}", out.status, said.trim());
    }
    Ok(String::from_utf8_lossy(&out.stdout).trim().to_owned())
}

/// Runs a command and returns its standard output, whatever it exits with; its errors are for nobody.
///
/// # Errors
/// When the program is missing.
pub(crate) fn answer(command: &mut Command) -> Result<String> {
    println!("$ {}", show(command));
    let out =
        without_own_variables(command).stdin(Stdio::null()).output().with_context(|| missing(command))?;
    Ok(String::from_utf8_lossy(&out.stdout).trim().to_owned())
}

/// Becomes the command, so that signals reach it directly. Returns only when that failed.
#[cfg(unix)]
pub(crate) fn become_command(command: &mut Command) -> Result<()> {
    use std::os::unix::process::CommandExt;
    println!("$ {}", show(command));
    Err(anyhow::Error::new(without_own_variables(command).exec()).context(missing(command)))
}

/// Runs the command to its end; other systems cannot replace a process.
#[cfg(not(unix))]
pub(crate) fn become_command(command: &mut Command) -> Result<()> {
    run(command)
}

/// The first of these programs that `PATH` has.
pub(crate) fn find_program(names: &[&str]) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    let folders: Vec<PathBuf> = env::split_paths(&path).collect();
    names.iter().find_map(|name| folders.iter().map(|f| f.join(name)).find(|p| p.is_file()))
}

fn missing(command: &Command) -> String {
    format!("cannot start `{}`; is it installed?", command.get_program().to_string_lossy())
}

fn show(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let name = program.file_name().unwrap_or(command.get_program());
    let words = std::iter::once(name).chain(command.get_args());
    words.map(|w| w.to_string_lossy()).collect::<Vec<_>>().join(" ")
}
