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
use salus_types::Digest;
use salus_types::category::Purpose;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError, RwLock};

/// Life of an access token.
pub const TOKEN_SECONDS: u64 = 300;
/// Longest bearer token in bytes.
const TOKEN_BYTES_MAX: usize = 8 * 1024;
/// Tokens whose signature is remembered; when there are more, all are forgotten and checked again.
const CHECKED_MAX: usize = 4_096;
/// Media type of RFC 9068.
const TYPE: &str = "at+jwt";
/// That of refresh tokens, so that neither passes for the other.
const REFRESH_TYPE: &str = "salus-refresh+jwt";

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
    /// An app's: the authorisation by which it reads. The token is worth what that is worth at the moment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app: Option<String>,
}

/// The claims of a refresh token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RefreshToken {
    iss: String,
    aud: String,
    /// The authorisation.
    pub(crate) sub: String,
    /// How many were issued before: one that is behind was used already.
    pub(crate) generation: u64,
    pub(crate) exp: u64,
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
    /// An app's authorisation, who it is about as the client knows them, and when it ends, in seconds.
    pub(crate) app: Option<(String, String, u64)>,
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
    /// What tokens say whose signature was checked, by the SHA-256 of the token. A client sends the same one for minutes,
    /// and its signature is most of what a read costs here. When it ends and whether it was revoked is asked every time.
    checked: Mutex<HashMap<Digest, AccessToken>>,
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
            checked: Mutex::default(),
            store,
        })
    }

    /// The public key, as a JWK.
    pub(crate) fn jwk(&self) -> &serde_json::Value {
        &self.jwk
    }

    /// Issues a token.
    pub(crate) fn issue(&self, grant: Grant) -> Result<String, Error> {
        let now = clock::now_s();
        let (app, subject, until) = match grant.app {
            Some((app, subject, until)) => (Some(app), Some(subject), until),
            None => (None, None, u64::MAX),
        };
        let own =
            || grant.on_behalf.as_ref().map_or(&grant.client, |on_behalf| &on_behalf.practitioner).clone();
        let claims = AccessToken {
            iss: self.issuer.clone(),
            aud: self.audience.clone(),
            sub: subject.unwrap_or_else(own),
            client_id: grant.client,
            jti: hex::encode(random::bytes::<16>()),
            iat: now,
            exp: (now + TOKEN_SECONDS).min(until),
            scope: grant.scope,
            patient: grant.patient,
            salus: grant.on_behalf,
            app,
        };
        self.sign(TYPE, &claims)
    }

    /// Issues a refresh token, dead from `exp` (in seconds) on.
    pub(crate) fn issue_refresh(
        &self,
        authorisation: &str,
        generation: u64,
        exp: u64,
    ) -> Result<String, Error> {
        let (iss, sub) = (self.issuer.clone(), authorisation.to_owned());
        self.sign(REFRESH_TYPE, &RefreshToken { aud: iss.clone(), iss, sub, generation, exp })
    }

    fn sign(&self, kind: &str, claims: &impl Serialize) -> Result<String, Error> {
        let mut header = Header::new(Algorithm::EdDSA);
        header.typ = Some(kind.into());
        header.kid = Some(self.kid.clone());
        encode(&header, claims, &self.signing).map_err(Error::internal)
    }

    /// Checks a refresh token: signature, kind, time. What it is worth, the authorisation says.
    pub(crate) fn check_refresh(&self, token: &str) -> Option<RefreshToken> {
        self.claims_of(token, REFRESH_TYPE, &self.issuer)
    }

    fn claims_of<T: serde::de::DeserializeOwned + Clone>(
        &self,
        token: &str,
        kind: &str,
        audience: &str,
    ) -> Option<T> {
        if token.len() > TOKEN_BYTES_MAX {
            return None;
        }
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.leeway = 0;
        validation.set_audience(&[audience]);
        validation.set_issuer(&[&self.issuer]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        let token = decode::<T>(token, &self.checking, &validation).ok()?;
        (token.header.typ.as_deref() == Some(kind)).then_some(token.claims)
    }

    /// Checks a token: signature, kind, audience, time, revocation.
    ///
    /// # Errors
    /// [`Code::SignIn`], always in the same words.
    pub fn check(&self, token: &str) -> Result<AccessToken, Error> {
        let refuse = || Error::new(Code::SignIn, "the access token is not valid, or no longer");
        let token = self.signed(token).ok_or_else(refuse)?;
        let revoked = self.revoked.read().unwrap_or_else(PoisonError::into_inner).contains_key(&token.jti);
        if revoked { Err(refuse()) } else { Ok(token) }
    }

    /// What a token says that is ours and has not ended.
    fn signed(&self, token: &str) -> Option<AccessToken> {
        if token.len() > TOKEN_BYTES_MAX {
            return None;
        }
        let name = sha256(token.as_bytes());
        let checked = || self.checked.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(claims) = checked().get(&name)
            && claims.exp > clock::now_s()
        {
            return Some(claims.clone());
        }
        let claims: Option<AccessToken> = self.claims_of(token, TYPE, &self.audience);
        let mut checked = checked();
        match &claims {
            Some(claims) => {
                if checked.len() >= CHECKED_MAX {
                    checked.clear();
                }
                checked.insert(name, claims.clone());
            }
            None => drop(checked.remove(&name)),
        }
        claims
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
        self.checked.lock().unwrap_or_else(PoisonError::into_inner).retain(|_, claims| claims.exp > now);
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
