//! `demo.json`: what scripts need to know about a running demo network. A stable contract.

use crate::patient::KeyFile;
use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// File name inside the demo's folder.
pub(crate) const REPORT_FILE: &str = "demo.json";

/// The file.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Report {
    pub(crate) genesis: PathBuf,
    pub(crate) organisations: Vec<Organisation>,
    pub(crate) practitioners: Vec<Practitioner>,
    pub(crate) patients: Vec<Patient>,
}

/// A node.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Organisation {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) class: String,
    pub(crate) portal: String,
    pub(crate) fhir: Option<String>,
    pub(crate) ledger: String,
    pub(crate) client: Option<Client>,
}

/// A backend client of an organisation's FHIR API.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Client {
    pub(crate) id: String,
    pub(crate) jwk: PathBuf,
    pub(crate) token_endpoint: String,
}

/// Somebody who works at an organisation.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Practitioner {
    pub(crate) id: String,
    pub(crate) organisation: String,
    pub(crate) name: String,
}

/// A patient with a key file.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Patient {
    pub(crate) name: String,
    pub(crate) key: PathBuf,
    /// `Patient/ID` by organisation.
    pub(crate) at: BTreeMap<String, String>,
}

impl Report {
    /// Reads the report of the demo in `folder`.
    pub(crate) fn read(folder: &Path) -> anyhow::Result<Self> {
        let path = folder.join(REPORT_FILE);
        let text = fs::read_to_string(&path)
            .with_context(|| format!("cannot read `{}`: is the demo running?", path.display()))?;
        serde_json::from_str(&text).with_context(|| format!("`{}`", path.display()))
    }

    /// Writes it in one step, so that whoever waits for it never sees half of it.
    pub(crate) fn write(&self, folder: &Path) -> anyhow::Result<()> {
        let path = folder.join(REPORT_FILE);
        let part = path.with_extension("json.part");
        fs::write(&part, serde_json::to_string_pretty(self)?)?;
        fs::rename(part, path)?;
        Ok(())
    }

    /// The organisation with an id.
    pub(crate) fn organisation(&self, id: &str) -> anyhow::Result<&Organisation> {
        self.organisations.iter().find(|organisation| organisation.id == id).with_context(|| {
            let known: Vec<_> =
                self.organisations.iter().map(|organisation| organisation.id.as_str()).collect();
            format!("no organisation `{id}`; there are {}", known.join(", "))
        })
    }

    /// The FHIR Patient id (without `Patient/`) of a key file's patient at an organisation.
    pub(crate) fn patient_at(&self, key: &KeyFile, organisation: &str) -> anyhow::Result<String> {
        let reference = key.at.get(organisation);
        let reference =
            reference.with_context(|| format!("this patient is not enrolled at `{organisation}`"))?;
        Ok(reference.trim_start_matches("Patient/").to_owned())
    }
}
