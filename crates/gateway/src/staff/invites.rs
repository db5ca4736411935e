//! Invites: whoever proofed a person's identity gives them a code, which ties their device to the Patient here.

use super::patients;
use super::rows::{self, Invite};
use crate::body::Json;
use crate::clock;
use crate::error::{Code, Error};
use crate::recovery;
use crate::state::Gateway;
use axum::extract::State;
use axum::http::HeaderMap;
use salus_policy::Action;
use salus_types::PublicKey;
use serde::Deserialize;
use serde_json::{Value, json};

/// How long an invite may be redeemed.
const INVITE_LIFETIME_MS: u64 = 7 * 24 * 3_600 * 1_000;
/// How long a code to merge two registrations counts: both devices are at hand.
const OFFER_LIFETIME_MS: u64 = 3_600 * 1_000;

#[derive(Deserialize)]
pub(super) struct Ask {
    patient: String,
    /// Whether the new key takes the place of the one that the patient has: lost, or in other hands.
    #[serde(default)]
    replaces: bool,
}

pub(super) async fn invite(
    State(gateway): State<Gateway>,
    headers: HeaderMap,
    Json(ask): Json<Ask>,
) -> Result<Json<Value>, Error> {
    let action = if ask.replaces { Action::Recover } else { Action::Invite };
    let member = gateway.staff.allowed(&gateway, &headers, action)?;
    let patient = patients::find(&gateway, &member.id, &ask.patient).await?;
    let patient =
        patient.ok_or_else(|| Error::new(Code::NotFound, "this organisation has no such patient"))?.id;
    if ask.replaces {
        let step = "gave out an invitation whose key takes the place of the record's key";
        recovery::note(&gateway, super::who(&member), &patient, step).await?;
    }
    Ok(give(&gateway, patient, ask.replaces).await?.at_the_desk(&gateway, "join"))
}

/// A code that was issued: an invite, or what else a desk hands out.
pub struct Issued {
    /// `ORGANISATION.CODE`.
    pub code: String,
    /// When it ends, in milliseconds since 1970-01-01 UTC.
    pub expires_ms: u64,
}

impl Issued {
    /// A code of [`super::new_code`] as it leaves this organisation.
    pub(crate) fn new(gateway: &Gateway, code: &str, expires_ms: u64) -> Self {
        Self { code: format!("{}.{code}", gateway.config.organisation), expires_ms }
    }

    /// What whoever sits at the desk gets to hand out: the code, and a link to a page of the portal.
    pub(crate) fn at_the_desk(&self, gateway: &Gateway, page: &str) -> Json<Value> {
        // In the fragment, which browsers send to no server.
        let link = format!("{}/{page}#{}", gateway.config.public_url, self.code);
        Json(json!({ "code": self.code, "link": link, "expires": clock::instant(self.expires_ms) }))
    }
}

/// Issues an invite for a Patient resource of this organisation; whether it exists is the caller's to know.
///
/// # Errors
/// A fault of the store.
pub async fn issue(gateway: &Gateway, patient: String) -> Result<Issued, Error> {
    give(gateway, patient, false).await
}

async fn give(gateway: &Gateway, patient: String, replaces: bool) -> Result<Issued, Error> {
    let expires_ms = clock::now_ms() + INVITE_LIFETIME_MS;
    put(gateway, Invite { patient, replaces, offered_by: None, expires_ms, redeemed_by: None }).await
}

/// A code with which another device of a person merges this registration, which has the key `by`, into its own.
///
/// # Errors
/// A fault of the store.
pub(crate) async fn offer(gateway: &Gateway, patient: String, by: &PublicKey) -> Result<Issued, Error> {
    let expires_ms = clock::now_ms() + OFFER_LIFETIME_MS;
    put(gateway, Invite { patient, replaces: false, offered_by: Some(*by), expires_ms, redeemed_by: None })
        .await
}

async fn put(gateway: &Gateway, row: Invite) -> Result<Issued, Error> {
    let code = rows::new_code();
    let expires_ms = row.expires_ms;
    let key = rows::code_key("invite", &code).unwrap_or_default();
    gateway
        .store
        .write(move |tx| {
            rows::INVITES.prune(tx, |invite| !rows::is_over(invite.expires_ms))?;
            rows::INVITES.put(tx, &key, &row)
        })
        .await?;
    Ok(Issued::new(gateway, &code, expires_ms))
}

fn no_such_invite() -> Error {
    Error::new(Code::Gone, "this invite is unknown, used or too old; ask for a new one")
}

/// Uses an invite up for one pairwise key; returns it. The same key may come again.
///
/// # Errors
/// [`Code::Gone`], the same for every invite that does not work.
pub(super) async fn claim(gateway: &Gateway, code: &str, key: &PublicKey) -> Result<Invite, Error> {
    claim_if(gateway, code, key, |invite| invite.offered_by.is_none()).await
}

/// Why somebody does not enrol with a code.
#[cfg(test)]
pub(crate) async fn testing_claim(gateway: &Gateway, code: &str, key: &PublicKey) -> Option<Code> {
    claim(gateway, code, key).await.err().map(|error| error.code())
}

/// Uses up a code for another registration of the person with a key: one of the desk, or one that the other device gave.
///
/// # Errors
/// As [`claim`].
pub(crate) async fn claim_for_merge(gateway: &Gateway, code: &str, key: &PublicKey) -> Result<Invite, Error> {
    claim_if(gateway, code, key, |invite| !invite.replaces).await
}

async fn claim_if(
    gateway: &Gateway,
    code: &str,
    key: &PublicKey,
    fits: fn(&Invite) -> bool,
) -> Result<Invite, Error> {
    let row_key = rows::code_key("invite", code).ok_or_else(no_such_invite)?;
    let by = key.to_string();
    gateway
        .store
        .write(move |tx| {
            let mut invite = rows::INVITES.get_mut(tx, &row_key)?.ok_or_else(no_such_invite)?;
            if rows::is_over(invite.expires_ms)
                || !fits(&invite)
                || invite.redeemed_by.as_ref().is_some_and(|other| *other != by)
            {
                return Err(no_such_invite());
            }
            invite.redeemed_by = Some(by);
            rows::INVITES.put(tx, &row_key, &invite)?;
            Ok(invite)
        })
        .await
}

/// Gives an invite back that was claimed by `key` for an enrolment that was then refused.
///
/// # Errors
/// A fault of the store.
pub(super) async fn release(gateway: &Gateway, code: &str, key: &PublicKey) -> Result<(), Error> {
    let Some(row_key) = rows::code_key("invite", code) else { return Ok(()) };
    let by = Some(key.to_string());
    gateway
        .store
        .write(move |tx| {
            let Some(mut invite) = rows::INVITES.get_mut(tx, &row_key)? else { return Ok(()) };
            if invite.redeemed_by == by {
                invite.redeemed_by = None;
                rows::INVITES.put(tx, &row_key, &invite)?;
            }
            Ok::<_, Error>(())
        })
        .await
}
