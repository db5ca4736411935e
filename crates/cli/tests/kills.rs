//! kill -9 of any process at any time, under load: nothing that was acknowledged is lost, and all of it is anchored
//! once and no more.

mod common;

use common::nodes::{ALL, Nodes};
use common::{Answer, Demo, eventually};
use rand::seq::IndexedRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

const HOSPITALS: [&str; 2] = ["hospital-a", "hospital-b"];
const KILLS: u32 = 100;
/// Writers at each hospital.
const WRITERS: usize = 2;

/// What a hospital has acknowledged: value by `Type/ID`.
type Acknowledged = BTreeMap<String, u64>;

/// What was acknowledged and is not there, or not as it was.
fn missing(acknowledged: &Acknowledged, stored: &BTreeMap<String, u64>) -> BTreeSet<String> {
    let is_missing = |(name, value): &(&String, &u64)| stored.get(*name) != Some(*value);
    acknowledged.iter().filter(is_missing).map(|(name, _)| name.clone()).collect()
}

#[test]
fn the_checker_names_a_write_that_is_lost_or_changed() {
    let acknowledged = Acknowledged::from([("Observation/1".into(), 1), ("Observation/2".into(), 2)]);
    let mut stored = acknowledged.clone();
    assert!(missing(&acknowledged, &stored).is_empty());
    stored.remove("Observation/1");
    stored.insert("Observation/2".into(), 3);
    let both = BTreeSet::from(["Observation/1".to_owned(), "Observation/2".to_owned()]);
    assert_eq!(missing(&acknowledged, &stored), both);
}

/// One hospital under load.
struct Load {
    acknowledged: Mutex<Acknowledged>,
    count: AtomicU64,
    next: AtomicU64,
    stop: AtomicBool,
}

impl Load {
    fn start(demo: &Demo, hospital: &'static str) -> (Arc<Self>, Vec<std::thread::JoinHandle<()>>) {
        let load = Arc::new(Self {
            acknowledged: Mutex::default(),
            count: AtomicU64::new(0),
            next: AtomicU64::new(1),
            stop: AtomicBool::new(false),
        });
        let writers = (0..WRITERS).map(|_| {
            let (load, folder) = (Arc::clone(&load), demo.folder.clone());
            let (fhir, patient) = (demo.fhir(hospital), demo.patient_id(0, hospital));
            std::thread::spawn(move || load.write(&folder, hospital, &fhir, &patient))
        });
        let writers = writers.collect();
        (load, writers)
    }

    /// Writes until told to stop; only what is answered with 201 counts.
    fn write(&self, folder: &std::path::Path, hospital: &str, fhir: &str, patient: &str) {
        let mut token = String::new();
        while !self.stop.load(Ordering::Relaxed) {
            let value = self.next.fetch_add(1, Ordering::Relaxed);
            let observation = json!({
                "resourceType": "Observation", "status": "final", "code": { "text": "Pulse" },
                "subject": { "reference": format!("Patient/{patient}") },
                "effectiveDateTime": "2026-01-01", "valueQuantity": { "value": value },
            });
            let answer = common::try_post(&format!("{fhir}/Observation"), &token, &observation.to_string());
            match answer {
                Some(Answer { status: 201, body }) => {
                    let name = format!("Observation/{}", body["id"].as_str().expect("an id"));
                    self.acknowledged.lock().expect("not poisoned").insert(name, value);
                    self.count.fetch_add(1, Ordering::Relaxed);
                }
                // The token is too old, or of a node that has lost it: ask for another, if somebody answers.
                Some(Answer { status: 401, .. }) => {
                    token = common::try_system_token(folder, hospital).unwrap_or_default();
                }
                _ => {}
            }
        }
    }
}

#[test]
fn a_hundred_kills_lose_nothing_and_anchor_everything_once() {
    let Some(demo) = Demo::start(21_300, &["--patients", "1", "--seed", "5"]) else { return };
    let mut nodes = Nodes::take_over(demo);
    let seed: u64 = std::env::var("SALUS_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(7);
    eprintln!("seed {seed}; SALUS_SEED sets another");
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let before = HOSPITALS.map(|id| anchored(&nodes, id));
    let stored_before = HOSPITALS.map(|id| stored(&nodes.demo, id).len() as u64);
    let (loads, writers): (Vec<_>, Vec<_>) = HOSPITALS.iter().map(|id| Load::start(&nodes.demo, id)).unzip();

    for kill in 0..KILLS {
        // Each kill meets a network at work: some writes by every hospital since the last one.
        let wanted = random.random_range(1..6);
        for (id, load) in HOSPITALS.iter().zip(&loads) {
            let target = load.count.load(Ordering::Relaxed) + wanted;
            eventually(&format!("{id} takes writes again after kill {kill} (seed {seed})"), || {
                load.count.load(Ordering::Relaxed) >= target
            });
        }
        match random.random_range(0..3) {
            0 => nodes.kill_engine(HOSPITALS.choose(&mut random).expect("two")),
            _ => {
                let victim = *ALL.choose(&mut random).expect("four");
                nodes.kill(victim);
                nodes.start(victim);
            }
        }
    }
    for load in &loads {
        load.stop.store(true, Ordering::Relaxed);
    }
    for writer in writers.into_iter().flatten() {
        writer.join().expect("a writer ends");
    }
    for id in ALL {
        nodes.wait_ready(id);
    }
    for (place, (id, load)) in HOSPITALS.iter().zip(&loads).enumerate() {
        nodes.wait_anchored(id);
        let (there, acknowledged) =
            (stored(&nodes.demo, id), load.acknowledged.lock().expect("not poisoned"));
        assert!(acknowledged.len() > 100, "{id} was under load: {}", acknowledged.len());
        assert_eq!(missing(&acknowledged, &there), BTreeSet::new(), "{id}, seed {seed}");
        // Every version that is stored is anchored, and none twice.
        let made = there.len() as u64 - stored_before[place];
        assert_eq!(anchored(&nodes, id) - before[place], made, "{id}, seed {seed}");
        for name in acknowledged.keys().step_by(25) {
            let url = format!("{}/{name}/$proof", nodes.demo.fhir(id));
            let proof = common::get(&url, &nodes.demo.system_token(id));
            assert_eq!(proof.status, 200, "{name} of {id}: {}", proof.body);
        }
        eprintln!("{id}: {} acknowledged, {made} stored and anchored", acknowledged.len());
    }
}

fn anchored(nodes: &Nodes, id: &str) -> u64 {
    nodes.wait_anchored(id);
    nodes.status(id)["anchored"].as_u64().expect("a number")
}

/// Every Observation of a hospital: its value by `Observation/ID`.
fn stored(demo: &Demo, id: &str) -> BTreeMap<String, u64> {
    let (mut stored, token) = (BTreeMap::new(), demo.system_token(id));
    let mut next = Some(format!("{}/Observation?_count=500", demo.fhir(id)));
    while let Some(url) = next {
        let page = common::get(&url, &token);
        assert_eq!(page.status, 200, "{}", page.body);
        for entry in page.body["entry"].as_array().into_iter().flatten() {
            let name = format!("Observation/{}", entry["resource"]["id"].as_str().expect("an id"));
            stored.insert(name, entry["resource"]["valueQuantity"]["value"].as_f64().unwrap_or(0.0) as u64);
        }
        let link = |link: &&Value| link["relation"] == "next";
        next = page.body["link"]
            .as_array()
            .into_iter()
            .flatten()
            .find(link)
            .and_then(|link| Some(link["url"].as_str()?.to_owned()));
    }
    stored
}
