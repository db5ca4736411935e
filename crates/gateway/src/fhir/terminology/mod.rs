//! FHIR's terminology operations (<https://hl7.org/fhir/R4/terminology-service.html>): `CodeSystem/$lookup`,
//! `CodeSystem/$validate-code`, `ValueSet/$validate-code`, `ValueSet/$expand`, and the TerminologyCapabilities.
//!
//! Whoever is signed in may ask, with a token or at a portal of this node: members of staff, patients, systems, apps. What is
//! asked and answered is about codes and no patient, so nothing is written to the access log.

mod asked;
mod capability;
pub(super) mod checked;
pub(super) mod in_sets;

pub(super) use capability::statement;

use super::authenticate;
use super::principal::Principal;
use super::{FHIR_JSON, method};
use crate::error::{Code, Error, Result};
use crate::limits::TERMINOLOGY_BYTES_MAX;
use crate::rate::Caller;
use crate::state::Gateway;
use crate::terminology::{Members, Verdict};
use crate::{origin, terminology};
use asked::{Asked, Coded};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use salus_policy::{self as policy, Action};
use salus_types::category::Purpose;
use serde_json::{Value, json};

/// The routes under the FHIR base, without its layers.
pub(super) fn router() -> Router<Gateway> {
    Router::new()
        .route("/fhir/CodeSystem/$lookup", get(lookup).post(lookup).fallback(method))
        .route("/fhir/CodeSystem/$validate-code", get(in_system).post(in_system).fallback(method))
        .route("/fhir/ValueSet/$validate-code", get(in_set).post(in_set).fallback(method))
        .route("/fhir/ValueSet/$expand", get(expand).post(expand).fallback(method))
}

/// `CodeSystem/$lookup` (<https://hl7.org/fhir/R4/codesystem-operation-lookup.html>)
async fn lookup(State(gateway): State<Gateway>, caller: Caller, request: Request) -> Result<Response> {
    let asked = admitted(&gateway, caller, request).await?;
    let Coded { system, code, .. } = asked.one_code()?;
    let system = system.ok_or_else(|| invalid("name the code system: `system` and `code`, or `coding`"))?;
    asked.check_version(&gateway, &system).await?;
    let found = gateway.terminology.lookup(&system, &code).await?;
    let mut parameters = vec![text("name", found.name.as_deref().unwrap_or(&system))];
    parameters.extend(found.version.map(|version| text("version", &version)));
    parameters.push(text("display", found.display.as_deref().unwrap_or(&code)));
    Ok(answer(json!({ "resourceType": "Parameters", "parameter": parameters })))
}

/// `CodeSystem/$validate-code` (<https://hl7.org/fhir/R4/codesystem-operation-validate-code.html>)
async fn in_system(State(gateway): State<Gateway>, caller: Caller, request: Request) -> Result<Response> {
    let asked = admitted(&gateway, caller, request).await?;
    let mut verdicts = Vec::new();
    for Coded { system, code, display } in asked.codes()? {
        // The code system is `url`; a coding names it itself, and both must be the same.
        let named = asked.url.clone().or_else(|| system.clone());
        let url = named.ok_or_else(|| invalid("name the code system: `url` and `code`, or `coding`"))?;
        if system.as_ref().is_some_and(|system| *system != url) {
            verdicts.push((
                Verdict { valid: false, system, display: None, one_display: true },
                code,
                display,
            ));
            continue;
        }
        asked.check_version(&gateway, &url).await?;
        verdicts.push((gateway.terminology.in_system(&url, &code).await?, code, display));
    }
    Ok(answer(judged(verdicts, "code system")))
}

/// `ValueSet/$validate-code` (<https://hl7.org/fhir/R4/valueset-operation-validate-code.html>)
async fn in_set(State(gateway): State<Gateway>, caller: Caller, request: Request) -> Result<Response> {
    let asked = admitted(&gateway, caller, request).await?;
    let mut verdicts = Vec::new();
    for Coded { system, code, display } in asked.codes()? {
        let (terms, system) = (&gateway.terminology, system.as_deref());
        let verdict = match (&asked.compose, &asked.url) {
            (Some(compose), _) => terms.in_compose(compose, system, &code, asked.headings).await?,
            (None, Some(url)) => terms.in_set(url, system, &code, asked.headings).await?,
            (None, None) => return Err(invalid("name the value set: `url`, or `valueSet`")),
        };
        verdicts.push((verdict, code, display));
    }
    Ok(answer(judged(verdicts, "value set")))
}

/// `ValueSet/$expand` (<https://hl7.org/fhir/R4/valueset-operation-expand.html>)
async fn expand(State(gateway): State<Gateway>, caller: Caller, request: Request) -> Result<Response> {
    let asked = admitted(&gateway, caller, request).await?;
    let members = match (&asked.compose, &asked.url) {
        (Some(compose), _) => gateway.terminology.expand_compose(compose).await?,
        (None, Some(url)) => gateway.terminology.expand(url).await?,
        (None, None) => return Err(invalid("name the value set: `url`, or `valueSet`")),
    };
    Ok(answer(expanded(&asked, members)))
}

/// Who asks, whether they may, and what is asked.
async fn admitted(gateway: &Gateway, caller: Caller, request: Request) -> Result<Asked> {
    let (parts, body) = request.into_parts();
    may_ask(gateway, &parts.headers).await?;
    gateway.terminology.allowed.check(caller)?;
    let query = parts.uri.query().unwrap_or_default();
    super::media::wanted_json(&parts.headers, query)?;
    let mut asked = Asked::of_query(query)?;
    if parts.method == Method::POST {
        is_json(&parts.headers)?;
        let body = to_bytes(body, TERMINOLOGY_BYTES_MAX)
            .await
            .map_err(|_| Error::new(Code::TooLarge, "a question about codes has 256 KiB at most"))?;
        asked.add_body(&body)?;
    }
    Ok(asked)
}

