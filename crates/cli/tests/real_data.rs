//! The main job on real-looking histories (Synthea), where they are at hand: `SALUS_TEST_DATA` names
//! the folder of their bundles.

mod common;

use common::{Demo, eventually, get};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Histories that are loaded: the smallest ones, so that the test is about their shape and not their number.
const HISTORIES: usize = 3;
/// Categories that `all` leaves out.
const PROTECTED: [&str; 5] = ["mental-health", "substance-use", "reproductive", "genetic", "hiv"];

/// Links to shared bundles and some histories in a folder of their own; `None` where there is no such data.
fn some_histories(folder: &Path) -> Option<usize> {
    let Some(data) = std::env::var_os("SALUS_TEST_DATA").map(PathBuf::from) else {
        eprintln!("skipped: SALUS_TEST_DATA names no folder with test data");
        return None;
    };
    let files = fs::read_dir(&data).expect("the data's folder").map(|entry| entry.expect("an entry").path());
    let (shared, mut histories): (Vec<_>, Vec<_>) = files
        .filter(|path| path.extension().is_some_and(|kind| kind == "json"))
        .partition(|path| path.display().to_string().contains("Information"));
    histories.sort_by_key(|path| fs::metadata(path).expect("a size").len());
    histories.truncate(HISTORIES);
    for path in shared.iter().chain(&histories) {
        let link = folder.join(path.file_name().expect("a name"));
        std::os::unix::fs::symlink(path, link).expect("a link");
    }
    Some(histories.len())
}

/// Resources by type.
fn by_type<'a>(names: impl Iterator<Item = &'a str>) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for name in names {
        *counts.entry(name.split('/').next().unwrap_or_default().to_owned()).or_default() += 1;
    }
    counts
}

#[test]
fn the_main_job_works_on_histories_that_others_made() {
    let folder = tempfile::tempdir().unwrap();
    let Some(count) = some_histories(folder.path()) else { return };
    let data = folder.path().display().to_string();
    let Some(demo) = Demo::start(21_800, &["--patients", "0", "--data", &data]) else { return };
    assert_eq!(demo.report()["patients"].as_array().unwrap().len(), count);
    for patient in 0..count {
        let records = demo.patient(patient, &["records"]);
        let own: Vec<&Value> = records["records"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|record| record["source"] == "hospital-a")
            .collect();
        assert!(own.len() > 20, "a whole history: {}", own.len());
        assert!(own.iter().all(|record| record["verified"] == true));

        let made = demo.patient(patient, &["grant", "--to", "hospital-b", "--categories", "all"]);
        demo.wait_until_b_knows(patient);
        let token = demo.clinician_token(patient, "treatment");
        let granted = own.iter().filter(|record| !PROTECTED.contains(&record["category"].as_str().unwrap()));
        let granted = by_type(granted.map(|record| record["record"].as_str().unwrap()));
        for (kind, expected) in granted.iter().filter(|(kind, _)| *kind != "Patient") {
            assert_eq!(shared(&demo, patient, kind, &token), *expected, "{kind} of patient {patient}");
        }
        for grant in made["grants"].as_array().unwrap() {
            demo.patient(patient, &["revoke", grant["grant"].as_str().unwrap()]);
        }
        eventually("nothing is shared any more", || shared(&demo, patient, "Encounter", &token) == 0);
    }
}

/// Copies of a type that Hospital B shows of a patient, over all pages.
fn shared(demo: &Demo, patient: usize, kind: &str, token: &str) -> usize {
    let (fhir, id) = (demo.fhir("hospital-b"), demo.patient_id(patient, "hospital-b"));
    let mut next = Some(format!("{fhir}/{kind}?patient={id}&_count=200"));
    let mut count = 0;
    while let Some(url) = next {
        let page = get(&url, token);
        assert_eq!(page.status, 200, "{url}: {}", page.body);
        let entries = page.body["entry"].as_array().into_iter().flatten();
        count += entries
            .filter(|entry| entry["resource"]["id"].as_str().is_some_and(|id| id.starts_with("sx-")))
            .count();
        let links = page.body["link"].as_array().into_iter().flatten();
        next = links
            .filter(|link| link["relation"] == "next")
            .find_map(|link| Some(link["url"].as_str()?.to_owned()));
    }
    count
}
