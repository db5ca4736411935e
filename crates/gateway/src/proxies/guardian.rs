//! Parents, and whoever else acts for a child: appointed by this organisation until the child comes of age.

use crate::clock;
use crate::envelope;
use crate::error::{Code, Error};
use crate::log::{Access, Kind, Who};
use crate::peer::refused;
use crate::staff;
use crate::state::Gateway;
use crate::store::Rows;
use commonware_codec::Encode as _;
use salus_types::action::EndAppointment;
use salus_types::proxy::{PROXY_GRAIN_MS, PROXY_PERIOD_MS_MAX};
use salus_types::state::{AppointmentEntry, key};
use salus_types::vault::{EnrolmentRequest, GuardianAnswer, SealedEnvelope, SignedMandate};
use salus_types::{AppointmentId, PublicKey, Text, decode_canonical, label};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Codes of the desk by hash.
pub(super) const CODES: Rows<DeskCode> = Rows::new("guardian-codes");
/// Longest wait for the ledger.
const FINAL_WITHIN: Duration = Duration::from_secs(60);

/// What a code that the desk gave is good for.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct DeskCode {
    /// FHIR Patient id of the child.
    pub(super) patient: String,
    /// Until when it may be shown.
    pub(super) expires_ms: u64,
    /// The key that showed it, and the mandate it got, in hex, once it is there: should the answer be lost.
    pub(super) taken: Option<(PublicKey, Option<String>)>,
}

/// When an appointment for somebody born on a date ends: with the last whole week before the birthday on which the person
/// comes of age ([`crate::state::Config::of_age_years`]), or after the longest period. In milliseconds since 1970-01-01 UTC.
///
/// # Errors
/// [`Code::Conflict`] if the date is not known, or the person is of age or nearly so.
pub(super) fn until(born: Option<&str>, of_age_years: u16, now_ms: u64) -> Result<u64, Error> {
    let unknown = || Error::new(Code::Conflict, "this patient's date of birth is not known here");
    let of_age_ms = born.and_then(|born| clock::birthday_ms(born, of_age_years)).ok_or_else(unknown)?;
    let latest_ms = of_age_ms.min(now_ms.saturating_add(PROXY_PERIOD_MS_MAX));
    let until_ms = latest_ms / PROXY_GRAIN_MS * PROXY_GRAIN_MS;
    if until_ms <= now_ms {
        return Err(Error::new(Code::Conflict, "this patient is of age: nobody is appointed for them here"));
    }
    Ok(until_ms)
}

/// Answers a sealed [`EnrolmentRequest`] with a code of the desk and the keys for acting: a sealed [`GuardianAnswer`].
///
/// # Errors
/// [`Code::Invalid`] for what is malformed or wrongly signed, [`Code::Gone`] for a code that does not work,
/// [`Code::Conflict`] if the child is of age, and what the vault refuses.
pub(crate) async fn redeem(gateway: &Gateway, sealed: SealedEnvelope) -> Result<SealedEnvelope, Error> {
    let request = staff::open_enrolment(gateway, &sealed, label::HPKE_GUARDIAN_REQUEST)?;
    let (patient, known) = claim(gateway, &request).await?;
    let name = staff::find_name(gateway, "guardian", &patient).await?.unwrap_or_default();
    let mandate = match known {
        Some(mandate) => mandate,
        None => appoint(gateway, &request, &patient).await?,
    };
    let name: String = name.chars().take(64).collect();
    let answer = GuardianAnswer {
        mandate,
        patient: Text::new(patient).map_err(Error::internal)?,
        name: Text::new(name).map_err(Error::internal)?,
    };
    let to = request.kem_key.as_ref();
    envelope::seal(&gateway.key, to, label::HPKE_GUARDIAN_ANSWER, &gateway.network, &answer.encode())
}

/// Uses a code up for one key. The child, and what this key got before.
async fn claim(
    gateway: &Gateway,
    request: &EnrolmentRequest,
) -> Result<(String, Option<SignedMandate>), Error> {
    let gone = || Error::new(Code::Gone, "this code is unknown, used or too old; ask for a new one");
    let row_key = staff::code_key("guardian", request.invite.as_str()).ok_or_else(gone)?;
    let (by, now_ms) = (request.patient, clock::now_ms());
    let row = gateway
        .store
        .write(move |tx| {
            let mut row = CODES.get_mut(tx, &row_key)?.ok_or_else(gone)?;
            let others = row.taken.as_ref().is_some_and(|(key, _)| *key != by);
            if others || row.expires_ms <= now_ms {
                return Err(gone());
            }
            if row.taken.is_none() {
                row.taken = Some((by, None));
                CODES.put(tx, &row_key, &row)?;
            }
            Ok(row)
        })
        .await?;
    let known = row.taken.and_then(|(_, mandate)| hex::decode(mandate?).ok());
    Ok((row.patient, known.and_then(|bytes| decode_canonical(&bytes).ok())))
}

/// Makes the child's keys if it has none, and puts the appointment on the ledger.
async fn appoint(
    gateway: &Gateway,
    request: &EnrolmentRequest,
    patient: &str,
) -> Result<SignedMandate, Error> {
    let keeper = &gateway.ports.keeper;
    let born = staff::birth_date(gateway, "guardian", patient).await?;
    let until_ms = until(born.as_deref(), gateway.config.of_age_years, clock::now_ms())?;
    let address = keeper.ward(patient).await.map_err(refused)?;
    staff::register(gateway, address).await?;
    let kem = envelope::kem_key(&request.kem_key)?;
    let made = keeper.appoint_for_ward(patient, request.patient, kem, until_ms).await.map_err(refused)?;
    staff::remember(gateway, address, patient).await?;
    let appointment = made.mandate.mandate.appointment;
    gateway.submit_as(&made.one_time, made.action, FINAL_WITHIN).await?;
    let access =
        Access::about(Who::Proxy { appointment }, Kind::Appointment, patient, None, "was appointed here");
    gateway.log.append(access)?.durable().await?;
    let row_key = staff::code_key("guardian", request.invite.as_str()).unwrap_or_default();
    let encoded = hex::encode(made.mandate.encode());
    let by = request.patient;
    gateway
        .store
        .write(move |tx| {
            let Some(row) = CODES.get_mut(tx, &row_key)? else { return Ok(()) };
            CODES.put(tx, &row_key, &DeskCode { taken: Some((by, Some(encoded))), ..row })
        })
        .await?;
    Ok(made.mandate)
}

/// Ends every appointment that this organisation made for a patient and that stands.
///
/// # Errors
/// The vault's and the ledger's.
pub(crate) async fn end_all(gateway: &Gateway, patient: &str) -> Result<(), Error> {
    for one_time in gateway.ports.keeper.ward_keys(patient).await.map_err(refused)? {
        let appointment = AppointmentId::of(&one_time.public());
        let entry = gateway.chain().state(key::appointment(&appointment)).await?;
        let entry: Option<AppointmentEntry> = entry.and_then(|bytes| decode_canonical(&bytes).ok());
        if entry.is_some_and(|entry| entry.is_live(gateway.chain().head().time_ms)) {
            gateway.submit_as(&one_time, EndAppointment { appointment }, FINAL_WITHIN).await?;
        }
    }
    Ok(())
}
