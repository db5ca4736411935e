//! Canonical encoding: `commonware-codec` with every bound inside the type.
//!
//! Integers are big-endian and fixed-size, lengths are LEB128 varints, an `Option` is one byte and the
//! value, fields follow one another in the order in which they are declared. A value has exactly one
//! encoding; [`decode_canonical`] refuses every other byte string.

use bytes::{BufMut, Bytes};
use commonware_codec::{Buf, DecodeExt, Encode, EncodeSize, Error, RangeCfg, Read, Write};
use std::ops::Deref;
use zeroize::Zeroize;

/// A list of at most `MAX` items; the bound is part of the type, so decoding needs no configuration.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Bounded<T, const MAX: usize>(Vec<T>);

impl<T, const MAX: usize> Default for Bounded<T, MAX> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

/// A list or text that exceeds the bound of its type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{length} items where at most {max} are allowed")]
pub struct TooLong {
    /// Number of items (or bytes) given.
    pub length: usize,
    /// Largest number allowed.
    pub max: usize,
}

impl<T, const MAX: usize> Bounded<T, MAX> {
    /// Largest number of items.
    pub const MAX: usize = MAX;

    /// Wraps `items`, if there are not too many.
    pub fn new(items: Vec<T>) -> Result<Self, TooLong> {
        if items.len() > MAX {
            return Err(TooLong { length: items.len(), max: MAX });
        }
        Ok(Self(items))
    }

    /// The items, owned.
    pub fn into_inner(self) -> Vec<T> {
        self.0
    }
}

impl<T: Zeroize, const MAX: usize> Zeroize for Bounded<T, MAX> {
    fn zeroize(&mut self) {
        self.0.zeroize();
    }
}

impl<T, const MAX: usize> TryFrom<Vec<T>> for Bounded<T, MAX> {
    type Error = TooLong;
    fn try_from(items: Vec<T>) -> Result<Self, TooLong> {
        Self::new(items)
    }
}

