//! SHA-256 (FIPS 180-4), plain and with domain tags.
//!
//! A tagged hash is `SHA-256(len(tag) as u8 || tag || for each part: len(part) as u64 BE || part)`. The framing is
//! injective: two calls hash the same bytes only if the tag, the number of parts and every part are equal.
//!
//! Architecture invariant: a hash of guessable data is never published; see [`crate::commit`].

use crate::bytes_type::fixed_bytes;
use sha2::Digest as _;

/// A SHA-256 digest: 32 bytes, written as 64 lowercase hexadecimal characters.
#[derive(Copy, Clone, Eq, PartialEq, Ord, PartialOrd, Hash, Default)]
pub struct Digest(pub [u8; 32]);

fixed_bytes!(Digest, 32);

impl Digest {
    /// 32 zero bytes: "none" where a format has a fixed place for a digest. Never the hash of anything known.
    pub const ZERO: Self = Self([0; 32]);

    /// The raw bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// A domain tag, so that lists of tags can be `const` and typed. At most 255 bytes.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub struct Tag(&'static str);

impl Tag {
    /// Names a domain.
    ///
    /// # Panics
    ///
    /// If `name` is empty or longer than 255 bytes; in a `const`, that is a compile error.
    pub const fn new(name: &'static str) -> Self {
        assert!(!name.is_empty() && name.len() <= 255, "a tag has 1 to 255 bytes");
        Self(name)
    }

    /// The name.
    pub const fn name(self) -> &'static str {
        self.0
    }

    /// [`hash`] under this tag.
    pub fn hash(self, parts: &[&[u8]]) -> Digest {
        hash(self.0, parts)
    }
}

/// SHA-256 of the bytes, without framing.
pub fn sha256(bytes: impl AsRef<[u8]>) -> Digest {
    Digest(sha2::Sha256::digest(bytes).into())
}

/// SHA-256 of the parts one after the other, without framing.
pub(crate) fn sha256_concat(parts: &[&[u8]]) -> Digest {
    let mut hasher = sha2::Sha256::new();
    for part in parts {
        hasher.update(part);
    }
    Digest(hasher.finalize().into())
}

/// The hash of `parts` under the domain `tag`, framed injectively (see the module).
///
/// # Panics
///
/// If `tag` is longer than 255 bytes: tags are constants of the program.
pub fn hash(tag: &str, parts: &[&[u8]]) -> Digest {
    let mut hasher = Hasher::new(tag);
    for part in parts {
        hasher.part(part);
    }
    hasher.finish()
}

/// The framed bytes that [`hash`] hashes: `len(tag) as u8 || tag || for each part: len(part) as u64 BE || part`.
pub(crate) fn frame(tag: &str, parts: &[&[u8]]) -> Vec<u8> {
    assert!(tag.len() <= 255, "a tag has at most 255 bytes");
    let mut framed =
        Vec::with_capacity(1 + tag.len() + parts.iter().map(|part| 8 + part.len()).sum::<usize>());
    framed.push(tag.len() as u8);
    framed.extend_from_slice(tag.as_bytes());
    for part in parts {
        framed.extend_from_slice(&(part.len() as u64).to_be_bytes());
        framed.extend_from_slice(part);
    }
    framed
}

/// [`hash`] part by part, for callers that cannot hold all parts at once.
#[derive(Clone)]
pub struct Hasher(sha2::Sha256);

impl Hasher {
    /// Starts a hash under the domain `tag`.
    ///
    /// # Panics
    ///
    /// If `tag` is longer than 255 bytes.
    pub fn new(tag: &str) -> Self {
        assert!(tag.len() <= 255, "a tag has at most 255 bytes");
        let mut inner = sha2::Sha256::new();
        inner.update([tag.len() as u8]);
        inner.update(tag);
        Self(inner)
    }

    /// Adds one part.
    pub fn part(&mut self, part: impl AsRef<[u8]>) -> &mut Self {
        let part = part.as_ref();
        self.0.update((part.len() as u64).to_be_bytes());
        self.0.update(part);
        self
    }

    /// The digest.
    pub fn finish(self) -> Digest {
        Digest(self.0.finalize().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use commonware_codec::{Copying, DecodeExt as _, Encode as _};

    #[test]
    fn sha256_gives_the_values_of_fips_180_4() {
        for (input, expected) in [
            (&b""[..], "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
            (b"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
            (
                b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
                "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
            ),
        ] {
            assert_eq!(sha256(input).to_string(), expected);
        }
    }

    #[test]
    fn a_tagged_hash_is_the_sha256_of_its_framing() {
        let framed = [&[3][..], b"tag", &2u64.to_be_bytes(), b"ab", &0u64.to_be_bytes()].concat();
        assert_eq!(frame("tag", &[b"ab", b""]), framed);
        assert_eq!(hash("tag", &[b"ab", b""]), sha256(framed));
    }

    #[test]
    fn moving_a_byte_between_tag_and_parts_changes_the_hash() {
        let inputs: [(&str, &[&[u8]]); 8] = [
            ("t", &[]),
            ("t", &[b""]),
            ("t", &[b"", b""]),
            ("t", &[b"ab"]),
            ("t", &[b"a", b"b"]),
            ("t", &[b"", b"ab"]),
            ("ta", &[b"b"]),
            ("", &[b"tab"]),
        ];
        for (at, (tag, parts)) in inputs.iter().enumerate() {
            for (other_tag, other_parts) in &inputs[at + 1..] {
                assert_ne!(hash(tag, parts), hash(other_tag, other_parts));
            }
        }
    }

    #[test]
    fn a_digest_has_exactly_one_text() {
        let text = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        let digest: Digest = text.parse().expect("valid");
        assert_eq!(format!("{digest} {digest:?}"), format!("{text} {text}"));
        assert_eq!(serde_json::to_string(&digest).expect("json"), format!("\"{text}\""));
        assert_eq!(serde_json::from_str::<Digest>(&format!("\"{text}\"")).expect("json"), digest);
        for bad in [&text[1..], &format!("{text}0"), &text.to_uppercase(), &text.replace('e', "g"), "", "é"]
        {
            assert!(bad.parse::<Digest>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_digest_is_32_raw_bytes_on_the_wire() {
        let digest = sha256("x");
        let encoded = digest.encode();
        assert_eq!(encoded.as_ref(), digest.as_ref());
        assert_eq!(Digest::decode(Copying(&encoded[..])).expect("decodes"), digest);
        assert!(Digest::decode(Copying(&encoded[..31])).is_err());
    }
}
