//! HPKE (RFC 9180), base mode, one suite: KEM X-Wing (0x647a, draft-connolly-cfrg-xwing-kem: ML-KEM-768 with X25519),
//! HKDF-SHA256, AES-256-GCM.
//!
//! * [`seal`] and [`open`]: one message to one public key, one encapsulation each.
//! * [`link_send`] and [`link_receive`]: one encapsulation that gives both sides a shared key, from which keys for
//!   many short messages are derived.
//! * [`SignedEnvelope`]: a sealed message with its sender's signature.
//!
//! A private key is a 32-byte seed, imported as the serialised private key. `DeriveKeyPair` is not used: libraries
//! disagree about it for X-Wing.
//!
//! Architecture invariant: the sender of a plain [`Envelope`] is unknown; only [`SignedEnvelope`] names one.

mod signed;

pub use signed::{SignedEnvelope, signed_message};

use crate::bytes_type::{fixed_bytes, hex_bytes};
use crate::secret::Secret32;
use ::hpke as rfc9180;
use bytes::BufMut;
use commonware_codec::{
    Buf, EncodeSize, Error as CodecError, FixedSize as _, RangeCfg, Read, ReadExt as _, Write,
};
use rfc9180::aead::{AeadCtxR, AeadCtxS, AesGcm256};
use rfc9180::kdf::HkdfSha256;
use rfc9180::kem::XWing;
use rfc9180::{Deserializable as _, Kem, OpModeR, OpModeS, Serializable as _};
use serde::{Deserialize, Serialize};
use thiserror::Error;
use zeroize::Zeroizing;

/// Bytes that [`seal`] adds to a plaintext: the encapsulated key and the tag.
pub const OVERHEAD: usize = Encapsulated::LEN + crate::aead::TAG_LEN;

/// Longest `info`, in bytes.
pub const INFO_LEN_MAX: usize = 60_000;

/// The exporter context of link keys.
const LINK_CONTEXT: &[u8] = b"salus/crypto/link-key/1";

type KemPrivate = <XWing as Kem>::PrivateKey;
type KemPublic = <XWing as Kem>::PublicKey;
type KemEncapsulated = <XWing as Kem>::EncappedKey;

/// Why an envelope cannot be made or opened.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Error)]
pub enum HpkeError {
    /// The recipient's bytes are not an X-Wing public key.
    #[error("not an X-Wing public key")]
    PublicKey,
    /// `info` is longer than [`INFO_LEN_MAX`].
    #[error("info has {0} bytes, more than {INFO_LEN_MAX}")]
    Info(usize),
    /// The bytes are too short to be an envelope.
    #[error("envelope is too short")]
    Length,
    /// Key, info, associated data or envelope are not those that were sealed.
    #[error("envelope does not open")]
    Open,
    /// The envelope names another sender than the expected one.
    #[error("envelope is from another sender")]
    Sender,
    /// The sender's signature does not verify.
    #[error("signature on the envelope does not verify")]
    Signature,
}

/// An X-Wing public key, 1,216 bytes. Any bytes can be held; [`seal`] refuses those that are no key.
#[derive(Clone, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct HpkePublicKey(pub [u8; 1216]);

fixed_bytes!(HpkePublicKey, 1216);

/// An X-Wing ciphertext, 1,120 bytes: the `enc` of RFC 9180.
#[derive(Clone, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Encapsulated(pub [u8; 1120]);

fixed_bytes!(Encapsulated, 1120);

/// An X-Wing private key. It is zeroised when dropped and has no `Debug`.
pub struct HpkePrivateKey {
    seed: Secret32,
    key: KemPrivate,
}

impl HpkePrivateKey {
    /// The key of a 32-byte seed (draft-connolly-cfrg-xwing-kem, 5.2: the seed is the decapsulation key).
    pub fn from_seed(seed: &Secret32) -> Self {
        Self { key: kem_private(seed), seed: seed.clone() }
    }

    /// A new random key.
    pub fn generate() -> Self {
        Self::from_seed(&Secret32::random())
    }

    /// The seed, for storing the key under encryption.
    pub fn seed(&self) -> &Secret32 {
        &self.seed
    }

    /// The public key.
    pub fn public(&self) -> HpkePublicKey {
        HpkePublicKey(XWing::sk_to_pk(&self.key).to_bytes().into())
    }
}

/// Cannot fail: every 32 bytes are an X-Wing private key.
fn kem_private(seed: &Secret32) -> KemPrivate {
    KemPrivate::from_bytes(seed.expose()).expect("32-byte seed")
}

/// A message sealed to a public key, from nobody in particular.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Envelope {
    /// The encapsulated key.
    pub enc: Encapsulated,
    /// The ciphertext with its tag.
    #[serde(with = "hex_bytes")]
    pub ct: Vec<u8>,
}

/// Seals `plaintext` to `to`. Whoever opens it must know `info` (what kind of message this is) and `aad`.
///
/// # Errors
///
/// [`HpkeError::PublicKey`] or [`HpkeError::Info`].
pub fn seal(to: &HpkePublicKey, info: &[u8], aad: &[u8], plaintext: &[u8]) -> Result<Envelope, HpkeError> {
    let (enc, mut context) = setup_sender(to, info, &mut rand::rng())?;
    seal_with(enc, &mut context, aad, plaintext)
}

