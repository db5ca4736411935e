//! One import: access event, release, opening (by the vault), transform, engine, table. One at a time for each
//! grant; the caller holds its lock.

use super::Shares;
use super::live::GrantState;
use super::table::{CopyRow, Imported, SetRow, Stage, VersionRow};
use super::transform::{self, Arrival, CopyNames};
use crate::clock;
use crate::engine::{EngineError, ShareSet};
use crate::fhir::principal::Practitioner;
use crate::fhir::proof::record_proof;
use crate::log::{Access, Kind, Who};
use crate::state::Gateway;
use crate::store::StoreError;
use crate::vault::{HeldGrant, OpenedVersion, SharedAnswer, SharedAsk, VaultError};
use salus_types::vault::Content;
use salus_types::{AccessId, VersionId};
use std::collections::{BTreeMap, HashSet};

/// Resources in one request to the engine.
const IMPORT_RESOURCES_MAX: usize = 2_000;

impl From<StoreError> for VaultError {
    fn from(error: StoreError) -> Self {
        Self::Fault(error.to_string())
    }
}

impl From<EngineError> for VaultError {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::Away | EngineError::Timeout => Self::Unavailable(error.to_string()),
            _ => Self::Fault(error.to_string()),
        }
    }
}

impl Shares {
    /// Imports what is new under a grant, unless somebody did so after `asked_ms`.
    pub(super) async fn import(
        &self,
        gateway: &Gateway,
        who: &Practitioner,
        grant: &HeldGrant,
        asked_ms: u64,
    ) -> Result<SetRow, VaultError> {
        let set = self.table.set(grant.grant)?.filter(|set| set.stage == Stage::Held);
        if let Some(set) = set.as_ref().filter(|set| set.checked_ms >= asked_ms) {
            return Ok(set.clone());
        }
        let is_new = set.is_none();
        let mut set = set.unwrap_or_else(|| empty(grant));
        let checked_ms = clock::now_ms();
        let mut held = self.table.versions(grant.grant)?;
        let mut answer =
            self.ask(gateway, who, grant, held.iter().map(|(version, _)| *version).collect()).await?;
        if deletes_a_copy(&answer.versions, &held) {
            // The engine drops sets, not single copies: the whole set is fetched anew.
            gateway.engine.delete_share(&grant.grant.to_string()).await?;
            self.table.forget(grant.grant).await?;
            held.clear();
            answer = self.ask(gateway, who, grant, HashSet::new()).await?;
            set.versions = 0;
        }
        if answer.versions.is_empty() && answer.missing > 0 && held.is_empty() {
            return Err(VaultError::Unavailable("no version could be opened".into()));
        }
        set.checked_ms = checked_ms;
        set.missing = answer.missing;
        let known = held.into_iter().map(|(_, row)| row).filter(|row| row.copy.is_some()).collect();
        self.store(gateway, who, Incoming { grant, set, is_new, answer, known }).await
    }

    async fn ask(
        &self,
        gateway: &Gateway,
        who: &Practitioner,
        grant: &HeldGrant,
        held: HashSet<VersionId>,
    ) -> Result<SharedAnswer, VaultError> {
        let practitioner = who.commitment;
        gateway
            .ports
            .shared
            .read(SharedAsk { grant: grant.grant, purpose: who.purpose, practitioner, held })
            .await
    }

    async fn store(
        &self,
        gateway: &Gateway,
        who: &Practitioner,
        incoming: Incoming<'_>,
    ) -> Result<SetRow, VaultError> {
        let Incoming { grant, mut set, is_new, answer, known } = incoming;
        if answer.versions.is_empty() && !is_new {
            self.table.checked(grant.grant, set.clone()).await?;
            return Ok(set);
        }
        let count = u32::try_from(answer.versions.len()).unwrap_or(u32::MAX);
        self.log(gateway, who, grant, &answer, count).await?;
        set.versions = set.versions.saturating_add(count);
        let prepared = prepare(gateway, grant, &mut set, answer, &known)?;
        // Between the release and here the patient may have ended the grant.
        if self.live.state(gateway.chain(), grant.grant).await.ok() != Some(GrantState::Live) {
            return Err(VaultError::Refused("the grant has ended".into()));
        }
        for resources in chunks(prepared.resources) {
            let expires = clock::instant(grant.expiry_ms);
            let share = ShareSet { patient: grant.patient.clone(), expires, resources };
            gateway.engine.put_share(&grant.grant.to_string(), &share).await?;
        }
        let imported = Imported {
            grant: grant.grant,
            set: set.clone(),
            versions: prepared.versions,
            copies: prepared.copies,
        };
        let versions = imported.versions.iter().map(|(version, _)| *version).collect();
        self.table.imported(imported).await?;
        // What was released a moment ago may be erased by now; the copies are known from here on, or are not to stay.
        if gateway.ports.erasures.any_erased(&grant.source, versions).await? {
            self.drop_set(gateway, grant.grant, set)
                .await
                .map_err(|error| VaultError::Unavailable(error.message().to_owned()))?;
            return Err(VaultError::Unavailable("a record was erased while it was read; ask again".into()));
        }
        Ok(set)
    }

    /// The import is in the log, and on disk, before any copy can be seen.
    async fn log(
        &self,
        gateway: &Gateway,
        who: &Practitioner,
        grant: &HeldGrant,
        answer: &SharedAnswer,
        count: u32,
    ) -> Result<(), VaultError> {
        let mut types: Vec<String> =
            answer.versions.iter().map(|version| version.category.to_string()).collect();
        types.sort();
        types.dedup();
        let access = Access {
            who: Who::from(who),
            kind: Kind::ShareImport,
            patient: Some(grant.patient.clone()),
            purpose: Some(who.purpose),
            reason: who.reason.clone(),
            types,
            count: Some(count),
            grants: vec![grant.grant],
            events: answer.accesses.clone(),
        };
        let unlogged = |error: crate::Error| VaultError::Unavailable(error.message().to_owned());
        gateway.log.append(access).map_err(unlogged)?.durable().await.map_err(unlogged)
    }
}

