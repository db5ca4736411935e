//! The key that signs health cards: P-256, derived from the node's storage key, which is in its key store. Generations
//! follow each other; one alone is valid.

use crate::error::Error;
use crate::state::Gateway;
use crate::store::{Rows, StoreError};
use aws_lc_rs::agreement::{ECDH_P256, PrivateKey};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use salus_crypto::Secret32;
use salus_crypto::hash::sha256;
use salus_crypto::kdf::{self, Label};
use salus_types::label;
use serde_json::{Value, json};

const KEY: Label = Label::new(label::HEALTH_CARD_KEY);
/// The generation that is valid; 0 where there is none.
const GENERATION: Rows<u32> = Rows::new("health-card-key");
/// Of 2^32 derived values one is no private key of P-256.
const ATTEMPTS: u8 = 8;

/// A key that signs.
pub(super) struct CardKey {
    pair: EcdsaKeyPair,
    x: String,
    y: String,
}

/// The key that is valid now.
///
/// # Errors
/// A fault of the store.
pub(super) fn current(gateway: &Gateway) -> Result<CardKey, Error> {
    let generation = gateway.store.read(|tx| GENERATION.get(tx, ""))?.unwrap_or_default();
    CardKey::derive(&gateway.ports.storage, generation)
}

/// Goes on to the next generation, durably.
///
/// # Errors
/// A fault of the store.
pub(super) async fn replace(gateway: &Gateway) -> Result<(), Error> {
    let next = |tx: &crate::store::WriteTransaction| {
        let generation = GENERATION.get_mut(tx, "")?.unwrap_or_default();
        GENERATION.put(tx, "", &(generation + 1))?;
        Ok::<_, StoreError>(())
    };
    Ok(gateway.store.write(next).await?)
}

impl CardKey {
    fn derive(storage: &Secret32, generation: u32) -> Result<Self, Error> {
        let keys = (0..ATTEMPTS).map(|attempt| {
            let parts: [&[u8]; 2] = [&generation.to_be_bytes(), &[attempt]];
            Self::of(&kdf::derive(KEY, storage.expose(), &[], &parts))
        });
        keys.flatten().next().ok_or_else(|| Error::internal("no key for health cards"))
    }

    /// `None` if the bytes are no private key.
    fn of(secret: &Secret32) -> Option<Self> {
        let private = PrivateKey::from_private_key(&ECDH_P256, secret.expose()).ok()?;
        let public = private.compute_public_key().ok()?;
        let pair = EcdsaKeyPair::from_private_key_and_public_key(
            &ECDSA_P256_SHA256_FIXED_SIGNING,
            secret.expose(),
            public.as_ref(),
        );
        // Uncompressed (SEC 1, 2.3.3): a byte 0x04, then both coordinates.
        let (x, y) = public.as_ref().get(1..)?.split_at_checked(32)?;
        Some(Self { pair: pair.ok()?, x: URL_SAFE_NO_PAD.encode(x), y: URL_SAFE_NO_PAD.encode(y) })
    }

    /// RFC 7638: the SHA-256 of the key's required members in order.
    pub(super) fn id(&self) -> String {
        let members = format!(r#"{{"crv":"P-256","kty":"EC","x":"{}","y":"{}"}}"#, self.x, self.y);
        URL_SAFE_NO_PAD.encode(sha256(members).0)
    }

    pub(super) fn jwk(&self) -> Value {
        json!({ "kty": "EC", "kid": self.id(), "use": "sig", "alg": "ES256", "crv": "P-256", "x": self.x, "y": self.y })
    }

    /// ES256 (RFC 7518, 3.4), base64url.
    pub(super) fn sign(&self, message: &str) -> Result<String, Error> {
        let signature = self.pair.sign(&SystemRandom::new(), message.as_bytes()).map_err(Error::internal)?;
        Ok(URL_SAFE_NO_PAD.encode(signature))
    }
}