impl<T, const MAX: usize> Deref for Bounded<T, MAX> {
    type Target = [T];
    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<T: Write, const MAX: usize> Write for Bounded<T, MAX> {
    fn write(&self, buf: &mut impl BufMut) {
        self.0.write(buf);
    }
}

impl<T: EncodeSize, const MAX: usize> EncodeSize for Bounded<T, MAX> {
    fn encode_size(&self) -> usize {
        self.0.encode_size()
    }
}

impl<T: Read<Cfg = ()>, const MAX: usize> Read for Bounded<T, MAX> {
    type Cfg = ();
    fn read_cfg(buf: &mut impl Buf, _: &()) -> Result<Self, Error> {
        Ok(Self(Vec::read_cfg(buf, &(RangeCfg::from(0..=MAX), ()))?))
    }
}

/// UTF-8 text of at most `MAX` bytes.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Text<const MAX: usize>(String);

impl<const MAX: usize> Text<MAX> {
    /// Wraps `text`, if it is not too long.
    pub fn new(text: impl Into<String>) -> Result<Self, TooLong> {
        let text = text.into();
        if text.len() > MAX {
            return Err(TooLong { length: text.len(), max: MAX });
        }
        Ok(Self(text))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<const MAX: usize> Write for Text<MAX> {
    fn write(&self, buf: &mut impl BufMut) {
        self.0.as_bytes().write(buf);
    }
}

impl<const MAX: usize> EncodeSize for Text<MAX> {
    fn encode_size(&self) -> usize {
        self.0.as_bytes().encode_size()
    }
}

impl<const MAX: usize> Read for Text<MAX> {
    type Cfg = ();
    fn read_cfg(buf: &mut impl Buf, _: &()) -> Result<Self, Error> {
        let bytes = Vec::<u8>::read_cfg(buf, &(RangeCfg::from(0..=MAX), ()))?;
        String::from_utf8(bytes).map(Self).map_err(|_| Error::Invalid("Text", "not UTF-8"))
    }
}

impl<const MAX: usize> serde::Serialize for Text<MAX> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de, const MAX: usize> serde::Deserialize<'de> for Text<MAX> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

/// Bytes that are not the one canonical encoding of the expected type.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// The bytes do not decode.
    #[error("malformed encoding: {0}")]
    Malformed(#[from] Error),
    /// The bytes decode, but the value encodes differently.
    #[error("the encoding is not canonical")]
    NotCanonical,
}

/// Decodes `bytes`, encodes again, compares, and refuses what differs or is left over.
pub fn decode_canonical<T: Read<Cfg = ()> + Encode>(bytes: &[u8]) -> Result<T, DecodeError> {
    let value = T::decode(Bytes::copy_from_slice(bytes))?;
    if value.encode().as_ref() != bytes {
        return Err(DecodeError::NotCanonical);
    }
    Ok(value)
}

/// What a signature covers that stands in the last field: the encoding of all fields before it.
pub fn unsigned(value: &impl Encode) -> Vec<u8> {
    let mut message = value.encode().to_vec();
    message.truncate(message.len() - salus_crypto::sign::Signature::LEN);
    message
}

/// Declares a struct whose canonical encoding is its fields in order. `pub secret struct` declares one that holds a key,
/// a salt, a name or a code: its `Debug` says the type's name and nothing else, so that no log can show it.
macro_rules! codec_struct {
    ($(#[$meta:meta])* pub struct $name:ident { $($(#[$field_meta:meta])* pub $field:ident : $type:ty),* $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct $name { $($(#[$field_meta])* pub $field: $type),* }

        codec_struct!(@codec $name { $($field: $type),* });
    };
    ($(#[$meta:meta])* pub secret struct $name:ident { $($(#[$field_meta:meta])* pub $field:ident : $type:ty),* $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, PartialEq, Eq)]
        pub struct $name { $($(#[$field_meta])* pub $field: $type),* }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(concat!(stringify!($name), "([redacted])"))
            }
        }

        codec_struct!(@codec $name { $($field: $type),* });
    };
    (@codec $name:ident { $($field:ident : $type:ty),* }) => {
        impl commonware_codec::Write for $name {
            fn write(&self, buf: &mut impl bytes::BufMut) {
                $(commonware_codec::Write::write(&self.$field, buf);)*
            }
        }
        impl commonware_codec::EncodeSize for $name {
            fn encode_size(&self) -> usize {
                0 $(+ commonware_codec::EncodeSize::encode_size(&self.$field))*
            }
        }
        impl commonware_codec::Read for $name {
            type Cfg = ();
            fn read_cfg(buf: &mut impl commonware_codec::Buf, _: &()) -> Result<Self, commonware_codec::Error> {
                Ok(Self { $($field: <$type as commonware_codec::Read>::read_cfg(buf, &())?),* })
            }
        }
    };
}

/// Declares a fieldless enum encoded as one byte and named in JSON as in the protocol.
macro_rules! codec_enum {
    ($(#[$meta:meta])* pub enum $name:ident { $($(#[$variant_meta:meta])* $variant:ident = $code:literal => $text:literal),* $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $name { $($(#[$variant_meta])* $variant = $code),* }

        impl $name {
            /// Every value, in order of its code.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];
            /// The one-byte code of the encoding.
            pub fn code(self) -> u8 {
                self as u8
            }
            /// The value of a one-byte code.
            pub fn from_code(code: u8) -> Option<Self> {
                match code { $($code => Some(Self::$variant),)* _ => None }
            }
            /// The name used in JSON and on the command line.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),* }
            }
        }
        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
        impl std::str::FromStr for $name {
            type Err = $crate::UnknownName;
            fn from_str(text: &str) -> Result<Self, $crate::UnknownName> {
                match text { $($text => Ok(Self::$variant),)* _ => Err($crate::UnknownName { kind: stringify!($name) }) }
            }
        }
        impl commonware_codec::Write for $name {
            fn write(&self, buf: &mut impl bytes::BufMut) {
                self.code().write(buf);
            }
        }
        impl commonware_codec::FixedSize for $name {
            const SIZE: usize = 1;
        }
        impl commonware_codec::Read for $name {
            type Cfg = ();
            fn read_cfg(buf: &mut impl commonware_codec::Buf, _: &()) -> Result<Self, commonware_codec::Error> {
                let code = <u8 as commonware_codec::Read>::read_cfg(buf, &())?;
                Self::from_code(code).ok_or(commonware_codec::Error::InvalidEnum(code))
            }
        }
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }
        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                <String as serde::Deserialize>::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

/// Declares the sum of structs of the same names, tagged by one byte.
macro_rules! codec_sum {
    ($(#[$meta:meta])* pub enum $sum:ident { $($(#[$variant_meta:meta])* $name:ident = $tag:literal),* $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum $sum { $($(#[$variant_meta])* $name($name)),* }

        impl commonware_codec::Write for $sum {
            fn write(&self, buf: &mut impl bytes::BufMut) {
                match self { $(Self::$name(inner) => { buf.put_u8($tag); inner.write(buf); })* }
            }
        }
        impl commonware_codec::EncodeSize for $sum {
            fn encode_size(&self) -> usize {
                1 + match self { $(Self::$name(inner) => commonware_codec::EncodeSize::encode_size(inner)),* }
            }
        }
        impl commonware_codec::Read for $sum {
            type Cfg = ();
            fn read_cfg(buf: &mut impl commonware_codec::Buf, _: &()) -> Result<Self, commonware_codec::Error> {
                match <u8 as commonware_codec::Read>::read_cfg(buf, &())? {
                    $($tag => Ok(Self::$name(<$name as commonware_codec::Read>::read_cfg(buf, &())?)),)*
                    tag => Err(commonware_codec::Error::InvalidEnum(tag)),
                }
            }
        }
        $(impl From<$name> for $sum {
            fn from(inner: $name) -> Self {
                Self::$name(inner)
            }
        })*
        impl $sum {
            /// The variant's name, for people and metrics.
            pub fn name(&self) -> &'static str {
                match self { $(Self::$name(_) => stringify!($name)),* }
            }
        }
    };
}

pub(crate) use {codec_enum, codec_struct, codec_sum};
