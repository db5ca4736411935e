//! Names of things: organisations, addresses, grants, compartments, versions.

use crate::codec::codec_struct;
use bytes::BufMut;
use commonware_codec::{Buf, Encode, EncodeSize, Error, FixedSize, RangeCfg, Read, Write};
use salus_crypto::hash::{Digest, hash};
use salus_crypto::sign::PublicKey;
use std::fmt;
use std::str::FromStr;

/// A name that is none of those known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown name for a {kind}")]
pub struct UnknownName {
    /// What was expected.
    pub kind: &'static str,
}

/// Declares an identifier of 32 bytes, written as 64 lower-case hexadecimal digits.
macro_rules! id {
    ($(#[$meta:meta])* $name:ident) => {
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Digest);

        impl $name {
            /// The 32 bytes.
            pub fn as_bytes(&self) -> &[u8] {
                self.0.as_ref()
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.0)
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
        impl FromStr for $name {
            type Err = UnknownName;
            fn from_str(text: &str) -> Result<Self, UnknownName> {
                text.parse().map(Self).map_err(|_| UnknownName { kind: stringify!($name) })
            }
        }
        impl Write for $name {
            fn write(&self, buf: &mut impl BufMut) {
                self.0.write(buf);
            }
        }
        impl FixedSize for $name {
            const SIZE: usize = 32;
        }
        impl Read for $name {
            type Cfg = ();
            fn read_cfg(buf: &mut impl Buf, _: &()) -> Result<Self, Error> {
                Digest::read_cfg(buf, &()).map(Self)
            }
        }
    };
}

id!(
    /// A network: the hash of its genesis. Part of everything that is signed.
    NetworkId
);
id!(
    /// A patient at one organisation: the hash of the pairwise public key used there and nowhere else.
    Address
);
id!(
    /// A grant: the hash of the one-time public key that signed it and that alone can revoke it.
    GrantId
);
id!(
    /// An access event, fixed by its content before it is ordered.
    AccessId
);
id!(
    /// An emergency access: the hash of the action that breaks the glass.
    EmergencyId
);
id!(
    /// An order to erase: the hash of the action that gives it.
    ErasureId
);
id!(
    /// A patient's recovery at one organisation: the hash of the public key that cancels it, which belongs to that recovery
    /// alone.
    RecoveryId
);
id!(
    /// That a person acts for a patient at one source: the hash of the one-time public key that appoints, and ends it.
    AppointmentId
);
id!(
    /// A proposal: the hash of the action that makes it.
    ProposalId
);
id!(
    /// A compartment: 32 random bytes that name (patient at source, category, epoch).
    CompartmentId
);
id!(
    /// One version of one FHIR resource: 32 random bytes.
    VersionId
);
id!(
    /// A transaction: the hash of its canonical encoding, signature included.
    TransactionId
);

impl Address {
    /// The address of a pairwise public key.
    pub fn of(key: &PublicKey) -> Self {
        Self(hash("salus/address/v1", &[key.as_ref()]))
    }
}

impl GrantId {
    /// The grant that a one-time public key signs.
    pub fn of(one_time_key: &PublicKey) -> Self {
        Self(hash("salus/grant/v1", &[one_time_key.as_ref()]))
    }
}

impl AppointmentId {
    /// The appointment that a one-time public key makes.
    pub fn of(one_time: &PublicKey) -> Self {
        Self(hash("salus/appointment/v1", &[one_time.as_ref()]))
    }
}

impl RecoveryId {
    /// The recovery that a public key cancels.
    pub fn of(cancel_key: &PublicKey) -> Self {
        Self(hash("salus/recovery/v1", &[cancel_key.as_ref()]))
    }
}

/// The short name of an organisation: 1 to 32 of `a-z`, `0-9` and `-`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
#[serde(transparent)]
pub struct OrganisationId(String);

impl OrganisationId {
    /// Longest name in bytes.
    pub const LENGTH_MAX: usize = 32;

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for OrganisationId {
    type Err = UnknownName;
    fn from_str(text: &str) -> Result<Self, UnknownName> {
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if text.is_empty() || text.len() > Self::LENGTH_MAX || !text.bytes().all(allowed) {
            return Err(UnknownName { kind: "OrganisationId" });
        }
        Ok(Self(text.to_owned()))
    }
}

impl<'de> serde::Deserialize<'de> for OrganisationId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl fmt::Debug for OrganisationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for OrganisationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Write for OrganisationId {
    fn write(&self, buf: &mut impl BufMut) {
        self.0.as_bytes().write(buf);
    }
}

impl EncodeSize for OrganisationId {
    fn encode_size(&self) -> usize {
        self.0.as_bytes().encode_size()
    }
}

impl Read for OrganisationId {
    type Cfg = ();
    fn read_cfg(buf: &mut impl Buf, _: &()) -> Result<Self, Error> {
        let bytes = Vec::<u8>::read_cfg(buf, &(RangeCfg::from(1..=Self::LENGTH_MAX), ()))?;
        String::from_utf8(bytes)
            .ok()
            .and_then(|text| text.parse().ok())
            .ok_or(Error::Invalid("OrganisationId", "not a short name"))
    }
}

codec_struct! {
    /// The credential of a practitioner, of which the ledger carries only the salted commitment.
    pub secret struct PractitionerCredential {
        /// The organisation that vouches for the practitioner.
        pub organisation: OrganisationId,
        /// The FHIR Practitioner id at that organisation.
        pub practitioner: crate::codec::Text<64>,
        /// The name that is shown to the patient.
        pub name: crate::codec::Text<128>,
        /// The role that is shown to the patient.
        pub role: crate::codec::Text<64>,
        /// 32 random bytes; without them the commitment says nothing.
        pub salt: [u8; 32],
    }
}

impl PractitionerCredential {
    /// The commitment that the ledger's registry carries.
    pub fn commitment(&self) -> Digest {
        hash("salus/practitioner/v1", &[&self.encode()])
    }
}
