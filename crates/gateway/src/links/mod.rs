//! Links by which a patient shows part of the record to people without Salus: SMART Health Links
//! (<https://docs.smarthealthit.org/smart-health-links/spec>).
//!
//! Upon a letter (`letter`): signed by the pairwise key of somebody enrolled here, a link is made, renewed or ended. Upon a
//! deposit (`deposit`): the ciphertext that a letter announced by its hash, and nothing else, is kept. Upon a request from
//! anywhere (`open`): whoever knows the address, and the PIN if there is one, gets the ciphertext; every opening and every
//! wrong PIN is in the access log before the answer leaves.
//!
//! Architecture invariant: the key is in the link's fragment, which browsers send to nobody; it never comes here, nor does
//! what the patient calls the link, nor what is in it. Addresses are not kept: a link is found by the hash of its address.

mod deposit;
mod letter;
mod open;
mod seal;
#[cfg(test)]
mod tests;

pub(crate) use deposit::deposit;
pub(crate) use letter::{Ask, answer};
pub(crate) use open::{for_every_page, router};

use crate::clock;
use crate::error::Error;
use crate::limits::LINK_OPENS_PER_MINUTE;
use crate::log::{Access, Kind, Who};
use crate::rate::RateLimit;
use crate::state::{Config, Gateway};
use crate::store::{Rows, StoreError, WriteTransaction};
use salus_crypto::hash::hash;
use salus_types::category::Purpose;
use serde::{Deserialize, Serialize};

/// Links by the hash of their address.
const LINKS: Rows<Link> = Rows::new("links");
/// Hashes of addresses, by `patient/hash`.
const OF_PATIENT: Rows<String> = Rows::new("links-of-patients");
/// Ciphertexts by the hash of the link's address.
const FILES: Rows<String> = Rows::new("link-files");
/// Ciphertexts that are waited for, by their SHA-256.
const AWAITED: Rows<Awaited> = Rows::new("link-files-awaited");

/// Links that one patient may have open at once.
const OPEN_PER_PATIENT_MAX: usize = 20;
/// Bytes of ciphertext that one patient may have here at once.
const BYTES_PER_PATIENT_MAX: u64 = 16 * 1024 * 1024;
/// Wrong PINs in the whole life of a link; then it is closed for good.
const WRONG_PINS_MAX: u32 = 10;
/// Openings in the whole life of a link; then it is closed for good, so that nobody fills the access log through it.
const OPENINGS_MAX: u64 = 1_000;
/// Openings that are kept with their time and name, the newest.
const OPENINGS_SHOWN_MAX: usize = 50;
/// Links of one patient that are shown, the newest.
const SHOWN_MAX: usize = 100;
/// Longest life of a link.
const LIFE_MS_MAX: u64 = 366 * 24 * 3_600 * 1_000;
/// How long the ciphertext of a letter is waited for.
const AWAITED_MS: u64 = 15 * 60 * 1_000;
/// How long a link that is over is shown to the patient.
const SHOWN_AFTER_MS: u64 = 90 * 24 * 3_600 * 1_000;

/// How often callers ask for links.
pub struct Links {
    limit: RateLimit,
}

impl Links {
    pub(crate) fn new(config: &Config) -> Self {
        Self { limit: RateLimit::of(config, LINK_OPENS_PER_MINUTE) }
    }
}

/// A link as it is kept. The row stays for some time after the end, without its ciphertext.
#[derive(Clone, Serialize, Deserialize)]
struct Link {
    patient: String,
    made_ms: u64,
    until_ms: u64,
    /// What opens it beside the address.
    pin: Option<seal::Pin>,
    wrong_pins: u32,
    /// Whether its content may be replaced (`L`).
    renews: bool,
    /// When the ciphertext that is there came, and its size; `None` before the first.
    file: Option<(u64, u64)>,
    opened: u64,
    /// The newest ones: time, and the name that was given.
    openings: Vec<(u64, String)>,
    /// When and why it ended before its time.
    ended: Option<(u64, End)>,
}

