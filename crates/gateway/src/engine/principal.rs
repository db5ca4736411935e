//! What the gateway tells the engine about a request: who, how far, with which shares.

use axum::http::HeaderValue;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

/// The header that carries it.
pub const PRINCIPAL_HEADER: &str = "x-salus-principal";

/// How far reading or writing reaches.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Reach {
    /// Nothing.
    None,
    /// Everything of this organisation.
    All,
    /// One patient, by FHIR id.
    Patient(String),
}

/// How writes are validated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Refused with every problem.
    Interactive,
    /// By the engine's setting, so that no history is lost to a validator.
    Feed,
}

/// The principal as the engine understands it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnginePrincipal {
    /// Opaque; for the engine's own log.
    pub id: String,
    /// Reading.
    pub read: Reach,
    /// Writing.
    pub write: Reach,
    /// Share sets that it may see, by grant in hex.
    pub shares: Vec<String>,
    /// Patients here whose records are kept from this reader, by FHIR id: their use is restricted.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub hidden: Vec<String>,
    /// Validation.
    pub mode: Mode,
}

impl EnginePrincipal {
    /// The header's value.
    pub fn header(&self) -> HeaderValue {
        let json = serde_json::to_vec(self).unwrap_or_default();
        // base64url is always a valid header; without a principal the engine refuses.
        HeaderValue::from_str(&URL_SAFE_NO_PAD.encode(json)).unwrap_or(HeaderValue::from_static(""))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_is_what_the_engine_reads() {
        let principal = EnginePrincipal {
            id: "dr-bo".into(),
            read: Reach::Patient("p1".into()),
            write: Reach::None,
            shares: vec!["ab".into()],
            hidden: Vec::new(),
            mode: Mode::Interactive,
        };
        let json = URL_SAFE_NO_PAD.decode(principal.header().as_bytes()).expect("base64");
        let expected =
            r#"{"id":"dr-bo","read":{"patient":"p1"},"write":"none","shares":["ab"],"mode":"interactive"}"#;
        assert_eq!(String::from_utf8(json).expect("text"), expected);
    }
}
