//! `/fhir/*`: authenticate, understand, decide, forward, log, answer.

use super::ask::{Ask, What};
use super::authorise::{Permit, authorise};
use super::forward::{self, Forward};
use super::json::subject_of;
use super::narrow::Narrowing;
use super::principal::Principal;
use super::{audit, authenticate, notes};
use crate::bulk;
use crate::error::{Code, Error, Result};
use crate::limits::SEARCH_FORM_BYTES_MAX;
use crate::state::Gateway;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode};
use axum::response::Response;
use salus_policy::Action;

/// Largest single resource.
const RESOURCE_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Every FHIR interaction.
pub(crate) async fn proxy(State(gateway): State<Gateway>, request: Request) -> Result<Response> {
    let principal = authenticate::principal(&gateway, request.headers()).await?;
    let path = request.uri().path().strip_prefix("/fhir").unwrap_or_default();
    let mut ask = Ask::parse(request.method(), path, request.uri().query())?;
    let permit = authorise(&gateway, &principal, &ask).await?;
    if matches!(ask.what, What::Export | What::Import) {
        let Principal::System(system) = principal else {
            return Err(Error::new(Code::Forbidden, "only a registered system does that"));
        };
        return match ask.what {
            What::Export => bulk::export::begin(&gateway, system, &ask, request).await,
            _ => bulk::import::begin(&gateway, system, request).await,
        };
    }
    permit.check_query(request.uri().query().unwrap_or_default())?;
    let answer = pass_on(&gateway, request, &ask, &permit).await?;
    if answer.status() == StatusCode::NOT_FOUND
        && ask.is_of_copy()
        && let Some(refusal) = why_not(&gateway, &principal, &ask).await?
    {
        return Err(refusal);
    }
    let mut answer = forward::clean(answer)?;
    if let Some(narrowing) = permit.narrowing.as_ref().filter(|_| ask.what.action() != Action::Write) {
        answer = narrowing.apply(&gateway, &ask, &permit, answer).await?;
    }
    if matches!(principal, Principal::System(_)) && ask.patient.is_none() && reads_one(&ask, &answer) {
        (answer, ask.patient) = with_patient(answer).await?;
    }
    if answer.status().is_success() || answer.status() == StatusCode::NOT_MODIFIED {
        let receipt = audit::record(&gateway, &principal, &ask, &permit, audit::kind(&ask))?;
        if ask.what.writes() {
            receipt.durable().await?;
        }
    }
    notes::add(answer, &ask, &permit.notes).await
}

fn reads_one(ask: &Ask, answer: &Response) -> bool {
    matches!(ask.what, What::Read | What::Version) && answer.status() == StatusCode::OK
}

/// Whose record a system reads stands in the record alone; the patient shall find it in the log.
async fn with_patient(answer: Response) -> Result<(Response, Option<String>)> {
    let (parts, body) = answer.into_parts();
    let bytes = to_bytes(body, RESOURCE_BYTES_MAX).await.map_err(Error::internal)?;
    let patient = std::str::from_utf8(&bytes).ok().and_then(subject_of);
    Ok((Response::from_parts(parts, Body::from(bytes)), patient))
}

async fn pass_on(
    gateway: &Gateway,
    request: Request,
    ask: &Ask,
    permit: &Permit,
) -> Result<axum::http::Response<hyper::body::Incoming>> {
    let (parts, body) = request.into_parts();
    let body = if ask.what == What::Search && parts.method == Method::POST {
        check_form(permit, body).await?
    } else {
        body
    };
    let mut path = parts.uri.path_and_query().map_or("/fhir", |path| path.as_str()).to_owned();
    if permit.narrowing.is_some() && parts.method == Method::GET && in_pages(ask) {
        path = format!("{}?{}", parts.uri.path(), Narrowing::widened(parts.uri.query().unwrap_or_default()));
    }
    forward::send(gateway, Forward::new(parts.method.clone(), &path, permit).with(&parts.headers, body)).await
}

/// The form of a `_search` must keep to what its query would have to.
async fn check_form(permit: &Permit, body: Body) -> Result<Body> {
    let form = to_bytes(body, SEARCH_FORM_BYTES_MAX)
        .await
        .map_err(|_| Error::new(Code::TooLarge, "the search form is larger than 64 KiB"))?;
    let text =
        std::str::from_utf8(&form).map_err(|_| Error::new(Code::Invalid, "the search form is not UTF-8"))?;
    permit.check_query(text)?;
    Ok(match permit.narrowing {
        Some(_) => Body::from(Narrowing::widened(text)),
        None => Body::from(form),
    })
}

fn in_pages(ask: &Ask) -> bool {
    !matches!(ask.what, What::Read | What::Version)
}

async fn why_not(gateway: &Gateway, principal: &Principal, ask: &Ask) -> Result<Option<Error>> {
    match (principal, &ask.id) {
        (Principal::Practitioner(who), Some(id)) => gateway.shares.why_not(gateway, who, id).await,
        _ => Ok(None),
    }
}
