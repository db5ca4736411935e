//! What a patient writes about registrations of theirs.

use super::{MERGED_MAX, MERGES, Merge, OF_PATIENT, UNDO_MS, group, link};
use crate::cases;
use crate::clock;
use crate::error::{Code, Error};
use crate::links;
use crate::log::{Access, Kind, Who};
use crate::peer;
use crate::smart::app;
use crate::staff::{self, patients};
use crate::state::Gateway;
use salus_types::{Address, PublicKey};
use serde::Deserialize;
use serde_json::{Value, json};

/// What a letter asks.
#[derive(Deserialize)]
#[serde(tag = "ask", rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum Ask {
    /// Which registrations are one.
    Registrations {},
    /// A code with which another device of the person merges this registration into its own.
    OfferRegistration {},
    /// To merge the registration that a code is for into the writer's.
    MergeRegistration { code: String },
    /// To part one again.
    PartRegistration { registration: String },
}

/// Carries out a letter by the key of who is enrolled as `patient`.
///
/// # Errors
/// [`Code::Gone`] for a code that does not work; [`Code::Conflict`] for what does not fit; what the vault and the engine
/// refuse. Repeated with the same code it goes on where it stopped.
pub(crate) async fn answer(
    gateway: &Gateway,
    patient: &str,
    by: &PublicKey,
    ask: Ask,
) -> Result<Value, Error> {
    let mut offer = None;
    match ask {
        Ask::Registrations {} => (),
        Ask::OfferRegistration {} => {
            refuse_while_erased(gateway, patient)?;
            note(
                gateway,
                patient,
                "gave out a code with which another device of the patient takes this registration over",
            )
            .await?;
            let issued = staff::offer_invite(gateway, patient.to_owned(), by).await?;
            offer = Some(json!({ "code": issued.code, "expires": clock::instant(issued.expires_ms) }));
        }
        Ask::MergeRegistration { code } => merge(gateway, patient, by, &code).await?,
        Ask::PartRegistration { registration } => part(gateway, patient, registration).await?,
    }
    let mut registrations = Vec::new();
    for id in group(gateway, patient)? {
        registrations.push(shown(gateway, &id).await?);
    }
    Ok(json!({ "registrations": registrations, "offer": offer }))
}

async fn shown(gateway: &Gateway, id: &str) -> Result<Value, Error> {
    let merge = gateway.store.read(|tx| MERGES.get(tx, id))?;
    let name = patients::find_name(gateway, "merge", id).await?;
    Ok(json!({
        "id": id,
        "name": name,
        "mergedMs": merge.as_ref().map(|merge| merge.time_ms),
        "partUntilMs": merge.as_ref().map(|merge| merge.time_ms + UNDO_MS),
    }))
}

async fn merge(gateway: &Gateway, into: &str, by: &PublicKey, code: &str) -> Result<(), Error> {
    let conflict = |words: &'static str| Error::new(Code::Conflict, words);
    let invite = staff::claim_for_merge(gateway, code, by).await?;
    let from = invite.patient;
    if from == into {
        return Err(conflict("the code is for this very registration"));
    }
    if gateway.store.read(|tx| MERGES.get(tx, &from))?.is_some_and(|merge| merge.into == into) {
        return link::join(gateway, &from, into).await;
    }
    let enrolled = staff::keys_of(gateway, &from)?;
    let former = match (&invite.offered_by, enrolled.as_slice()) {
        (None, []) => None,
        (None, _) => {
            return Err(conflict(
                "somebody has a key for the other registration; make a code with that device",
            ));
        }
        (Some(key), [address]) if Address::of(key).to_string() == *address => Some((*key, address.clone())),
        (Some(_), _) => {
            return Err(conflict("the other registration has another key than that which made the code"));
        }
    };
    if group(gateway, &from)?.len() > 1 || group(gateway, into)?.len() > MERGED_MAX {
        return Err(conflict("other registrations were merged with it already; part them first"));
    }
    refuse_while_erased(gateway, &from)?;
    refuse_while_erased(gateway, into)?;
    let was_active = link::is_active(gateway, &from).await?;
    let key = former.as_ref().map(|(key, _)| *key);
    gateway.ports.keeper.merge(&from, into, key).await.map_err(peer::refused)?;
    let time_ms = clock::now_ms();
    let row =
        Merge { into: into.to_owned(), time_ms, former: former.map(|(_, address)| address), was_active };
    let had_key = row.former.is_some();
    let (at, of) = (from.clone(), format!("{into}/{from}"));
    gateway
        .store
        .write(move |tx| {
            if let Some(address) = &row.former {
                staff::forget_address(tx, address)?;
            }
            MERGES.put(tx, &at, &row)?;
            OF_PATIENT.put(tx, &of, &at)
        })
        .await?;
    if had_key {
        // What the other key let read or gave away ends with it.
        links::end_all(gateway, &from).await?;
        app::end_all(gateway, &from).await?;
    }
    for one in [from.as_str(), into] {
        note(gateway, one, "two registrations of the patient became one, at the patient's wish").await?;
    }
    // Again, should it fail: the same code goes on from here.
    link::join(gateway, &from, into).await
}

async fn part(gateway: &Gateway, into: &str, from: String) -> Result<(), Error> {
    let merge = gateway.store.read(|tx| MERGES.get(tx, &from))?.filter(|merge| merge.into == into);
    let merge =
        merge.ok_or_else(|| Error::new(Code::NotFound, "no such registration was merged into yours"))?;
    if merge.time_ms + UNDO_MS <= clock::now_ms() {
        return Err(Error::new(Code::Gone, "the thirty days in which it could be undone are over"));
    }
    refuse_while_erased(gateway, into)?;
    gateway.ports.keeper.part(&from).await.map_err(peer::refused)?;
    link::part(gateway, &from, into, merge.was_active).await?;
    let (at, of) = (from.clone(), format!("{into}/{from}"));
    gateway
        .store
        .write(move |tx| {
            MERGES.take(tx, &at)?;
            OF_PATIENT.take(tx, &of)?;
            merge.former.iter().try_for_each(|address| staff::enrol_again(tx, address, &at))
        })
        .await?;
    for one in [from.as_str(), into] {
        note(gateway, one, "two registrations are two again, at the patient's wish").await?;
    }
    Ok(())
}

/// What is being erased is first erased: of which registration it was would not be clear afterwards.
fn refuse_while_erased(gateway: &Gateway, patient: &str) -> Result<(), Error> {
    match cases::is_being_erased(gateway, patient)? {
        true => {
            Err(Error::new(Code::Conflict, "records are being erased, or are to be; wait until that is done"))
        }
        false => Ok(()),
    }
}

async fn note(gateway: &Gateway, patient: &str, words: &'static str) -> Result<(), Error> {
    let access = Access::about(Who::Node, Kind::Registration, patient, None, words);
    gateway.log.append(access)?.durable().await
}