/// Why a link ended before its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum End {
    /// The patient ended it.
    Patient,
    /// Too many wrong PINs.
    WrongPins,
    /// Opened too often.
    TooOften,
    /// The patient's keys were replaced.
    KeysReplaced,
}

impl End {
    fn words(self) -> &'static str {
        match self {
            Self::Patient => "ended by the patient",
            Self::WrongPins => "ended after too many wrong PINs",
            Self::TooOften => "ended, because it was opened too often",
            Self::KeysReplaced => "ended, because the patient's keys were replaced",
        }
    }
}

/// A ciphertext that a letter announced.
#[derive(Clone, Serialize, Deserialize)]
struct Awaited {
    link: String,
    bytes: u64,
    until_ms: u64,
}

impl Link {
    /// Whether it can be opened, apart from its PIN.
    fn is_open(&self, now_ms: u64) -> bool {
        self.holds(now_ms) && self.file.is_some()
    }

    /// Whether it is not over.
    fn holds(&self, now_ms: u64) -> bool {
        self.ended.is_none() && now_ms < self.until_ms
    }

    fn bytes(&self) -> u64 {
        self.file.map_or(0, |(_, bytes)| bytes)
    }
}

/// Under which a link is kept: who reads the table knows no address.
fn name_of(address: &str) -> String {
    hash("salus/link/v1", &[address.as_bytes()]).to_string()
}

/// Ends a link within a write: the ciphertext goes with it.
fn end(tx: &WriteTransaction, name: &str, mut link: Link, why: End, now_ms: u64) -> Result<Link, StoreError> {
    link.ended = Some((now_ms, why));
    FILES.take(tx, name)?;
    LINKS.put(tx, name, &link)?;
    Ok(link)
}

/// Ends all links of a patient whose keys were replaced: the old keys may have made them.
///
/// # Errors
/// A fault of the store or of the log.
pub(crate) async fn end_all(gateway: &Gateway, patient: &str) -> Result<(), Error> {
    let (of, now_ms) = (patient.to_owned(), clock::now_ms());
    let ended = gateway
        .store
        .write(move |tx| {
            let mut ended = 0;
            for (_, name) in OF_PATIENT.scan_last_mut(tx, &format!("{of}/"), usize::MAX)? {
                if let Some(link) = LINKS.get_mut(tx, &name)?.filter(|link| link.holds(now_ms)) {
                    end(tx, &name, link, End::KeysReplaced, now_ms)?;
                    ended += 1;
                }
            }
            Ok::<_, StoreError>(ended)
        })
        .await?;
    for _ in 0..ended {
        note(gateway, patient, End::KeysReplaced.words().to_owned()).await?;
    }
    Ok(())
}

/// Removes ciphertexts of links that are over, links that were over long ago, and what was announced and never came.
///
/// # Errors
/// A fault of the store.
pub(crate) async fn prune(gateway: &Gateway) -> Result<usize, Error> {
    let now_ms = clock::now_ms();
    gateway
        .store
        .write(move |tx| {
            let mut gone = AWAITED.prune(tx, |awaited| awaited.until_ms > now_ms)?;
            for (at, name) in OF_PATIENT.scan_last_mut(tx, "", usize::MAX)? {
                let Some(link) = LINKS.get_mut(tx, &name)? else { continue };
                if link.holds(now_ms) {
                    continue;
                }
                FILES.take(tx, &name)?;
                let over_ms = link.ended.map_or(link.until_ms, |(at_ms, _)| at_ms);
                if over_ms + SHOWN_AFTER_MS < now_ms {
                    OF_PATIENT.take(tx, &at)?;
                    LINKS.take(tx, &name)?;
                    gone += 1;
                }
            }
            Ok(gone)
        })
        .await
}

/// Puts a step into the access log, where the patient sees it.
async fn note(gateway: &Gateway, patient: &str, words: String) -> Result<(), Error> {
    let access = Access::about(Who::Node, Kind::Link, patient, Some(Purpose::PatientRequest), words);
    gateway.log.append(access)?.durable().await
}
