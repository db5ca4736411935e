//! What codes mean (<https://hl7.org/fhir/R4/terminology-service.html>): from the definitions that HL7 publishes with FHIR R4,
//! from this project's own tables, from UCUM's grammar, and, for what none of them knows, from a terminology server that the
//! operator names.
//!
//! `tables` reads the definitions, `own` adds this project's, `members` says which codes are in a value set, `server` asks the
//! other server. The routes are in `fhir/terminology`.
//!
//! Nothing here is about a patient, and nothing is written to the access log.

mod members;
mod own;
mod server;
mod tables;
#[cfg(test)]
pub(crate) mod tests;

pub(crate) use members::{Member, Members};
pub(crate) use server::{EXPANSION_MAX, is_code, is_url};
pub(crate) use tables::{Compose, Tables};

use crate::error::{Code, Error, Result};
use crate::limits::TERMINOLOGY_PER_MINUTE;
use crate::rate::RateLimit;
use crate::state::Config;
use salus_feeds::units::{self, UCUM};
use server::{Question, Said, Server};
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::OnceCell;

/// What an operator decides.
#[derive(Clone, Debug, Default)]
pub struct TerminologyConfig {
    /// Folder of the FHIR definitions; without it only this project's own tables are known.
    pub definitions: Option<PathBuf>,
    /// Base URL of a FHIR R4 terminology server that is asked what is not known here.
    pub server: Option<String>,
    /// Whether that server may be on this machine or in a private network, and without TLS.
    pub private_server: bool,
}

/// What is known of codes.
pub struct Terminology {
    definitions: Option<PathBuf>,
    tables: OnceCell<Arc<Tables>>,
    server: Option<Server>,
    /// How often one caller may ask.
    pub(crate) allowed: RateLimit,
}

/// What a code means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Meaning {
    /// Name of the code system.
    pub(crate) name: Option<String>,
    /// Its edition.
    pub(crate) version: Option<String>,
    /// What the code says.
    pub(crate) display: Option<String>,
}

/// Whether a code is in a code system or a value set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) valid: bool,
    pub(crate) system: Option<String>,
    pub(crate) display: Option<String>,
    /// Whether the code has no other display; another server names one of several.
    pub(crate) one_display: bool,
}

impl Terminology {
    /// Nothing is read yet.
    ///
    /// # Errors
    /// What is wrong with the server's URL.
    pub(crate) fn new(config: &Config) -> std::result::Result<Self, String> {
        let TerminologyConfig { definitions, server, private_server } = &config.terminology;
        Ok(Self {
            definitions: definitions.clone(),
            tables: OnceCell::new(),
            server: server.as_ref().map(|url| Server::new(url, *private_server)).transpose()?,
            allowed: RateLimit::of(config, TERMINOLOGY_PER_MINUTE),
        })
    }

    /// Whether another server is asked.
    pub(crate) fn has_server(&self) -> bool {
        self.server.is_some()
    }

    /// What is known here; read when it is asked for first, which takes a second.
    pub(crate) async fn tables(&self) -> Arc<Tables> {
        let read = || async {
            let folder = self.definitions.clone();
            let read = tokio::task::spawn_blocking(move || {
                let mut tables = Tables::default();
                own::add(&mut tables);
                let files = folder.map_or(0, |folder| tables.read(&folder));
                (tables, files)
            });
            let (tables, files) = read.await.unwrap_or_default();
            if files < tables::FILES.len() {
                tracing::warn!(files, "not all code systems of FHIR R4 are in the folder of the definitions");
            }
            Arc::new(tables)
        };
        self.tables.get_or_init(read).await.clone()
    }

    /// What a code means.
    ///
    /// # Errors
    /// [`Code::NotFound`], and what comes of asking the other server.
    pub(crate) async fn lookup(&self, system: &str, code: &str) -> Result<Meaning> {
        if system == UCUM {
            let name = Some("UCUM".to_owned());
            let known = units::is_unit(code).then_some(Meaning { name, version: None, display: None });
            return known.ok_or_else(no_such_code);
        }
        let tables = self.tables().await;
        if let Some(known) = tables.systems.get(system) {
            if let Some(concept) = known.find(code) {
                return Ok(Meaning {
                    name: Some(known.name.clone()),
                    version: known.version.clone(),
                    display: concept.display.clone(),
                });
            }
            if known.whole {
                return Err(no_such_code());
            }
        }
        let question = Question::Lookup { system: system.to_owned(), code: code.to_owned() };
        match &*self.elsewhere(question).await? {
            Said::Means { name, version, display } => {
                Ok(Meaning { name: name.clone(), version: version.clone(), display: display.clone() })
            }
            _ => Err(self.unknown("code system or code")),
        }
    }

