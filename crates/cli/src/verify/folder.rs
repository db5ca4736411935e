//! A folder of proofs, as in the download of a whole record: every file is checked, and every one that does not hold is named.

use super::{Arguments, read};
use crate::output::Output;
use anyhow::Context as _;
use salus_verifier::{AnyProofFile, verify_accounting, verify_entry, verify_erasure, verify_record};
use serde::Serialize;
use std::fs;
use std::path::{Path, PathBuf};

/// Files that do not hold are named up to this many.
const NAMED_MAX: usize = 100;

#[derive(Serialize)]
struct Report {
    verified: bool,
    /// Proofs that hold.
    held: usize,
    /// Those among them that have a record's text in them.
    texts: usize,
}

pub(super) fn run(arguments: &Arguments, output: Output) -> anyhow::Result<()> {
    let files = files_in(&arguments.proof)?;
    anyhow::ensure!(!files.is_empty(), "there are no proofs in `{}`", arguments.proof.display());
    let (mut held, mut texts, mut wrong) = (0, 0, Vec::new());
    for file in &files {
        match check(arguments, file) {
            Ok(with_text) => {
                held += 1;
                texts += usize::from(with_text);
            }
            Err(error) => wrong.push(format!("`{}`: {error:#}", file.display())),
        }
    }
    if !wrong.is_empty() {
        let (count, more) = (wrong.len(), wrong.len().saturating_sub(NAMED_MAX));
        wrong.truncate(NAMED_MAX);
        let more = if more > 0 { format!("\nand {more} more") } else { String::new() };
        anyhow::bail!("{held} proofs hold, {count} do not:\n{}{more}", wrong.join("\n"));
    }
    output.result(&Report { verified: true, held, texts }, || {
        format!("Verified: all {held} proofs hold; {texts} of them with the record's exact text.")
    })
}

/// The JSON files in a folder and in those within, in order of name.
fn files_in(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("cannot read `{}`", folder.display()))? {
        let (entry, path) = entry.map(|entry| (entry.file_type(), entry.path()))?;
        match entry? {
            kind if kind.is_dir() => found.extend(files_in(&path)?),
            kind if kind.is_file() && path.extension().is_some_and(|end| end == "json") => found.push(path),
            _ => (),
        }
    }
    found.sort();
    Ok(found)
}

/// Whether a record's text was compared.
fn check(arguments: &Arguments, path: &Path) -> anyhow::Result<bool> {
    let mut validators = arguments.trust.read()?.validators;
    match AnyProofFile::parse(&read(path)?)? {
        AnyProofFile::Record(file) => {
            validators.extend(&file.handovers()?)?;
            verify_record(&validators, &file.proof()?, file.resource.as_deref())?;
            return Ok(file.resource.is_some());
        }
        AnyProofFile::Entry(file) => {
            validators.extend(&file.handovers()?)?;
            verify_entry(&validators, &file.subject()?, &file.proof()?)?;
        }
        AnyProofFile::Erasure(file) => {
            for order in &file.orders {
                verify_erasure(&mut validators, order)?;
            }
        }
        AnyProofFile::Accounting(file) => {
            verify_accounting(&mut validators, &file)?;
        }
    }
    Ok(false)
}
