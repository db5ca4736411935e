//! Another terminology server, which the operator names: it is asked what is not known here.
//!
//! * It is told canonical URLs and codes, and nothing else: no patient, no caller, no words that a caller wrote, no version
//!   of this node. The request is made here; nothing of the caller's is passed on.
//! * It is called at its own address: no redirect, no proxy; over TLS, and not inside this network, unless the operator says
//!   that it is there.
//! * What it says is read up to a limit, must be what was asked for, and is taken apart: the caller gets an answer of this
//!   node's, never its words of failure.
//! * Its answers are kept for a while; while it fails, it is left alone for a moment.

use super::members::{Member, Members};
use crate::addresses::{Resolver, is_public};
use crate::clock;
use crate::error::{Code, Error, Result};
use reqwest::{Client, redirect};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Semaphore;
use url::{Host, Url};

/// Longest wait for a connection, and for a whole answer.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);
/// Largest answer: an expansion of some ten thousand codes.
const ANSWER_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Questions under way at once.
const QUESTIONS_MAX: usize = 8;
/// Answers that are kept, and all codes of kept expansions together.
const KEPT_MAX: usize = 10_000;
const KEPT_CODES_MAX: usize = 200_000;
/// How long an answer is kept; what it does not know may be known soon.
const KEPT_MS: u64 = 24 * 3_600_000;
const KEPT_UNKNOWN_MS: u64 = 600_000;
/// How long it is left alone once it failed.
const PAUSE_MS: u64 = 10_000;
/// Longest code and URL in bytes, and longest display in characters.
pub(crate) const CODE_BYTES_MAX: usize = 256;
pub(crate) const URL_BYTES_MAX: usize = 1_024;
const DISPLAY_CHARS_MAX: usize = 400;
/// Most codes that are asked for in one expansion.
pub(crate) const EXPANSION_MAX: usize = 5_000;

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Question {
    /// What a code means.
    Lookup {
        /// Code system.
        system: String,
        /// Code.
        code: String,
    },
    /// Whether a code is in a code system.
    InSystem {
        /// Code system.
        system: String,
        /// Code.
        code: String,
    },
    /// Whether a code is in a value set.
    InSet {
        /// Value set.
        set: String,
        /// Code system, if it was named.
        system: Option<String>,
        /// Code.
        code: String,
    },
    /// Which codes are in a value set.
    Expand {
        /// Value set.
        set: String,
    },
}

/// What it answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Said {
    /// What the code means.
    Means {
        /// The code system's name.
        name: Option<String>,
        /// Its edition.
        version: Option<String>,
        /// What the code says.
        display: Option<String>,
    },
    /// Whether it is in it, and what it says.
    Is {
        /// Whether.
        valid: bool,
        /// What the code says.
        display: Option<String>,
    },
    /// The codes.
    Has(Members),
    /// It does not know the code, the code system or the value set.
    Unknown,
}

/// The server.
pub(crate) struct Server {
    base: String,
    client: Client,
    places: Semaphore,
    kept: Mutex<Kept>,
    paused_until_ms: AtomicU64,
}

#[derive(Default)]
struct Kept {
    said: HashMap<Question, (u64, Arc<Said>)>,
    codes: usize,
}

impl Server {
    /// The server at a base URL; `private`: it may be on this machine or in a private network, and without TLS.
    ///
    /// # Errors
    /// What is wrong with the URL, for the operator.
    pub(crate) fn new(base: &str, private: bool) -> std::result::Result<Self, String> {
        Self::within(base, private, ANSWER_TIMEOUT)
    }