    /// Whether a code is in a code system.
    ///
    /// # Errors
    /// As [`Self::lookup`], for a code system that is not known.
    pub(crate) async fn in_system(&self, system: &str, code: &str) -> Result<Verdict> {
        let verdict = |valid, display, one_display| {
            let system = Some(system.to_owned());
            Verdict { valid, system, display, one_display }
        };
        if system == UCUM {
            return Ok(verdict(units::is_unit(code), None, true));
        }
        let tables = self.tables().await;
        if let Some(known) = tables.systems.get(system) {
            if let Some(concept) = known.find(code) {
                return Ok(verdict(true, concept.display.clone(), true));
            }
            if known.whole {
                return Ok(verdict(false, None, true));
            }
        }
        let question = Question::InSystem { system: system.to_owned(), code: code.to_owned() };
        match &*self.elsewhere(question).await? {
            Said::Is { valid, display } => Ok(verdict(*valid, display.clone(), false)),
            _ => Err(self.unknown("code system")),
        }
    }

    /// Whether a code is in a value set. A heading is only where `headings` are wanted.
    ///
    /// # Errors
    /// As [`Self::lookup`], for a value set that is not known.
    pub(crate) async fn in_set(
        &self,
        set: &str,
        system: Option<&str>,
        code: &str,
        headings: bool,
    ) -> Result<Verdict> {
        let tables = self.tables().await;
        if let Some(known) = tables.members(set) {
            if let Some(verdict) = judged(&tables, &known, system, code, headings) {
                return Ok(verdict);
            }
            if system == Some(UCUM) && tables.takes_all_of(set, UCUM) {
                return self.in_system(UCUM, code).await;
            }
        }
        let question =
            Question::InSet { set: set.to_owned(), system: system.map(str::to_owned), code: code.to_owned() };
        match &*self.elsewhere(question).await? {
            Said::Is { valid, display } => Ok(Verdict {
                valid: *valid,
                system: system.map(str::to_owned),
                display: display.clone(),
                one_display: false,
            }),
            _ => Err(self.unknown("value set")),
        }
    }

    /// Whether a code is in a value set that the caller brought; only what is known here is looked at.
    ///
    /// # Errors
    /// [`Code::NotFound`] where that does not tell.
    pub(crate) async fn in_compose(
        &self,
        compose: &Compose,
        system: Option<&str>,
        code: &str,
        headings: bool,
    ) -> Result<Verdict> {
        let tables = self.tables().await;
        judged(&tables, &tables.compose(compose), system, code, headings)
            .ok_or_else(|| self.unknown("code system of this value set"))
    }

    /// The codes of a value set.
    ///
    /// # Errors
    /// As [`Self::lookup`]; [`Code::Unprocessable`] for one that is too large.
    pub(crate) async fn expand(&self, set: &str) -> Result<Members> {
        if let Some(members) = self.tables().await.members(set).filter(|members| !members.more) {
            return fitting(members);
        }
        match &*self.elsewhere(Question::Expand { set: set.to_owned() }).await? {
            Said::Has(members) => fitting(members.clone()),
            _ => Err(self.unknown("value set")),
        }
    }

    /// The codes of a value set that the caller brought.
    ///
    /// # Errors
    /// As [`Self::in_compose`] and [`Self::expand`].
    pub(crate) async fn expand_compose(&self, compose: &Compose) -> Result<Members> {
        let members = self.tables().await.compose(compose);
        if members.more {
            return Err(self.unknown("code system of this value set"));
        }
        fitting(members)
    }

    /// What a code says, for people; `None` where nobody tells at once.
    pub(crate) async fn display(&self, system: &str, code: &str) -> Option<String> {
        if !is_url(system) || !is_code(code) || system == UCUM {
            return None;
        }
        self.lookup(system, code).await.ok()?.display
    }

    async fn elsewhere(&self, question: Question) -> Result<Arc<Said>> {
        match &self.server {
            Some(server) => server.ask(question).await,
            None => Ok(Arc::new(Said::Unknown)),
        }
    }

    fn unknown(&self, what: &str) -> Error {
        let who = match self.server {
            Some(_) => "neither this node nor its terminology server knows",
            None => "this node does not know",
        };
        let more = if self.server.is_some() { "" } else { ", and no terminology server is configured" };
        Error::new(Code::NotFound, format!("{who} this {what}{more}"))
    }
}

/// What the known codes tell; `None` where the code may be among those that are not known.
fn judged(
    tables: &Tables,
    members: &Members,
    system: Option<&str>,
    code: &str,
    headings: bool,
) -> Option<Verdict> {
    let found =
        members.codes.iter().find(|one| one.code == code && system.is_none_or(|system| system == one.system));
    match found {
        Some(Member { system, display, heading, .. }) => Some(Verdict {
            valid: headings || !heading,
            system: Some(system.clone()),
            display: display.clone(),
            // Value sets list codes of SNOMED CT and the like, of which this is one word among several.
            one_display: tables.systems.contains_key(system),
        }),
        None if members.more => None,
        None => Some(Verdict {
            valid: false,
            system: system.map(str::to_owned),
            display: None,
            one_display: true,
        }),
    }
}

fn fitting(members: Members) -> Result<Members> {
    if members.more || members.codes.len() > EXPANSION_MAX {
        return Err(Error::new(Code::Unprocessable, "the value set has too many codes to list them"));
    }
    Ok(members)
}

fn no_such_code() -> Error {
    Error::new(Code::NotFound, "the code system has no such code")
}
