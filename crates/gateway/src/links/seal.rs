//! What is kept of a PIN, and the short-lived places of files. Both need the node's storage key: who has the table alone can
//! neither try PINs nor make places.

use crate::error::Error;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use salus_crypto::kdf::{self, Label};
use salus_crypto::{Secret32, random};
use salus_types::{Digest, label};
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq as _;

const PIN: Label = Label::new(label::LINK_PIN);
const PLACE: Label = Label::new(label::LINK_PLACE);
/// How long a place holds. The specification allows an hour.
const PLACE_MS: u64 = 5 * 60 * 1_000;
/// Name of the link, time, authentication.
const PLACE_BYTES: usize = 32 + 8 + 32;

/// A PIN at rest.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Pin {
    salt: [u8; 32],
    kept: [u8; 32],
}

impl Pin {
    pub(super) fn of(storage: &Secret32, link: &str, pin: &str) -> Self {
        let salt = random::bytes();
        Self { salt, kept: derived(storage, &salt, link, pin) }
    }

    /// In constant time.
    pub(super) fn is(&self, storage: &Secret32, link: &str, pin: &str) -> bool {
        derived(storage, &self.salt, link, pin).ct_eq(&self.kept).into()
    }
}

fn derived(storage: &Secret32, salt: &[u8; 32], link: &str, pin: &str) -> [u8; 32] {
    *kdf::derive(PIN, storage.expose(), salt, &[link.as_bytes(), pin.as_bytes()]).expose()
}

/// Where a file can be fetched for the next minutes.
pub(super) fn place(storage: &Secret32, link: &str, now_ms: u64) -> Result<String, Error> {
    let name: Digest = link.parse().map_err(|_| Error::internal("a link without a name"))?;
    let until_ms = (now_ms + PLACE_MS).to_be_bytes();
    let mut place = Vec::with_capacity(PLACE_BYTES);
    place.extend_from_slice(&name.0);
    place.extend_from_slice(&until_ms);
    place.extend_from_slice(&authentication(storage, &name.0, &until_ms));
    Ok(URL_SAFE_NO_PAD.encode(place))
}

/// The link of a place that this node made and that still holds.
pub(super) fn link_at(storage: &Secret32, place: &str, now_ms: u64) -> Option<String> {
    let place: [u8; PLACE_BYTES] = URL_SAFE_NO_PAD.decode(place).ok()?.try_into().ok()?;
    let (name, rest) = place.split_first_chunk::<32>()?;
    let (until, given) = rest.split_first_chunk::<8>()?;
    let genuine: bool = authentication(storage, name, until).ct_eq(given).into();
    (genuine && now_ms < u64::from_be_bytes(*until)).then(|| Digest(*name).to_string())
}

fn authentication(storage: &Secret32, name: &[u8; 32], until_ms: &[u8; 8]) -> [u8; 32] {
    *kdf::derive(PLACE, storage.expose(), &[], &[name, until_ms]).expose()
}
