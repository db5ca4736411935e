//! A small HTTP client for a node's public routes, and the keys of a backend client.

use anyhow::{Context as _, bail};
use aws_lc_rs::encoding::AsBigEndian as _;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64_URL;
use reqwest::{Response, StatusCode};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Longest wait for an answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(120);

/// The HTTP client of all subcommands.
pub(crate) fn http() -> anyhow::Result<reqwest::Client> {
    // An error means that a provider is installed already.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    Ok(reqwest::Client::builder().timeout(ANSWER_TIMEOUT).build()?)
}

/// The answer's bytes; what is no success becomes an error with the node's own words.
pub(crate) async fn bytes(response: Response) -> anyhow::Result<Vec<u8>> {
    let status = response.status();
    let body = response.bytes().await?;
    if !status.is_success() {
        bail!("{}", explain(status, &body));
    }
    Ok(body.to_vec())
}

/// The answer's JSON.
pub(crate) async fn json<T: DeserializeOwned>(response: Response) -> anyhow::Result<T> {
    let body = bytes(response).await?;
    serde_json::from_slice(&body).context("the node gave a malformed answer")
}

/// The reason in an error body: `{ error, message }`, or an OperationOutcome.
fn explain(status: StatusCode, body: &[u8]) -> String {
    let value: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    let issue = &value["issue"][0];
    let texts = [
        &value["message"],
        &value["error_description"],
        &issue["diagnostics"],
        &issue["details"]["text"],
        &value["error"],
    ];
    match texts.into_iter().find_map(|text| text.as_str()) {
        Some(text) => format!("{text} (status {})", status.as_u16()),
        None => format!("the node answered with status {}", status.as_u16()),
    }
}

/// A private P-384 key as a JSON Web Key (RFC 7517): how a SMART backend client signs in (ES384).
#[derive(Serialize, Deserialize)]
pub(crate) struct ClientKey {
    kty: String,
    crv: String,
    alg: String,
    /// Key id.
    pub(crate) kid: String,
    x: String,
    y: String,
    d: String,
}

impl ClientKey {
    /// A new key.
    pub(crate) fn generate(kid: &str) -> anyhow::Result<Self> {
        let pair = EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING)?;
        let d: aws_lc_rs::encoding::EcPrivateKeyBin<'_> = pair.private_key().as_be_bytes()?;
        // An uncompressed point: 4, x, y.
        let (x, y) = pair.public_key().as_ref()[1..].split_at(48);
        let encode = |bytes: &[u8]| BASE64_URL.encode(bytes);
        Ok(Self {
            kty: "EC".to_owned(),
            crv: "P-384".to_owned(),
            alg: "ES384".to_owned(),
            kid: kid.to_owned(),
            x: encode(x),
            y: encode(y),
            d: encode(d.as_ref()),
        })
    }

    /// The public half, for registering the client.
    pub(crate) fn public(&self) -> serde_json::Value {
        serde_json::json!({
            "kty": self.kty, "crv": self.crv, "alg": self.alg, "kid": self.kid, "use": "sig", "x": self.x, "y": self.y,
        })
    }

    /// Signs claims as a JSON Web Token (RFC 7515, ES384).
    pub(crate) fn sign(&self, claims: &serde_json::Value) -> anyhow::Result<String> {
        let decode = |text: &str| BASE64_URL.decode(text).context("the key is malformed");
        let point = [vec![4], decode(&self.x)?, decode(&self.y)?].concat();
        let pair = EcdsaKeyPair::from_private_key_and_public_key(
            &ECDSA_P384_SHA384_FIXED_SIGNING,
            &decode(&self.d)?,
            &point,
        )
        .ok()
        .context("the key is malformed")?;
        let header = serde_json::json!({ "alg": "ES384", "typ": "JWT", "kid": self.kid });
        let part = |value: &serde_json::Value| BASE64_URL.encode(value.to_string());
        let signed = format!("{}.{}", part(&header), part(claims));
        let signature = pair.sign(&SystemRandom::new(), signed.as_bytes())?;
        Ok(format!("{signed}.{}", BASE64_URL.encode(signature)))
    }
}
