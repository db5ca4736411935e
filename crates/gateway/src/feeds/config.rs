//! What an operator says about feeds.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use url::Url;

/// Most feeds of a node.
const FEEDS_MAX: usize = 32;
/// Longest name, in bytes.
const NAME_BYTES_MAX: usize = 32;

/// A feed.
#[derive(Clone, Debug)]
pub struct FeedConfig {
    /// Its name: small letters, digits, hyphens. It stands in URLs and in the access log.
    pub name: String,
    /// URL or URN of the source's own identifiers.
    pub system: String,
    /// What a time without an offset is meant in: `+01:00`.
    pub offset: String,
    /// Character set of messages that name none.
    pub charset: String,
    /// How it comes.
    pub kind: FeedKind,
}

/// How a feed comes.
#[derive(Clone, Debug)]
pub enum FeedKind {
    /// HL7 v2 over MLLP.
    Mllp(MllpFeed),
    /// C-CDA documents by HTTP.
    Documents,
    /// Files in a folder.
    Folder(FolderFeed),
    /// Another FHIR server, asked for what is new.
    Fhir(Box<FhirFeed>),
}

/// A listener of MLLP.
#[derive(Clone)]
pub struct MllpFeed {
    /// Where it listens.
    pub listen: SocketAddr,
    /// Who may connect.
    pub peers: Vec<IpAddr>,
    /// TLS with certificates of both sides. `None`: in the clear, for a network of its own.
    pub tls: Option<Arc<rustls::ServerConfig>>,
    /// Largest message, in bytes.
    pub message_bytes_max: usize,
}

impl std::fmt::Debug for MllpFeed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MllpFeed")
            .field("listen", &self.listen)
            .field("tls", &self.tls.is_some())
            .finish_non_exhaustive()
    }
}

/// A folder that is looked into.
#[derive(Clone, Debug)]
pub struct FolderFeed {
    /// Where files are put. What is done goes into `done` in it, what could not be filed into `failed`.
    pub path: PathBuf,
    /// How often.
    pub every: Duration,
    /// How long what is done is kept.
    pub keep: Duration,
}

/// A FHIR server that is asked.
#[derive(Clone, Debug)]
pub struct FhirFeed {
    /// Its base URL. Nothing outside of its origin is ever asked.
    pub base: Url,
    /// The types that are asked for, patients first.
    pub types: Vec<String>,
    /// How often.
    pub every: Duration,
    /// How this node signs in there.
    pub sign_in: SignIn,
    /// Certificates (PEM) that its own is checked against; `None`: those that the system trusts.
    pub authorities: Option<Vec<u8>>,
}

/// How this node signs in at a FHIR server. Files are read at every round, so that secrets can be changed.
#[derive(Clone, Debug)]
pub enum SignIn {
    /// Not at all.
    None,
    /// A token in a file.
    Bearer(PathBuf),
    /// SMART Backend Services: a signed assertion for a token.
    PrivateKeyJwt {
        /// The token endpoint.
        token_url: Url,
        /// Client id there.
        client: String,
        /// Name of the key there.
        key_id: String,
        /// PEM file of a P-384 key.
        key_file: PathBuf,
        /// What is asked for.
        scope: String,
    },
}

/// A feed that cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("feed `{feed}`: {what}")]
pub struct BadFeed {
    /// Its name.
    pub feed: String,
    /// What is wrong.
    pub what: &'static str,
}

/// Checks all feeds.
pub(super) fn check(feeds: &[FeedConfig]) -> Result<(), BadFeed> {
    let bad = |feed: &FeedConfig, what| Err(BadFeed { feed: feed.name.clone(), what });
    for (at, feed) in feeds.iter().enumerate() {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if feed.name.is_empty() || feed.name.len() > NAME_BYTES_MAX || !feed.name.bytes().all(plain) {
            return bad(feed, "a name has at most 32 small letters, digits and hyphens");
        }
        if at >= FEEDS_MAX || feeds.iter().take(at).any(|other| other.name == feed.name) {
            return bad(feed, "there are too many feeds, or two of this name");
        }
        if !salus_feeds::is_offset(&feed.offset) {
            return bad(feed, "`offset` is written like `+01:00`");
        }
        if !feed.system.contains(':') || feed.system.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return bad(feed, "`system` is a URL or URN");
        }
        if !salus_feeds::is_charset(&feed.charset) {
            return bad(feed, "`charset` is not known");
        }
        if let Some(what) = wrong(&feed.kind) {
            return bad(feed, what);
        }
    }
    Ok(())
}

fn wrong(kind: &FeedKind) -> Option<&'static str> {
    match kind {
        FeedKind::Documents => None,
        FeedKind::Folder(folder) => (!folder.path.is_absolute()).then_some("`path` is not a whole path"),
        FeedKind::Mllp(mllp) => match () {
            () if mllp.peers.is_empty() => Some("`peers` names nobody, so nobody could connect"),
            () if mllp.message_bytes_max > salus_feeds::hl7::MESSAGE_BYTES_MAX => {
                Some("`message_bytes_max` is too large")
            }
            () => None,
        },
        FeedKind::Fhir(fhir) => {
            let known = |kind: &String| salus_feeds::fhir::TYPES.contains(&kind.as_str());
            let token = match &fhir.sign_in {
                SignIn::PrivateKeyJwt { token_url, .. } => Some(token_url),
                SignIn::None | SignIn::Bearer(_) => None,
            };
            match () {
                () if !std::iter::once(&fhir.base).chain(token).all(is_safe) => {
                    Some("URLs are https, without a user or a query (http on this machine, in a demo)")
                }
                () if fhir.types.is_empty() || !fhir.types.iter().all(known) => {
                    Some("`types` names a type that is not taken")
                }
                () => None,
            }
        }
    }
}

fn is_safe(url: &Url) -> bool {
    let local = url.scheme() == "http" && matches!(url.host_str(), Some("127.0.0.1" | "localhost"));
    (url.scheme() == "https" || local)
        && url.username().is_empty()
        && url.query().is_none()
        && url.host().is_some()
}
