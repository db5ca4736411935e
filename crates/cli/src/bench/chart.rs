//! From a grant to the first read at the other hospital, of a chart with 1,000 resources.
//!
//! Grant: from reading the patient's directory to the letters being delivered. First read: the search that makes the
//! access event, fetches and opens every package, imports the copies and answers. Again: the same search. Its end: from
//! the revocation to the receipt of deletion on the ledger.

use super::Extent;
use super::figure::Figure;
use super::stage::{POLL, Stage};
use crate::client;
use crate::demo::load::Loader;
use crate::demo::report::Patient;
use crate::demo::until_anchored;
use crate::patient::{KeyFile, Session};
use crate::token::{User, fetch};
use anyhow::{Context as _, ensure};
use salus_types::category::{Category, Purpose};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// Resources of the chart.
const RESOURCES: usize = 1_000;
/// Longest wait for the copies to be deleted.
const PATIENCE: Duration = Duration::from_secs(60);

/// A laboratory result of about the size that real ones have.
pub(super) fn lab(patient: &str, number: usize) -> Value {
    let (month, day) = (number / 28 % 12 + 1, number % 28 + 1);
    json!({
        "resourceType": "Observation", "status": "final",
        "category": [{ "coding": [{ "system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "laboratory", "display": "Laboratory" }] }],
        "code": { "coding": [{ "system": "http://loinc.org", "code": "2339-0", "display": "Glucose [Mass/volume] in Blood" }], "text": "Glucose [Mass/volume] in Blood" },
        "subject": { "reference": patient },
        "effectiveDateTime": format!("2025-{month:02}-{day:02}T08:00:00Z"),
        "issued": format!("2025-{month:02}-{day:02}T09:00:00Z"),
        "valueQuantity": { "value": 4 + number % 6, "unit": "mmol/L", "system": "http://unitsofmeasure.org", "code": "mmol/L" },
        "referenceRange": [{ "low": { "value": 3.9, "unit": "mmol/L" }, "high": { "value": 5.6, "unit": "mmol/L" } }],
    })
}

/// A transaction that creates resources.
pub(super) fn transaction(resources: impl Iterator<Item = Value>) -> Value {
    let entries: Vec<Value> = resources
        .map(|resource| {
            let url = resource["resourceType"].clone();
            json!({ "resource": resource, "request": { "method": "POST", "url": url } })
        })
        .collect();
    json!({ "resourceType": "Bundle", "type": "transaction", "entry": entries })
}

pub(super) async fn measure(stage: &Stage, extent: Extent) -> anyhow::Result<Vec<Figure>> {
    let report = stage.report()?;
    let patient = report.patients.first().context("no patient")?;
    let count = fill(stage, patient, extent).await?;
    let key = KeyFile::read(&patient.key)?;
    let session = Session::open(&report, key).await?;
    let [mut grant_ms, mut first, mut both, mut again, mut gone] = [const { Vec::new() }; 5];
    for _ in 0..extent.runs {
        let begin = Instant::now();
        let made = session.make_grants("hospital-b", &[Category::Labs], Purpose::Treatment, 1).await?;
        let granted = begin.elapsed();
        grant_ms.push(granted.as_secs_f64() * 1e3);
        let clinician = Clinician::open(stage, &session).await?;
        let begin = Instant::now();
        clinician.search(count).await.context("the first read")?;
        first.push(begin.elapsed().as_secs_f64() * 1e3);
        both.push((granted + begin.elapsed()).as_secs_f64() * 1e3);
        let begin = Instant::now();
        clinician.search(count).await.context("the second read")?;
        again.push(begin.elapsed().as_secs_f64() * 1e3);
        let begin = Instant::now();
        for made in &made {
            session.end_grant(made.grant).await?;
        }
        // The next run begins when the copies are gone, so that it shares the engine with nothing.
        for made in &made {
            while !session.is_dropped(&made.grant).await? {
                ensure!(begin.elapsed() < PATIENCE, "the copies are not deleted");
                tokio::time::sleep(POLL).await;
            }
        }
        gone.push(begin.elapsed().as_secs_f64() * 1e3);
    }
    Ok(vec![
        Figure::of("a patient's grant, until the grantee knows", "ms", "", grant_ms),
        Figure::of("first read of a granted chart of 1,000 resources", "ms", "", first),
        Figure::of("grant and first read together", "ms", "<= 2,000", both),
        Figure::of("the same chart again", "ms", "local speed", again),
        Figure::of("its end, until the copies are deleted and the receipt is final", "ms", "", gone),
    ])
}

/// Gives a patient [`RESOURCES`] laboratory results at Hospital A, sealed and anchored; how many.
pub(super) async fn fill(stage: &Stage, patient: &Patient, extent: Extent) -> anyhow::Result<usize> {
    let (fhir, client) = stage.hospital("hospital-a")?;
    let here = patient.at.get("hospital-a").context("not enrolled")?;
    let mut loader = Loader::new(&fhir, &client)?;
    let count = RESOURCES / extent.smaller;
    for start in (0..count).step_by(250) {
        let labs = (start..count.min(start + 250)).map(|number| lab(here, number));
        loader.post(&transaction(labs)).await?;
    }
    until_anchored(&stage.ops("hospital-a")).await?;
    Ok(count)
}

/// A clinician of Hospital B with a token for the chart.
pub(super) struct Clinician {
    http: reqwest::Client,
    url: String,
    token: String,
}

impl Clinician {
    pub(super) async fn open(stage: &Stage, session: &Session) -> anyhow::Result<Self> {
        let report = stage.report()?;
        let (fhir, client) = stage.hospital("hospital-b")?;
        let practitioner = report.practitioners.iter().find(|one| one.organisation == "hospital-b");
        let patient = report.patient_at(&session.file, "hospital-b")?;
        let user = User {
            organisation: "hospital-b".to_owned(),
            practitioner: practitioner.context("no practitioner")?.id.clone(),
            patient: patient.clone(),
            purpose: Purpose::Treatment,
        };
        let token = fetch(&client, Some(&user), None).await?.access_token;
        let url = format!("{fhir}/Observation?patient={patient}&code=2339-0&_count=1000");
        Ok(Self { http: client::http()?, url, token })
    }

    /// Searches; an error if fewer than `count` resources come.
    pub(super) async fn search(&self, count: usize) -> anyhow::Result<()> {
        let (found, notes) = self.ask().await?;
        ensure!(found >= count, "{found} of {count} resources came {notes}");
        Ok(())
    }

    /// Searches; how many resources come.
    pub(super) async fn found(&self) -> anyhow::Result<usize> {
        Ok(self.ask().await?.0)
    }

    /// How many resources come, and what is said of others.
    async fn ask(&self) -> anyhow::Result<(usize, String)> {
        let answer = self.http.get(&self.url).bearer_auth(&self.token).send().await?;
        let bundle: Value = client::json(answer).await?;
        let (notes, found): (Vec<_>, Vec<_>) = bundle["entry"]
            .as_array()
            .into_iter()
            .flatten()
            .partition(|entry| entry["search"]["mode"] == "outcome");
        let notes = notes.first().map(|entry| entry["resource"]["issue"].to_string()).unwrap_or_default();
        Ok((found.len(), notes))
    }
}
