//! Opening a link, from any page of any maker: the manifest, and the file.

use super::{
    End, FILES, LINKS, Link, OPENINGS_MAX, OPENINGS_SHOWN_MAX, WRONG_PINS_MAX, end, name_of, note, seal,
};
use crate::body::Json;
use crate::clock;
use crate::error::{Code, Error};
use crate::limits::LINK_OPEN_BYTES_MAX;
use crate::rate::Caller;
use crate::state::Gateway;
use crate::store::WriteTransaction;
use axum::Router;
use axum::extract::{DefaultBodyLimit, Path, Request, State};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use serde::Deserialize;
use serde_json::json;

/// Longest name of who opens, in characters; more is cut.
const RECIPIENT_CHARS_MAX: usize = 100;
/// How long a browser remembers what it may do.
const REMEMBERED_SECONDS: &str = "600";

/// The routes.
pub(crate) fn router(state: Gateway) -> Router {
    Router::new()
        .route("/links/{address}", post(manifest))
        .route("/links/files/{place}", get(file))
        .layer(DefaultBodyLimit::max(LINK_OPEN_BYTES_MAX))
        .layer(middleware::from_fn(for_every_page))
        .with_state(state)
}

/// Answers pages of every origin, never with cookies. Whoever has the address may open the link with any program.
pub(crate) async fn for_every_page(request: Request, next: Next) -> Response {
    let asks_first = *request.method() == Method::OPTIONS;
    let mut response =
        if asks_first { StatusCode::NO_CONTENT.into_response() } else { next.run(request).await };
    for (name, value) in [
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
        (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, POST"),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, "content-type, accept"),
        (header::ACCESS_CONTROL_EXPOSE_HEADERS, "retry-after"),
        (header::ACCESS_CONTROL_MAX_AGE, REMEMBERED_SECONDS),
        (HeaderName::from_static("cross-origin-resource-policy"), "cross-origin"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

/// What a viewer sends. Other makers' may send more.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Opening {
    recipient: String,
    passcode: Option<String>,
    embedded_length_max: Option<u64>,
}

/// How a request to open went.
enum Outcome {
    Opened(Link),
    /// How many wrong PINs are left; `counted` unless none was given.
    WrongPin {
        left: u32,
        counted: bool,
        patient: String,
    },
    /// Opened for the last time that the limits allow.
    TooOften {
        patient: String,
    },
}

/// `POST /links/{address}`
async fn manifest(
    State(gateway): State<Gateway>,
    caller: Caller,
    Path(address): Path<String>,
    Json(opening): Json<Opening>,
) -> Result<Response, Error> {
    gateway.links.limit.check(caller)?;
    let recipient = cleaned(&opening.recipient);
    if recipient.is_empty() {
        return Err(Error::new(Code::Invalid, "say who opens the link"));
    }
    let (name, storage) = (name_of(&address), gateway.ports.storage.clone());
    let (at, who, now_ms) = (name.clone(), recipient.clone(), clock::now_ms());
    let outcome = gateway
        .store
        .write(move |tx| {
            try_open(tx, (&at, &who), now_ms, |pin| {
                opening.passcode.as_deref().map(|given| pin.is(&storage, &at, given))
            })
        })
        .await?;
    match outcome {
        Outcome::Opened(link) => {
            note(&gateway, &link.patient, format!("opened by: {recipient}")).await?;
            answer(&gateway, &name, &link, opening.embedded_length_max)
        }
        Outcome::WrongPin { left, counted, patient } => {
            if counted {
                note(&gateway, &patient, format!("wrong PIN, {left} more tries; given name: {recipient}"))
                    .await?;
            }
            if counted && left == 0 {
                note(&gateway, &patient, End::WrongPins.words().to_owned()).await?;
            }
            Ok(wrong_pin(left))
        }
        Outcome::TooOften { patient } => {
            note(&gateway, &patient, End::TooOften.words().to_owned()).await?;
            Err(none())
        }
    }
}

/// Counts, durably, before anything is answered: `check` says whether the PIN fits, `None` if none was given.
fn try_open(
    tx: &WriteTransaction,
    (name, recipient): (&str, &str),
    now_ms: u64,
    check: impl FnOnce(&seal::Pin) -> Option<bool>,
) -> Result<Outcome, Error> {
    let link = LINKS.get_mut(tx, name)?.filter(|link| link.is_open(now_ms));
    let mut link = link.ok_or_else(none)?;
    let patient = link.patient.clone();
    match link.pin.as_ref().map(check) {
        None | Some(Some(true)) => (),
        Some(None) => {
            return Ok(Outcome::WrongPin { left: WRONG_PINS_MAX - link.wrong_pins, counted: false, patient });
        }
        Some(Some(false)) => {
            link.wrong_pins += 1;
            let left = WRONG_PINS_MAX.saturating_sub(link.wrong_pins);
            match left {
                0 => drop(end(tx, name, link, End::WrongPins, now_ms)?),
                _ => LINKS.put(tx, name, &link)?,
            }
            return Ok(Outcome::WrongPin { left, counted: true, patient });
        }
    }
    if link.opened >= OPENINGS_MAX {
        end(tx, name, link, End::TooOften, now_ms)?;
        return Ok(Outcome::TooOften { patient });
    }
    link.opened += 1;
    link.openings.insert(0, (now_ms, recipient.to_owned()));
    link.openings.truncate(OPENINGS_SHOWN_MAX);
    LINKS.put(tx, name, &link)?;
    Ok(Outcome::Opened(link))
}

/// The manifest: the file itself if the viewer takes as much in it, else where it is.
fn answer(gateway: &Gateway, name: &str, link: &Link, embedded_max: Option<u64>) -> Result<Response, Error> {
    let (updated_ms, bytes) = link.file.ok_or_else(none)?;
    let mut file =
        json!({ "contentType": "application/fhir+json", "lastUpdated": clock::instant(updated_ms) });
    if embedded_max.is_some_and(|max| bytes <= max) {
        file["embedded"] = json!(gateway.store.read(|tx| FILES.get(tx, name))?.ok_or_else(none)?);
    } else {
        let place = seal::place(&gateway.ports.storage, name, clock::now_ms())?;
        file["location"] = json!(format!("{}/links/files/{place}", gateway.config.public_url));
    }
    let status = if link.renews { "can-change" } else { "finalized" };
    Ok(axum::Json(json!({ "status": status, "files": [file] })).into_response())
}

/// `GET /links/files/{place}`
async fn file(
    State(gateway): State<Gateway>,
    caller: Caller,
    Path(place): Path<String>,
) -> Result<Response, Error> {
    gateway.links.limit.check(caller)?;
    let now_ms = clock::now_ms();
    let name = seal::link_at(&gateway.ports.storage, &place, now_ms).ok_or_else(none)?;
    let file = gateway.store.read(|tx| match LINKS.get(tx, &name)? {
        Some(link) if link.is_open(now_ms) => FILES.get(tx, &name),
        _ => Ok(None),
    })?;
    Ok(([(header::CONTENT_TYPE, "application/jose")], file.ok_or_else(none)?).into_response())
}

/// One answer for what never was, what is over and what ended.
fn none() -> Error {
    Error::new(Code::NotFound, "there is no such link, or it is over")
}

fn wrong_pin(left: u32) -> Response {
    let body =
        json!({ "error": "sign-in", "message": "the PIN is missing or wrong", "remainingAttempts": left });
    (StatusCode::UNAUTHORIZED, axum::Json(body)).into_response()
}

/// A name as it is shown to the patient: without control characters, and not too long.
fn cleaned(recipient: &str) -> String {
    let shown = recipient.chars().filter(|letter| !letter.is_control());
    shown.take(RECIPIENT_CHARS_MAX).collect::<String>().trim().to_owned()
}
