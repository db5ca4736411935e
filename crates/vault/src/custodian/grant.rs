//! Requests of grantees.

use super::decide::{self, HeldVersion, ReleaseCase, TermsCase};
use super::{Custodian, ReleaseError, newest, newest_batch};
use crate::ledger::{entry, member};
use crate::node::blocking;
use crate::source::EPOCHS_MAX;
use crate::store::tables::{HeldVersionRow, IN_COMPARTMENT, RECORDS, SUCCESSORS, key};
use crate::store::{ReadTx, Reads, StoreError};
use salus_types::state::{self, AccessEntry, GrantEntry};
use salus_types::vault::{
    CompartmentRecord, ListedVersion, Release, ReleaseAsk, ReleaseForGrant, VersionList,
};
use salus_types::{Address, Bounded, CompartmentId, OrganisationId, VersionId};
use std::collections::{HashMap, HashSet};

/// Most versions in one list.
pub(super) const LISTED_MAX: usize = 1_000_000;

/// A version in a compartment, in the order of sealing.
pub(super) struct Placed {
    pub(super) sequence: u64,
    pub(super) leaf: u32,
    pub(super) listed: ListedVersion,
}

impl Custodian {
    /// The anchored versions in custody here that a grant reaches, for its grantee.
    ///
    /// # Errors
    /// [`ReleaseError`].
    pub async fn versions_for_grant(
        &self,
        peer: &OrganisationId,
        ask: &ReleaseAsk,
    ) -> Result<VersionList, ReleaseError> {
        let grant = self.grant_entry(&ask.terms.grant).await?;
        let case = TermsCase {
            network: &self.ctx.node.network,
            peer,
            terms: &ask.terms,
            terms_salt: &ask.terms_salt,
            consent: &ask.consent,
            grant: grant.as_ref(),
            now: self.ctx.ledger.now(),
            clock_ms: (self.ctx.clock)(),
        };
        let reach = decide::terms(&case)?;
        let epochs = self.epochs_of(&ask.terms.compartments).await?;
        let covered = epochs.into_iter().filter(|(_, held)| reach.covers(held));
        self.list(covered.map(|(id, held)| (id, held.source)).collect()).await
    }

    /// Shares, and packages if asked for, against a finalised access event.
    ///
    /// # Errors
    /// [`ReleaseError`].
    pub async fn release_for_grant(
        &self,
        peer: &OrganisationId,
        ask: &ReleaseForGrant,
    ) -> Result<Release, ReleaseError> {
        let grant = self.grant_entry(&ask.terms.grant).await?;
        let access: Option<AccessEntry> = entry(&*self.ctx.ledger, state::key::access(&ask.access)).await?;
        let held = self.held(&ask.versions).await?;
        let terms = TermsCase {
            network: &self.ctx.node.network,
            peer,
            terms: &ask.terms,
            terms_salt: &ask.terms_salt,
            consent: &ask.consent,
            grant: grant.as_ref(),
            now: self.ctx.ledger.now(),
            clock_ms: (self.ctx.clock)(),
        };
        let allowed = decide::release(&ReleaseCase {
            terms,
            access: access.as_ref(),
            versions: &ask.versions,
            held: &held,
            packages: ask.packages,
        })?;
        let asker = member(&*self.ctx.ledger, peer).ok_or(decide::Refusal::NotTheGrantee)?;
        self.note_release(peer, ask).await?;
        self.release(allowed, &asker.kem_key).await
    }

    async fn grant_entry(&self, grant: &salus_types::GrantId) -> Result<Option<GrantEntry>, ReleaseError> {
        Ok(entry(&*self.ctx.ledger, state::key::grant(grant)).await?)
    }

