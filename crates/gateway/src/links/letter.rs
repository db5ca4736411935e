//! A patient's letters about links.

use super::{
    AWAITED, AWAITED_MS, Awaited, BYTES_PER_PATIENT_MAX, End, LIFE_MS_MAX, LINKS, Link, OF_PATIENT,
    OPEN_PER_PATIENT_MAX, SHOWN_MAX, WRONG_PINS_MAX, end, name_of, note, seal,
};
use crate::clock;
use crate::error::{Code, Error, Result};
use crate::limits::LINK_FILE_BYTES_MAX;
use crate::state::Gateway;
use crate::store::WriteTransaction;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use salus_crypto::random;
use salus_types::Digest;
use serde::Deserialize;
use serde_json::{Value, json};

/// Letters of a PIN. Four digits and ten guesses are one in a thousand.
const PIN_CHARS: std::ops::RangeInclusive<usize> = 4..=64;

/// What a letter asks.
#[derive(Deserialize)]
#[serde(tag = "ask", rename_all = "kebab-case", rename_all_fields = "camelCase", deny_unknown_fields)]
pub(crate) enum Ask {
    /// All links, and nothing else. Braces, because serde takes any field of a variant without them.
    Links {},
    /// To make a link; its ciphertext follows.
    MakeLink {
        /// SHA-256 of the ciphertext.
        digest: Digest,
        /// Its size.
        bytes: u64,
        /// Until when, in milliseconds since 1970-01-01 UTC.
        until_ms: u64,
        /// What opens it beside the address.
        pin: Option<String>,
        /// Whether its content may be replaced.
        renews: bool,
    },
    /// To replace the content of a link that may be; the ciphertext follows.
    RenewLink {
        /// The link.
        link: String,
        /// SHA-256 of the ciphertext.
        digest: Digest,
        /// Its size.
        bytes: u64,
    },
    /// To end a link.
    EndLink {
        /// The link.
        link: String,
    },
}

/// Carries a patient's letter out: `{ "links": [..], "made"?: { "link", "url" } }`.
///
/// # Errors
/// [`Code::Invalid`], [`Code::Conflict`] for what the limits refuse, [`Code::NotFound`] for another's link.
pub(crate) async fn answer(gateway: &Gateway, patient: &str, ask: Ask) -> Result<Value> {
    let mut made = None;
    match ask {
        Ask::Links {} => {}
        Ask::MakeLink { digest, bytes, until_ms, pin, renews } => {
            let link = new_link(patient, until_ms, renews)?;
            made = Some(make(gateway, link, pin, (digest, bytes)).await?);
        }
        Ask::RenewLink { link, digest, bytes } => {
            let (of, now_ms) = (patient.to_owned(), clock::now_ms());
            gateway.store.write(move |tx| renew(tx, (&of, &link), (digest, bytes), now_ms)).await?;
        }
        Ask::EndLink { link } => {
            let (of, now_ms) = (patient.to_owned(), clock::now_ms());
            gateway.store.write(move |tx| end_one(tx, &of, &link, now_ms)).await?;
            note(gateway, patient, End::Patient.words().to_owned()).await?;
        }
    }
    let prefix = format!("{patient}/");
    let links = gateway.store.read(|tx| {
        let names = OF_PATIENT.scan_last(tx, &prefix, SHOWN_MAX)?;
        names
            .into_iter()
            .map(|(_, name)| Ok(LINKS.get(tx, &name)?.map(|link| shown(&name, &link))))
            .collect::<Result<Vec<_>, crate::store::StoreError>>()
    })?;
    let links: Vec<Value> = links.into_iter().flatten().collect();
    Ok(json!({ "links": links, "made": made }))
}

fn new_link(patient: &str, until_ms: u64, renews: bool) -> Result<Link> {
    let now_ms = clock::now_ms();
    if until_ms <= now_ms || until_ms > now_ms + LIFE_MS_MAX {
        return Err(Error::new(Code::Invalid, "a link ends in the future, and within a year"));
    }
    Ok(Link {
        patient: patient.to_owned(),
        made_ms: now_ms,
        until_ms,
        pin: None,
        wrong_pins: 0,
        renews,
        file: None,
        opened: 0,
        openings: Vec::new(),
        ended: None,
    })
}

