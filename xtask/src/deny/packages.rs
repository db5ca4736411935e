//! The portal's packages against `deny.toml`'s list of licences, from `package-lock.json` alone.
//!
//! What only builds the portal counts too: it runs on every developer's machine.

use anyhow::{Context, Result};
use serde_json::Value;

/// Packages whose licence suits what they are, though no crate may have it.
const EXCEPTIONS: &[(&str, &str)] = &[
    // A font, shipped unchanged; the licence of fonts.
    ("@fontsource-variable/atkinson-hyperlegible-next", "OFL-1.1"),
    // Data about browsers that the build reads and nobody gets.
    ("caniuse-lite", "CC-BY-4.0"),
];

/// The licences of the one list that crates and packages share.
///
/// # Errors
/// When `deny.toml` has no such list.
pub(super) fn allowed(config: &str) -> Result<Vec<&str>> {
    let section = config.split_once("\n[licenses]\n").map(|(_, rest)| rest);
    let list = section.and_then(|s| s.split_once("allow = [")?.1.split_once(']'));
    let (list, _) = list.context("deny.toml has no list `allow` in [licenses]")?;
    Ok(list.split('"').skip(1).step_by(2).collect())
}

/// Packages without a digest or with a licence that is not allowed, and exceptions that no package needs; a line each.
pub(super) fn problems(lock: &Value, allowed: &[&str]) -> Vec<String> {
    let packages = lock["packages"].as_object().into_iter().flatten();
    let named =
        packages.filter_map(|(folder, package)| Some((folder.rsplit_once("node_modules/")?.1, package)));
    let named: Vec<(&str, &Value)> = named.filter(|(_, package)| package["link"] != true).collect();
    let mut found: Vec<String> =
        named.iter().flat_map(|(name, package)| of_package(name, package, allowed)).collect();
    let unused = EXCEPTIONS.iter().filter(|(excused, _)| !named.iter().any(|(name, _)| name == excused));
    found
        .extend(unused.map(|(name, _)| {
            format!("`{name}` is gone: delete its exception in xtask/src/deny/packages.rs")
        }));
    found
}

fn of_package(name: &str, package: &Value, allowed: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    let version = package["version"].as_str().unwrap_or("?");
    if !package["integrity"].as_str().is_some_and(|digest| digest.starts_with("sha512-")) {
        found.push(format!("`{name}` {version} is pinned by no SHA-512 digest"));
    }
    let licence = package["license"].as_str().unwrap_or("none");
    let excused = EXCEPTIONS.contains(&(name, licence));
    if !excused && !satisfied(licence, allowed) {
        found.push(format!("`{name}` {version} has the licence `{licence}`, which deny.toml does not allow"));
    }
    found
}

/// Can the terms of an SPDX expression be met with allowed licences alone? What is no expression cannot.
fn satisfied(expression: &str, allowed: &[&str]) -> bool {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ");
    let mut words = spaced.split_whitespace().peekable();
    let met = either(&mut words, allowed);
    met == Some(true) && words.next().is_none()
}

type Words<'a> = std::iter::Peekable<std::str::SplitWhitespace<'a>>;

fn either(words: &mut Words, allowed: &[&str]) -> Option<bool> {
    let mut met = both(words, allowed)?;
    while words.next_if_eq(&"OR").is_some() {
        met |= both(words, allowed)?;
    }
    Some(met)
}

fn both(words: &mut Words, allowed: &[&str]) -> Option<bool> {
    let mut met = one(words, allowed)?;
    while words.next_if_eq(&"AND").is_some() {
        met &= one(words, allowed)?;
    }
    Some(met)
}

fn one(words: &mut Words, allowed: &[&str]) -> Option<bool> {
    let word = words.next()?;
    if word == "(" {
        let met = either(words, allowed);
        return words.next_if_eq(&")").and(met);
    }
    if words.next_if_eq(&"WITH").is_some() {
        let whole = format!("{word} WITH {}", words.next()?);
        return Some(allowed.contains(&whole.as_str()));
    }
    Some(allowed.contains(&word))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn expressions_are_met_by_allowed_licences_alone() {
        let allowed = ["MIT", "ISC", "Apache-2.0", "Apache-2.0 WITH LLVM-exception"];
        for (expression, met) in [
            ("MIT", true),
            ("AGPL-3.0-only", false),
            ("(MIT OR GPL-3.0-or-later)", true),
            ("MIT AND GPL-3.0-or-later", false),
            ("GPL-2.0-only OR MIT AND ISC", true),
            ("(GPL-2.0-only OR MIT) AND SSPL-1.0", false),
            ("Apache-2.0 WITH LLVM-exception", true),
            ("MIT WITH Classpath-exception-2.0", false),
            ("SEE LICENSE IN LICENSE.md", false),
            ("(MIT", false),
            ("MIT ISC", false),
            ("", false),
        ] {
            assert_eq!(satisfied(expression, &allowed), met, "{expression}");
        }
    }

    #[test]
    fn planted_licences_and_missing_digests_are_found() {
        let digest = "sha512-AQID";
        let lock = json!({ "packages": {
            "": { "name": "portal" },
            "node_modules/good": { "version": "1.0.0", "license": "MIT", "integrity": digest },
            "node_modules/a/node_modules/@b/copyleft": { "version": "2.0.0", "license": "AGPL-3.0-only", "integrity": digest },
            "node_modules/silent": { "version": "3.0.0", "integrity": digest, "dev": true },
            "node_modules/loose": { "version": "4.0.0", "license": "MIT" },
            "node_modules/weak": { "version": "5.0.0", "license": "MIT", "integrity": "sha1-AQID" },
            "node_modules/caniuse-lite": { "version": "6.0.0", "license": "CC-BY-4.0", "integrity": digest },
        }});
        let found = problems(&lock, &["MIT"]);
        let expected = [
            "`@b/copyleft` 2.0.0 has",
            "`silent` 3.0.0 has the licence `none`",
            "`loose` 4.0.0 is pinned",
            "`weak` 5.0.0 is pinned",
            "`@fontsource-variable/",
        ];
        assert_eq!(found.len(), expected.len(), "{found:#?}");
        for part in expected {
            assert!(found.iter().any(|line| line.contains(part)), "{part} in {found:#?}");
        }
    }

    #[test]
    fn the_list_of_licences_is_read_from_the_configuration() {
        let config =
            "[bans]\nallow = [\"no\"]\n\n[licenses]\n# Words.\nallow = [\n    \"MIT\",\n    \"ISC\",\n]\n";
        assert_eq!(allowed(config).expect("a list"), ["MIT", "ISC"]);
        assert!(allowed("[bans]\n").is_err());
    }
}
