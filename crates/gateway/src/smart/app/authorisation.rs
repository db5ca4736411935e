//! Authorisations: what one patient, or one clinician in one chart, lets one app read, and until when.

use crate::clock;
use crate::error::Error;
use crate::log::{Access, Kind, Who};
use crate::smart::app::scopes::AppScopes;
use crate::state::Gateway;
use crate::store::{Rows, StoreError, WriteTransaction};
use salus_types::category::{Category, Purpose};
use serde::{Deserialize, Serialize};

/// Authorisations by id.
pub(super) const ROWS: Rows<Authorisation> = Rows::new("smart-authorisations");
/// Ids of authorisations, by `patient/time/id`.
const OF_PATIENT: Rows<String> = Rows::new("smart-authorisations-of-patients");

/// How long what has ended is still shown.
const SHOWN_MS: u64 = 90 * 24 * 3_600 * 1_000;
/// Authorisations of one patient that are shown.
const SHOWN_MAX: usize = 100;

/// An authorisation.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Authorisation {
    pub(crate) id: String,
    /// The client's id.
    pub(crate) client: String,
    /// Its name when it was allowed.
    pub(crate) name: String,
    /// FHIR Patient id.
    pub(crate) patient: String,
    pub(crate) scope: AppScopes,
    pub(crate) made_ms: u64,
    pub(crate) until_ms: u64,
    /// When tokens were issued last.
    pub(crate) used_ms: Option<u64>,
    /// How many refresh tokens were issued.
    pub(crate) generation: u64,
    /// Why and when it ended before its time.
    pub(crate) ended: Option<(Ended, u64)>,
    pub(crate) by: By,
}

/// Who allowed it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum By {
    /// The patient, by a letter.
    Patient {
        /// What they chose to show.
        categories: Vec<Category>,
        /// The letter in hex: shows later what the patient signed.
        letter: String,
    },
    /// A clinician, for the chart that was open.
    Clinician { practitioner: String, chart: String },
}

/// Why an authorisation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Ended {
    /// The patient stopped it.
    Stopped,
    /// The patient chose anew.
    Replaced,
    /// The app gave it back.
    GivenBack,
    /// A code or refresh token was used twice: somebody else has it too.
    UsedTwice,
    /// The code was shown by somebody who could not prove to be who asked, or too late.
    NotTaken,
    /// The patient's keys were replaced.
    KeysReplaced,
}

impl Ended {
    fn words(self) -> &'static str {
        match self {
            Self::Stopped => "stopped by the patient",
            Self::Replaced => "replaced by a newer choice",
            Self::GivenBack => "given back by the app",
            Self::UsedTwice => "stopped because a key of the app was used twice",
            Self::NotTaken => "ended because the app did not prove in time that it had asked",
            Self::KeysReplaced => "stopped because the patient's keys were replaced",
        }
    }
}

impl Authorisation {
    /// Whether it holds at a time.
    pub(crate) fn holds(&self, now_ms: u64) -> bool {
        self.ended.is_none() && self.until_ms > now_ms
    }

    /// Who the access log says it was.
    pub(crate) fn who(&self) -> Who {
        Who::App { id: self.client.clone(), name: self.name.clone() }
    }
}

/// Keeps a new one.
pub(super) fn keep(tx: &WriteTransaction, new: &Authorisation) -> Result<(), StoreError> {
    ROWS.put(tx, &new.id, new)?;
    OF_PATIENT.put(tx, &place(new), &new.id)
}

fn place(of: &Authorisation) -> String {
    format!("{}/{:016x}/{}", of.patient, of.made_ms, of.id)
}

/// Ends one, if it holds; returns it then.
pub(super) fn end(
    tx: &WriteTransaction,
    id: &str,
    why: Ended,
    now_ms: u64,
) -> Result<Option<Authorisation>, StoreError> {
    let found = ROWS.get_mut(tx, id)?.filter(|found| found.holds(now_ms));
    let Some(mut found) = found else { return Ok(None) };
    found.ended = Some((why, now_ms));
    ROWS.put(tx, id, &found)?;
    Ok(Some(found))
}

/// Ends those of a patient's choices that hold, of one client or of all; returns them.
pub(super) fn end_of(
    tx: &WriteTransaction,
    patient: &str,
    client: Option<&str>,
    why: Ended,
    now_ms: u64,
) -> Result<Vec<Authorisation>, StoreError> {
    let mut ended = Vec::new();
    for (_, id) in OF_PATIENT.scan_last_mut(tx, &format!("{patient}/"), usize::MAX)? {
        let Some(found) = ROWS.get_mut(tx, &id)? else { continue };
        let meant = client.is_none_or(|client| client == found.client);
        if meant && matches!(found.by, By::Patient { .. }) {
            ended.extend(end(tx, &id, why, now_ms)?);
        }
    }
    Ok(ended)
}

/// Ends all choices of a patient whose keys were replaced: the old keys may have made them.
///
/// # Errors
/// A fault of the store or of the log.
pub(crate) async fn end_all(gateway: &Gateway, patient: &str) -> Result<(), Error> {
    let (of, now_ms) = (patient.to_owned(), clock::now_ms());
    let ended = gateway.store.write(move |tx| end_of(tx, &of, None, Ended::KeysReplaced, now_ms)).await?;
    for one in &ended {
        note_end(gateway, one).await?;
    }
    Ok(())
}

/// Puts into the access log that one ended.
pub(super) async fn note_end(gateway: &Gateway, ended: &Authorisation) -> Result<(), Error> {
    let Some((why, _)) = ended.ended else { return Ok(()) };
    note(gateway, ended, why.words().to_owned()).await
}

/// Puts a step into the access log, where the patient sees it.
pub(super) async fn note(gateway: &Gateway, of: &Authorisation, words: String) -> Result<(), Error> {
    let access = Access::about(of.who(), Kind::App, &of.patient, Some(Purpose::PatientRequest), words);
    gateway.log.append(access)?.durable().await
}

/// A patient's own choices, newest first.
pub(super) fn of_patient(gateway: &Gateway, patient: &str) -> Result<Vec<Authorisation>, StoreError> {
    gateway.store.read(|tx| {
        let ids = OF_PATIENT.scan_last(tx, &format!("{patient}/"), SHOWN_MAX)?;
        let found = ids.iter().map(|(_, id)| ROWS.get(tx, id)).collect::<Result<Vec<_>, _>>()?;
        Ok(found.into_iter().flatten().filter(|one| matches!(one.by, By::Patient { .. })).collect())
    })
}

/// Forgets those that ended long ago.
pub(super) fn forget(tx: &WriteTransaction) -> Result<(), StoreError> {
    let now = clock::now_ms();
    let over = |one: &Authorisation| one.ended.map_or(one.until_ms, |(_, at)| at) + SHOWN_MS < now;
    for (key, id) in OF_PATIENT.scan_last_mut(tx, "", usize::MAX)? {
        if ROWS.get_mut(tx, &id)?.is_none_or(|one| over(&one)) {
            ROWS.take(tx, &id)?;
            OF_PATIENT.take(tx, &key)?;
        }
    }
    Ok(())
}
