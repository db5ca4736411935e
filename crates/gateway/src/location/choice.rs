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
        // Of all registrations, so that a later yes takes every no back.
        let all = merge::group(gateway, patient)?;
        let put = move |tx: &crate::store::WriteTransaction| {
            all.iter().try_for_each(|one| rows::CHOICES.put(tx, one, &found))
        };
        gateway.store.write(put).await?;
        let words = match found {
            true => "may be found here by other organisations that treat the patient",
            false => "may not be found here by other organisations",
        };
        let access = Access::about(Who::Node, Kind::Case, patient, None, words);
        gateway.log.append(access)?.durable().await?;
    }
    let chosen = chosen(gateway, patient)?;
    Ok(json!({ "location": {
        "found": may_be_found(gateway, patient).await?,
        "chosen": chosen,
        "offered": setting(gateway) != Findable::Never,
    } }))
}

/// What a patient chose. Of several registrations of theirs a no of one counts for all.
fn chosen(gateway: &Gateway, patient: &str) -> Result<Option<bool>, Error> {
    let chosen = gateway.store.read(|tx| {
        let all = merge::group_in(tx, patient)?;
        let said = all.iter().map(|one| rows::CHOICES.get(tx, one)).collect::<Result<Vec<_>, _>>()?;
        Ok(said.into_iter().flatten().reduce(|left, right| left && right))
    });
    Ok(chosen?)
}

/// Whether a patient does not want to be found here, nor looked for from here.
///
/// # Errors
/// A fault of the store.
pub(super) fn refused(gateway: &Gateway, patient: &str) -> Result<bool, Error> {
    Ok(chosen(gateway, patient)? == Some(false))
}

/// Whether another organisation may hear that records of this patient are kept here.
///
/// # Errors
/// A fault of the store or the vault: nothing is told then.
pub(super) async fn may_be_found(gateway: &Gateway, patient: &str) -> Result<bool, Error> {
    if cases::is_restricted(gateway, patient)? {
        return Ok(false);
    }
    match (setting(gateway), chosen(gateway, patient)?) {
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
