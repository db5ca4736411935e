//! The steps that bring a demo network up. Each notes in the folder that it is done, and a resumed start
//! leaves out what is.

use super::progress::Progress;
use super::report::{Client, Organisation, Report};
use super::{Arguments, PLANS, load, people};
use crate::client::{self, ClientKey};
use crate::demo_data::{self, Date, Site};
use crate::keys::write_private;
use crate::network::Ports;
use crate::node::ops;
use anyhow::Context as _;
use salus_gateway::practitioner::Role;
use salus_types::genesis::Genesis;
use salus_types::organisation::Class;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How long nodes may take until they answer.
const START_TIMEOUT: Duration = Duration::from_secs(120);
/// How often a node that does not answer yet is asked again.
const START_POLL: Duration = Duration::from_millis(100);
/// What is done already.
const STATE_FILE: &str = "state.json";

/// The steps that are done.
#[derive(Default, Serialize, Deserialize)]
pub(crate) struct Done {
    clients: bool,
    staff: bool,
    /// Patients enrolled so far, by the name of their files.
    pub(crate) enrolled: BTreeSet<String>,
    /// Files of `--data` that are loaded.
    files: Vec<String>,
    /// The day of the demo data in days since 1970-01-01, so that a resumed start makes the same.
    today_days: Option<i32>,
    /// Invented patients whose records are loaded.
    pub(crate) loaded: Vec<people::Loaded>,
    /// Patients of the files that are loaded.
    pub(crate) data: Vec<people::Loaded>,
}

impl Done {
    fn read(folder: &Path) -> anyhow::Result<Self> {
        match fs::read_to_string(folder.join(STATE_FILE)) {
            Ok(text) => Ok(serde_json::from_str(&text)?),
            Err(_) => Ok(Self::default()),
        }
    }

    pub(crate) fn write(&self, folder: &Path) -> anyhow::Result<()> {
        let path = folder.join(STATE_FILE);
        fs::write(path.with_extension("part"), serde_json::to_string(self)?)?;
        fs::rename(path.with_extension("part"), path)?;
        Ok(())
    }
}

/// Everything between "the processes run" and "it is ready".
pub(crate) async fn bring_up(
    arguments: &Arguments,
    genesis: &Genesis,
    progress: &mut Progress,
) -> anyhow::Result<Report> {
    let mut done = Done::read(&arguments.dir)?;
    let mut report = outline(arguments)?;
    progress.say("Starting four nodes ...");
    all_ready(&report).await?;
    register_clients(arguments, &report, &mut done).await?;
    staff(arguments, &mut report, &mut done, progress).await?;
    if let Some(folder) = &arguments.data {
        load_folder(arguments, folder, &report, &mut done, progress).await?;
    }
    people::patients(arguments, genesis, &mut report, &mut done, progress).await?;
    progress.say("Waiting until every record is sealed and anchored ...");
    for (hospital, _) in SITES {
        until_anchored(&ops(arguments, hospital)).await?;
    }
    report.write(&arguments.dir)?;
    Ok(report)
}

/// The report as far as ports and folders tell it.
fn outline(arguments: &Arguments) -> anyhow::Result<Report> {
    let mut organisations = Vec::new();
    for (index, plan) in PLANS.iter().enumerate() {
        let ports = Ports::of(arguments.base_port, index)?;
        let url = format!("http://localhost:{}", ports.public);
        let clinical = plan.class == Class::Provider;
        let jwk = fs::canonicalize(&arguments.dir)?.join(plan.id).join("client.jwk.json");
        organisations.push(Organisation {
            id: plan.id.to_owned(),
            name: plan.name.to_owned(),
            class: plan.class.to_string(),
            portal: url.clone(),
            fhir: clinical.then(|| format!("{url}/fhir")),
            ledger: format!("{url}/ledger"),
            client: clinical.then(|| Client {
                id: format!("{}-system", plan.id),
                jwk,
                token_endpoint: format!("{url}/smart/token"),
            }),
        });
    }
    let genesis = fs::canonicalize(&arguments.dir)?.join(crate::network::GENESIS_FILE);
    Ok(Report { genesis, organisations, practitioners: Vec::new(), patients: Vec::new() })
}

async fn all_ready(report: &Report) -> anyhow::Result<()> {
    let http = client::http()?;
    let wait = async {
        for organisation in &report.organisations {
            until_answers(&http, &format!("{}/head", organisation.ledger), false).await;
            if let Some(fhir) = &organisation.fhir {
                until_answers(&http, &format!("{fhir}/metadata"), true).await;
            }
        }
    };
    tokio::time::timeout(START_TIMEOUT, wait).await.context("the nodes do not come up; see their `node.log`")
}

/// Asks again until the route answers with success; a ledger's head must be above genesis.
async fn until_answers(http: &reqwest::Client, url: &str, any: bool) {
    loop {
        if let Ok(answer) = http.get(url).send().await
            && answer.status().is_success()
        {
            let head: serde_json::Value = answer.json().await.unwrap_or_default();
            if any || head["height"].as_u64() > Some(0) {
                return;
            }
        }
        tokio::time::sleep(START_POLL).await;
    }
}

/// Waits until a hospital has nothing left to seal or anchor.
pub(crate) async fn until_anchored(ops: &ops::Client) -> anyhow::Result<()> {
    loop {
        // A node that does not tell now is asked again.
        if let Ok(status) = ops.status().await
            && status.stored == 0
            && status.sealed == 0
        {
            return Ok(());
        }
        tokio::time::sleep(START_POLL).await;
    }
}

