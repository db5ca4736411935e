//! A person's letter: opened, checked, carried out, answered with all of the person's cases.

use super::case::{Case, Kind, Record, State};
use super::{
    OPEN_PER_PATIENT_MAX, RESTRICTED, erasure_of, find, keep, new_id, note, of_patient, shown_with_erasure,
};
use crate::accounting;
use crate::cards;
use crate::clock;
use crate::envelope;
use crate::erasure::{Scope, dossier};
use crate::error::{Code, Error};
use crate::fhir::is_id;
use crate::links;
use crate::location;
use crate::log::Who;
use crate::merge;
use crate::peer;
use crate::smart::{app, is_type};
use crate::staff;
use crate::state::Gateway;
use commonware_codec::Encode as _;
use salus_types::vault::{CaseLetter, SealedEnvelope, SignedMandate};
use salus_types::{AppointmentId, decode_canonical, label};
use serde::Deserialize;
use serde_json::{Value, json};

/// What a letter asks.
#[derive(Deserialize)]
#[serde(tag = "ask", rename_all = "kebab-case", deny_unknown_fields)]
enum Ask {
    /// All cases, and nothing else. Braces, because serde takes any field of a variant without them.
    List {},
    /// That a record be corrected.
    Amend { record: Record, wrong: String, right: String },
    /// That the record be kept and not used.
    Restrict { reason: String },
    /// That records be erased.
    Erase { scope: Scope, reason: String },
    /// What anyone needs to verify an erasure, beside the list.
    Dossier { case: String },
    /// The signed list of who looked, beside the list of cases; or what is older than the patient's entry `before`.
    Accounting {
        #[serde(default)]
        before: Option<u64>,
    },
    /// That a restriction end.
    Lift { case: String },
    /// To take a case back.
    Withdraw { case: String },
    /// To disagree with a refusal.
    Disagree { case: String, statement: String },
}

/// Answers a sealed [`CaseLetter`]: a sealed JSON document `{ "cases": [..] }`.
///
/// # Errors
/// [`Code::Invalid`], [`Code::SignIn`] or [`Code::Conflict`] for a letter that is malformed, stale, forged, for another
/// organisation or answered before; [`Code::NotFound`] if nobody is enrolled with the key.
pub(crate) async fn answer(gateway: &Gateway, sealed: SealedEnvelope) -> Result<SealedEnvelope, Error> {
    let letter = open(gateway, &sealed)?;
    let refuse = |_| Error::new(Code::Invalid, "what the letter asks is not understood");
    if let Ok(ask) = serde_json::from_str::<Alone>(letter.text.as_str()) {
        if letter.mandate.is_some() {
            return Err(Error::new(Code::Forbidden, "this is for the patient alone"));
        }
        let document = for_patient_alone(gateway, &letter, ask).await?;
        return sealed_answer(gateway, &letter, &document);
    }
    let ask: Ask = serde_json::from_str(letter.text.as_str()).map_err(refuse)?;
    let by = letter.mandate.as_ref().map(|signed| signed.mandate.appointment);
    if by.is_some() && !matches!(ask, Ask::List {} | Ask::Amend { .. } | Ask::Restrict { .. }) {
        return Err(Error::new(Code::Forbidden, "this is for the patient alone"));
    }
    let patient = match &letter.mandate {
        None => staff::admit(gateway, &letter.patient, letter.time_ms, letter.nonce).await?,
        Some(signed) => admit_proxy(gateway, signed, &letter).await?,
    };
    let (mut wanted, mut accounting) = (None, None);
    match &ask {
        Ask::Dossier { case } => wanted = Some(case.clone()),
        Ask::Accounting { before } => accounting = Some(*before),
        _ => (),
    }
    if let Some((case, step)) = carry_out(gateway, &patient, by, ask, clock::now_ms()).await? {
        let who = by.map_or(Who::Node, |appointment| Who::Proxy { appointment });
        note(gateway, who, &case, step).await?;
    }
    let mut cases = Vec::new();
    // Who acts for the patient sees what it asked for itself.
    for case in of_patient(gateway, &patient)?.into_iter().filter(|case| by.is_none() || case.by == by) {
        cases.push(shown_with_erasure(gateway, &case).await?);
    }
    let mut document = json!({ "cases": cases });
    if let Some(case) = wanted {
        let work = erasure_of(gateway, &case, Some(&patient))?;
        document["dossier"] = json!(dossier(gateway, &work).await?);
    }
    if let Some(before) = accounting {
        document["accounting"] = json!(accounting::make(gateway, &patient, Who::Node, before).await?);
    }
    sealed_answer(gateway, &letter, &document)
}

/// What a letter asks that is carried out elsewhere, and that nobody asks for another.
#[derive(Deserialize)]
#[serde(untagged)]
enum Alone {
    Apps(app::Ask),
    Links(links::Ask),
    Cards(cards::Ask),
    Location(location::Ask),
    Merge(merge::Ask),
}

async fn for_patient_alone(gateway: &Gateway, letter: &CaseLetter, ask: Alone) -> Result<Value, Error> {
    let patient = staff::admit(gateway, &letter.patient, letter.time_ms, letter.nonce).await?;
    match ask {
        Alone::Apps(ask) => {
            app::answer(gateway, &patient, app::Signed { ask, letter: hex::encode(letter.encode()) }).await
        }
        Alone::Links(ask) => links::answer(gateway, &patient, ask).await,
        Alone::Cards(ask) => cards::answer(gateway, &patient, ask).await,
        Alone::Merge(ask) => merge::answer(gateway, &patient, &letter.patient, ask).await,
        Alone::Location(ask) => location::choose(gateway, &patient, ask).await,
    }
}

