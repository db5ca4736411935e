//! Access tokens: JSON Web Tokens (RFC 9068) for five minutes, signed by a key of this node (EdDSA).

use super::scope::Scopes;
use crate::clock;
use crate::error::{Code, Error};
use crate::state::{Config, OpenError};
use crate::store::{Rows, Store, StoreError};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};
use salus_crypto::hash::sha256;
use salus_crypto::random;
use salus_types::category::Purpose;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

/// Life of an access token.
pub const TOKEN_SECONDS: u64 = 300;
/// Longest bearer token in bytes.
const TOKEN_BYTES_MAX: usize = 8 * 1024;
/// Media type of RFC 9068.
const TYPE: &str = "at+jwt";

const KEY: Rows<String> = Rows::new("smart-token-key");
const REVOKED: Rows<u64> = Rows::new("smart-revoked-tokens");

/// The claims of an access token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessToken {
    /// This node.
    pub iss: String,
    /// The FHIR base.
    pub aud: String,
    /// The practitioner, or the client itself.
    pub sub: String,
    /// The client.
    pub client_id: String,
    /// Number used once.
    pub jti: String,
    /// Issued, in seconds.
    pub iat: u64,
    /// Dead from, in seconds.
    pub exp: u64,
    /// What it reaches.
    pub scope: Scopes,
    /// SMART launch context: the one patient.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patient: Option<String>,
    /// On behalf of a practitioner.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub salus: Option<OnBehalf>,
}

/// On whose behalf, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OnBehalf {
    /// FHIR Practitioner id here.
    pub practitioner: String,
    /// Purpose of use.
    pub purpose: Purpose,
    /// Reason in words.
    pub reason: String,
}

/// What a new token says.
pub(crate) struct Grant {
    pub(crate) client: String,
    pub(crate) scope: Scopes,
    pub(crate) patient: Option<String>,
    pub(crate) on_behalf: Option<OnBehalf>,
}

/// Issues, checks and revokes access tokens.
pub struct Tokens {
    store: Store,
    signing: EncodingKey,
    checking: DecodingKey,
    jwk: serde_json::Value,
    kid: String,
    issuer: String,
    audience: String,
    revoked: RwLock<HashMap<String, u64>>,
}

impl Tokens {
    /// Loads the key, or makes it.
    pub(crate) fn open(store: Store, config: &Config) -> Result<Self, OpenError> {
        let pkcs8 = load_key(&store)?;
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(&pkcs8).map_err(|_| OpenError::TokenKey)?;
        let x = URL_SAFE_NO_PAD.encode(pair.public_key());
        let kid = sha256(pair.public_key()).to_string()[..16].to_owned();
        let jwk = serde_json::json!({
            "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": kid, "x": x,
        });
        let revoked = store.read(|tx| REVOKED.scan(tx, "", usize::MAX))?;
        Ok(Self {
            signing: EncodingKey::from_ed_der(&pkcs8),
            checking: DecodingKey::from_ed_components(&x).map_err(|_| OpenError::TokenKey)?,
            jwk,
            kid,
            issuer: config.public_url.clone(),
            audience: config.fhir_url(),
            revoked: RwLock::new(revoked.into_iter().collect()),
            store,
        })
    }

    /// The public key, as a JWK set.
    pub(crate) fn jwks(&self) -> serde_json::Value {
        serde_json::json!({ "keys": [self.jwk] })
    }

    /// Issues a token.
    pub(crate) fn issue(&self, grant: Grant) -> Result<String, Error> {
        let now = clock::now_s();
        let claims = AccessToken {
            iss: self.issuer.clone(),
            aud: self.audience.clone(),
            sub: grant.on_behalf.as_ref().map_or(&grant.client, |on_behalf| &on_behalf.practitioner).clone(),
            client_id: grant.client,
            jti: hex::encode(random::bytes::<16>()),
            iat: now,
            exp: now + TOKEN_SECONDS,
            scope: grant.scope,
            patient: grant.patient,
            salus: grant.on_behalf,
        };
        let mut header = Header::new(Algorithm::EdDSA);
        header.typ = Some(TYPE.into());
        header.kid = Some(self.kid.clone());
        encode(&header, &claims, &self.signing).map_err(Error::internal)
    }

    /// Checks a token: signature, kind, audience, time, revocation.
    ///
    /// # Errors
    /// [`Code::SignIn`], always in the same words.
    pub fn check(&self, token: &str) -> Result<AccessToken, Error> {
        let refuse = || Error::new(Code::SignIn, "the access token is not valid, or no longer");
        if token.len() > TOKEN_BYTES_MAX {
            return Err(refuse());
        }
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.leeway = 0;
        validation.set_audience(&[&self.audience]);
        validation.set_issuer(&[&self.issuer]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        let token = decode::<AccessToken>(token, &self.checking, &validation).map_err(|_| refuse())?;
        let is_access_token = token.header.typ.as_deref() == Some(TYPE);
        let revoked =
            self.revoked.read().unwrap_or_else(PoisonError::into_inner).contains_key(&token.claims.jti);
        if !is_access_token || revoked {
            return Err(refuse());
        }
        Ok(token.claims)
    }

    /// Revokes a token, across restarts. A token that is not valid is revoked already.
    ///
    /// # Errors
    /// A fault of the database.
    pub async fn revoke(&self, token: &AccessToken) -> Result<(), Error> {
        let (jti, exp) = (token.jti.clone(), token.exp);
        self.revoked.write().unwrap_or_else(PoisonError::into_inner).insert(jti.clone(), exp);
        self.store.write(move |tx| REVOKED.put(tx, &jti, &exp)).await?;
        Ok(())
    }

    /// Forgets revocations of tokens that are dead by now.
    pub(crate) async fn forget(&self) -> Result<(), StoreError> {
        let now = clock::now_s();
        self.store.write(move |tx| REVOKED.prune(tx, |exp| *exp >= now)).await?;
        self.revoked.write().unwrap_or_else(PoisonError::into_inner).retain(|_, exp| *exp >= now);
        Ok(())
    }
}

fn load_key(store: &Store) -> Result<Vec<u8>, OpenError> {
    let text = store.write_blocking(|tx| {
        if let Some(text) = KEY.get_mut(tx, "")? {
            return Ok::<_, OpenError>(text);
        }
        let seed = random::bytes::<32>();
        let text = hex::encode(pkcs8(&seed));
        KEY.put(tx, "", &text)?;
        Ok(text)
    })?;
    hex::decode(text).map_err(|_| OpenError::TokenKey)
}

/// PKCS #8 of an Ed25519 seed (RFC 8410, 7): a fixed prefix and the seed.
fn pkcs8(seed: &[u8; 32]) -> Vec<u8> {
    const PREFIX: [u8; 16] =
        [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];
    [PREFIX.as_slice(), seed].concat()
}
