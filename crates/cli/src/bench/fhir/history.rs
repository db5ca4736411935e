//! Loading histories, and growing to 100,000 resources.
//!
//! Every history is a transaction, as a system would send it; an answer means that it is on disk. Two clients send at
//! once: while one is answered, the engine has the other's. What sealing, custody at three other nodes and anchoring cost
//! is in the figure, since they go on beside it; how long they take after the last answer is a figure of its own.

use super::super::chart::{lab, transaction};
use super::super::figure::Figure;
use super::super::http::Connection;
use super::super::idle::resident;
use super::Extent;
use super::site::Site;
use super::usage::{self, Usage};
use crate::demo::{load, until_anchored};
use crate::demo_data::{self, Date, Options};
use anyhow::Context as _;
use bytes::Bytes;
use hyper::Method;
use serde_json::Value;
use std::collections::VecDeque;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

/// Who sends at once.
const SENDERS: usize = 2;
/// The seed of the demo that makes the network: invented histories name its practitioners.
const SEED: u64 = 7;
/// Entries of a transaction that only makes the store larger.
const ENTRIES: usize = 500;

/// What is in the store.
#[derive(Default)]
pub(super) struct Loaded {
    /// Ids.
    pub(super) patients: Vec<String>,
    /// `TYPE/ID`
    pub(super) resources: Vec<String>,
}

/// Loads the histories; what was loaded.
pub(super) async fn measure(
    site: &Site,
    data: Option<&Path>,
    extent: Extent,
) -> anyhow::Result<(Vec<Figure>, Loaded)> {
    let (shared, histories) = histories(data, extent.histories)?;
    let mut loaded = Loaded::default();
    // What histories refer to goes first.
    send(site, shared, &mut Loaded::default()).await?;
    until_anchored(&site.ops()).await?;
    let count = histories.len();
    let (before, begin) = (Usage::now(site)?, Instant::now());
    send(site, histories, &mut loaded).await?;
    let acknowledged = begin.elapsed().as_secs_f64();
    until_anchored(&site.ops()).await?;
    let anchored = begin.elapsed().as_secs_f64();
    let usage = Usage::now(site)? - before;
    let resources = loaded.resources.len() as f64;
    let what = format!("load of {count} histories");
    let mut figures = vec![
        Figure::of(&what, "resources", "", vec![resources]),
        Figure::of(format!("{what}, durable"), "resources/s", ">= 1,000", vec![resources / acknowledged]),
        Figure::of(format!("{what}, anchored"), "resources/s", "", vec![resources / anchored]),
    ];
    figures.extend(usage::figures(&what, &[(usage, resources)]));
    Ok((figures, loaded))
}

/// Transactions of what is shared, and one for each patient.
fn histories(data: Option<&Path>, count: usize) -> anyhow::Result<(Vec<Bytes>, Vec<Bytes>)> {
    let Some(folder) = data else { return Ok((Vec::new(), invented(count))) };
    let (mut shared, mut histories) = (Vec::new(), Vec::new());
    for file in load::files(folder)? {
        for bundle in load::transactions(&file)? {
            let entries = bundle["entry"].as_array().map(Vec::as_slice).unwrap_or_default();
            let is_history = entries.iter().any(|entry| entry["resource"]["resourceType"] == "Patient");
            let into = if is_history { &mut histories } else { &mut shared };
            into.push(Bytes::from(bundle.to_string()));
        }
    }
    histories.truncate(count);
    Ok((shared, histories))
}

/// Histories of the demo's generator, after the patients that the demo itself has.
fn invented(count: usize) -> Vec<Bytes> {
    let options = Options { today: Date::ymd(2026, 1, 1), story: None };
    let numbers = (100..).take(count);
    let bundles = numbers.filter_map(|number| {
        let mut history = demo_data::history(SEED, number, &options);
        (!history.at.is_empty()).then(|| history.at.swap_remove(0).bundle)
    });
    bundles.map(|bundle| Bytes::from(bundle.to_string())).collect()
}

/// Sends all, and notes what came of them.
async fn send(site: &Site, bundles: Vec<Bytes>, loaded: &mut Loaded) -> anyhow::Result<()> {
    let waiting = Arc::new(Mutex::new(VecDeque::from(bundles)));
    let mut senders = Vec::new();
    for _ in 0..SENDERS {
        let connection = site.gateway(None).await?;
        senders.push(tokio::spawn(sender(connection, Arc::clone(&waiting))));
    }
    for sender in senders {
        for answer in sender.await?? {
            note(&answer, loaded)?;
        }
    }
    Ok(())
}