fn seal_with(
    enc: Encapsulated,
    context: &mut Sender,
    aad: &[u8],
    plaintext: &[u8],
) -> Result<Envelope, HpkeError> {
    let ct = context.seal(plaintext, aad).map_err(|_| HpkeError::Length)?;
    Ok(Envelope { enc, ct })
}

/// Opens what [`seal`] gave.
///
/// # Errors
///
/// [`HpkeError::Open`] or [`HpkeError::Info`].
pub fn open(
    key: &HpkePrivateKey,
    info: &[u8],
    aad: &[u8],
    envelope: &Envelope,
) -> Result<Zeroizing<Vec<u8>>, HpkeError> {
    let mut context = setup_receiver(key, &envelope.enc, info)?;
    context.open(&envelope.ct, aad).map(Zeroizing::new).map_err(|_| HpkeError::Open)
}

/// Makes a link key shared with the holder of `to`: send it `enc`, keep the secret. It is RFC 9180's exported secret
/// of 32 bytes with the exporter context "salus/crypto/link-key/1".
///
/// # Errors
///
/// [`HpkeError::PublicKey`] or [`HpkeError::Info`].
pub fn link_send(to: &HpkePublicKey, info: &[u8]) -> Result<(Encapsulated, Secret32), HpkeError> {
    let (enc, context) = setup_sender(to, info, &mut rand::rng())?;
    Ok((enc, export(|out| context.export(LINK_CONTEXT, out))))
}

/// The link key that [`link_send`] made. For an `enc` or `info` that was not the sender's this is some other key,
/// not an error: the first message sealed under it will not open.
///
/// # Errors
///
/// [`HpkeError::Info`].
pub fn link_receive(key: &HpkePrivateKey, enc: &Encapsulated, info: &[u8]) -> Result<Secret32, HpkeError> {
    let context = setup_receiver(key, enc, info)?;
    Ok(export(|out| context.export(LINK_CONTEXT, out)))
}

/// Cannot fail: RFC 9180 exports up to 8,160 bytes.
fn export(fill: impl FnOnce(&mut [u8]) -> Result<(), rfc9180::HpkeError>) -> Secret32 {
    Secret32::init_with(|out| fill(out).expect("32 bytes"))
}

type Sender = AeadCtxS<AesGcm256, HkdfSha256, XWing>;
type Receiver = AeadCtxR<AesGcm256, HkdfSha256, XWing>;

fn setup_sender(
    to: &HpkePublicKey,
    info: &[u8],
    rng: &mut impl rand::CryptoRng,
) -> Result<(Encapsulated, Sender), HpkeError> {
    check_info(info)?;
    let to = KemPublic::from_bytes(&to.0).map_err(|_| HpkeError::PublicKey)?;
    let (enc, context): (KemEncapsulated, Sender) =
        rfc9180::setup_sender_with_rng(&OpModeS::Base, &to, info, rng).map_err(|_| HpkeError::PublicKey)?;
    Ok((Encapsulated(enc.to_bytes().into()), context))
}

fn setup_receiver(key: &HpkePrivateKey, enc: &Encapsulated, info: &[u8]) -> Result<Receiver, HpkeError> {
    check_info(info)?;
    let enc = KemEncapsulated::from_bytes(&enc.0).map_err(|_| HpkeError::Open)?;
    rfc9180::setup_receiver(&OpModeR::Base, &key.key, &enc, info).map_err(|_| HpkeError::Open)
}

fn check_info(info: &[u8]) -> Result<(), HpkeError> {
    if info.len() > INFO_LEN_MAX { Err(HpkeError::Info(info.len())) } else { Ok(()) }
}

impl Envelope {
    /// `enc || ct`.
    pub fn to_bytes(&self) -> Vec<u8> {
        [&self.enc.0[..], &self.ct].concat()
    }

    /// Splits `enc || ct`.
    ///
    /// # Errors
    ///
    /// [`HpkeError::Length`] if there is no room for an encapsulated key and a tag.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, HpkeError> {
        match bytes.split_first_chunk() {
            Some((enc, ct)) if ct.len() >= crate::aead::TAG_LEN => {
                Ok(Self { enc: Encapsulated(*enc), ct: ct.to_vec() })
            }
            _ => Err(HpkeError::Length),
        }
    }
}

impl Write for Envelope {
    fn write(&self, buf: &mut impl BufMut) {
        self.enc.write(buf);
        self.ct.write(buf);
    }
}

impl EncodeSize for Envelope {
    fn encode_size(&self) -> usize {
        Encapsulated::SIZE + self.ct.encode_size()
    }
}

/// `Cfg` bounds the length of `ct`, in bytes.
impl Read for Envelope {
    type Cfg = RangeCfg<usize>;

    fn read_cfg(buf: &mut impl Buf, ct_len: &Self::Cfg) -> Result<Self, CodecError> {
        Ok(Self { enc: Encapsulated::read(buf)?, ct: Vec::read_cfg(buf, &(*ct_len, ()))? })
    }
}

#[cfg(test)]
mod tests;
