//! Requests of grantees.

use super::decide::{self, HeldVersion, ReleaseCase, TermsCase};
use super::{Custodian, ReleaseError};
use crate::ledger::{entry, member};
use crate::node::blocking;
use crate::source::EPOCHS_MAX;
use crate::store::tables::{
    CUSTODY, CustodyRow, HELD_VERSIONS, HeldVersionRow, IN_COMPARTMENT, RECORDS, SUCCESSORS, key,
};
use crate::store::{ReadTx, Reads, StoreError};
use salus_types::state::{self, AccessEntry, GrantEntry};
use salus_types::vault::{
    CompartmentRecord, ListedVersion, Release, ReleaseAsk, ReleaseForGrant, VersionList,
};
use salus_types::{Bounded, CompartmentId, OrganisationId, VersionId};
use std::collections::HashMap;
use std::collections::hash_map::Entry;

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
        };
        let reach = decide::terms(&case)?;
        let mut compartments = Vec::new();
        for id in self.reached(&ask.terms.compartments, ask.terms.future).await? {
            let seen = self.compartment(&id).await?;
            compartments.extend(seen.filter(|held| reach.covers(held)).map(|held| (id, held.source)));
        }
        self.list(compartments).await
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
        };
        let allowed = decide::release(&ReleaseCase {
            terms,
            access: access.as_ref(),
            versions: &ask.versions,
            held: &held,
            packages: ask.packages,
        })?;
        let asker = member(&*self.ctx.ledger, peer).ok_or(decide::Refusal::NotTheGrantee)?;
        self.hand_out(allowed, &asker.kem_key).await
    }

    async fn grant_entry(&self, grant: &salus_types::GrantId) -> Result<Option<GrantEntry>, ReleaseError> {
        Ok(entry(&*self.ctx.ledger, state::key::grant(grant)).await?)
    }

    /// The compartments granted and, with "future records too", those that succeed them.
    async fn reached(
        &self,
        granted: &[CompartmentId],
        future: bool,
    ) -> Result<Vec<CompartmentId>, StoreError> {
        let (store, granted) = (self.ctx.store.clone(), granted.to_vec());
        blocking(move || {
            let tx = store.read()?;
            let mut reached = granted.clone();
            for id in granted.iter().filter(|_| future) {
                let mut last = *id;
                for _ in 0..EPOCHS_MAX {
                    let Some(next) = tx.get(&SUCCESSORS, last.as_bytes())? else { break };
                    if !reached.contains(&next) {
                        reached.push(next);
                    }
                    last = next;
                }
            }
            Ok(reached)
        })
        .await
    }

    /// What is known of a compartment, as of a version in it.
    async fn compartment(&self, id: &CompartmentId) -> Result<Option<HeldVersion>, StoreError> {
        let (store, id) = (self.ctx.store.clone(), *id);
        blocking(move || {
            let tx = store.read()?;
            let record: Option<CompartmentRecord> = tx.get(&RECORDS, id.as_bytes())?;
            let Some(record) = record else { return Ok(None) };
            let (source, owner) = (record.statement.source.clone(), record.statement.owner);
            Ok(Some(HeldVersion { source, owner, lineage: lineage(&tx, id)?, anchored: false }))
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
        let (store, at) = (self.ctx.store.clone(), key::batch(source, sequence));
        let batch: Option<CustodyRow> = blocking(move || store.read()?.get(&CUSTODY, &at)).await?;
        match batch {
            Some(batch) => Ok(self.is_anchored(source, sequence, &batch).await?),
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
            let Some((row, owner, lineage)) = row else {
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
            held.push(Some(HeldVersion { source: row.source, owner, lineage, anchored: known }));
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

type Row = Option<(HeldVersionRow, Option<salus_types::Address>, Vec<CompartmentId>)>;

/// Rows of versions with owner and lineage of their compartments. A compartment whose record names another source than
/// the batch has no owner here: nobody takes over another's compartment.
fn rows(tx: &ReadTx, versions: &[VersionId]) -> Result<Vec<Row>, StoreError> {
    let mut compartments: HashMap<CompartmentId, (Option<CompartmentRecord>, Vec<CompartmentId>)> =
        HashMap::new();
    let mut rows = Vec::with_capacity(versions.len());
    for version in versions {
        let Some(row) = tx.get(&HELD_VERSIONS, version.as_bytes())? else {
            rows.push(None);
            continue;
        };
        let (record, lineage) = match compartments.entry(row.compartment) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => {
                let record = tx.get(&RECORDS, row.compartment.as_bytes())?;
                new.insert((record, lineage(tx, row.compartment)?))
            }
        };
        let record = record.as_ref().filter(|record| record.statement.source == row.source);
        let owner = record.and_then(|record| record.statement.owner);
        rows.push(Some((row, owner, lineage.clone())));
    }
    Ok(rows)
}

/// A compartment and its predecessors, as far as this custodian knows their records, all of one source and one owner.
fn lineage(tx: &ReadTx, id: CompartmentId) -> Result<Vec<CompartmentId>, StoreError> {
    let mut lineage = vec![id];
    let mut newest: Option<CompartmentRecord> = tx.get(&RECORDS, id.as_bytes())?;
    while let Some(record) = newest.take() {
        let Some(before) = record.statement.predecessor else { break };
        let older: Option<CompartmentRecord> = tx.get(&RECORDS, before.as_bytes())?;
        let same = |older: &CompartmentRecord| {
            (&older.statement.source, older.statement.owner)
                == (&record.statement.source, record.statement.owner)
        };
        if lineage.len() >= EPOCHS_MAX || lineage.contains(&before) || !older.as_ref().is_some_and(same) {
            break;
        }
        lineage.push(before);
        newest = older;
    }
    Ok(lineage)
}
