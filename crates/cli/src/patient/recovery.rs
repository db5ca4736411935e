//! What a portal keeps for a patient's devices: the root sealed under a printed recovery code, and the profile.
//! The same bytes as `portal/src/patient/session/{keys,recoveryCode,profile}.ts`.

use salus_crypto::hash::sha256;
use salus_crypto::kdf::{Label, derive};
use salus_crypto::{Secret32, aead, random};
use salus_types::label;
use std::collections::BTreeMap;
use std::fmt;

const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// Letters and digits of a printed code, in groups of four.
const LETTERS: usize = 28;
/// First byte of what is sealed here.
const FORM: u8 = 1;

/// 128 random bits, printed with 12 check bits in Crockford's base 32.
pub(crate) struct RecoveryCode([u8; 16]);

impl RecoveryCode {
    pub(crate) fn generate() -> Self {
        Self(random::bytes())
    }

    /// Where the portal finds the slot.
    pub(crate) fn locator(&self) -> String {
        hex::encode(derive(Label::new(label::RECOVERY_LOCATOR), &self.0, &[], &[]).expose())
    }

    /// The slot: the root under the code.
    pub(crate) fn seal(&self, root: &Secret32) -> Vec<u8> {
        seal_under(label::RECOVERY_SLOT, &self.0, root.expose())
    }
}

impl fmt::Display for RecoveryCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let check = sha256(self.0);
        let bytes: Vec<u8> = self.0.iter().chain(&check.as_bytes()[..2]).copied().collect();
        for letter in 0..LETTERS {
            if letter > 0 && letter % 4 == 0 {
                f.write_str("-")?;
            }
            let value = (5 * letter..5 * letter + 5)
                .fold(0, |value, bit| value << 1 | bytes[bit / 8] >> (7 - bit % 8) & 1);
            write!(f, "{}", char::from(ALPHABET[usize::from(value)]))?;
        }
        Ok(())
    }
}

/// The profile of somebody who is enrolled and has granted nothing yet, sealed.
pub(crate) fn sealed_profile(
    root: &Secret32,
    network: &str,
    name: &str,
    at: &BTreeMap<String, String>,
    now_ms: u64,
) -> Vec<u8> {
    let organisations: Vec<_> = at
        .iter()
        .map(|(id, patient)| {
            let patient = patient.trim_start_matches("Patient/");
            serde_json::json!({ "id": id, "patient": patient, "name": name, "joinedMs": now_ms })
        })
        .collect();
    let profile = serde_json::json!({
        "version": 1, "network": network, "organisations": organisations, "grants": [], "answered": [], "seenMs": now_ms,
    });
    seal_under(label::PATIENT_PROFILE, root.expose(), profile.to_string().as_bytes())
}

/// `1 || salt (32) || AES-256-GCM(derive(label, secret, salt), aad = label)`.
fn seal_under(label: &'static str, secret: &[u8], plaintext: &[u8]) -> Vec<u8> {
    let salt: [u8; 32] = random::bytes();
    let key = derive(Label::new(label), secret, &salt, &[]);
    [&[FORM][..], &salt, &aead::seal(&key, label.as_bytes(), plaintext)].concat()
}

#[cfg(test)]
mod tests {
    use super::RecoveryCode;

    #[test]
    fn a_code_is_printed_as_the_portal_reads_it() {
        // The first two letters are the first ten bits; the check bits are those of SHA-256.
        let text = RecoveryCode([0xff; 16]).to_string();
        assert!(
            text.starts_with("ZZZZ-ZZZZ-ZZZZ-ZZZZ-ZZZZ-ZZZZ-Z")
                || text.starts_with("ZZZZ-ZZZZ-ZZZZ-ZZZZ-ZZZZ-ZZZZ")
        );
        assert_eq!(text.len(), 34);
    }
}
