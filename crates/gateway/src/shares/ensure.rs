//! Makes sure that what a patient shares is here before a practitioner's question is answered.

use super::Shares;
use super::live::GrantState;
use super::reach::{Note, ShareReach, Verdict};
use super::table::{SetRow, Stage};
use crate::clock;
use crate::error::{Code, Error};
use crate::fhir::principal::Practitioner;
use crate::state::Gateway;
use crate::vault::{HeldGrant, VaultError};
use salus_types::category::Category;
use salus_types::{GrantId, OrganisationId};
use std::collections::BTreeMap;
use std::time::Duration;

/// How old the knowledge of a source's list may be before it is looked at again, beside the answer.
const REFRESH_AFTER_MS: u64 = 30_000;
/// Longest wait for a first import; it goes on beside the answer after that.
const IMPORT_WITHIN: Duration = Duration::from_secs(60);

/// What fetching gave; the answer of `POST /staff/charts/{chart}/shared`.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Fetched {
    /// Versions that came just now.
    pub imported: u32,
    /// Versions that were here.
    pub already_held: u32,
    /// The sources.
    pub sources: Vec<Source>,
}

/// How a source stands to a patient.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SourceState {
    /// This organisation itself.
    Own,
    /// Its records are shared and here.
    Shared,
    /// Nothing of it can be seen.
    None,
}

/// One source of records about a patient.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Source {
    /// Whose records.
    pub organisation: OrganisationId,
    /// How it stands.
    pub state: SourceState,
    /// The grant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grant: Option<GrantId>,
    /// What it reaches.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub categories: Vec<Category>,
    /// FHIR instant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires: Option<String>,
    /// Why nothing can be seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// How eager a look at a grant is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Eagerness {
    /// A read: what is held is used at once; news are fetched beside the answer.
    Read,
    /// A chart is opened: news are waited for.
    Fetch,
}

impl Shares {
    /// For a read or search within an open chart: imports what was never imported, and says which grants'
    /// copies may be seen. Held copies never wait for anything.
    ///
    /// # Errors
    /// Faults of this node alone; whatever concerns a source is a note.
    pub async fn ensure(&self, gateway: &Gateway, who: &Practitioner) -> Result<ShareReach, Error> {
        let mut reach = ShareReach::default();
        let mut closed: BTreeMap<OrganisationId, Note> = BTreeMap::new();
        let mut open = Vec::new();
        for grant in self.letters(gateway, who).await? {
            match self.judge(gateway, who, &grant).await? {
                Verdict::Open => open.push(grant),
                Verdict::Closed(error) => {
                    closed.insert(grant.source.clone(), Note::refused(&grant.source, &error));
                }
            }
        }
        let brought = open.iter().map(|grant| self.bring(gateway, who, grant, Eagerness::Read));
        for (grant, brought) in open.iter().zip(futures::future::join_all(brought).await) {
            match brought {
                Ok(set) => {
                    reach.grants.push(grant.grant);
                    reach.notes.extend(Note::incomplete(&set));
                }
                Err(error) => reach.notes.push(Note::failed(&grant.source, &error)),
            }
        }
        let open = self.sources_of(&reach.grants)?;
        reach.notes.extend(closed.into_values().filter(|note| !open.contains(&note.source)));
        Ok(reach)
    }

    /// For a chart that is opened: fetches everything that the patient's grants reach now, and waits.
    ///
    /// # Errors
    /// Faults of this node alone.
    pub async fn fetch(&self, gateway: &Gateway, who: &Practitioner) -> Result<Fetched, Error> {
        let mut fetched = Fetched::default();
        for grant in self.letters(gateway, who).await? {
            let before = self.table.set(grant.grant)?.map_or(0, |set| set.versions);
            let note = match self.judge(gateway, who, &grant).await? {
                Verdict::Closed(error) => Some(error.message().to_owned()),
                Verdict::Open => match self.bring(gateway, who, &grant, Eagerness::Fetch).await {
                    Ok(set) => {
                        fetched.imported += set.versions.saturating_sub(before);
                        fetched.already_held += before;
                        None
                    }
                    Err(error) => Some(Note::failed(&grant.source, &error).text),
                },
            };
            fetched.sources.push(describe(&grant, note));
        }
        Ok(fetched)
    }

    /// How sources stand to the patient whose chart is open, without fetching anything.
    ///
    /// # Errors
    /// Faults of this node alone.
    pub async fn sources(&self, gateway: &Gateway, who: &Practitioner) -> Result<Vec<Source>, Error> {
        let own = Source {
            organisation: gateway.config.organisation.clone(),
            state: SourceState::Own,
            grant: None,
            categories: Vec::new(),
            expires: None,
            note: None,
        };
        let mut sources = vec![own];
        for grant in self.letters(gateway, who).await? {
            let note = match self.judge(gateway, who, &grant).await? {
                Verdict::Open => None,
                Verdict::Closed(error) => Some(error.message().to_owned()),
            };
            sources.push(describe(&grant, note));
        }
        Ok(sources)
    }

