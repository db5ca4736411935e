//! Demo patients: their records, their keys, their enrolment, and a way into the portal.

use super::progress::Progress;
use super::report::{Patient, Report};
use super::steps::{Done, SITES, today};
use super::{Arguments, load};
use crate::client;
use crate::clock::now_ms;
use crate::demo_data::{self, Options, PatientHistory};
use crate::keys::write_private;
use crate::node::ops;
use crate::patient::KeyFile;
use crate::patient::recovery::{RecoveryCode, sealed_profile};
use crate::patient::relay::Relay;
use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use salus_crypto::hash::sha256;
use salus_types::genesis::Genesis;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

/// How many recovery codes are printed.
const CODES_PRINTED: usize = 3;

/// A patient whose records are loaded.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Loaded {
    name: String,
    /// What the invented life is about; empty for patients of `--data`.
    story: String,
    at: BTreeMap<String, String>,
}

impl Loaded {
    /// A patient of `--data`: records at Hospital A, and a front desk's entry at Hospital B.
    pub(super) async fn of_data(report: &Report, sent: load::Sent) -> anyhow::Result<Self> {
        let (first, second) = (SITES[0].0, SITES[1].0);
        let own = load::registration(&sent.resource);
        // Its own id there, and the same one if this is done again.
        let id = sha256(format!("{second} {}", sent.reference)).to_string()[..32].to_owned();
        loader(report, second)?.post(&load::put(own, &id)).await?;
        let at = [(first, sent.reference), (second, format!("Patient/{id}"))];
        let at = at.into_iter().map(|(hospital, reference)| (hospital.to_owned(), reference)).collect();
        Ok(Self { name: load::name_of(&sent.resource), story: String::new(), at })
    }
}

