//! `cargo xtask sbom --out FILE`: everything that the product is made of, as CycloneDX 1.6 (JSON).
//!
//! Made from the lock files alone, so that it says what would be built, and the same on every machine:
//! no time, no serial number, sorted. Crates and npm packages carry the digest that their lock file pins.

use crate::paths::Paths;
use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;

/// Writes the list to the one file named.
pub(crate) fn run(paths: &Paths, args: &[String]) -> Result<()> {
    let file = match args {
        [flag, file] if flag == "--out" => file,
        [file] if !file.starts_with('-') => file,
        _ => bail!("say where the list goes: cargo xtask sbom --out FILE"),
    };
    let document = document(&components(paths)?);
    fs::write(file, format!("{document:#}\n")).with_context(|| format!("cannot write `{file}`"))
}

/// Makes the list without keeping it: every part has a name, a version and a digest.
pub(crate) fn verify(paths: &Paths) -> Result<()> {
    let components = components(paths)?;
    let bare = without_digest(&components);
    ensure!(bare.is_empty(), "no lock file pins a digest for: {bare:?}");
    println!("{} dependencies, each pinned by a digest", components.len());
    Ok(())
}

fn without_digest(components: &Components) -> Vec<&str> {
    components.iter().filter(|(_, c)| c["hashes"].is_null()).map(|(url, _)| url.as_str()).collect()
}

/// By package URL, so that a part that several lock files name is listed once.
type Components = BTreeMap<String, Value>;

fn components(paths: &Paths) -> Result<Components> {
    let mut found = Components::new();
    for lock in ["Cargo.lock", "clinical/Cargo.lock"] {
        if let Ok(text) = fs::read_to_string(paths.root.join(lock)) {
            add_crates(&mut found, &text);
        }
    }
    if paths.has_portal() {
        let text = fs::read_to_string(paths.portal().join("package-lock.json"))?;
        add_npm(&mut found, &serde_json::from_str(&text).context("package-lock.json is not JSON")?);
    }
    Ok(found)
}

/// Cargo's lock file is a list of `[[package]]` tables of plain `key = "value"` lines. Ours have no source.
fn add_crates(found: &mut Components, lock: &str) {
    for table in lock.split("[[package]]").skip(1) {
        let value = |key: &str| {
            let start = format!("{key} = \"");
            table.lines().find_map(|l| l.strip_prefix(&start)?.strip_suffix('"'))
        };
        if let (Some(name), Some(version), Some(_)) = (value("name"), value("version"), value("source")) {
            let hash = value("checksum").map(|sum| ("SHA-256", sum.to_owned()));
            add(found, "cargo", name, version, hash);
        }
    }
}

/// npm's lock file names each installed folder; what only development needs is marked, and left out.
fn add_npm(found: &mut Components, lock: &Value) {
    let Some(packages) = lock["packages"].as_object() else { return };
    for (folder, package) in packages {
        let Some((_, name)) = folder.rsplit_once("node_modules/") else { continue };
        if package["dev"] == true || package["link"] == true {
            continue;
        }
        let digest = package["integrity"].as_str().and_then(|i| i.strip_prefix("sha512-"));
        let hash = digest.and_then(base64_to_hex).map(|sum| ("SHA-512", sum));
        add(found, "npm", name, package["version"].as_str().unwrap_or_default(), hash);
    }
}

fn add(found: &mut Components, kind: &str, name: &str, version: &str, hash: Option<(&str, String)>) {
    let url = format!("pkg:{kind}/{}@{version}", name.replace('@', "%40"));
    let mut component =
        json!({ "type": "library", "bom-ref": url, "name": name, "version": version, "purl": url });
    if let Some((algorithm, content)) = hash {
        component["hashes"] = json!([{ "alg": algorithm, "content": content }]);
    }
    found.insert(url, component);
}

fn document(components: &Components) -> Value {
    json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": { "component": {
            "type": "application", "bom-ref": "salus", "name": "salus", "version": env!("CARGO_PKG_VERSION"),
        }},
        "components": components.values().collect::<Vec<_>>(),
    })
}

/// npm writes digests in base64, CycloneDX in hexadecimal.
fn base64_to_hex(text: &str) -> Option<String> {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let (mut hex, mut bits, mut held) = (String::new(), 0u32, 0u32);
    for byte in text.trim_end_matches('=').bytes() {
        let digit = ALPHABET.iter().position(|a| *a == byte)?;
        bits = (bits << 6) | u32::try_from(digit).ok()?;
        held += 6;
        if held >= 8 {
            held -= 8;
            hex.push_str(&format!("{:02x}", (bits >> held) & 0xff));
            bits &= (1 << held) - 1;
        }
    }
    Some(hex)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_file_of_cargo_gives_outside_crates_with_their_digests() {
        let lock = "[[package]]\nname = \"salus\"\nversion = \"0.1.0\"\n\n[[package]]\nname = \"sha2\"\n\
                    version = \"0.11.0\"\nsource = \"registry+x\"\nchecksum = \"ab12\"\n";
        let mut found = Components::new();
        add_crates(&mut found, lock);
        assert_eq!(found.keys().collect::<Vec<_>>(), ["pkg:cargo/sha2@0.11.0"]);
        assert_eq!(found["pkg:cargo/sha2@0.11.0"]["hashes"][0]["content"], "ab12");
    }

    #[test]
    fn a_planted_dependency_without_a_digest_is_found() {
        let lock = "[[package]]\nname = \"loose\"\nversion = \"1.0.0\"\nsource = \"git+x\"\n";
        let mut found = Components::new();
        add_crates(&mut found, lock);
        add(&mut found, "npm", "pinned", "1.0.0", Some(("SHA-512", "ab".to_owned())));
        assert_eq!(without_digest(&found), ["pkg:cargo/loose@1.0.0"]);
    }

    #[test]
    fn a_lock_file_of_npm_gives_what_is_shipped_and_not_what_develops_it() {
        let mut found = Components::new();
        add_npm(
            &mut found,
            &json!({ "packages": {
                "": { "name": "portal" },
                "node_modules/@noble/curves": { "version": "2.0.0", "integrity": "sha512-AQID/w==" },
                "node_modules/vite": { "version": "8.0.0", "dev": true },
            }}),
        );
        assert_eq!(found.len(), 1);
        let part = &found["pkg:npm/%40noble/curves@2.0.0"];
        assert_eq!(part["hashes"][0]["content"], "010203ff");
        assert_eq!(document(&found)["components"][0]["name"], "@noble/curves");
    }
}
