//! Tokens of apps: for a code with its verifier, and for a refresh token, which is used once.

use super::authorisation::{self, Authorisation, By, Ended, ROWS};
use super::authorize::{CODES, IssuedCode, code_key};
use super::identity::Claims;
use super::scopes::AppScopes;
use crate::clock;
use crate::error::{Code, Error, Result};
use crate::smart::access::{Grant, RefreshToken};
use crate::smart::client::Client;
use crate::state::Gateway;
use crate::store::{StoreError, WriteTransaction};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use salus_crypto::hash::sha256;
use serde_json::{Value, json};

/// Lengths of a verifier (RFC 7636, 4.1).
const VERIFIER_CHARS: std::ops::RangeInclusive<usize> = 43..=128;

/// What a write found out: refusals must not undo it, since they may end something.
type Found<T> = Result<Result<T, Refused>, StoreError>;

/// Why no token was given, and what ended by it.
struct Refused {
    ended: Option<Box<Authorisation>>,
    error: Error,
}

fn refused<T>(ended: Option<Authorisation>, why: &'static str) -> Found<T> {
    Ok(Err(Refused { ended: ended.map(Box::new), error: Error::new(Code::OAuthGrant, why) }))
}

/// The code and what comes with it.
pub(crate) struct Redeemed {
    pub(crate) code: String,
    pub(crate) redirect: String,
    pub(crate) verifier: String,
}

/// Tokens for a code.
///
/// # Errors
/// [`Code::OAuthGrant`]. A code that was used before ends what it gave: two had it.
pub(crate) async fn by_code(gateway: &Gateway, client: &Client, redeemed: Redeemed) -> Result<Value> {
    let (id, now_ms) = (client.id.clone(), clock::now_ms());
    let found = gateway.store.write(move |tx| redeem(tx, &id, &redeemed, now_ms)).await?;
    let (authorisation, nonce) = settle(gateway, found).await?;
    let scope = authorisation.scope.clone();
    answer(gateway, &authorisation, &scope, nonce)
}

fn redeem(
    tx: &WriteTransaction,
    client: &str,
    redeemed: &Redeemed,
    now_ms: u64,
) -> Found<(Authorisation, Option<String>)> {
    const WRONG: &str = "the code is not valid, or no longer";
    let key = code_key(&redeemed.code).to_string();
    let Some(code) = CODES.get_mut(tx, &key)? else { return refused(None, WRONG) };
    if code.used {
        let ended = authorisation::end(tx, &code.authorisation, Ended::UsedTwice, now_ms)?;
        return refused(ended, WRONG);
    }
    // Whatever is wrong with it: a code is good for one try.
    CODES.put(tx, &key, &IssuedCode { used: true, ..code.clone() })?;
    let verifier = &redeemed.verifier;
    let right = code.client == client
        && code.redirect == redeemed.redirect
        && code.expires_ms > now_ms
        && VERIFIER_CHARS.contains(&verifier.len())
        && URL_SAFE_NO_PAD.encode(sha256(verifier.as_bytes()).0) == code.challenge;
    if !right {
        let ended = authorisation::end(tx, &code.authorisation, Ended::NotTaken, now_ms)?;
        return refused(ended, WRONG);
    }
    let found = ROWS.get_mut(tx, &code.authorisation)?.filter(|found| found.holds(now_ms));
    let Some(mut found) = found else { return refused(None, WRONG) };
    found.used_ms = Some(now_ms);
    found.generation = 1;
    ROWS.put(tx, &found.id, &found)?;
    Ok(Ok((found, code.nonce)))
}

/// Tokens for a refresh token.
///
/// # Errors
/// [`Code::OAuthGrant`]: one that was used before ends what it is of; [`Code::OAuthScope`] for more than was given.
pub(crate) async fn by_refresh(
    gateway: &Gateway,
    client: &Client,
    token: &str,
    scope: Option<&str>,
) -> Result<Value> {
    let wrong = || Error::new(Code::OAuthGrant, "the refresh token is not valid, or no longer");
    let token = gateway.smart.tokens.check_refresh(token).ok_or_else(wrong)?;
    let asked = scope.map(AppScopes::of).transpose()?;
    let (id, wanted, now_ms) = (client.id.clone(), asked.clone(), clock::now_ms());
    let found = gateway.store.write(move |tx| rotate(tx, &id, &token, wanted.as_ref(), now_ms)).await?;
    let authorisation = settle(gateway, found).await?;
    let scope = asked.unwrap_or_else(|| authorisation.scope.clone());
    answer(gateway, &authorisation, &scope, None)
}