/// Whoever is signed in may ask. A person's browser sends its cookies from pages of others, too: those may not.
async fn may_ask(gateway: &Gateway, headers: &HeaderMap) -> Result<()> {
    let foreign = headers.contains_key(header::ORIGIN) && !origin::is_own(gateway, headers);
    let token = headers.contains_key(header::AUTHORIZATION);
    if !token && !foreign && gateway.accounts.is_signed_in(headers)? {
        return Ok(());
    }
    let principal = authenticate::principal(gateway, headers).await?;
    let principal = match &principal {
        Principal::System(system) => policy::Principal::System { client: &system.client },
        Principal::App(app) => policy::Principal::App { client: &app.client },
        Principal::Practitioner(who) => policy::Principal::Practitioner { id: &who.id, role: who.role },
    };
    let decision = policy::decide(&policy::Request {
        principal,
        action: Action::LookUpCodes,
        resource: policy::Resource::Node,
        circumstances: policy::Circumstances {
            purpose: Purpose::Operations,
            reason_given: false,
            chart_open: false,
            relation: policy::Relation::None,
            scopes_allow: true,
            restricted: false,
        },
    });
    if decision.allowed {
        return Ok(());
    }
    let words: Vec<&str> = decision.reasons.iter().map(|reason| reason.text.as_str()).collect();
    let policies = decision.reasons.iter().map(|reason| reason.policy.clone()).collect();
    Err(Error::new(Code::Forbidden, words.join("; ")).by_policies(policies))
}

fn is_json(headers: &HeaderMap) -> Result<()> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or(FHIR_JSON);
    let kind = kind.split(';').next().unwrap_or_default().trim();
    match kind {
        FHIR_JSON | "application/json" => Ok(()),
        _ => Err(Error::new(
            Code::MediaType,
            "a question about codes is a Parameters in `application/fhir+json`",
        )),
    }
}

/// The first code that is in it counts; of a code alone, what is wrong with it.
fn judged(verdicts: Vec<(Verdict, String, Option<String>)>, of: &str) -> Value {
    let right = |(verdict, _, display): &&(Verdict, String, Option<String>)| {
        verdict.valid && !is_other_display(verdict, display.as_deref())
    };
    let best = verdicts.iter().find(right).or(verdicts.first());
    let Some((verdict, code, display)) = best else { return json!({ "resourceType": "Parameters" }) };
    let other = verdict.valid && is_other_display(verdict, display.as_deref());
    let mut parameters = vec![json!({ "name": "result", "valueBoolean": verdict.valid && !other })];
    if !verdict.valid {
        parameters.push(text("message", &format!("the {of} has no such code")));
    } else if other {
        parameters.push(text("message", "the display is another than the published one"));
    }
    parameters.extend(verdict.display.as_ref().map(|display| text("display", display)));
    if verdict.valid {
        parameters.push(json!({ "name": "code", "valueCode": code }));
        let system = verdict.system.as_ref();
        parameters.extend(system.map(|system| json!({ "name": "system", "valueUri": system })));
    }
    json!({ "resourceType": "Parameters", "parameter": parameters })
}

/// Whether a display says something else than the published one.
fn is_other_display(verdict: &Verdict, display: Option<&str>) -> bool {
    match (&verdict.display, display) {
        (Some(published), Some(display)) if verdict.one_display => !says_the_same(published, display),
        _ => false,
    }
}

/// Whether two displays are the same words; capitals and spaces do not count.
fn says_the_same(one: &str, other: &str) -> bool {
    let plain = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase();
    plain(one) == plain(other)
}

fn expanded(asked: &Asked, members: Members) -> Value {
    let wanted = asked.filter.to_lowercase();
    let fits = |text: &str| text.to_lowercase().contains(&wanted);
    let all: Vec<terminology::Member> = members
        .codes
        .into_iter()
        .filter(|one| fits(&one.code) || one.display.as_deref().is_some_and(fits))
        .collect();
    let total = all.len();
    let page = all.into_iter().skip(asked.offset).take(asked.count.unwrap_or(usize::MAX));
    let contains: Vec<Value> = page
        .map(|one| {
            let mut entry = json!({ "system": one.system, "code": one.code });
            if let Some(display) = one.display {
                entry["display"] = display.into();
            }
            if one.heading {
                entry["abstract"] = true.into();
            }
            entry
        })
        .collect();
    let mut expansion = json!({
        "timestamp": crate::clock::instant(crate::clock::now_ms()),
        "total": total,
        "offset": asked.offset,
    });
    if !contains.is_empty() {
        expansion["contains"] = contains.into();
    }
    let mut set = json!({ "resourceType": "ValueSet", "status": "active", "expansion": expansion });
    if let Some(url) = &asked.url {
        set["url"] = url.split('|').next().unwrap_or_default().into();
    }
    set
}

fn text(name: &str, value: &str) -> Value {
    json!({ "name": name, "valueString": value })
}

/// Answers may be kept by who asked, for some minutes.
fn answer(value: Value) -> Response {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("application/fhir+json; charset=utf-8")),
        (header::CACHE_CONTROL, HeaderValue::from_static("private, max-age=300")),
    ];
    (headers, Body::from(value.to_string())).into_response()
}

fn invalid(why: &'static str) -> Error {
    Error::new(Code::Invalid, why)
}
