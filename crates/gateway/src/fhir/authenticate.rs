//! Who asks: an access token, or a session of this node's own portal with an open chart.

use super::principal::{App, Practitioner, Principal, System};
use super::subscription::Owner;
use crate::error::{Code, Error, Result};
use crate::smart::app::{self, By};
use crate::smart::{AccessToken, Scopes};
use crate::state::Gateway;
use axum::http::{HeaderMap, header};
use salus_policy::Relation;

/// The principal of a request.
///
/// # Errors
/// [`Code::SignIn`] without a valid token or session.
pub(crate) async fn principal(gateway: &Gateway, headers: &HeaderMap) -> Result<Principal> {
    if let Some(value) = headers.get(header::AUTHORIZATION) {
        return of_token(gateway, bearer(value.to_str().ok())?);
    }
    match gateway.staff.session(gateway, headers).await? {
        Some(practitioner) => Ok(Principal::Practitioner(practitioner)),
        None => Err(Error::new(Code::SignIn, "an access token or a sign-in is needed")),
    }
}

/// Who holds a token, and by what right that lasts longer than the token.
///
/// # Errors
/// [`Code::SignIn`] without a valid token; [`Code::Forbidden`] for a person at work, whose right lasts as long as the work.
pub(crate) fn holder(gateway: &Gateway, headers: &HeaderMap) -> Result<(Principal, Owner)> {
    let value = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    if value.is_none() && gateway.staff.member(gateway, headers).is_err() {
        return Err(Error::new(Code::SignIn, "an access token is needed"));
    }
    let people =
        || Error::new(Code::Forbidden, "subscriptions are for systems, and for apps that somebody lets read");
    let token = bearer(Some(value.ok_or_else(people)?))?;
    let AccessToken { client_id, app, scope, salus, .. } = gateway.smart.tokens.check(token)?;
    let principal = of_token(gateway, token)?;
    if salus.is_some() {
        return Err(people());
    }
    Ok((principal, Owner { client: client_id, app, scopes: scope }))
}

/// The owner of a subscription as they are now.
///
/// # Errors
/// [`Code::SignIn`] once the client is gone, or what was allowed to an app has ended.
pub(crate) fn standing(gateway: &Gateway, owner: &Owner) -> Result<Principal> {
    let client = gateway.smart.clients.find(&owner.client)?.ok_or_else(gone)?;
    match &owner.app {
        Some(app) => of_app(gateway, app, &owner.client, owner.scopes.clone()),
        None => Ok(Principal::System(System {
            client: client.id,
            scopes: owner.scopes.intersection(&client.scopes),
        })),
    }
}

fn bearer(value: Option<&str>) -> Result<&str> {
    value
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, token)| token.trim())
        .ok_or_else(|| Error::new(Code::SignIn, "the `authorization` header holds no bearer token"))
}

fn of_token(gateway: &Gateway, token: &str) -> Result<Principal> {
    let token = gateway.smart.tokens.check(token)?;
    // A client or practitioner that was removed loses access at once, not when the token ends.
    let client = gateway.smart.clients.current(&token.client_id)?.ok_or_else(gone)?;
    if let Some(app) = token.app.clone() {
        return of_app(gateway, &app, &token.client_id, token.scope);
    }
    match (token.salus.clone(), token.patient.clone()) {
        (None, None) => Ok(Principal::System(System { client: client.id.clone(), scopes: token.scope })),
        (Some(on_behalf), Some(patient)) if client.may_assert_users => {
            let known = gateway.practitioners.find(&on_behalf.practitioner)?.ok_or_else(gone)?;
            Ok(Principal::Practitioner(practitioner(known, on_behalf, patient, token)))
        }
        _ => Err(gone()),
    }
}

/// An app reads by what a patient or a clinician allowed, as long as that holds.
fn of_app(gateway: &Gateway, id: &str, client: &str, scopes: Scopes) -> Result<Principal> {
    let found = gateway.smart.authorised(id, client)?.ok_or_else(gone)?;
    match found.by {
        By::Patient { categories, .. } => Ok(Principal::App(App {
            client: found.client,
            name: found.name,
            patient: found.patient,
            scopes,
            categories,
        })),
        By::Clinician { practitioner, chart } => {
            let at_work =
                app::at_work(gateway, &practitioner, &chart).map_err(|_| gone())?.ok_or_else(gone)?;
            let reason = format!("{} (with the app {})", at_work.reason, found.name);
            Ok(Principal::Practitioner(Practitioner { scopes: Some(scopes), reason, ..at_work }))
        }
    }
}

fn practitioner(
    known: crate::practitioner::Practitioner,
    on_behalf: crate::smart::OnBehalf,
    patient: String,
    token: AccessToken,
) -> Practitioner {
    Practitioner {
        id: known.id,
        name: known.name,
        role: known.role,
        commitment: known.commitment,
        patient: Some(patient),
        purpose: on_behalf.purpose,
        reason: on_behalf.reason,
        relation: Relation::Asserted,
        scopes: Some(token.scope),
    }
}

fn gone() -> Error {
    Error::new(Code::SignIn, "the access token is not valid, or no longer")
}
