//! What all public fixed-size byte strings (digests, keys, signatures) have in common.

use thiserror::Error;

/// Why a text is not the hexadecimal form of a fixed-size byte string.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Error)]
pub enum HexError {
    /// The text has the wrong number of characters.
    #[error("expected {expected} hexadecimal characters, found {found}")]
    Length {
        /// Characters that the type needs.
        expected: usize,
        /// Characters that were given.
        found: usize,
    },
    /// A character is not one of `0123456789abcdef`; upper case is refused so that every value has one spelling.
    #[error("character {position} is not a lowercase hexadecimal digit")]
    Character {
        /// Byte offset in the text.
        position: usize,
    },
}

/// Decodes exactly `N` bytes from strict lowercase hexadecimal.
pub(crate) fn from_hex<const N: usize>(text: &str) -> Result<[u8; N], HexError> {
    let text = text.as_bytes();
    if text.len() != 2 * N {
        return Err(HexError::Length { expected: 2 * N, found: text.len() });
    }
    let mut bytes = [0; N];
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = nibble(text, 2 * at)? << 4 | nibble(text, 2 * at + 1)?;
    }
    Ok(bytes)
}

/// Decodes any number of bytes from strict lowercase hexadecimal.
pub(crate) fn vec_from_hex(text: &str) -> Result<Vec<u8>, HexError> {
    let text = text.as_bytes();
    if !text.len().is_multiple_of(2) {
        return Err(HexError::Length { expected: text.len() + 1, found: text.len() });
    }
    (0..text.len()).step_by(2).map(|at| Ok(nibble(text, at)? << 4 | nibble(text, at + 1)?)).collect()
}

/// `#[serde(with = "hex_bytes")]` for a `Vec<u8>`: strict lowercase hexadecimal.
pub(crate) mod hex_bytes {
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    pub(crate) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&hex::encode(bytes))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        super::vec_from_hex(&text).map_err(D::Error::custom)
    }
}

fn nibble(text: &[u8], position: usize) -> Result<u8, HexError> {
    match text[position] {
        digit @ b'0'..=b'9' => Ok(digit - b'0'),
        letter @ b'a'..=b'f' => Ok(letter - b'a' + 10),
        _ => Err(HexError::Character { position }),
    }
}

/// Gives a `struct Name(pub [u8; N])` its text form (strict lowercase hex), serde form (the same text), and codec
/// form (the raw bytes, `Cfg = ()`).
macro_rules! fixed_bytes {
    ($name:ident, $len:expr) => {
        impl $name {
            /// Length in bytes.
            pub const LEN: usize = $len;
        }

        impl AsRef<[u8]> for $name {
            fn as_ref(&self) -> &[u8] {
                &self.0
            }
        }

        impl From<[u8; $len]> for $name {
            fn from(bytes: [u8; $len]) -> Self {
                Self(bytes)
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                let mut text = [0; 2 * $len];
                hex::encode_to_slice(&self.0, &mut text).map_err(|_| std::fmt::Error)?;
                f.pad(std::str::from_utf8(&text).map_err(|_| std::fmt::Error)?)
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                std::fmt::Display::fmt(self, f)
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::HexError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                $crate::bytes_type::from_hex(text).map(Self)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }

        impl commonware_codec::Write for $name {
            fn write(&self, buf: &mut impl bytes::BufMut) {
                buf.put_slice(&self.0);
            }
        }

        impl commonware_codec::Read for $name {
            type Cfg = ();

            fn read_cfg(
                buf: &mut impl commonware_codec::Buf,
                (): &(),
            ) -> Result<Self, commonware_codec::Error> {
                <[u8; $len] as commonware_codec::ReadExt>::read(buf).map(Self)
            }
        }

        impl commonware_codec::FixedSize for $name {
            const SIZE: usize = $len;
        }
    };
}

pub(crate) use fixed_bytes;