    /// Why a copy cannot be read; `None` if it can, or is not known here.
    ///
    /// # Errors
    /// Faults of this node alone.
    pub(crate) async fn why_not(
        &self,
        gateway: &Gateway,
        who: &Practitioner,
        copy: &str,
    ) -> Result<Option<Error>, Error> {
        let Some(copy) = self.table.copy(copy)? else { return Ok(None) };
        let Some(grant) = gateway.ports.shared.grant(copy.grant).await.map_err(fault)? else {
            return self.why_not_without_letter(gateway, copy.grant).await.map(Some);
        };
        if who.patient.as_deref() != Some(grant.patient.as_str()) {
            // Whose it is, is nobody else's business.
            return Ok(None);
        }
        Ok(match self.judge(gateway, who, &grant).await? {
            Verdict::Open => None,
            Verdict::Closed(error) => Some(error),
        })
    }

    /// The letter is destroyed with the copies; the ledger still knows how the grant ended.
    async fn why_not_without_letter(&self, gateway: &Gateway, grant: GrantId) -> Result<Error, Error> {
        Ok(match self.live.state(gateway.chain(), grant).await? {
            GrantState::Revoked => Error::new(
                Code::GrantRevoked,
                "the patient no longer shares this record with this organisation",
            ),
            GrantState::Expired => {
                Error::new(Code::GrantExpired, "the time for which this record was shared is over")
            }
            GrantState::Live | GrantState::Unknown => {
                Error::new(Code::NoGrant, "no grant of the patient reaches this record")
            }
        })
    }

    /// The proof of a copy that may be read.
    pub(crate) fn proof(&self, copy: &str) -> Result<Option<serde_json::Value>, Error> {
        Ok(self.table.proof(copy)?)
    }

    async fn letters(&self, gateway: &Gateway, who: &Practitioner) -> Result<Vec<HeldGrant>, Error> {
        let Some(patient) = &who.patient else { return Ok(Vec::new()) };
        gateway.ports.shared.grants(patient).await.map_err(fault)
    }

    fn sources_of(&self, grants: &[GrantId]) -> Result<Vec<OrganisationId>, Error> {
        let sets = grants.iter().filter_map(|grant| self.table.set(*grant).transpose());
        Ok(sets.map(|set| set.map(|set| set.source)).collect::<Result<_, _>>()?)
    }

    /// Sees to it that the set is held.
    async fn bring(
        &self,
        gateway: &Gateway,
        who: &Practitioner,
        grant: &HeldGrant,
        eagerness: Eagerness,
    ) -> Result<SetRow, VaultError> {
        let set = self.table.set(grant.grant).map_err(|error| VaultError::Fault(error.to_string()))?;
        // A set without records is looked at again: custodians may have been a block behind.
        let held = set.filter(|set| set.stage == Stage::Held && set.versions > 0);
        let import = fetch_task(gateway.clone(), who.clone(), grant.clone());
        match held {
            Some(set) if eagerness == Eagerness::Read => {
                if clock::now_ms().saturating_sub(set.checked_ms) > REFRESH_AFTER_MS {
                    tokio::spawn(import);
                }
                Ok(set)
            }
            // Spawned, so that a caller who goes away does not leave half an import.
            _ => match tokio::time::timeout(IMPORT_WITHIN, tokio::spawn(import)).await {
                Ok(Ok(answer)) => answer,
                Ok(Err(_)) => Err(VaultError::Fault("the import was stopped".into())),
                Err(_) => Err(VaultError::Unavailable("the import takes long and goes on".into())),
            },
        }
    }
}

async fn fetch_task(gateway: Gateway, who: Practitioner, grant: HeldGrant) -> Result<SetRow, VaultError> {
    let asked_ms = clock::now_ms();
    let lock = gateway.shares.lock_of(grant.grant);
    let _one_at_a_time = lock.lock().await;
    let answer = gateway.shares.import(&gateway, &who, &grant, asked_ms).await;
    if let Err(error) = &answer {
        tracing::warn!(grant = %grant.grant, source = %grant.source, %error, "shared records do not come");
    }
    answer
}

fn describe(grant: &HeldGrant, note: Option<String>) -> Source {
    Source {
        organisation: grant.source.clone(),
        state: if note.is_none() { SourceState::Shared } else { SourceState::None },
        grant: Some(grant.grant),
        categories: grant.categories.clone(),
        expires: Some(clock::instant(grant.expiry_ms)),
        note,
    }
}

fn fault(error: VaultError) -> Error {
    match error {
        VaultError::Unavailable(_) => {
            Error::new(Code::Away, "the vault is not available for the moment").retry_after(5)
        }
        VaultError::Refused(_) | VaultError::Fault(_) => Error::internal(error),
    }
}