/// Sends what waits; the answers, which are looked at when time is no longer measured.
async fn sender(
    mut connection: Connection,
    waiting: Arc<Mutex<VecDeque<Bytes>>>,
) -> anyhow::Result<Vec<Bytes>> {
    let next = || waiting.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
    let mut answers = Vec::new();
    while let Some(bundle) = next() {
        answers.push(connection.send(Method::POST, "/fhir", bundle).await?);
    }
    Ok(answers)
}

fn note(answer: &[u8], loaded: &mut Loaded) -> anyhow::Result<()> {
    let answer: Value = serde_json::from_slice(answer).context("the answer to a transaction")?;
    for entry in answer["entry"].as_array().into_iter().flatten() {
        let Some(location) = entry["response"]["location"].as_str() else { continue };
        let place = location.split("/fhir/").last().unwrap_or_default();
        let Some((kind, rest)) = place.split_once('/') else { continue };
        let id = rest.split('/').next().unwrap_or_default();
        if kind == "Patient" {
            loaded.patients.push(id.to_owned());
        }
        loaded.resources.push(format!("{kind}/{id}"));
    }
    Ok(())
}

/// Resident memory of the engine when it has so many resources, and has just answered searches over all of them.
pub(super) async fn memory(site: &Site, loaded: &Loaded, extent: Extent) -> anyhow::Result<Vec<Figure>> {
    let mut engine = site.engine().await?;
    let begin = Instant::now();
    let mut added = 0_usize;
    loop {
        let missing = extent.resources.saturating_sub(resources(&mut engine).await?);
        if missing == 0 {
            break;
        }
        let bundles = missing.div_ceil(ENTRIES as u64).min(20) as usize;
        let of = |bundle: usize| {
            let patient = &loaded.patients[(added / ENTRIES + bundle) % loaded.patients.len()];
            let labs = (0..ENTRIES).map(|number| lab(&format!("Patient/{patient}"), added + number));
            Bytes::from(transaction(labs).to_string())
        };
        send(site, (0..bundles).map(of).collect(), &mut Loaded::default()).await?;
        added += bundles * ENTRIES;
    }
    let rate = added as f64 / begin.elapsed().as_secs_f64();
    until_anchored(&site.ops()).await?;
    for search in [
        "Observation?code=http://loinc.org|2339-0&_count=100",
        "Observation?_count=1000",
        "Patient?_count=200",
    ] {
        engine.send(Method::GET, &format!("/fhir/{search}"), Bytes::new()).await?;
    }
    let (node, process, _) = site.processes()?;
    let of = format!("with {} resources", extent.resources);
    Ok(vec![
        Figure::of(
            format!("laboratory results, transactions of {ENTRIES}, durable"),
            "resources/s",
            "",
            vec![rate],
        ),
        Figure::of(format!("memory of the engine {of}"), "MB", "<= 400", vec![resident(process)?]),
        Figure::of(format!("memory of the node {of}"), "MB", "", vec![resident(node)?]),
    ])
}

async fn resources(engine: &mut Connection) -> anyhow::Result<u64> {
    let internal = [("x-salus-internal", "1")];
    let (_, status) = engine.exchange(Method::GET, "/internal/status", &internal, Bytes::new()).await?;
    let status: Value = serde_json::from_slice(&status)?;
    status["resources"].as_u64().context("no number of resources")
}

#[cfg(test)]
mod tests {
    use super::{Loaded, invented, note};

    #[test]
    fn what_an_answer_says_of_places_is_noted() {
        let answer = br#"{"entry":[{"response":{"status":"201 Created","location":"https://localhost:1/fhir/Patient/p/_history/1"}},
            {"response":{"location":"Observation/o/_history/1"}},{"response":{"status":"200 OK"}}]}"#;
        let mut loaded = Loaded::default();
        note(answer, &mut loaded).expect("noted");
        assert_eq!(loaded.patients, ["p"]);
        assert_eq!(loaded.resources, ["Patient/p", "Observation/o"]);
        assert!(note(b"nothing", &mut loaded).is_err());
    }

    #[test]
    fn histories_are_invented_where_there_are_none() {
        let bundles = invented(3);
        assert_eq!(bundles.len(), 3);
        assert!(bundles.iter().all(|bundle| bundle.starts_with(b"{") && bundle.len() > 1_000));
    }
}
