//! Registered clients: systems, which the operator registers, and apps, which a steward approved.

use super::app::App;
use super::scope::Scopes;
use crate::error::{Code, Error};
use crate::store::{Parsed, Rows, Store, StoreError, WriteTransaction};
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, JwkSet};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use std::sync::{Arc, PoisonError, RwLock};

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
    /// What it is beside that, if it is an app of patients or clinicians.
    #[serde(default)]
    pub(crate) app: Option<App>,
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
pub struct Clients {
    store: Store,
    /// Origins of the pages of apps.
    origins: Arc<RwLock<HashSet<String>>>,
    parsed: Arc<Parsed<Client>>,
}

impl Clients {
    pub(crate) fn open(store: Store) -> Result<Self, StoreError> {
        let clients = Self { store, origins: Arc::default(), parsed: Arc::default() };
        clients.read_origins()?;
        Ok(clients)
    }

    /// Reads which pages may call this node, after apps have changed.
    pub(crate) fn read_origins(&self) -> Result<(), StoreError> {
        let all = self.all()?;
        let origins = all.iter().filter_map(|client| client.app.as_ref()).flat_map(App::origins).collect();
        *self.origins.write().unwrap_or_else(PoisonError::into_inner) = origins;
        Ok(())
    }

    /// Whether pages of an origin may call this node.
    pub(crate) fn has_origin(&self, origin: &str) -> bool {
        self.origins.read().unwrap_or_else(PoisonError::into_inner).contains(origin)
    }

    /// All clients.
    pub(crate) fn all(&self) -> Result<Vec<Client>, StoreError> {
        let rows = self.store.read(|tx| CLIENTS.scan(tx, "", usize::MAX))?;
        Ok(rows.into_iter().map(|(_, client)| client).collect())
    }

    /// Registers a client, or replaces it.
    ///
    /// # Errors
    /// [`Code::Invalid`] if the id, the keys or the scopes are not acceptable.
    pub async fn register(&self, new: NewClient) -> Result<(), Error> {
        let client = check(new)?;
        self.store.write(move |tx| CLIENTS.put(tx, &client.id, &client)).await?;
        Ok(())
    }

    /// Removes a client; its access tokens die within five minutes.
    ///
    /// # Errors
    /// A fault of the database.
    pub async fn remove(&self, id: &str) -> Result<(), Error> {
        let id = id.to_owned();
        self.store.write(move |tx| CLIENTS.take(tx, &id)).await?;
        Ok(())
    }

    /// A client.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn find(&self, id: &str) -> Result<Option<Client>, StoreError> {
        self.store.read(|tx| CLIENTS.get(tx, id))
    }

    /// The same as it is now, for every request: its keys are not parsed again while it does not change.
    pub(crate) fn current(&self, id: &str) -> Result<Option<Arc<Client>>, StoreError> {
        self.store.read(|tx| CLIENTS.get_parsed(tx, id, &self.parsed))
    }
}

/// Keeps a client from now on.
pub(super) fn keep(tx: &WriteTransaction, client: &Client) -> Result<(), StoreError> {
    CLIENTS.put(tx, &client.id, client)
}

/// From now on there is no such client.
pub(super) fn remove(tx: &WriteTransaction, id: &str) -> Result<(), StoreError> {
    CLIENTS.take(tx, id).map(|_| ())
}

impl Client {
    /// An app.
    pub(super) fn of_app(id: String, name: String, keys: JwkSet, app: App) -> Self {
        Self { id, name, keys, scopes: app.scope.data.clone(), may_assert_users: false, app: Some(app) }
    }

    /// Whether it has no keys of its own, so that nothing but PKCE shows who asks.
    pub(crate) fn is_public(&self) -> bool {
        self.keys.keys.is_empty()
    }

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
    let keys = keys_of(new.jwks)?;
    let scopes: Scopes = new.scopes.parse().map_err(|_| refuse("the scopes are not understood"))?;
    Ok(Client { id: new.id, name: new.name, keys, scopes, may_assert_users: new.may_assert_users, app: None })
}

/// No keys.
pub(super) fn no_keys() -> JwkSet {
    JwkSet { keys: Vec::new() }
}

/// The keys of a set, every one usable.
pub(super) fn keys_of(jwks: serde_json::Value) -> Result<JwkSet, Error> {
    let refuse = |why: &'static str| Error::new(Code::Invalid, why);
    let keys: JwkSet = serde_json::from_value(jwks).map_err(|_| refuse("the key set is no JWK set"))?;
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
    Ok(keys)
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
