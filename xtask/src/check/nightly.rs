//! Tests of the nightly tier, found by their mark in the sources: `#[ignore = "nightly: .."]`.
//!
//! The test runner knows that a test is ignored, not why; tests that write vectors anew or print figures are ignored, too.

use anyhow::Result;
use std::fs;
use std::path::Path;

const MARK: &str = "#[ignore = \"nightly:";

/// The filter of the test runner that takes the marked tests below the folders, or none if there is none.
pub(super) fn filter(folders: &[&Path]) -> Result<Option<String>> {
    let mut names = Vec::new();
    for folder in folders {
        add(&mut names, folder)?;
    }
    names.sort_unstable();
    let terms: Vec<String> = names.iter().map(|name| format!("test(/(^|::){name}$/)")).collect();
    Ok((!terms.is_empty()).then(|| terms.join(" | ")))
}

fn add(names: &mut Vec<String>, folder: &Path) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            add(names, &path)?;
        } else if path.extension().is_some_and(|e| e == "rs") {
            names.extend(marked(&fs::read_to_string(&path)?));
        }
    }
    Ok(())
}

/// The name of each function that follows a mark.
fn marked(text: &str) -> Vec<String> {
    let mut lines = text.lines().map(str::trim_start);
    let mut names = Vec::new();
    while lines.any(|line| line.starts_with(MARK)) {
        let declared = lines.find_map(|line| line.split_once("fn ")?.1.split_once('('));
        names.extend(declared.map(|(name, _)| name.to_owned()));
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_tests_with_the_mark_are_of_the_nightly_tier() {
        let text = format!(
            "#[ignore = \"writes vectors\"]\nfn writes() {{}}\n\n#[test]\n{MARK} 100 kills\"]\nasync fn survives() {{}}\n"
        );
        assert_eq!(marked(&text), ["survives"]);
    }
}