    /// The compartments named with all epochs before and after them, each as of a version in it.
    pub(super) async fn epochs_of(
        &self,
        named: &[CompartmentId],
    ) -> Result<Vec<(CompartmentId, HeldVersion)>, StoreError> {
        let (store, named) = (self.ctx.store.clone(), named.to_vec());
        blocking(move || {
            let tx = store.read()?;
            let (mut epochs, mut seen) = (Vec::new(), HashSet::new());
            for id in named {
                let record: Option<CompartmentRecord> = tx.get(&RECORDS, id.as_bytes())?;
                let Some(record) = record.filter(|_| !seen.contains(&id)) else { continue };
                let (source, owner) = (record.statement.source, record.statement.owner);
                for (id, Family { lineage, heirs }) in families(&tx, id)? {
                    seen.insert(id);
                    let held = HeldVersion { source: source.clone(), owner, lineage, heirs, anchored: false };
                    epochs.push((id, held));
                }
            }
            Ok(epochs)
        })
        .await
    }

    /// Anchored versions of compartments, in the order of sealing.
    pub(super) async fn list(
        &self,
        compartments: Vec<(CompartmentId, OrganisationId)>,
    ) -> Result<VersionList, ReleaseError> {
        let store = self.ctx.store.clone();
        let sources: HashMap<_, _> = compartments.iter().cloned().collect();
        let mut placed = blocking(move || {
            let tx = store.read()?;
            let mut placed = Vec::new();
            for (compartment, source) in compartments {
                let of = key::in_compartment_of(&compartment, &source);
                for (at, version) in tx.scan(&IN_COMPARTMENT, &of, None, LISTED_MAX)? {
                    placed.push(place(compartment, &at, version)?);
                }
            }
            Ok::<_, StoreError>(placed)
        })
        .await?;
        placed.sort_by_key(|placed| (placed.sequence, placed.leaf));
        let mut listed = Vec::with_capacity(placed.len());
        let mut anchored: HashMap<(OrganisationId, u64), bool> = HashMap::new();
        for Placed { sequence, listed: version, .. } in placed {
            let Some(source) = sources.get(&version.compartment) else { continue };
            let batch = (source.clone(), sequence);
            let known = match anchored.get(&batch) {
                Some(known) => *known,
                None => {
                    let known = self.batch_is_anchored(source, sequence).await?;
                    anchored.insert(batch, known);
                    known
                }
            };
            if known {
                listed.push(version);
            }
        }
        listed.truncate(LISTED_MAX);
        let versions = Bounded::new(listed).map_err(|_| StoreError::Damaged)?;
        Ok(VersionList { versions })
    }

    async fn batch_is_anchored(&self, source: &OrganisationId, sequence: u64) -> Result<bool, ReleaseError> {
        let (store, of) = (self.ctx.store.clone(), source.clone());
        match blocking(move || newest_batch(&store.read()?, &of, sequence)).await? {
            Some((_, batch)) => Ok(self.is_anchored(source, sequence, &batch).await?),
            None => Ok(false),
        }
    }

    /// What is held of each version.
    pub(super) async fn held(
        &self,
        versions: &[VersionId],
    ) -> Result<Vec<Option<HeldVersion>>, ReleaseError> {
        let (store, versions) = (self.ctx.store.clone(), versions.to_vec());
        let rows = blocking(move || rows(&store.read()?, &versions)).await?;
        let mut anchored: HashMap<(OrganisationId, u64), bool> = HashMap::new();
        let mut held = Vec::with_capacity(rows.len());
        for row in rows {
            let Some(Row { row, owner, family: Family { lineage, heirs } }) = row else {
                held.push(None);
                continue;
            };
            let batch = (row.source.clone(), row.sequence);
            let known = match anchored.get(&batch) {
                Some(known) => *known,
                None => {
                    let known = self.batch_is_anchored(&row.source, row.sequence).await?;
                    anchored.insert(batch, known);
                    known
                }
            };
            held.push(Some(HeldVersion { source: row.source, owner, lineage, heirs, anchored: known }));
        }
        Ok(held)
    }
}

fn place(compartment: CompartmentId, at: &[u8], version: VersionId) -> Result<Placed, StoreError> {
    let (rest, leaf) = at.split_last_chunk::<4>().ok_or(StoreError::Damaged)?;
    let sequence = rest.last_chunk::<8>().ok_or(StoreError::Damaged)?;
    Ok(Placed {
        sequence: u64::from_be_bytes(*sequence),
        leaf: u32::from_be_bytes(*leaf),
        listed: ListedVersion { compartment, version },
    })
}