struct Incoming<'a> {
    grant: &'a HeldGrant,
    set: SetRow,
    /// Whether nothing came under this grant before.
    is_new: bool,
    answer: SharedAnswer,
    /// The copies that are held already.
    known: Vec<VersionRow>,
}

struct Prepared {
    resources: Vec<Box<serde_json::value::RawValue>>,
    versions: Vec<(VersionId, VersionRow)>,
    copies: Vec<(String, CopyRow, serde_json::Value)>,
}

fn empty(grant: &HeldGrant) -> SetRow {
    SetRow {
        source: grant.source.clone(),
        patient: grant.patient.clone(),
        patient_there: None,
        purpose: grant.purpose,
        stage: Stage::Held,
        versions: 0,
        missing: 0,
        checked_ms: 0,
    }
}

fn deletes_a_copy(versions: &[OpenedVersion], held: &[(VersionId, VersionRow)]) -> bool {
    let copies: HashSet<(&str, &str)> = held
        .iter()
        .filter(|(_, row)| row.copy.is_some())
        .map(|(_, row)| (row.kind.as_str(), row.id.as_str()))
        .collect();
    versions.iter().filter(|version| version.content == Content::Deleted).any(|version| {
        transform::name_of(&version.text)
            .is_some_and(|(kind, id)| copies.contains(&(kind.as_str(), id.as_str())))
    })
}

fn chunks(
    mut resources: Vec<Box<serde_json::value::RawValue>>,
) -> impl Iterator<Item = Vec<Box<serde_json::value::RawValue>>> {
    // An empty set is put too: the engine then knows the grant, and a drop has something to drop.
    let mut first = true;
    std::iter::from_fn(move || {
        if resources.is_empty() && !std::mem::take(&mut first) {
            return None;
        }
        first = false;
        let rest = resources.split_off(resources.len().min(IMPORT_RESOURCES_MAX));
        Some(std::mem::replace(&mut resources, rest))
    })
}

/// Copies, and the rows that remember them. The newest version of each resource wins; the source's Patient is
/// merged into the local one, and a version that does not parse is left out and said so.
fn prepare(
    gateway: &Gateway,
    grant: &HeldGrant,
    set: &mut SetRow,
    answer: SharedAnswer,
    known: &[VersionRow],
) -> Result<Prepared, VaultError> {
    let mut newest: BTreeMap<(String, String), OpenedVersion> = BTreeMap::new();
    let mut versions = Vec::with_capacity(answer.versions.len());
    for version in answer.versions {
        let Some((kind, id)) = transform::name_of(&version.text) else {
            return Err(VaultError::Fault("a version is no FHIR resource".into()));
        };
        versions.push((version.version, VersionRow { kind: kind.clone(), id: id.clone(), copy: None }));
        newest.insert((kind, id), version);
    }
    newest.retain(|_, version| version.content == Content::Fhir);
    let arrivals: Vec<Arrival<'_>> =
        newest.iter().map(|((kind, id), version)| Arrival { kind, id, text: &version.text }).collect();
    let names = CopyNames::new(
        grant,
        portal_of(gateway, grant),
        gateway.config.fhir_url(),
        known
            .iter()
            .map(|row| (row.kind.as_str(), row.id.as_str()))
            .chain(arrivals.iter().map(|a| (a.kind, a.id))),
        set.patient_there.take().or_else(|| transform::patient_there(&arrivals)),
    );
    set.patient_there = names.patient_there().map(str::to_owned);
    let mut prepared = Prepared { resources: Vec::new(), versions, copies: Vec::new() };
    for ((kind, id), version) in &newest {
        if kind == "Patient" {
            continue;
        }
        let fault = || VaultError::Fault("a version cannot be rewritten".into());
        let resource =
            transform::copy(&names, &Arrival { kind, id, text: &version.text }).ok_or_else(fault)?;
        prepared.resources.push(resource);
        let copy = names.id(kind, id);
        let row =
            CopyRow { grant: grant.grant, kind: kind.clone(), id: id.clone(), version: version.version };
        prepared.copies.push((copy, row, record_proof(&version.proof, Some(&version.text))));
    }
    for (_, row) in &mut prepared.versions {
        let copied = newest.contains_key(&(row.kind.clone(), row.id.clone())) && row.kind != "Patient";
        row.copy = copied.then(|| names.id(&row.kind, &row.id));
    }
    let provenance = provenance(gateway, grant, &names, answer.accesses.last().copied())
        .ok_or_else(|| VaultError::Fault("the provenance cannot be written".into()))?;
    prepared.resources.push(provenance);
    Ok(prepared)
}

fn provenance(
    gateway: &Gateway,
    grant: &HeldGrant,
    names: &CopyNames,
    access: Option<AccessId>,
) -> Option<Box<serde_json::value::RawValue>> {
    let network = gateway.chain().network();
    // What was shared stays readable when its source has left.
    let source = network.organisation(&grant.source);
    let name = source.map_or(grant.source.as_str(), |source| source.name.as_str());
    transform::provenance(names, grant, name, access, clock::now_ms())
}

fn portal_of(gateway: &Gateway, grant: &HeldGrant) -> String {
    let network = gateway.chain().network();
    let source = network.organisation(&grant.source);
    source
        .map_or_else(|| format!("urn:salus:{}", grant.source), |source| source.portal_url.as_str().to_owned())
}