/// The log has it before the device knows the address.
async fn make(gateway: &Gateway, mut link: Link, pin: Option<String>, file: (Digest, u64)) -> Result<Value> {
    let address = URL_SAFE_NO_PAD.encode(random::bytes::<32>());
    let name = name_of(&address);
    if let Some(pin) = pin {
        if !PIN_CHARS.contains(&pin.chars().count()) {
            return Err(Error::new(Code::Invalid, "a PIN has 4 to 64 letters or digits"));
        }
        link.pin = Some(seal::Pin::of(&gateway.ports.storage, &name, &pin));
    }
    let words = format!("made, until {}", clock::instant(link.until_ms));
    let (patient, at) = (link.patient.clone(), name.clone());
    gateway
        .store
        .write(move |tx| {
            let open = open_of(tx, &link.patient, link.made_ms)?;
            if open.len() >= OPEN_PER_PATIENT_MAX {
                return Err(Error::new(Code::Conflict, "there are twenty links; end one of them first"));
            }
            let taken: u64 = open.iter().map(Link::bytes).sum();
            OF_PATIENT.put(tx, &format!("{}/{:016x}{}", link.patient, link.made_ms, &at[..16]), &at)?;
            LINKS.put(tx, &at, &link)?;
            announce(tx, &at, file, taken, link.made_ms)
        })
        .await?;
    note(gateway, &patient, words).await?;
    let url = format!("{}/links/{address}", gateway.config.public_url);
    Ok(json!({ "link": name, "url": url }))
}

fn open_of(tx: &WriteTransaction, patient: &str, now_ms: u64) -> Result<Vec<Link>> {
    let mut open = Vec::new();
    for (_, name) in OF_PATIENT.scan_last_mut(tx, &format!("{patient}/"), usize::MAX)? {
        open.extend(LINKS.get_mut(tx, &name)?.filter(|link| link.holds(now_ms)));
    }
    Ok(open)
}

/// Notes which ciphertext is waited for.
fn announce(
    tx: &WriteTransaction,
    name: &str,
    (digest, bytes): (Digest, u64),
    taken: u64,
    now_ms: u64,
) -> Result<()> {
    if bytes == 0 || bytes > LINK_FILE_BYTES_MAX as u64 {
        return Err(Error::new(Code::TooLarge, "a link holds at most 4 MiB"));
    }
    if taken + bytes > BYTES_PER_PATIENT_MAX {
        return Err(Error::new(Code::Conflict, "the links hold too much together; end one of them first"));
    }
    let awaited = Awaited { link: name.to_owned(), bytes, until_ms: now_ms + AWAITED_MS };
    AWAITED.put(tx, &digest.to_string(), &awaited)?;
    Ok(())
}

/// A link of this patient that is not over; another's is not there.
fn own(tx: &WriteTransaction, patient: &str, name: &str, now_ms: u64) -> Result<Link> {
    let found = LINKS.get_mut(tx, name)?.filter(|link| link.patient == patient && link.holds(now_ms));
    found.ok_or_else(|| Error::new(Code::NotFound, "there is no such link, or it is over"))
}

fn renew(
    tx: &WriteTransaction,
    (patient, name): (&str, &str),
    file: (Digest, u64),
    now_ms: u64,
) -> Result<()> {
    let link = own(tx, patient, name, now_ms)?;
    if !link.renews {
        return Err(Error::new(Code::Conflict, "the content of this link stays as it is"));
    }
    let taken: u64 = open_of(tx, patient, now_ms)?.iter().map(Link::bytes).sum();
    announce(tx, name, file, taken - link.bytes(), now_ms)
}

fn end_one(tx: &WriteTransaction, patient: &str, name: &str, now_ms: u64) -> Result<()> {
    let link = own(tx, patient, name, now_ms)?;
    end(tx, name, link, End::Patient, now_ms)?;
    Ok(())
}

fn shown(name: &str, link: &Link) -> Value {
    let state = match (link.ended, link.file) {
        (Some((_, why)), _) => json!(why),
        _ if clock::now_ms() >= link.until_ms => json!("over"),
        (None, None) => json!("awaited"),
        (None, Some(_)) => json!("open"),
    };
    json!({
        "id": name,
        "state": state,
        "madeMs": link.made_ms,
        "untilMs": link.until_ms,
        "endedMs": link.ended.map(|(at_ms, _)| at_ms),
        "updatedMs": link.file.map(|(at_ms, _)| at_ms),
        "bytes": link.bytes(),
        "pin": link.pin.is_some(),
        "wrongPinsLeft": WRONG_PINS_MAX - link.wrong_pins,
        "renews": link.renews,
        "opened": link.opened,
        "openings": link.openings.iter().map(|(at, who)| json!({ "timeMs": at, "recipient": who })).collect::<Vec<_>>(),
    })
}