/// A version's row, with what is known of its compartment.
struct Row {
    row: HeldVersionRow,
    owner: Option<Address>,
    family: Family,
}

/// The epochs before and after a compartment's own.
#[derive(Clone)]
struct Family {
    lineage: Vec<CompartmentId>,
    heirs: Vec<CompartmentId>,
}

/// Rows of versions with owner and family of their compartments. A compartment whose record names another source than
/// the batch has no owner here: nobody takes over another's compartment.
fn rows(tx: &ReadTx, versions: &[VersionId]) -> Result<Vec<Option<Row>>, StoreError> {
    let mut known: HashMap<CompartmentId, Family> = HashMap::new();
    let mut rows = Vec::with_capacity(versions.len());
    for version in versions {
        let Some(row) = newest(tx, version)? else {
            rows.push(None);
            continue;
        };
        if !known.contains_key(&row.compartment) {
            known.extend(families(tx, row.compartment)?);
        }
        let family = known.get(&row.compartment).cloned().ok_or(StoreError::Damaged)?;
        let record: Option<CompartmentRecord> = tx.get(&RECORDS, row.compartment.as_bytes())?;
        let record = record.filter(|record| record.statement.source == row.source);
        let owner = record.and_then(|record| record.statement.owner);
        rows.push(Some(Row { row, owner, family }));
    }
    Ok(rows)
}

/// The families of all epochs of a compartment, found in one walk.
fn families(tx: &ReadTx, id: CompartmentId) -> Result<Vec<(CompartmentId, Family)>, StoreError> {
    let mut chain = lineage(tx, id)?;
    chain.reverse();
    chain.extend(heirs(tx, id)?);
    let family = |at: usize| Family {
        lineage: chain[..=at].iter().rev().copied().collect(),
        heirs: chain[at + 1..].to_vec(),
    };
    Ok((0..chain.len()).map(|at| (chain[at], family(at))).collect())
}

/// Whether two records are of one source and one owner.
fn same(one: &CompartmentRecord, other: &CompartmentRecord) -> bool {
    (&one.statement.source, one.statement.owner) == (&other.statement.source, other.statement.owner)
}

/// A compartment and its predecessors, as far as this custodian knows their records, all of one source and one owner.
fn lineage(tx: &ReadTx, id: CompartmentId) -> Result<Vec<CompartmentId>, StoreError> {
    let mut lineage = vec![id];
    let mut newest: Option<CompartmentRecord> = tx.get(&RECORDS, id.as_bytes())?;
    while let Some(record) = newest.take() {
        let Some(before) = record.statement.predecessor else { break };
        let older: Option<CompartmentRecord> = tx.get(&RECORDS, before.as_bytes())?;
        let follows = older.as_ref().is_some_and(|older| same(older, &record));
        if lineage.len() >= EPOCHS_MAX || lineage.contains(&before) || !follows {
            break;
        }
        lineage.push(before);
        newest = older;
    }
    Ok(lineage)
}

/// The successors of a compartment, oldest first, as far as this custodian knows their records, all of one source and
/// one owner.
fn heirs(tx: &ReadTx, id: CompartmentId) -> Result<Vec<CompartmentId>, StoreError> {
    let mut heirs = Vec::new();
    let Some(mut last) = tx.get(&RECORDS, id.as_bytes())? else { return Ok(heirs) };
    while heirs.len() < EPOCHS_MAX {
        let at = key::successor(&last.statement.compartment, &last.statement.source);
        let Some(next) = tx.get(&SUCCESSORS, &at)? else { break };
        let record: Option<CompartmentRecord> = tx.get(&RECORDS, next.as_bytes())?;
        let Some(record) = record.filter(|record| same(record, &last)) else { break };
        if next == id || heirs.contains(&next) {
            break;
        }
        heirs.push(next);
        last = record;
    }
    Ok(heirs)
}
