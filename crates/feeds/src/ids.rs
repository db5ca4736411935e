//! Ids that follow from the identifiers of the source, and do not show them.
//!
//! A FHIR id stands in URLs and logs. A plain hash of a hospital's number would be found by trying all numbers, so
//! ids are made with a key of the node.

use salus_crypto::Secret32;
use salus_crypto::kdf::{self, Label};
use salus_types::label;
use std::sync::Arc;

const IDS: Label = Label::new(label::FEED_IDS);
/// Bytes of an id: collisions are out of the question below 2^60 resources.
const ID_BYTES: usize = 16;

/// Makes ids; cheap to clone.
#[derive(Clone)]
pub struct Ids(Arc<Secret32>);

impl Ids {
    /// With a key that never changes, or everything would be filed a second time.
    pub fn new(key: Secret32) -> Self {
        Self(Arc::new(key))
    }

    /// The id of a resource of a type that its parts name: `fd-` and 32 digits.
    pub fn id(&self, kind: &str, parts: &[&str]) -> String {
        let mut info = vec![kind.as_bytes()];
        info.extend(parts.iter().map(|part| part.as_bytes()));
        let key = kdf::derive(IDS, self.0.expose(), &[], &info);
        format!("fd-{}", hex::encode(&key.expose()[..ID_BYTES]))
    }
}

/// Who gave a number: HL7 v2's HD (`namespace&universal&type`), or an OID of a CDA document.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Authority {
    /// A name that only the source knows.
    pub namespace: Option<String>,
    /// A name for the whole world, ...
    pub universal: Option<String>,
    /// ... and what kind of name it is: `ISO`, `UUID`, `URI`, `DNS`.
    pub kind: Option<String>,
}

impl Authority {
    /// As a FHIR identifier's system; names of the source are below its own system.
    pub fn system(&self, own: &str) -> String {
        let universal = self.universal.as_deref().unwrap_or_default();
        match self.kind.as_deref().unwrap_or_default() {
            "ISO" if is_oid(universal) => format!("urn:oid:{universal}"),
            "UUID" | "GUID" if is_uuid(universal) => format!("urn:uuid:{}", universal.to_ascii_lowercase()),
            "URI" | "URL" if is_uri(universal) => universal.to_owned(),
            "DNS" if is_plain(universal) => format!("https://{}", universal.to_ascii_lowercase()),
            _ => match self.namespace.as_deref().filter(|name| is_plain(name)) {
                Some(name) => format!("{own}/{name}"),
                None => own.to_owned(),
            },
        }
    }
}

/// Whether a text is a dotted number.
pub(crate) fn is_oid(text: &str) -> bool {
    text.contains('.')
        && text.split('.').all(|arc| !arc.is_empty() && arc.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Whether a text is a UUID with hyphens.
pub(crate) fn is_uuid(text: &str) -> bool {
    let lengths = text.split('-').map(str::len);
    lengths.eq([8, 4, 4, 4, 12]) && text.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit())
}

fn is_uri(text: &str) -> bool {
    text.contains(':') && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Whether a text may stand in a URL as it is.
fn is_plain(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte))
}
