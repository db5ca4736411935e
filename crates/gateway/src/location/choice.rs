//! Whether a patient may be found here. What they chose counts; else what this organisation does as a rule, and then only
//! who has ordinary records here: somebody of whom all that is kept here is protected is not found unless they want it.

use super::{Findable, rows, setting};
use crate::cases;
use crate::error::Error;
use crate::log::{Access, Kind, Who};
use crate::merge;
use crate::peer;
use crate::state::Gateway;
use salus_types::category::Category;
use serde::Deserialize;
use serde_json::{Value, json};

/// What a patient's letter asks (`docs/protocol/location.md`).
#[derive(Deserialize)]
#[serde(tag = "ask", rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum Ask {
    /// How it stands, or, with `found`, from now on.
    Location {
        #[serde(default)]
        found: Option<bool>,
    },
}

/// Carries out a patient's letter.
///
/// # Errors
/// A fault of the store or the log.
pub(crate) async fn choose(gateway: &Gateway, patient: &str, ask: Ask) -> Result<Value, Error> {
    let Ask::Location { found } = ask;
    if let Some(found) = found {
        let row = patient.to_owned();
        gateway.store.write(move |tx| rows::CHOICES.put(tx, &row, &found)).await?;
        let words = match found {
            true => "may be found here by other organisations that treat the patient",
            false => "may not be found here by other organisations",
        };
        let access = Access::about(Who::Node, Kind::Case, patient, None, words);
        gateway.log.append(access)?.durable().await?;
    }
    let chosen = gateway.store.read(|tx| rows::CHOICES.get(tx, patient))?;
    Ok(json!({ "location": {
        "found": may_be_found(gateway, patient).await?,
        "chosen": chosen,
        "offered": setting(gateway) != Findable::Never,
    } }))
}

/// Whether a patient let themselves be found, or did not say.
///
/// # Errors
/// A fault of the store.
pub(super) fn refused(gateway: &Gateway, patient: &str) -> Result<bool, Error> {
    Ok(gateway.store.read(|tx| rows::CHOICES.get(tx, patient))? == Some(false))
}

/// Whether another organisation may hear that records of this patient are kept here.
///
/// # Errors
/// A fault of the store or the vault: nothing is told then.
pub(super) async fn may_be_found(gateway: &Gateway, patient: &str) -> Result<bool, Error> {
    if cases::is_restricted(gateway, patient)? {
        return Ok(false);
    }
    let chosen = gateway.store.read(|tx| {
        // Of several registrations a no of one counts for all.
        let all = merge::group_in(tx, patient)?;
        let said = all.iter().map(|one| rows::CHOICES.get(tx, one)).collect::<Result<Vec<_>, _>>()?;
        Ok(said.into_iter().flatten().reduce(|left, right| left && right))
    })?;
    match (setting(gateway), chosen) {
        (Findable::Never, _) | (_, Some(false)) | (Findable::IfWanted, None) => Ok(false),
        (Findable::UnlessRefused | Findable::IfWanted, Some(true)) => Ok(true),
        (Findable::UnlessRefused, None) => has_ordinary_records(gateway, patient).await,
    }
}

async fn has_ordinary_records(gateway: &Gateway, patient: &str) -> Result<bool, Error> {
    let ordinary = |category: &Category| *category != Category::Demographics && !category.is_protected();
    for one in merge::group(gateway, patient)? {
        let resources = gateway.ports.erasures.resources_of(&one).await.map_err(peer::refused)?;
        if resources.iter().any(|(_, category)| ordinary(category)) {
            return Ok(true);
        }
    }
    Ok(false)
}
