//! The signed list of who looked at a patient's record: the accounting of disclosures of 45 CFR 164.528, and what GDPR 15
//! asks of recipients. `docs/protocol/accounting.md`.
//!
//! Upon a patient's letter, or by a steward for whom the patient asks at the desk: that it is made is an entry of the log;
//! the log's head up to that entry is put on the ledger; the file has every entry of the patient with its way to that head,
//! and what the ledger has of every event, proven, all under this organisation's signature.
//!
//! Architecture invariant: what the file says is derived from the log's lines by `salus_verifier`; no words are added here.

mod desk;
mod export;
#[cfg(test)]
mod tests;

pub use export::{LogPage, log_page};

use crate::clock;
use crate::error::{Code, Error};
use crate::limits::PORTAL_JSON_BYTES_MAX;
use crate::log::anchor;
use crate::log::{Access, Kind, Line, Page, Who};
use crate::origin;
use crate::proven::prove;
use crate::rate::RateLimit;
use crate::state::Gateway;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware;
use axum::routing::post;
use salus_types::category::Purpose;
use salus_types::state::{GrantEntry, key};
use salus_types::{AccessId, GrantId, decode_canonical};
use salus_verifier::{
    Account, AccountingFile, EntryFile, Listed, ListedGrant, LogAnchor, PROVEN, STATED, Statement, Subject,
};
use std::time::Duration;

/// Entries in one file; what is older is in a file of its own.
const ENTRIES_MAX: usize = 1_000;
/// Readings under grants in one file, each with its proof.
const READINGS_MAX: u32 = 4_096;
/// Longest wait for the ledger to take the log's head.
const ANCHORED_WITHIN: Duration = Duration::from_secs(20);
/// Files for one patient in a minute: each costs an anchor and many proofs.
const PER_MINUTE: u32 = 3;

/// How often files are made.
pub struct Accountings(RateLimit<String>);

impl Default for Accountings {
    fn default() -> Self {
        Self(RateLimit::per_minute(PER_MINUTE))
    }
}

/// The routes for stewards.
pub(crate) fn router(state: Gateway) -> Router {
    Router::new()
        .route("/staff/accountings", post(desk::make))
        .layer(DefaultBodyLimit::max(PORTAL_JSON_BYTES_MAX))
        .layer(middleware::from_fn_with_state(state.clone(), origin::own_pages_only))
        .with_state(state)
}

/// Makes the file of a patient: all that the log has, or what is older than the patient's entry `before`.
///
/// # Errors
/// [`Code::Throttled`]; [`Code::NotFound`] if nothing is older; [`Code::Conflict`] if more was read under grants than a file
/// holds; [`Code::Away`] if the ledger does not take the head of the log now.
pub(crate) async fn make(
    gateway: &Gateway,
    patient: &str,
    who: Who,
    before: Option<u64>,
) -> Result<AccountingFile, Error> {
    gateway.accountings.0.check(patient.to_owned())?;
    let access = Access::about(who, Kind::Accounting, patient, Some(Purpose::PatientRequest), "");
    let receipt = gateway.log.append(access)?;
    let own = receipt.number;
    receipt.durable().await?;
    let anchored = anchor::up_to(gateway, own, ANCHORED_WITHIN).await?;
    let page = Page { before: own + 1, limit: ENTRIES_MAX };
    let lines = gateway.log.lines_of_patient(patient, page, before.unwrap_or(u64::MAX)).await?;
    if lines.is_empty() {
        return Err(Error::new(Code::NotFound, "there are no such entries"));
    }
    let grants = if before.is_none() { grants(gateway, patient).await? } else { Vec::new() };
    let events = events(gateway, &lines).await?;
    let member = gateway.membership();
    let member = member.ok_or_else(|| Error::internal("this organisation is no member"))?.organisation;
    let sequence = anchored.sequence.saturating_sub(1);
    let statement = Statement {
        network: gateway.network,
        organisation: gateway.config.organisation.clone(),
        name: member.name.as_str().to_owned(),
        patient: patient.to_owned(),
        made_ms: clock::now_ms(),
        before,
        proven: PROVEN.map(str::to_owned).to_vec(),
        stated: STATED.map(str::to_owned).to_vec(),
        anchor: LogAnchor {
            sequence,
            entry: prove_later(gateway, Subject::Entry(key::log(&gateway.config.organisation, sequence)))
                .await?,
        },
        entries: listed(gateway, lines, anchored.entries)?,
        grants,
        events,
    };
    // Its handovers lead to a block after all others of the file, and it is verified first.
    let handovers = gateway.chain().handovers().await?;
    let member = prove(gateway, &Subject::Member(gateway.key.public()), &handovers).await?;
    Ok(AccountingFile::sign(statement, member, &gateway.key))
}

