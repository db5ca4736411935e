//! Feeds in `node.json`.

use crate::network::TlsFiles;
use anyhow::Context as _;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use salus_gateway::feeds::{FeedConfig, FeedKind, FhirFeed, FolderFeed, MllpFeed, SignIn};
use salus_gateway::tls::feed_server;
use serde::{Deserialize, Serialize};
use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Largest message over MLLP, unless the operator says otherwise.
const MESSAGE_BYTES: usize = 4 * 1024 * 1024;
/// How often another server is asked, unless the operator says otherwise, in seconds.
const EVERY_S: u64 = 60;
/// How often a folder is looked into, unless the operator says otherwise, in seconds.
const LOOK_S: u64 = 10;
/// How long what was taken from a folder is kept, unless the operator says otherwise, in hours.
const KEEP_H: u64 = 24;
/// The types that are asked for, unless the operator says otherwise.
const TYPES: [&str; 16] = [
    "Patient",
    "Practitioner",
    "Organization",
    "Location",
    "Encounter",
    "Condition",
    "AllergyIntolerance",
    "Immunization",
    "Procedure",
    "MedicationRequest",
    "MedicationStatement",
    "Observation",
    "DiagnosticReport",
    "DocumentReference",
    "CarePlan",
    "Goal",
];

/// A feed. Exactly one of `mllp`, `documents`, `folder` and `fhir` says how it comes.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FeedFile {
    /// Its name: small letters, digits, hyphens.
    name: String,
    /// URL or URN of the source's own identifiers.
    system: String,
    /// What a time without an offset is meant in, such as `+01:00`.
    offset: String,
    /// Character set of messages that name none.
    #[serde(default = "utf8")]
    charset: String,
    /// HL7 v2 over MLLP.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    mllp: Option<MllpFile>,
    /// C-CDA by `POST /feeds/NAME/documents`.
    #[serde(default)]
    documents: bool,
    /// Files in a folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    folder: Option<FolderFile>,
    /// Another FHIR server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    fhir: Option<FhirFile>,
}

fn utf8() -> String {
    "utf-8".to_owned()
}

/// A listener of MLLP.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct MllpFile {
    /// Where it listens.
    listen: SocketAddr,
    /// Who may connect, by address.
    peers: Vec<IpAddr>,
    /// Certificate and key of the node, PEM; with `clients`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tls: Option<TlsFiles>,
    /// Certificates, PEM, that those of senders are signed by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    clients: Option<PathBuf>,
    /// Largest message in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    message_bytes_max: Option<usize>,
}

/// A folder that files are put into.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FolderFile {
    /// The folder.
    path: PathBuf,
    /// How often it is looked into, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    every_s: Option<u64>,
    /// How long what was taken is kept, in hours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    keep_h: Option<u64>,
}

/// Another FHIR server.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FhirFile {
    /// Its base URL.
    base: String,
    /// The types to ask for, patients first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    types: Option<Vec<String>>,
    /// How often, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    every_s: Option<u64>,
    /// File with a bearer token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    token_file: Option<PathBuf>,
    /// SMART Backend Services.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    backend: Option<BackendFile>,
    /// Certificates, PEM, that the server's is signed by; by default those that the system trusts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    authorities: Option<PathBuf>,
}

/// How the node signs in by SMART Backend Services.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct BackendFile {
    token_url: String,
    client: String,
    key_id: String,
    /// PEM of a P-384 key.
    key_file: PathBuf,
    scope: String,
}

impl FeedFile {
    /// With everything that its files hold; paths are relative to the node's folder.
    pub(crate) fn config(&self, home: &Path) -> anyhow::Result<FeedConfig> {
        let kind = match (&self.mllp, self.documents, &self.folder, &self.fhir) {
            (Some(mllp), false, None, None) => FeedKind::Mllp(mllp.settings(home)?),
            (None, true, None, None) => FeedKind::Documents,
            (None, false, Some(folder), None) => FeedKind::Folder(folder.settings(home)?),
            (None, false, None, Some(fhir)) => FeedKind::Fhir(Box::new(fhir.settings(home)?)),
            _ => anyhow::bail!(
                "feed `{}` in `node.json`: name one of `mllp`, `documents`, `folder` and `fhir`",
                self.name
            ),
        };
        let FeedFile { name, system, offset, charset, .. } = self.clone();
        Ok(FeedConfig { name, system, offset, charset, kind })
    }
}

fn certificates(path: &Path) -> anyhow::Result<Vec<CertificateDer<'static>>> {
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    read.with_context(|| format!("`{}`", path.display()))
}

impl MllpFile {
    fn settings(&self, home: &Path) -> anyhow::Result<MllpFeed> {
        let tls = match (&self.tls, &self.clients) {
            (None, None) => None,
            (Some(files), Some(clients)) => {
                let key = home.join(&files.key);
                let key =
                    PrivateKeyDer::from_pem_file(&key).with_context(|| format!("`{}`", key.display()))?;
                let chain = certificates(&home.join(&files.certificates))?;
                let server = feed_server(chain, key, certificates(&home.join(clients))?);
                Some(Arc::new(server.context("the certificates of a feed do not fit")?))
            }
            _ => anyhow::bail!("`mllp` in `node.json`: `tls` and `clients` belong together"),
        };
        let message_bytes_max = self.message_bytes_max.unwrap_or(MESSAGE_BYTES);
        Ok(MllpFeed { listen: self.listen, peers: self.peers.clone(), tls, message_bytes_max })
    }
}

impl FolderFile {
    fn settings(&self, home: &Path) -> anyhow::Result<FolderFeed> {
        let path = home.join(&self.path);
        // A whole path, wherever the node was started.
        let path =
            path.canonicalize().with_context(|| format!("the folder of a feed, `{}`", path.display()))?;
        let keep_s = self.keep_h.unwrap_or(KEEP_H).saturating_mul(3_600);
        let every = Duration::from_secs(self.every_s.unwrap_or(LOOK_S).max(1));
        Ok(FolderFeed { path, every, keep: Duration::from_secs(keep_s) })
    }
}

impl FhirFile {
    fn settings(&self, home: &Path) -> anyhow::Result<FhirFeed> {
        let sign_in = match (&self.token_file, &self.backend) {
            (None, None) => SignIn::None,
            (Some(file), None) => SignIn::Bearer(home.join(file)),
            (None, Some(backend)) => SignIn::PrivateKeyJwt {
                token_url: backend.token_url.parse().context("`token_url` of a feed")?,
                client: backend.client.clone(),
                key_id: backend.key_id.clone(),
                key_file: home.join(&backend.key_file),
                scope: backend.scope.clone(),
            },
            _ => anyhow::bail!("`fhir` in `node.json`: name `token_file` or `backend`, not both"),
        };
        let authorities = self.authorities.as_ref().map(|path| fs::read(home.join(path))).transpose();
        Ok(FhirFeed {
            base: self.base.parse().context("`base` of a feed")?,
            types: self.types.clone().unwrap_or_else(|| TYPES.map(str::to_owned).to_vec()),
            every: Duration::from_secs(self.every_s.unwrap_or(EVERY_S).max(1)),
            sign_in,
            authorities: authorities.context("`authorities` of a feed")?,
        })
    }
}