    /// The same with another time for an answer.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub(super) fn within(base: &str, private: bool, timeout: Duration) -> std::result::Result<Self, String> {
        let url = Url::parse(base).map_err(|_| "the terminology server's URL is not one".to_owned())?;
        let schemes: &[&str] = if private { &["https", "http"] } else { &["https"] };
        if !schemes.contains(&url.scheme()) {
            return Err("the terminology server's URL begins with `https://`".into());
        }
        let plain = url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none();
        let reachable = match url.host() {
            Some(Host::Ipv4(ip)) => private || is_public(ip.into()),
            Some(Host::Ipv6(ip)) => private || is_public(ip.into()),
            Some(Host::Domain(_)) => true,
            None => false,
        };
        if !plain || !reachable {
            return Err(
                "the terminology server's URL names a public host, without user, query or fragment".into()
            );
        }
        // An error means that a provider is installed already.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let client = Client::builder()
            .redirect(redirect::Policy::none())
            .no_proxy()
            .https_only(!private)
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(timeout)
            .dns_resolver(Arc::new(Resolver { private }))
            .build()
            .map_err(|_| "the terminology server's client cannot be made".to_owned())?;
        Ok(Self {
            base: base.trim_end_matches('/').to_owned(),
            client,
            places: Semaphore::new(QUESTIONS_MAX),
            kept: Mutex::default(),
            paused_until_ms: AtomicU64::new(0),
        })
    }

    /// What is kept of an answer, without asking.
    pub(crate) fn kept(&self, question: &Question) -> Option<Arc<Said>> {
        let now = clock::now_ms();
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.said.get(question).filter(|(until, _)| *until > now).map(|(_, said)| said.clone())
    }

    /// Asks, unless the answer is kept.
    ///
    /// # Errors
    /// [`Code::Away`], [`Code::Timeout`], [`Code::Upstream`].
    pub(crate) async fn ask(&self, question: Question) -> Result<Arc<Said>> {
        if let Some(said) = self.kept(&question) {
            return Ok(said);
        }
        if self.paused_until_ms.load(Ordering::Relaxed) > clock::now_ms() {
            return Err(away());
        }
        let _place = self.places.acquire().await.map_err(Error::internal)?;
        match self.send(&question).await {
            Ok(said) => Ok(self.keep(question, said)),
            Err(error) => {
                self.paused_until_ms.store(clock::now_ms() + PAUSE_MS, Ordering::Relaxed);
                Err(error)
            }
        }
    }

    fn keep(&self, question: Question, said: Said) -> Arc<Said> {
        let said = Arc::new(said);
        let lasts = if *said == Said::Unknown { KEPT_UNKNOWN_MS } else { KEPT_MS };
        let now = clock::now_ms();
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.said.len() >= KEPT_MAX || kept.codes + codes_of(&said) > KEPT_CODES_MAX {
            kept.said.retain(|_, (until, said)| *until > now && codes_of(said) == 0);
            if kept.said.len() >= KEPT_MAX {
                kept.said.clear();
            }
            kept.codes = 0;
        }
        kept.codes += codes_of(&said);
        kept.said.insert(question, (now + lasts, said.clone()));
        said
    }

    async fn send(&self, question: &Question) -> Result<Said> {
        let (operation, parameters) = asked(question);
        let request = self
            .client
            .post(format!("{}/{operation}", self.base))
            .header("accept", "application/fhir+json")
            .header("content-type", "application/fhir+json")
            .body(json!({ "resourceType": "Parameters", "parameter": parameters }).to_string());
        // What reqwest says names the address.
        let failed = |error: reqwest::Error| match error.is_timeout() {
            true => Error::new(Code::Timeout, "the terminology server took too long to answer"),
            false => away(),
        };
        let mut answer = request.send().await.map_err(failed)?;
        let status = answer.status().as_u16();
        if status != 200 && !matches!(status, 400 | 404 | 422) {
            return Err(nonsense());
        }
        let mut bytes = Vec::new();
        while let Some(piece) = answer.chunk().await.map_err(failed)? {
            if bytes.len() + piece.len() > ANSWER_BYTES_MAX {
                return Err(Error::new(Code::Upstream, "the answer of the terminology server is too large"));
            }
            bytes.extend_from_slice(&piece);
        }
        let value: Value = serde_json::from_slice(&bytes).map_err(|_| nonsense())?;
        // Servers say by these that they do not know a code or a set; a page of something else is not that.
        if status != 200 {
            let refused = value["resourceType"] == "OperationOutcome";
            return if refused { Ok(Said::Unknown) } else { Err(nonsense()) };
        }
        understood(question, &value).ok_or_else(nonsense)
    }
}