fn ops(arguments: &Arguments, organisation: &str) -> ops::Client {
    ops::Client::new(&arguments.dir.join(organisation))
}

async fn register_clients(arguments: &Arguments, report: &Report, done: &mut Done) -> anyhow::Result<()> {
    if done.clients {
        return Ok(());
    }
    for organisation in &report.organisations {
        let Some(client) = &organisation.client else { continue };
        let key = if client.jwk.exists() {
            serde_json::from_str(&fs::read_to_string(&client.jwk)?)?
        } else {
            let key = ClientKey::generate(&client.id)?;
            write_private(&client.jwk, serde_json::to_string_pretty(&key)?.as_bytes())?;
            key
        };
        let new = ops::NewClient {
            id: client.id.clone(),
            jwks: serde_json::json!({ "keys": [key.public()] }),
            scopes: "system/*.cruds patient/*.cruds".to_owned(),
            may_assert_users: true,
        };
        let _: ops::Done = ops(arguments, &organisation.id).post("/clients", &new).await?;
    }
    done.clients = true;
    done.write(&arguments.dir)
}

/// The hospitals of the generated histories.
pub(crate) const SITES: [(&str, Site); 2] =
    [("hospital-a", Site::HospitalA), ("hospital-b", Site::HospitalB)];

/// Registers practitioners and stewards, and makes joining codes to print.
async fn staff(
    arguments: &Arguments,
    report: &mut Report,
    done: &mut Done,
    progress: &mut Progress,
) -> anyhow::Result<()> {
    if !done.staff {
        progress.say("Registering staff ...");
    }
    for (hospital, site) in SITES {
        let organisation = report.organisation(hospital)?.clone();
        let (bundle, practitioners) = demo_data::practitioners(arguments.seed, site);
        if !done.staff {
            let (Some(fhir), Some(client)) = (&organisation.fhir, &organisation.client) else { continue };
            load::Loader::new(fhir, client)?.post(&bundle).await?;
        }
        for (index, practitioner) in practitioners.iter().enumerate() {
            let (id, name) = (practitioner.id.clone(), practitioner.name.clone());
            if !done.staff {
                let new = ops::NewMember { id: id.clone(), name: name.clone(), role: Role::Clinician };
                let _: ops::Code = ops(arguments, hospital).post("/staff", &new).await?;
            }
            if index == 0 {
                joining_line(arguments, &organisation, Role::Clinician, &id, &name, progress).await?;
            }
            report.practitioners.push(super::report::Practitioner {
                id,
                organisation: hospital.to_owned(),
                name,
            });
        }
    }
    for organisation in report.organisations.clone() {
        let (id, name) =
            (format!("steward-{}", organisation.id), format!("Steward of {}", organisation.name));
        joining_line(arguments, &organisation, Role::Steward, &id, &name, progress).await?;
    }
    done.staff = true;
    done.write(&arguments.dir)
}

/// Makes a fresh joining code for somebody, and a line that tells how to use it.
async fn joining_line(
    arguments: &Arguments,
    organisation: &Organisation,
    role: Role,
    id: &str,
    name: &str,
    progress: &mut Progress,
) -> anyhow::Result<()> {
    let new = ops::NewMember { id: id.to_owned(), name: name.to_owned(), role };
    let joining: ops::Code = ops(arguments, &organisation.id).post("/staff", &new).await?;
    let place = if role == Role::Steward { "steward" } else { "clinic" };
    progress.sign_in.push(format!(
        "{name} ({}): {}/{place}#{}",
        role.as_str(),
        organisation.portal,
        joining.code
    ));
    Ok(())
}

async fn load_folder(
    arguments: &Arguments,
    folder: &Path,
    report: &Report,
    done: &mut Done,
    progress: &Progress,
) -> anyhow::Result<()> {
    let organisation = report.organisation("hospital-a")?;
    let (Some(fhir), Some(client)) = (&organisation.fhir, &organisation.client) else { return Ok(()) };
    let name_of =
        |path: &PathBuf| path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let files: Vec<_> =
        load::files(folder)?.into_iter().filter(|path| !done.files.contains(&name_of(path))).collect();
    let mut loader = load::Loader::new(fhir, client)?;
    let bar = progress.bar(&format!("Loading {} files into Hospital A", files.len()), files.len() as u64);
    for path in files {
        for transaction in load::transactions(&path)? {
            let answer =
                loader.post(&transaction).await.with_context(|| format!("loading `{}`", path.display()))?;
            for sent in load::patients_of(&transaction, &answer) {
                let loaded = people::Loaded::of_data(report, sent).await?;
                // A person who stands in two files is one person.
                if !done.data.contains(&loaded) {
                    done.data.push(loaded);
                }
            }
        }
        done.files.push(name_of(&path));
        done.write(&arguments.dir)?;
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(())
}

/// The day that the generated histories end on: that of the first start.
pub(crate) fn today(done: &mut Done) -> anyhow::Result<Date> {
    let days = match done.today_days {
        Some(days) => days,
        None => i32::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs() / 86_400)?,
    };
    done.today_days = Some(days);
    Ok(Date::ymd(1970, 1, 1).plus_days(days))
}