fn rotate(
    tx: &WriteTransaction,
    client: &str,
    token: &RefreshToken,
    asked: Option<&AppScopes>,
    now_ms: u64,
) -> Found<Authorisation> {
    const WRONG: &str = "the refresh token is not valid, or no longer";
    let found = ROWS.get_mut(tx, &token.sub)?;
    let found = found.filter(|found| found.client == client && found.holds(now_ms));
    let Some(mut found) = found else { return refused(None, WRONG) };
    if token.generation != found.generation {
        let ended = authorisation::end(tx, &found.id, Ended::UsedTwice, now_ms)?;
        return refused(ended, WRONG);
    }
    if asked.is_some_and(|asked| asked.data.is_empty() || !found.scope.contains(asked)) {
        let error = Error::new(Code::OAuthScope, "a refresh gives no more than was given before");
        return Ok(Err(Refused { ended: None, error }));
    }
    found.used_ms = Some(now_ms);
    found.generation += 1;
    ROWS.put(tx, &found.id, &found)?;
    Ok(Ok(found))
}

/// Puts into the log what ended.
async fn settle<T>(gateway: &Gateway, found: Result<T, Refused>) -> Result<T> {
    match found {
        Ok(found) => Ok(found),
        Err(Refused { ended, error }) => {
            if let Some(ended) = ended {
                authorisation::note_end(gateway, &ended).await?;
            }
            Err(error)
        }
    }
}

fn answer(gateway: &Gateway, of: &Authorisation, scope: &AppScopes, nonce: Option<String>) -> Result<Value> {
    let smart = &gateway.smart;
    let (who, user) = match &of.by {
        By::Patient { .. } => (format!("Patient/{}", of.patient), "Patient"),
        By::Clinician { practitioner, .. } => (format!("Practitioner/{practitioner}"), "Practitioner"),
    };
    let subject = smart.identities.subject(&of.client, &who)?;
    let grant = Grant {
        client: of.client.clone(),
        scope: scope.data.clone(),
        patient: Some(of.patient.clone()),
        on_behalf: None,
        app: Some((of.id.clone(), subject.clone(), of.until_ms / 1_000)),
    };
    let lasts = crate::smart::TOKEN_SECONDS.min((of.until_ms / 1_000).saturating_sub(clock::now_s()));
    let mut answer = json!({
        "access_token": smart.tokens.issue(grant)?,
        "token_type": "Bearer",
        "expires_in": lasts,
        "scope": scope.to_string(),
        "patient": of.patient,
    });
    if user == "Practitioner" {
        answer["need_patient_banner"] = json!(true);
    }
    if scope.has("openid") {
        let iss = &gateway.config.public_url;
        let mut claims = Claims::new(iss, &of.client, subject);
        claims.nonce = nonce;
        claims.fhir_user = scope.has("fhirUser").then(|| format!("{}/{who}", gateway.config.fhir_url()));
        answer["id_token"] = json!(smart.identities.sign(&claims)?);
    }
    // What was granted at first decides, not what is asked for this time.
    if of.scope.has("offline_access") || of.scope.has("online_access") {
        let token = smart.tokens.issue_refresh(&of.id, of.generation, of.until_ms / 1_000)?;
        answer["refresh_token"] = json!(token);
    }
    Ok(answer)
}

/// The client that a refresh token was issued to, whether the token is still good or not.
///
/// # Errors
/// [`Code::OAuthGrant`] for what is no refresh token of this node.
pub(crate) fn client_of(gateway: &Gateway, token: &str) -> Result<String> {
    let wrong = || Error::new(Code::OAuthGrant, "the refresh token is not valid, or no longer");
    let token = gateway.smart.tokens.check_refresh(token).ok_or_else(wrong)?;
    let found = gateway.store.read(|tx| ROWS.get(tx, &token.sub))?;
    found.map(|found| found.client).ok_or_else(wrong)
}

/// What a refresh token of this client is of, while it is good.
///
/// # Errors
/// A fault of the store.
pub(crate) fn of_refresh(
    gateway: &Gateway,
    token: &str,
    client: &str,
) -> Result<Option<(Authorisation, u64)>> {
    let Some(token) = gateway.smart.tokens.check_refresh(token) else { return Ok(None) };
    let found = gateway.smart.authorised(&token.sub, client)?;
    Ok(found.filter(|found| found.generation == token.generation).map(|found| (found, token.exp)))
}

/// Ends an authorisation because its app gives it back.
///
/// # Errors
/// A fault of the store or of the log.
pub(crate) async fn give_back(gateway: &Gateway, id: &str) -> Result<()> {
    let (id, now_ms) = (id.to_owned(), clock::now_ms());
    let ended = gateway.store.write(move |tx| authorisation::end(tx, &id, Ended::GivenBack, now_ms)).await?;
    match ended {
        Some(ended) => authorisation::note_end(gateway, &ended).await,
        None => Ok(()),
    }
}