/// The lines in plain words, oldest first, each with its way to the log's head.
fn listed(gateway: &Gateway, lines: Vec<Line>, entries: u64) -> Result<Vec<Listed>, Error> {
    let listed = |Line { entry, text }: Line| {
        Ok(Listed {
            number: entry.patient_number.unwrap_or_default(),
            time_ms: entry.time_ms,
            says: Account::of(&entry.access, &gateway.config.organisation),
            path: gateway.log.path(entry.number, entries)?,
            line: text,
        })
    };
    lines.into_iter().rev().map(listed).collect()
}

/// Everything that was read under the patient's grants.
async fn grants(gateway: &Gateway, patient: &str) -> Result<Vec<ListedGrant>, Error> {
    let given = gateway.ports.proofs.grants_over(patient).await.map_err(Error::internal)?;
    let (mut grants, mut readings) = (Vec::with_capacity(given.len()), 0_u32);
    for given in given {
        // Before the readings: what comes meanwhile is in the next file.
        let count = readings_of(gateway, &given.grant).await?;
        let Some(count) = count else { continue };
        readings = readings.saturating_add(count);
        if readings > READINGS_MAX {
            return Err(Error::new(
                Code::Conflict,
                "more was read than one list holds; please ask in writing",
            ));
        }
        grants.push(grant(gateway, given.grant).await?);
    }
    Ok(grants)
}

/// How often a grant was read under; `None` if it is not on the ledger.
async fn readings_of(gateway: &Gateway, grant: &GrantId) -> Result<Option<u32>, Error> {
    let entry = gateway.chain().state(key::grant(grant)).await?;
    let entry = entry.map(|entry| decode_canonical::<GrantEntry>(&entry).map_err(Error::internal));
    Ok(entry.transpose()?.map(|entry| entry.accesses))
}

/// A grant as it is proven to stand, with as many readings as that proof counts.
async fn grant(gateway: &Gateway, grant: GrantId) -> Result<ListedGrant, Error> {
    let entry = prove_later(gateway, Subject::Grant(grant)).await?;
    let proof = entry.proof().map_err(Error::internal)?;
    let value = proof.value.ok_or_else(|| Error::internal("a grant is gone"))?;
    let count = decode_canonical::<GrantEntry>(&value).map_err(Error::internal)?.accesses;
    let mut readings = Vec::new();
    for number in 0..count {
        let id = gateway.chain().state(key::access_of_grant(&grant, number)).await?;
        let id = id.ok_or_else(|| Error::internal("a reading is not there"))?;
        let id: AccessId = decode_canonical(&id).map_err(Error::internal)?;
        readings.push(prove_later(gateway, Subject::Access(id)).await?);
    }
    Ok(ListedGrant { grant, entry, readings })
}

/// What the ledger has of the events that entries name, each once.
async fn events(gateway: &Gateway, lines: &[Line]) -> Result<Vec<EntryFile>, Error> {
    let mut subjects = Vec::new();
    for Line { entry, .. } in lines {
        subjects.extend(entry.access.events.iter().map(|id| Subject::Access(*id)));
        if let Who::Elsewhere { event: Some(event), .. } = &entry.access.who {
            subjects.push(Subject::Entry(key::emergency(event)));
        }
    }
    subjects.sort_by_key(Subject::id);
    subjects.dedup();
    let mut events = Vec::with_capacity(subjects.len());
    for subject in subjects {
        events.push(prove_later(gateway, subject).await?);
    }
    Ok(events)
}

/// A proof whose handovers are those of the member's proof, which comes after it.
async fn prove_later(gateway: &Gateway, subject: Subject) -> Result<EntryFile, Error> {
    prove(gateway, &subject, &[]).await
}
