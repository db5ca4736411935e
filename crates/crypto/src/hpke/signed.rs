//! Envelopes that name their sender.
//!
//! The sender signs `enc || len(ct) as u64 BE || ct || context` in a namespace ([`crate::sign`]), and its public key
//! is part of what the envelope authenticates (`aad = sender || context`). So nobody can replace the signature on
//! another's envelope by their own and pass for its author.

use super::{Encapsulated, Envelope, HpkeError, HpkePrivateKey, HpkePublicKey, open, seal};
use crate::bytes_type::hex_bytes;
use crate::sign::{PublicKey, Signature, SigningKey};
use bytes::BufMut;
use commonware_codec::{
    Buf, EncodeSize, Error as CodecError, FixedSize as _, RangeCfg, Read, ReadExt as _, Write,
};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// A message sealed to a public key and signed by its sender.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedEnvelope {
    /// The encapsulated key.
    pub enc: Encapsulated,
    /// The ciphertext with its tag.
    #[serde(with = "hex_bytes")]
    pub ct: Vec<u8>,
    /// Who signed.
    pub sender: PublicKey,
    /// The sender's signature over [`signed_message`].
    pub signature: Signature,
}

/// What the sender signs: `enc || len(ct) as u64 BE || ct || context`.
pub fn signed_message(enc: &Encapsulated, ct: &[u8], context: &[u8]) -> Vec<u8> {
    [&enc.0[..], &(ct.len() as u64).to_be_bytes(), ct, context].concat()
}

impl SignedEnvelope {
    /// Seals `plaintext` to `to` and signs it as `sender` in `namespace`. `info` says what kind of message this is,
    /// `context` to what it belongs; the recipient must know both.
    ///
    /// # Errors
    ///
    /// [`HpkeError::PublicKey`] or [`HpkeError::Info`].
    pub fn seal(
        sender: &SigningKey,
        namespace: &str,
        to: &HpkePublicKey,
        info: &[u8],
        context: &[u8],
        plaintext: &[u8],
    ) -> Result<Self, HpkeError> {
        let public = sender.public();
        let Envelope { enc, ct } = seal(to, info, &aad(&public, context), plaintext)?;
        let signature = sender.sign(namespace, &signed_message(&enc, &ct, context));
        Ok(Self { enc, ct, sender: public, signature })
    }

    /// Checks the signature by the named sender. It can be checked without opening.
    ///
    /// # Errors
    ///
    /// [`HpkeError::Signature`].
    pub fn verify(&self, namespace: &str, context: &[u8]) -> Result<(), HpkeError> {
        let message = signed_message(&self.enc, &self.ct, context);
        self.sender.verify(namespace, &message, &self.signature).map_err(|_| HpkeError::Signature)
    }

    /// Checks that this is from `from`, then the signature, then opens.
    ///
    /// # Errors
    ///
    /// [`HpkeError`], naming the first failed check.
    pub fn open(
        &self,
        from: &PublicKey,
        namespace: &str,
        key: &HpkePrivateKey,
        info: &[u8],
        context: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, HpkeError> {
        if self.sender != *from {
            return Err(HpkeError::Sender);
        }
        self.verify(namespace, context)?;
        let envelope = Envelope { enc: self.enc.clone(), ct: self.ct.clone() };
        open(key, info, &aad(&self.sender, context), &envelope)
    }
}

fn aad(sender: &PublicKey, context: &[u8]) -> Vec<u8> {
    [&sender.0[..], context].concat()
}

impl Write for SignedEnvelope {
    fn write(&self, buf: &mut impl BufMut) {
        self.enc.write(buf);
        self.ct.write(buf);
        self.sender.write(buf);
        self.signature.write(buf);
    }
}

impl EncodeSize for SignedEnvelope {
    fn encode_size(&self) -> usize {
        Encapsulated::SIZE + self.ct.encode_size() + PublicKey::SIZE + Signature::SIZE
    }
}

/// `Cfg` bounds the length of `ct`, in bytes.
impl Read for SignedEnvelope {
    type Cfg = RangeCfg<usize>;

    fn read_cfg(buf: &mut impl Buf, ct_len: &Self::Cfg) -> Result<Self, CodecError> {
        Ok(Self {
            enc: Encapsulated::read(buf)?,
            ct: Vec::read_cfg(buf, &(*ct_len, ()))?,
            sender: PublicKey::read(buf)?,
            signature: Signature::read(buf)?,
        })
    }
}
