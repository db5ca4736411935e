//! `cargo xtask tidy`: what no compiler refuses, but a reader would.
//!
//! Reads every file that git tracks or would track. The rules are in `rules`, pure and tested.

use crate::paths::Paths;
use crate::run;
use anyhow::{Context, Result, bail};
use std::fs;
use std::process::Command;

mod rules;
#[cfg(test)]
mod tests;

/// Prints warnings, and fails with every problem.
pub(crate) fn run(paths: &Paths, args: &[String]) -> Result<()> {
    crate::flags(args, &[])?;
    let (mut problems, mut warnings, mut count) = (Vec::new(), Vec::new(), 0);
    for name in files(paths)? {
        let path = paths.root.join(&name);
        if !path.is_file() {
            continue; // Deleted in the checkout, not yet in the index.
        }
        let bytes = fs::read(&path).with_context(|| format!("cannot read `{name}`"))?;
        count += 1;
        problems.extend(rules::problems(&name, &bytes));
        warnings.extend(rules::warnings(&name, &bytes));
    }
    for warning in &warnings {
        println!("warning: {warning}");
    }
    if !problems.is_empty() {
        bail!("{} problem(s):\n  {}", problems.len(), problems.join("\n  "));
    }
    println!("{count} files are tidy");
    Ok(())
}

fn files(paths: &Paths) -> Result<Vec<String>> {
    let mut git = Command::new("git");
    git.current_dir(&paths.root).args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
    let list = run::output(&mut git).context("tidy needs a git checkout")?;
    Ok(list.split('\0').filter(|n| !n.is_empty()).map(str::to_owned).collect())
}
