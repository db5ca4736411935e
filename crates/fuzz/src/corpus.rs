//! Where fuzzing begins: valid encodings, and what fuzzers found before.
//!
//! `corpus/NAME.txt` holds the found inputs of a target, one a line in hexadecimal digits, the smallest set that reaches
//! all the code that was ever reached. libFuzzer wants a folder with a file for each: [`unpack`] and [`pack`] go between.

use crate::Target;
use anyhow::Context as _;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Longest input that is kept, in bytes.
const KEPT_BYTES_MAX: usize = 2_048;

/// A file beside the sources of this workspace: of the checkout in which this runs, which need not be the one in which it
/// was built.
pub(crate) fn source(path: &str) -> PathBuf {
    let here = std::env::current_dir().unwrap_or_default();
    let crates = here.ancestors().map(|folder| folder.join("crates")).find(|crates| crates.is_dir());
    crates.unwrap_or_default().join(path)
}

fn kept(target: &Target) -> PathBuf {
    source("fuzz/corpus").join(format!("{}.txt", target.name))
}

/// The seeds of a target and what is kept for it.
pub fn inputs(target: &Target) -> Vec<Vec<u8>> {
    let kept = fs::read_to_string(kept(target)).unwrap_or_default();
    let kept = kept.lines().filter_map(|line| hex::decode(line).ok());
    (target.seeds)().into_iter().chain(kept).collect()
}

/// Writes every input of a target into a folder, a file for each.
///
/// # Errors
/// If the folder cannot be written.
pub fn unpack(target: &Target, folder: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(folder)?;
    for input in inputs(target) {
        let name = salus_crypto::hash::sha256(&input).to_string();
        fs::write(folder.join(&name[..40]), input)?;
    }
    Ok(())
}

/// Keeps the files of a folder, but for seeds and what is too long.
///
/// # Errors
/// If the folder cannot be read, or the corpus not be written.
pub fn pack(target: &Target, folder: &Path) -> anyhow::Result<()> {
    let seeds: BTreeSet<Vec<u8>> = (target.seeds)().into_iter().collect();
    let mut lines = BTreeSet::new();
    for file in fs::read_dir(folder).with_context(|| format!("`{}`", folder.display()))? {
        let input = fs::read(file?.path())?;
        if input.len() <= KEPT_BYTES_MAX && !seeds.contains(&input) {
            lines.insert(hex::encode(input) + "\n");
        }
    }
    let path = kept(target);
    fs::create_dir_all(path.parent().context("a folder")?)?;
    Ok(fs::write(path, lines.into_iter().collect::<String>())?)
}