/// Makes the patients that are not there yet, and adds all to the report: invented ones first, then those of
/// `--data`.
pub(crate) async fn patients(
    arguments: &Arguments,
    genesis: &Genesis,
    report: &mut Report,
    done: &mut Done,
    progress: &mut Progress,
) -> anyhow::Result<()> {
    fs::create_dir_all(arguments.dir.join("patients"))?;
    let options = Options { today: today(done)?, story: None };
    let count = u64::from(arguments.patients) + done.data.len() as u64;
    let bar = progress.bar(&format!("Creating {count} patients"), count);
    for number in 1..=arguments.patients {
        if done.loaded.len() < number as usize {
            let history = demo_data::history(arguments.seed, number - 1, &options);
            done.loaded.push(load_history(report, &history).await?);
            done.write(&arguments.dir)?;
        }
        let loaded = done.loaded.get(number as usize - 1).context("the state file is damaged")?.clone();
        welcome(arguments, genesis, report, done, &loaded, &number.to_string(), progress).await?;
        bar.inc(1);
    }
    for (index, loaded) in done.data.clone().iter().enumerate() {
        welcome(arguments, genesis, report, done, loaded, &format!("data-{}", index + 1), progress).await?;
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(())
}

/// Enrols a patient whose files are called `label`, unless that is done, and adds the patient to the report.
async fn welcome(
    arguments: &Arguments,
    genesis: &Genesis,
    report: &mut Report,
    done: &mut Done,
    loaded: &Loaded,
    label: &str,
    progress: &mut Progress,
) -> anyhow::Result<()> {
    let folder = arguments.dir.join("patients");
    let (key, code) = (folder.join(format!("{label}.json")), folder.join(format!("{label}.code")));
    if !done.enrolled.contains(label) {
        enrol(arguments, genesis, report, loaded, &key, &code).await?;
        done.enrolled.insert(label.to_owned());
        done.write(&arguments.dir)?;
    }
    let file = KeyFile::read(&key)?;
    if report.patients.len() < CODES_PRINTED {
        let code = fs::read_to_string(&code)?;
        let story = if loaded.story.is_empty() { "loaded from --data" } else { &loaded.story };
        progress.sign_in.push(format!("{} (patient; {story}): recovery code {}", file.name, code.trim()));
    }
    report.patients.push(Patient { name: file.name, key: fs::canonicalize(&key)?, at: file.at });
    Ok(())
}

/// Sends to a hospital's FHIR API.
fn loader(report: &Report, hospital: &str) -> anyhow::Result<load::Loader> {
    let organisation = report.organisation(hospital)?;
    let fhir = organisation.fhir.as_deref().context("no FHIR API")?;
    load::Loader::new(fhir, organisation.client.as_ref().context("no client")?)
}

async fn load_history(report: &Report, history: &PatientHistory) -> anyhow::Result<Loaded> {
    let mut at = BTreeMap::new();
    for bundle in &history.at {
        let hospital = SITES.iter().find(|(_, site)| *site == bundle.site).context("no such hospital")?.0;
        let answer = loader(report, hospital)?.post(&bundle.bundle).await?;
        let patients = load::patients_of(&bundle.bundle, &answer);
        let patient = patients.into_iter().next().context("the answer names no Patient")?;
        at.insert(hospital.to_owned(), patient.reference);
    }
    let story = demo_data::story_titles().find(|(slug, _)| *slug == history.story);
    let story = story.map(|(_, title)| title.to_owned()).unwrap_or_default();
    Ok(Loaded { name: history.name.clone(), story, at })
}

async fn enrol(
    arguments: &Arguments,
    genesis: &Genesis,
    report: &Report,
    loaded: &Loaded,
    key: &PathBuf,
    code: &PathBuf,
) -> anyhow::Result<()> {
    // A start that was interrupted leaves a key file, with which enrolling again is harmless.
    let mut file = if key.exists() { KeyFile::read(key)? } else { KeyFile::generate(&loaded.name) };
    file.at.clone_from(&loaded.at);
    let text = serde_json::to_string_pretty(&file)?;
    let _ = fs::remove_file(key);
    write_private(key, text.as_bytes())?;
    let root = file.root()?;
    let portal = &report.organisation("hospital-a")?.portal;
    let relay = Relay::new(portal)?;
    for (hospital, patient) in &file.at {
        let organisation = genesis.organisation(&hospital.parse()?).context("no such organisation")?;
        let patient = patient.trim_start_matches("Patient/").to_owned();
        let invite: ops::Code = ops::Client::new(&arguments.dir.join(hospital))
            .post("/invites", &ops::NewInvite { patient })
            .await?;
        let invite = invite.code.split_once('.').map_or(invite.code.as_str(), |(_, code)| code).to_owned();
        let own = root.at(&organisation.id);
        let request = own.enrolment_request(genesis.network(), organisation, &invite)?;
        let answer = relay.enrol(&organisation.id, &request).await?;
        own.open_enrolment_answer(&genesis.network(), organisation, &answer)?;
    }
    accounts(genesis, report, &file, code).await
}

/// An account at every portal that the printed recovery code opens.
async fn accounts(genesis: &Genesis, report: &Report, file: &KeyFile, path: &PathBuf) -> anyhow::Result<()> {
    let (secret, code) = (file.secret()?, RecoveryCode::generate());
    let profile = sealed_profile(&secret, &genesis.network().to_string(), &file.name, &file.at, now_ms()?);
    for organisation in &report.organisations {
        let http = client::http()?;
        let url = |path: &str| format!("{}/account/{path}", organisation.portal);
        let origin = |request: reqwest::RequestBuilder| request.header("origin", &organisation.portal);
        let start = origin(http.post(url("register/start"))).json(&json!({})).send().await?;
        let started: serde_json::Value = client::json(start).await?;
        let body = json!({
            "session": started["session"],
            "credential": null,
            "slots": [{ "kind": "recovery", "sealed": STANDARD.encode(code.seal(&secret)) }],
            "recoveryLocator": code.locator(),
        });
        let finish = origin(http.post(url("register/finish"))).json(&body).send().await?;
        let cookie = finish.headers().get("set-cookie").context("the portal opened no session")?.clone();
        client::bytes(finish).await?;
        let cookie = cookie.to_str()?.split(';').next().unwrap_or_default().to_owned();
        let backup = origin(http.put(url("backup"))).header("cookie", cookie);
        client::bytes(
            backup.header("content-type", "application/octet-stream").body(profile.clone()).send().await?,
        )
        .await?;
    }
    let _ = fs::remove_file(path);
    write_private(path, code.to_string().as_bytes())
}