/// The operation and its parameters.
fn asked(question: &Question) -> (&'static str, Vec<Value>) {
    let uri = |name: &str, value: &str| json!({ "name": name, "valueUri": value });
    let code_of = |code: &str| json!({ "name": "code", "valueCode": code });
    match question {
        Question::Lookup { system, code } => {
            ("CodeSystem/$lookup", vec![uri("system", system), code_of(code)])
        }
        Question::InSystem { system, code } => {
            ("CodeSystem/$validate-code", vec![uri("url", system), code_of(code)])
        }
        Question::InSet { set, system, code } => {
            let mut parameters = vec![uri("url", set), code_of(code)];
            parameters.extend(system.as_ref().map(|system| uri("system", system)));
            ("ValueSet/$validate-code", parameters)
        }
        Question::Expand { set } => {
            let count = json!({ "name": "count", "valueInteger": EXPANSION_MAX + 1 });
            ("ValueSet/$expand", vec![uri("url", set), count])
        }
    }
}

fn understood(question: &Question, value: &Value) -> Option<Said> {
    let parameter = |name: &str| {
        let all = value["parameter"].as_array()?;
        all.iter().find(|one| one["name"] == name)
    };
    let text = |name: &str| parameter(name).and_then(|one| words(&one["valueString"]));
    match question {
        Question::Expand { .. } => {
            let is_one = value["resourceType"] == "ValueSet" && value["expansion"].is_object();
            if is_one { expanded(&value["expansion"]).map(Said::Has) } else { None }
        }
        _ if value["resourceType"] != "Parameters" => None,
        Question::Lookup { .. } => {
            Some(Said::Means { name: text("name"), version: text("version"), display: text("display") })
        }
        Question::InSystem { .. } | Question::InSet { .. } => {
            let valid = parameter("result")?["valueBoolean"].as_bool()?;
            Some(Said::Is { valid, display: text("display") })
        }
    }
}

fn expanded(expansion: &Value) -> Option<Members> {
    let mut codes = Vec::new();
    let mut open = vec![expansion["contains"].as_array().map(Vec::as_slice).unwrap_or_default().iter()];
    while let Some(level) = open.last_mut() {
        let Some(one) = level.next() else {
            open.pop();
            continue;
        };
        if let (Some(system), Some(code)) = (one["system"].as_str(), one["code"].as_str()) {
            if !is_url(system) || !is_code(code) {
                return None;
            }
            codes.push(Member {
                system: system.to_owned(),
                code: code.to_owned(),
                display: words(&one["display"]),
                heading: one["abstract"] == true,
            });
        }
        if let Some(below) = one["contains"].as_array() {
            open.push(below.iter());
        }
    }
    let total = expansion["total"].as_u64().unwrap_or(0);
    let more = codes.len() > EXPANSION_MAX || total > codes.len() as u64;
    codes.truncate(EXPANSION_MAX);
    Some(Members { codes, more })
}

/// What a person may be shown of another server's words.
fn words(value: &Value) -> Option<String> {
    let text: String =
        value.as_str()?.chars().filter(|sign| !sign.is_control()).take(DISPLAY_CHARS_MAX).collect();
    Some(text.trim().to_owned()).filter(|text| !text.is_empty())
}

fn codes_of(said: &Said) -> usize {
    match said {
        Said::Has(members) => members.codes.len(),
        _ => 0,
    }
}

/// Whether a text is a code (<https://hl7.org/fhir/R4/datatypes.html#code>) that may be asked about.
pub(crate) fn is_code(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_graphic() || byte == b' ';
    (1..=CODE_BYTES_MAX).contains(&text.len())
        && text.bytes().all(plain)
        && text.trim() == text
        && !text.contains("  ")
}

/// Whether a text is an absolute URI of a code system or a value set.
pub(crate) fn is_url(text: &str) -> bool {
    let scheme = text.split_once(':').is_some_and(|(scheme, rest)| {
        !rest.is_empty() && scheme.starts_with(|sign: char| sign.is_ascii_alphabetic())
    });
    scheme && text.len() <= URL_BYTES_MAX && text.bytes().all(|byte| byte.is_ascii_graphic())
}

fn away() -> Error {
    Error::new(Code::Away, "the terminology server is not available for the moment").retry_after(10)
}

fn nonsense() -> Error {
    Error::new(Code::Upstream, "the terminology server gave no answer that FHIR knows")
}
