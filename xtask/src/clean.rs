//! `cargo xtask clean-cache`: deletes what the chores have cached, and nothing they have not.

use crate::paths::Paths;
use anyhow::{Context, Result};
use std::fs;

/// Deletes the known folders of the cache. A `CARGO_TARGET_DIR` of the person's own is left alone.
pub(crate) fn run(paths: &Paths, args: &[String]) -> Result<()> {
    crate::flags(args, &[])?;
    let folders = [
        paths.cache.join("target"),
        paths.engine_target(),
        paths.definitions(),
        paths.tools(),
        paths.tools_target(),
    ];
    for folder in folders.iter().filter(|f| f.exists()) {
        println!("deleting {}", folder.display());
        fs::remove_dir_all(folder).with_context(|| format!("cannot delete `{}`", folder.display()))?;
    }
    println!("the cache is empty: {}", paths.cache.display());
    Ok(())
}