fn sealed_answer(gateway: &Gateway, letter: &CaseLetter, document: &Value) -> Result<SealedEnvelope, Error> {
    let (to, document) = (letter.kem_key.as_ref(), document.to_string());
    envelope::seal(&gateway.key, to, label::HPKE_CASE_ANSWER, &gateway.network, document.as_bytes())
}

fn open(gateway: &Gateway, sealed: &SealedEnvelope) -> Result<CaseLetter, Error> {
    let plain = envelope::open(sealed, &gateway.ports.kem, label::HPKE_CASE_LETTER, &gateway.network)?;
    let letter: CaseLetter = decode_canonical(&plain)
        .map_err(|_| Error::new(Code::Invalid, "what is sealed is no such letter"))?;
    if letter.network != gateway.network || letter.organisation != gateway.config.organisation {
        return Err(Error::new(Code::Invalid, "the letter is for another organisation"));
    }
    if sealed.sender != letter.patient || !letter.is_by_sender() {
        return Err(Error::new(Code::SignIn, "the letter is not signed by the person that it names"));
    }
    Ok(letter)
}

/// The FHIR id of the patient for whom somebody writes, if the mandate holds here and allows it.
async fn admit_proxy(
    gateway: &Gateway,
    signed: &SignedMandate,
    letter: &CaseLetter,
) -> Result<String, Error> {
    let mandate = &signed.mandate;
    if mandate.source != gateway.config.organisation || !mandate.asks {
        return Err(Error::new(Code::Forbidden, "the mandate does not reach as far"));
    }
    gateway.ports.keeper.mandate(signed).await.map_err(peer::refused)?;
    staff::admit_for(gateway, &mandate.owner, &letter.patient, letter.time_ms, letter.nonce).await
}

/// Takes a step, durably; what it was, unless nothing was asked but the list.
async fn carry_out(
    gateway: &Gateway,
    patient: &str,
    by: Option<AppointmentId>,
    ask: Ask,
    now_ms: u64,
) -> Result<Option<(Case, &'static str)>, Error> {
    let asked = match ask {
        Ask::List {} | Ask::Dossier { .. } | Ask::Accounting { .. } => return Ok(None),
        Ask::Amend { record, wrong, right } => {
            let known = is_type(&record.kind) && is_id(&record.id) && is_id(&record.version);
            if !known {
                return Err(Error::new(Code::Invalid, "the record that is meant is not named"));
            }
            Kind::Amendment { record, wrong, right }
        }
        Ask::Restrict { reason } => Kind::Restriction { reason },
        Ask::Erase { scope, reason } => {
            if let Scope::Record { record } = &scope
                && !(is_type(&record.kind) && is_id(&record.id))
            {
                return Err(Error::new(Code::Invalid, "the record that is meant is not named"));
            }
            Kind::Erasure { scope, reason }
        }
        Ask::Lift { case } => {
            let why = "lifted at the patient's wish";
            return change(gateway, patient, case, why, move |case| case.lift(why, now_ms)).await;
        }
        Ask::Withdraw { case } => {
            return change(gateway, patient, case, "withdrawn", move |case| case.withdraw(now_ms)).await;
        }
        Ask::Disagree { case, statement } => {
            let disagree = move |case: &mut Case| case.disagree(&statement);
            return change(gateway, patient, case, "statement of disagreement", disagree).await;
        }
    };
    let case = Case { by, ..Case::open(new_id(now_ms), patient.to_owned(), asked, now_ms)? };
    // Records of a category, or all, are those of every registration of the person: a case for each.
    let all = match &case.asked {
        Kind::Erasure { scope: Scope::Category { .. } | Scope::Everything {}, .. } => {
            merge::group(gateway, patient)?
        }
        _ => vec![patient.to_owned()],
    };
    let others = all.into_iter().filter(|one| one != patient);
    let mut rows = vec![case.clone()];
    rows.extend(others.map(|one| Case { id: new_id(now_ms), patient: one, ..case.clone() }));
    gateway.store.write(move |tx| rows.iter().try_for_each(|row| begin(tx, row))).await?;
    Ok(Some((case, "received")))
}

fn begin(tx: &crate::store::WriteTransaction, case: &Case) -> Result<(), Error> {
    let open = super::open_of(tx, &case.patient)?;
    if open.len() >= OPEN_PER_PATIENT_MAX {
        return Err(Error::new(
            Code::Conflict,
            "twenty requests are open; wait for an answer to one of them",
        ));
    }
    let restricts = matches!(case.asked, Kind::Restriction { .. });
    let twice = open.iter().any(|other| matches!(other.asked, Kind::Restriction { .. }));
    if restricts && (twice || RESTRICTED.get_mut(tx, &case.patient)?.is_some()) {
        return Err(Error::new(Code::Conflict, "this is asked for already, or holds"));
    }
    keep(tx, case)
}

/// Changes a case of this patient; another's is not there.
async fn change(
    gateway: &Gateway,
    patient: &str,
    id: String,
    step: &'static str,
    by: impl FnOnce(&mut Case) -> Result<(), super::Refusal> + Send + 'static,
) -> Result<Option<(Case, &'static str)>, Error> {
    let own = merge::group(gateway, patient)?;
    let case = gateway
        .store
        .write(move |tx| {
            let mut case = find(tx, &id)?;
            if !own.contains(&case.patient) {
                return Err(Error::new(Code::NotFound, "there is no such request"));
            }
            by(&mut case)?;
            keep(tx, &case)?;
            Ok(case)
        })
        .await?;
    Ok(Some((case, step)))
}

/// Whether a case waits for an answer.
pub(super) fn waits(case: &Case) -> bool {
    case.state == State::Open
}
