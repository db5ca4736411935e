//! Who a person is for an app: `sub` and the id token (OpenID Connect Core 1.0; SMART, "Scopes for requesting identity
//! data"). A person's `sub` is another one for every app.

use crate::clock;
use crate::error::Error;
use crate::store::{Rows, Store, StoreError};
use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use salus_crypto::hash::hash;
use salus_crypto::random;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::sync::{Arc, Mutex, PoisonError};

const KEY: Rows<Kept> = Rows::new("smart-identity-key");
/// Life of an id token: long enough to be looked at once.
const LIFE_SECONDS: u64 = 300;
/// Where the PKCS #1 key of 2,048 bits begins within PKCS #8 (RFC 5958): after the version, the algorithm and the head of
/// the OCTET STRING.
const PKCS1_AT: usize = 26;

#[derive(Serialize, Deserialize)]
struct Kept {
    /// PKCS #1, hex.
    rsa: String,
    /// Makes subjects.
    salt: String,
}

struct Keys {
    signing: EncodingKey,
    jwk: Value,
    kid: String,
    salt: String,
}

/// Id tokens. The key is made when it is first needed.
pub(crate) struct Identities {
    store: Store,
    keys: Mutex<Option<Arc<Keys>>>,
}

/// The claims of an id token.
#[derive(Serialize)]
pub(super) struct Claims<'a> {
    pub(super) iss: &'a str,
    pub(super) aud: &'a str,
    pub(super) sub: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) nonce: Option<String>,
    #[serde(rename = "fhirUser", skip_serializing_if = "Option::is_none")]
    pub(super) fhir_user: Option<String>,
    pub(super) iat: u64,
    pub(super) exp: u64,
}

impl<'a> Claims<'a> {
    pub(super) fn new(iss: &'a str, aud: &'a str, sub: String) -> Self {
        let iat = clock::now_s();
        Self { iss, aud, sub, nonce: None, fhir_user: None, iat, exp: iat + LIFE_SECONDS }
    }
}

impl Identities {
    pub(crate) fn new(store: Store) -> Self {
        Self { store, keys: Mutex::default() }
    }

    /// The public key, as a JWK.
    ///
    /// # Errors
    /// A fault of the store.
    pub(crate) fn jwk(&self) -> Result<Value, Error> {
        Ok(self.keys()?.jwk.clone())
    }

    /// Who somebody is for a client.
    pub(super) fn subject(&self, client: &str, who: &str) -> Result<String, Error> {
        let keys = self.keys()?;
        Ok(hash("salus/smart-subject/v1", &[keys.salt.as_bytes(), client.as_bytes(), who.as_bytes()])
            .to_string())
    }

    /// Signs an id token, with RS256, which every client of OpenID Connect knows.
    pub(super) fn sign(&self, claims: &Claims<'_>) -> Result<String, Error> {
        let keys = self.keys()?;
        let mut header = Header::new(Algorithm::RS256);
        header.kid = Some(keys.kid.clone());
        encode(&header, claims, &keys.signing).map_err(Error::internal)
    }

    fn keys(&self) -> Result<Arc<Keys>, Error> {
        let mut slot = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(keys) = slot.as_ref() {
            return Ok(Arc::clone(keys));
        }
        let keys = Arc::new(Keys::of(&load(&self.store)?)?);
        *slot = Some(Arc::clone(&keys));
        Ok(keys)
    }
}

impl Keys {
    fn of(kept: &Kept) -> Result<Self, Error> {
        let signing = EncodingKey::from_rsa_der(&hex::decode(&kept.rsa).map_err(Error::internal)?);
        let mut jwk = Jwk::from_encoding_key(&signing, Algorithm::RS256).map_err(Error::internal)?;
        let kid = hash("salus/smart-identity-kid/v1", &[kept.rsa.as_bytes()]).to_string()[..16].to_owned();
        jwk.common.key_id = Some(kid.clone());
        let mut jwk = serde_json::to_value(jwk).map_err(Error::internal)?;
        jwk["use"] = "sig".into();
        Ok(Self { signing, jwk, kid, salt: kept.salt.clone() })
    }
}

fn load(store: &Store) -> Result<Kept, Error> {
    if let Some(kept) = store.read(|tx| KEY.get(tx, ""))? {
        return Ok(kept);
    }
    let rsa = KeyPair::generate(KeySize::Rsa2048).map_err(Error::internal)?;
    let pkcs8: Pkcs8V1Der<'_> = rsa.as_der().map_err(Error::internal)?;
    let pkcs1 = pkcs8.as_ref().get(PKCS1_AT..).unwrap_or_default();
    let made = Kept { rsa: hex::encode(pkcs1), salt: hex::encode(random::bytes::<32>()) };
    // The mutex of the caller lets one thread come here; what is there already stays.
    store.write_blocking(|tx| {
        if !KEY.put_new(tx, "", &made)? {
            return Err(StoreError::Row("smart-identity-key"));
        }
        Ok(())
    })?;
    Ok(made)
}
