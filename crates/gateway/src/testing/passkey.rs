//! An authenticator in software: ES256, user verification, discoverable. What it says can be bent in tests.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use salus_crypto::hash::sha256;
use salus_crypto::random;
use serde_json::{Value, json};

const PRESENT: u8 = 0x01;
const VERIFIED: u8 = 0x04;
const ATTESTED: u8 = 0x40;

/// A passkey, and how its authenticator and browser behave.
pub(crate) struct SoftPasskey {
    key: EcdsaKeyPair,
    id: Vec<u8>,
    user: String,
    pub(crate) origin: String,
    pub(crate) host: String,
    pub(crate) verifies_user: bool,
    pub(crate) challenge: Option<String>,
    pub(crate) bends_signature: bool,
}

impl SoftPasskey {
    pub(crate) fn new() -> Self {
        let rng = SystemRandom::new();
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &rng).expect("key");
        Self {
            key: EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, pkcs8.as_ref()).expect("key"),
            id: random::bytes::<16>().to_vec(),
            user: String::new(),
            origin: super::ORIGIN.into(),
            host: "localhost".into(),
            verifies_user: true,
            challenge: None,
            bends_signature: false,
        }
    }

    pub(crate) fn id(&self) -> String {
        URL_SAFE_NO_PAD.encode(&self.id)
    }

    /// Answers `navigator.credentials.create`.
    pub(crate) fn create(&mut self, options: &Value) -> Value {
        self.user = options["user"]["id"].as_str().expect("user").to_owned();
        let client = self.client_data("webauthn.create", options);
        let data = self.authenticator_data(ATTESTED, &self.attested());
        let mut object = b"\xa3\x63fmt\x64none\x67attStmt\xa0\x68authData\x58".to_vec();
        object.push(u8::try_from(data.len()).expect("short"));
        object.extend(data);
        json!({
            "id": self.id(), "rawId": self.id(), "type": "public-key",
            "response": {
                "clientDataJSON": URL_SAFE_NO_PAD.encode(client),
                "attestationObject": URL_SAFE_NO_PAD.encode(object),
                "transports": ["internal"],
            },
            "clientExtensionResults": { "prf": { "enabled": true } },
        })
    }

    /// Answers `navigator.credentials.get`.
    pub(crate) fn get(&self, options: &Value) -> Value {
        let client = self.client_data("webauthn.get", options);
        let data = self.authenticator_data(0, &[]);
        let message = [&data[..], sha256(&client).as_ref()].concat();
        let mut signature =
            self.key.sign(&SystemRandom::new(), &message).expect("signature").as_ref().to_vec();
        if self.bends_signature {
            *signature.last_mut().expect("bytes") ^= 1;
        }
        json!({
            "id": self.id(), "rawId": self.id(), "type": "public-key",
            "response": {
                "clientDataJSON": URL_SAFE_NO_PAD.encode(client),
                "authenticatorData": URL_SAFE_NO_PAD.encode(data),
                "signature": URL_SAFE_NO_PAD.encode(signature),
                "userHandle": self.user,
            },
            "clientExtensionResults": {},
        })
    }

    fn client_data(&self, kind: &str, options: &Value) -> Vec<u8> {
        let challenge = self
            .challenge
            .clone()
            .unwrap_or_else(|| options["challenge"].as_str().expect("challenge").into());
        json!({ "type": kind, "challenge": challenge, "origin": self.origin, "crossOrigin": false })
            .to_string()
            .into_bytes()
    }

    fn authenticator_data(&self, flags: u8, rest: &[u8]) -> Vec<u8> {
        let verified = if self.verifies_user { VERIFIED } else { 0 };
        let head = [sha256(self.host.as_bytes()).as_ref(), &[PRESENT | verified | flags], &[0; 4]].concat();
        [&head[..], rest].concat()
    }

    /// AAGUID, credential id, COSE key (RFC 9052).
    fn attested(&self) -> Vec<u8> {
        let point = self.key.public_key().as_ref();
        let (x, y) = (&point[1..33], &point[33..65]);
        let id_length = u16::try_from(self.id.len()).expect("short").to_be_bytes();
        let head = b"\xa5\x01\x02\x03\x26\x20\x01\x21\x58\x20";
        [&[0; 16][..], &id_length, &self.id, head, x, b"\x22\x58\x20", y].concat()
    }
}
