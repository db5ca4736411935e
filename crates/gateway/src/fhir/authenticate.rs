//! Who asks: an access token, or a session of this node's own portal with an open chart.

use super::principal::{App, Practitioner, Principal, System};
use crate::error::{Code, Error, Result};
use crate::smart::AccessToken;
use crate::smart::app::{self, By};
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
    let client = gateway.smart.clients.find(&token.client_id)?.ok_or_else(gone)?;
    if let Some(app) = token.app.clone() {
        return of_app(gateway, &app, token);
    }
    match (token.salus.clone(), token.patient.clone()) {
        (None, None) => Ok(Principal::System(System { client: client.id, scopes: token.scope })),
        (Some(on_behalf), Some(patient)) if client.may_assert_users => {
            let known = gateway.practitioners.find(&on_behalf.practitioner)?.ok_or_else(gone)?;
            Ok(Principal::Practitioner(practitioner(known, on_behalf, patient, token)))
        }
        _ => Err(gone()),
    }
}

/// An app reads by what a patient or a clinician allowed, as long as that holds.
fn of_app(gateway: &Gateway, id: &str, token: AccessToken) -> Result<Principal> {
    let found = gateway.smart.authorised(id, &token.client_id)?.ok_or_else(gone)?;
    match found.by {
        By::Patient { categories, .. } => Ok(Principal::App(App {
            client: found.client,
            name: found.name,
            patient: found.patient,
            scopes: token.scope,
            categories,
        })),
        By::Clinician { practitioner, chart } => {
            let at_work =
                app::at_work(gateway, &practitioner, &chart).map_err(|_| gone())?.ok_or_else(gone)?;
            let reason = format!("{} (with the app {})", at_work.reason, found.name);
            Ok(Principal::Practitioner(Practitioner { scopes: Some(token.scope), reason, ..at_work }))
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
