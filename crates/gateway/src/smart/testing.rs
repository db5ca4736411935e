//! Clients for tests: keys, assertions, tokens.

use super::Smart;
use super::access::{Grant, OnBehalf};
use super::assertion::ASSERTION_TYPE;
use aws_lc_rs::encoding::Pkcs8V1Der;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair};
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};
use std::sync::LazyLock;

/// A client's keys.
pub(crate) struct Keys {
    pub(crate) es384: EncodingKey,
    pub(crate) rs384: EncodingKey,
    pub(crate) es256: EncodingKey,
    jwks: Value,
}

static KEYS: LazyLock<Keys> = LazyLock::new(Keys::make);

/// The keys of every client in tests.
pub(crate) fn keys() -> &'static Keys {
    &KEYS
}

/// Their JWK set.
pub(crate) fn jwks() -> Value {
    KEYS.jwks.clone()
}

impl Keys {
    fn make() -> Self {
        let rsa = aws_lc_rs::rsa::KeyPair::generate(aws_lc_rs::rsa::KeySize::Rsa2048).expect("key");
        let rsa: Pkcs8V1Der<'_> = aws_lc_rs::encoding::AsDer::as_der(&rsa).expect("key");
        let rs384 = EncodingKey::from_rsa_der(&rsa_private_key(rsa.as_ref()));
        let es384 = ec(&ECDSA_P384_SHA384_FIXED_SIGNING);
        let jwks =
            json!({ "keys": [jwk(&es384, Algorithm::ES384, "ec"), jwk(&rs384, Algorithm::RS384, "rsa")] });
        Self { es384, rs384, es256: ec(&ECDSA_P256_SHA256_FIXED_SIGNING), jwks }
    }
}

fn ec(kind: &'static aws_lc_rs::signature::EcdsaSigningAlgorithm) -> EncodingKey {
    let document = EcdsaKeyPair::generate_pkcs8(kind, &aws_lc_rs::rand::SystemRandom::new()).expect("key");
    EncodingKey::from_ec_der(document.as_ref())
}

/// The PKCS #1 key inside an unencrypted PKCS #8 key: the contents of its last OCTET STRING.
fn rsa_private_key(pkcs8: &[u8]) -> Vec<u8> {
    let at =
        pkcs8.windows(2).enumerate().position(|(at, bytes)| at > 20 && bytes == [0x04, 0x82]).expect("key");
    pkcs8[at + 4..].to_vec()
}

/// The public key as a JWK.
pub(crate) fn jwk(key: &EncodingKey, algorithm: Algorithm, kid: &str) -> Value {
    let mut jwk = Jwk::from_encoding_key(key, algorithm).expect("jwk");
    jwk.common.key_id = Some(kid.into());
    serde_json::to_value(jwk).expect("json")
}

/// The claims of a good assertion of client `ehr`.
pub(crate) fn claims(smart: &Smart) -> Value {
    let now = crate::clock::now_s();
    json!({
        "iss": "ehr", "sub": "ehr", "aud": smart.token_url, "iat": now, "exp": now + 240,
        "jti": hex::encode(salus_crypto::random::bytes::<16>()),
    })
}

/// A signed assertion.
pub(crate) fn assertion(claims: &Value, algorithm: Algorithm, kid: &str, key: &EncodingKey) -> String {
    let mut header = Header::new(algorithm);
    header.kid = Some(kid.into());
    encode(&header, claims, key).expect("assertion")
}

/// The form of a token request.
pub(crate) fn form(assertion: &str, scope: &str) -> String {
    form_urlencoded::Serializer::new(String::new())
        .append_pair("grant_type", "client_credentials")
        .append_pair("scope", scope)
        .append_pair("client_assertion_type", ASSERTION_TYPE)
        .append_pair("client_assertion", assertion)
        .finish()
}

impl Smart {
    /// A token without asking for it.
    pub(crate) fn testing_token(
        &self,
        client: &str,
        scopes: &str,
        patient: Option<&str>,
        on_behalf: Option<OnBehalf>,
    ) -> String {
        let grant = Grant {
            client: client.into(),
            scope: scopes.parse().expect("scopes"),
            patient: patient.map(str::to_owned),
            on_behalf,
            app: None,
        };
        self.tokens.issue(grant).expect("token")
    }
}

/// A key that no client has.
pub(crate) fn stranger() -> EncodingKey {
    ec(&ECDSA_P384_SHA384_FIXED_SIGNING)
}
