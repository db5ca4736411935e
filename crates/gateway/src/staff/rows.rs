//! The tables of staff, charts, invites and requests.

use crate::clock;
use crate::store::Rows;
use salus_crypto::hash::hash;
use salus_crypto::random;
use salus_types::PublicKey;
use salus_types::category::{Category, Purpose};
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use webauthn_rs::prelude::Passkey;

/// Passkeys by practitioner id.
pub(super) const MEMBERS: Rows<Member> = Rows::new("staff-members");
/// Practitioner id of a credential id.
pub(super) const CREDENTIALS: Rows<String> = Rows::new("staff-credentials");
/// Joining codes by hash.
pub(super) const JOINING: Rows<JoiningCode> = Rows::new("staff-joining");
/// Charts by id.
pub(super) const CHARTS: Rows<Chart> = Rows::new("charts");
/// When a practitioner last opened a patient's chart, by `practitioner/patient`.
pub(super) const LAST_OPENED: Rows<u64> = Rows::new("charts-last-opened");
/// Invites by hash of the code.
pub(super) const INVITES: Rows<Invite> = Rows::new("invites");
/// FHIR Patient id by address in hex.
pub(super) const ENROLLED: Rows<String> = Rows::new("enrolled");
/// Requests for access by `patient/id`.
pub(super) const REQUESTS: Rows<AccessRequest> = Rows::new("access-requests");

/// Somebody's passkeys.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Member {
    /// The user handle that authenticators keep.
    pub(super) user: Uuid,
    pub(super) passkeys: Vec<Passkey>,
}

impl Default for Member {
    fn default() -> Self {
        Self { user: Uuid::new_v4(), passkeys: Vec::new() }
    }
}

/// A code that makes one passkey for one practitioner.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct JoiningCode {
    pub(super) practitioner: String,
    pub(super) expires_ms: u64,
}

/// An open chart: a care relation with an end.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Chart {
    pub(super) practitioner: String,
    pub(crate) patient: String,
    pub(crate) reason: String,
    pub(crate) purpose: Purpose,
    pub(super) expires_ms: u64,
}

/// An invite to one patient.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Invite {
    pub(crate) patient: String,
    /// Whether the key that redeems it takes the place of another.
    #[serde(default)]
    pub(super) replaces: bool,
    /// The pairwise key that gave it out, to merge this registration with another; nobody enrols with such a code.
    #[serde(default)]
    pub(crate) offered_by: Option<PublicKey>,
    pub(super) expires_ms: u64,
    /// The pairwise key (hex) that redeemed it. The same key may come again, should the answer have been lost.
    pub(super) redeemed_by: Option<String>,
}

/// A clinician asks a patient for access.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct AccessRequest {
    pub(super) id: String,
    pub(super) practitioner: String,
    pub(super) time_ms: u64,
    pub(super) categories: Vec<Category>,
    pub(super) reason: String,
    pub(super) days: u32,
    pub(super) purpose: Purpose,
}

/// Crockford's base32: no letter looks like a digit (<https://www.crockford.com/base32.html>).
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// Characters of a code: 16 of 5 bits are 80 bits.
pub(super) const CODE_CHARS: usize = 16;

/// A new code of 80 random bits.
pub(crate) fn new_code() -> String {
    let bits = random::bytes::<CODE_CHARS>();
    bits.iter().map(|byte| char::from(ALPHABET[usize::from(byte % 32)])).collect()
}

/// The key under which a code's row is: a hash of the code as people may have typed it. `None` if it is no code.
pub(crate) fn code_key(kind: &str, code: &str) -> Option<String> {
    let code = code.rsplit('.').next().unwrap_or(code);
    let normal: String = code.chars().filter(|c| !matches!(c, '-' | ' ')).map(alike).collect();
    let known = normal.len() == CODE_CHARS && normal.bytes().all(|byte| ALPHABET.contains(&byte));
    known.then(|| hash("salus/one-time-code/v1", &[kind.as_bytes(), normal.as_bytes()]).to_string())
}

fn alike(character: char) -> char {
    match character.to_ascii_uppercase() {
        'O' => '0',
        'I' | 'L' => '1',
        other => other,
    }
}

/// Whether a time has passed.
pub(super) fn is_over(expires_ms: u64) -> bool {
    expires_ms <= clock::now_ms()
}
