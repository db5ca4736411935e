//! Versions of programs, as far as a chore needs to compare them.

use crate::run;
use std::process::Command;

/// Major, minor, patch.
pub(crate) type Version = (u64, u64, u64);

/// The first thing in a text that looks like `1.95` or `v20.19.2`.
pub(crate) fn parse(text: &str) -> Option<Version> {
    text.split_whitespace().find_map(|word| {
        let mut numbers = word.trim_start_matches('v').split(['.', '-', '+']).map(str::parse);
        let major = numbers.next()?.ok()?;
        let minor = numbers.next()?.ok()?;
        Some((major, minor, numbers.next().and_then(Result::ok).unwrap_or(0)))
    })
}

/// What `program --version` says; none when the program is missing or says nothing of the kind.
pub(crate) fn of(program: impl AsRef<std::ffi::OsStr>) -> Option<Version> {
    parse(&run::output(Command::new(program).arg("--version")).ok()?)
}

/// A version as people write it.
pub(crate) fn show((major, minor, patch): Version) -> String {
    format!("{major}.{minor}.{patch}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_out_of_what_programs_print() {
        for (text, version) in [
            ("rustc 1.95.0 (59807616e 2026-04-14)", Some((1, 95, 0))),
            ("v20.20.2", Some((20, 20, 2))),
            ("cargo-nextest 0.9.143 (60fa45f63 2026-08-04)\nrelease: 0.9.143", Some((0, 9, 143))),
            ("1.95", Some((1, 95, 0))),
            ("no version here", None),
        ] {
            assert_eq!(parse(text), version, "{text}");
        }
    }
}
