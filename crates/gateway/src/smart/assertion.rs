//! A client's assertion (RFC 7523; SMART backend services, "Authenticating to the Token endpoint").
//!
//! Cheapest check first; the `jti` is used last, so that a bad assertion uses up nothing.

use super::Smart;
use super::client::Client;
use super::extension::{Extensions, SalusClaim};
use crate::clock;
use crate::error::{Code, Error};
use jsonwebtoken::{Algorithm, Validation, dangerous, decode, decode_header};
use serde::Deserialize;

/// Longest assertion in bytes.
const ASSERTION_BYTES_MAX: usize = 16 * 1024;
/// Longest life of an assertion.
const LIFE_SECONDS_MAX: u64 = 300;
/// How much the client's clock may be ahead.
const SKEW_SECONDS: u64 = 30;
/// Longest `jti`.
const JTI_BYTES_MAX: usize = 256;

/// `client_assertion_type` of RFC 7523.
pub(crate) const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

#[derive(Debug, Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    #[serde(default)]
    jti: String,
    exp: u64,
    iat: Option<u64>,
    nbf: Option<u64>,
    #[serde(default)]
    extensions: Extensions,
    #[serde(default)]
    salus: SalusClaim,
}

#[derive(Deserialize)]
struct Issuer {
    iss: String,
}

/// A client that proved who it is, and what else it said.
pub(crate) struct Proven {
    pub(crate) client: Client,
    pub(crate) extensions: Extensions,
    pub(crate) salus: SalusClaim,
}

/// Every refusal says the same to the outside, except where the client has proven who it is.
fn unknown() -> Error {
    Error::new(Code::OAuthClient, "the client is not known, or its assertion is not valid")
}

fn refuse(why: &'static str) -> Error {
    Error::new(Code::OAuthClient, why)
}

impl Smart {
    /// Checks an assertion and uses its `jti`.
    pub(crate) async fn authenticate(&self, assertion: &str) -> Result<Proven, Error> {
        if assertion.len() > ASSERTION_BYTES_MAX {
            return Err(unknown());
        }
        let (client, claims) = self.check_signature(assertion)?;
        check_claims(&claims, clock::now_s())?;
        let until_s = claims.exp + SKEW_SECONDS;
        if !self.assertions.redeem(&client.id, &claims.jti, until_s).await? {
            return Err(refuse("the assertion was used before"));
        }
        Ok(Proven { client, extensions: claims.extensions, salus: claims.salus })
    }

    fn check_signature(&self, assertion: &str) -> Result<(Client, Claims), Error> {
        let header = decode_header(assertion).map_err(|_| unknown())?;
        if !matches!(header.alg, Algorithm::RS384 | Algorithm::ES384) || header.crit.is_some() {
            return Err(refuse("assertions are signed with RS384 or ES384"));
        }
        let kid = header.kid.ok_or_else(unknown)?;
        // Only to find the key: nothing of it is believed before the signature is checked.
        let issuer: Issuer = dangerous::insecure_decode_claims(assertion).map_err(|_| unknown())?;
        let client = self.clients.find(&issuer.iss)?.ok_or_else(unknown)?;
        let (key, algorithm) = client.key(&kid).ok_or_else(unknown)?;
        let mut validation = Validation::new(algorithm);
        validation.leeway = 0;
        validation.set_audience(&[&self.token_url]);
        validation.set_issuer(&[&client.id]);
        validation.sub = Some(client.id.clone());
        validation.set_required_spec_claims(&["exp", "iss", "sub", "aud"]);
        let token = decode::<Claims>(assertion, &key, &validation).map_err(|_| unknown())?;
        Ok((client, token.claims))
    }
}

fn check_claims(claims: &Claims, now_s: u64) -> Result<(), Error> {
    if claims.iss != claims.sub {
        return Err(unknown());
    }
    if claims.jti.is_empty() || claims.jti.len() > JTI_BYTES_MAX {
        return Err(refuse("`jti` is missing or too long"));
    }
    if claims.exp > now_s + LIFE_SECONDS_MAX + SKEW_SECONDS {
        return Err(refuse("`exp` is more than five minutes ahead"));
    }
    if claims
        .iat
        .is_some_and(|iat| iat > now_s + SKEW_SECONDS || claims.exp > iat.saturating_add(LIFE_SECONDS_MAX))
    {
        return Err(refuse("`iat` is in the future, or more than five minutes before `exp`"));
    }
    if claims.nbf.is_some_and(|nbf| nbf > now_s + SKEW_SECONDS) {
        return Err(refuse("`nbf` is in the future"));
    }
    Ok(())
}
