//! Registered clients. The operator registers them; there is no dynamic registration.

use super::scope::Scopes;
use crate::error::{Code, Error};
use crate::store::{Rows, Store, StoreError};
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, JwkSet};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::{Deserialize, Serialize};

const CLIENTS: Rows<Client> = Rows::new("smart-clients");
/// Most keys of one client.
const KEYS_PER_CLIENT_MAX: usize = 16;
/// Shortest RSA modulus, in base64url characters of 2,048 bits.
const RSA_MODULUS_CHARS_MIN: usize = 342;

/// A client as it is kept.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Client {
    /// Its id.
    pub id: String,
    /// Name shown to stewards.
    pub name: String,
    /// Its public keys.
    keys: JwkSet,
    /// Everything that it may ask for.
    pub scopes: Scopes,
    /// Whether it may vouch for practitioners (`hl7-b2b`).
    pub may_assert_users: bool,
}

/// A client to register.
#[derive(Clone, Debug)]
pub struct NewClient {
    /// Its id.
    pub id: String,
    /// Name shown to stewards.
    pub name: String,
    /// Its public keys: a JSON Web Key Set (RFC 7517). Each with a `kid`, RSA for RS384 or P-384 for ES384.
    pub jwks: serde_json::Value,
    /// Everything that it may ask for, SMART version 2.
    pub scopes: String,
    /// Whether it may vouch for practitioners.
    pub may_assert_users: bool,
}

/// The registry; cheap to clone.
#[derive(Clone)]
pub struct Clients(Store);

impl Clients {
    pub(crate) fn new(store: Store) -> Self {
        Self(store)
    }

    /// Registers a client, or replaces it.
    ///
    /// # Errors
    /// [`Code::Invalid`] if the id, the keys or the scopes are not acceptable.
    pub async fn register(&self, new: NewClient) -> Result<(), Error> {
        let client = check(new)?;
        self.0.write(move |tx| CLIENTS.put(tx, &client.id, &client)).await?;
        Ok(())
    }

    /// Removes a client; its access tokens die within five minutes.
    ///
    /// # Errors
    /// A fault of the database.
    pub async fn remove(&self, id: &str) -> Result<(), Error> {
        let id = id.to_owned();
        self.0.write(move |tx| CLIENTS.take(tx, &id)).await?;
        Ok(())
    }

    /// A client.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn find(&self, id: &str) -> Result<Option<Client>, StoreError> {
        self.0.read(|tx| CLIENTS.get(tx, id))
    }
}

impl Client {
    /// The key with a `kid`, and the one algorithm that it is for.
    pub(crate) fn key(&self, kid: &str) -> Option<(DecodingKey, Algorithm)> {
        let jwk = self.keys.find(kid)?;
        Some((DecodingKey::from_jwk(jwk).ok()?, algorithm(jwk)?))
    }
}

fn check(new: NewClient) -> Result<Client, Error> {
    let refuse = |why: &'static str| Error::new(Code::Invalid, why);
    if !crate::fhir::is_id(&new.id) {
        return Err(refuse("a client's id has 1 to 64 letters, digits, `-` or `.`"));
    }
    let keys: JwkSet = serde_json::from_value(new.jwks).map_err(|_| refuse("the key set is no JWK set"))?;
    if keys.keys.is_empty() || keys.keys.len() > KEYS_PER_CLIENT_MAX {
        return Err(refuse("a client has 1 to 16 keys"));
    }
    for key in &keys.keys {
        let usable =
            key.common.key_id.is_some() && algorithm(key).is_some() && DecodingKey::from_jwk(key).is_ok();
        if !usable {
            return Err(refuse("every key needs a `kid`, and is RSA of at least 2,048 bits or EC P-384"));
        }
    }
    let scopes: Scopes = new.scopes.parse().map_err(|_| refuse("the scopes are not understood"))?;
    Ok(Client { id: new.id, name: new.name, keys, scopes, may_assert_users: new.may_assert_users })
}

/// The one algorithm that a key is for; a key that says another in `alg` is for none.
fn algorithm(key: &Jwk) -> Option<Algorithm> {
    let by_kind = match &key.algorithm {
        AlgorithmParameters::RSA(rsa) if rsa.n.len() >= RSA_MODULUS_CHARS_MIN => Algorithm::RS384,
        AlgorithmParameters::EllipticCurve(ec) if ec.curve == EllipticCurve::P384 => Algorithm::ES384,
        _ => return None,
    };
    let said = key.common.key_algorithm.as_ref().map(ToString::to_string);
    said.is_none_or(|said| said == format!("{by_kind:?}")).then_some(by_kind)
}
