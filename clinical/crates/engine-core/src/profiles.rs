//! Profiles that resources are checked against on request (`$validate`): an implementation guide's
//! StructureDefinitions (<https://hl7.org/fhir/R4/profiling.html>), which the operator puts beside the search
//! parameters.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde_json::Value;

use crate::Error;

/// Inside the definitions folder. Each guide may have a folder of its own in it.
const FOLDER: &str = "profiles";

/// The StructureDefinitions of every `.json` file in the definitions' `profiles` folder and below it: alone, in an
/// array, or in a Bundle; those with a version twice, with and without it. Other resources of a guide are passed over. No folder is no profiles.
///
/// # Errors
/// A file that cannot be read, or is not JSON: the node would check less than its operator thinks.
pub(crate) fn load(definitions: &Path) -> Result<Vec<Value>, Error> {
    let folder = definitions.join(FOLDER);
    let mut found = Vec::new();
    if folder.is_dir() {
        for file in files(&folder)? {
            let wrong =
                |why: &dyn std::fmt::Display| Error::Definitions(format!("{}: {why}", file.display()));
            let text = fs::read(&file).map_err(|why| wrong(&why))?;
            found.extend(structures(serde_json::from_slice(&text).map_err(|why| wrong(&why))?));
        }
    }
    // The validator finds definitions by their names, too, and a guide's must not stand for one of FHIR's own.
    for one in &mut found {
        one["name"] = one["url"].clone();
    }
    let versions: Vec<_> = found.iter().filter_map(with_version).collect();
    found.extend(versions);
    Ok(found)
}

/// In the order of their names, so that of two definitions of one profile the same wins at every start.
fn files(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let wrong = |why: std::io::Error| Error::Definitions(format!("{}: {why}", folder.display()));
    let mut entries = Vec::new();
    for entry in fs::read_dir(folder).map_err(wrong)? {
        entries.push(entry.map_err(wrong)?.path());
    }
    entries.sort();
    let mut found = Vec::new();
    for entry in entries {
        if entry.is_dir() {
            found.extend(files(&entry)?);
        } else if entry.extension().is_some_and(|extension| extension == "json") {
            found.push(entry);
        }
    }
    Ok(found)
}

fn structures(file: Value) -> Vec<Value> {
    let all = match file {
        Value::Array(all) => all,
        Value::Object(mut bundle) if bundle.get("resourceType").is_some_and(|kind| kind == "Bundle") => {
            let entries = bundle.remove("entry").and_then(|entries| match entries {
                Value::Array(entries) => Some(entries),
                _ => None,
            });
            let resource = |mut entry: Value| entry.get_mut("resource").map(Value::take);
            entries.unwrap_or_default().into_iter().filter_map(resource).collect()
        }
        one => vec![one],
    };
    all.into_iter().filter(|one| one["resourceType"] == "StructureDefinition").collect()
}

/// The same under its address with its version, as references may have it
/// (<https://hl7.org/fhir/R4/references.html#canonical>); the validator knows a definition by one address only.
fn with_version(structure: &Value) -> Option<Value> {
    let (address, version) = (structure["url"].as_str()?, structure["version"].as_str()?);
    let mut other = structure.clone();
    other["url"] = format!("{address}|{version}").into();
    Some(other)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn structure_definitions_are_found_alone_in_arrays_in_bundles_and_in_folders() {
        let definitions = tempfile::tempdir().expect("a folder");
        assert_eq!(load(definitions.path()).expect("none"), Vec::<Value>::new());
        let one = |url: &str| json!({"resourceType": "StructureDefinition", "url": url});
        let mut named = one("a");
        named["name"] = "Patient".into();
        let mut versioned = one("b");
        versioned["version"] = "2".into();
        let other = json!({"resourceType": "ValueSet", "url": "v"});
        let guide = definitions.path().join(FOLDER).join("guide");
        fs::create_dir_all(&guide).expect("a folder");
        for (name, text) in [
            (
                "../c.json",
                json!({"resourceType": "Bundle", "entry": [{"resource": one("c")}, {"resource": other}, 3]}),
            ),
            ("a.json", named),
            ("b.json", json!([versioned, other, "text"])),
            ("d.json", other.clone()),
        ] {
            fs::write(guide.join(name), text.to_string()).expect("a file");
        }
        fs::write(guide.join("README.md"), "not JSON").expect("a file");
        let found = load(definitions.path()).expect("they are read");
        let urls: Vec<_> = found.iter().map(|one| one["url"].as_str().expect("its address")).collect();
        assert_eq!(urls, ["c", "a", "b", "b|2"]);
        assert_eq!(found[1]["name"], "a", "it is no definition of patients");
        fs::write(guide.join("e.json"), "{").expect("a file");
        let why = load(definitions.path()).expect_err("it is no JSON").to_string();
        assert!(why.contains("e.json"), "{why}");
    }
}
