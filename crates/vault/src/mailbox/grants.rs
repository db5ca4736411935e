//! Grants to this organisation, as kept here.

use super::{Mailbox, MailboxError};
use crate::combine::Keys;
use crate::node::blocking;
use crate::store::tables::{
    DROPPED, DroppedRow, GRANT_KEYS, GRANTS, GRANTS_OF, GrantRow, HELD, MARK, Name, id_at_end, key,
};
use crate::store::{ReadTx, Reads, Store, StoreError, WriteTx};
use commonware_codec::Encode as _;
use salus_crypto::Secret32;
use salus_types::category::{Category, Purpose};
use salus_types::vault::{CompartmentKey, Letter, WrapContent};
use salus_types::{Bounded, CompartmentId, Digest, GrantId, OrganisationId, decode_canonical};

const LETTER: &[u8] = b"letter";
const KEY: &[u8] = b"grant-key";

/// Whether a grant's letter is still kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GrantState {
    /// Kept; whether the grant is live, the ledger says.
    Kept,
    /// Forgotten; this many versions were deleted.
    Forgotten(u32),
    /// Never heard of.
    Unknown,
}

/// A grant to this organisation, as its letter tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldGrant {
    /// The grant.
    pub grant: GrantId,
    /// Whose records.
    pub source: OrganisationId,
    /// The patient's own FHIR Patient id here.
    pub patient: String,
    /// For which purpose.
    pub purpose: Purpose,
    /// Time from which it holds, in milliseconds since 1970-01-01 UTC.
    pub not_before_ms: u64,
    /// Time from which it is dead.
    pub expiry_ms: u64,
    /// The categories of its compartments, in order.
    pub categories: Vec<Category>,
    /// Only this practitioner, by commitment.
    pub practitioner: Option<Digest>,
}

/// A receipt of deletion that is due on the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The grant that ended.
    pub grant: GrantId,
    /// Number of versions deleted.
    pub count: u32,
}

/// The letter of a grant (without keys).
pub(crate) fn letter(
    store: &Store,
    tx: &impl Reads,
    grant: &GrantId,
) -> Result<Option<(Letter, Name)>, StoreError> {
    let Some(row) = tx.get(&GRANTS, grant.as_bytes())? else { return Ok(None) };
    let plain = store.open_secret(LETTER, grant.as_bytes(), &row.letter)?;
    let letter = decode_canonical(&plain).map_err(|_| StoreError::Damaged)?;
    Ok(Some((letter, row.patient)))
}

/// The keys of a grant.
pub(crate) fn keys(store: &Store, tx: &impl Reads, grant: &GrantId) -> Result<Keys, StoreError> {
    let mut keys = Keys::new();
    for (at, sealed) in tx.scan(&GRANT_KEYS, grant.as_bytes(), None, usize::MAX)? {
        let plain = store.open_secret(KEY, &at, &sealed)?;
        let content = WrapContent::from_bytes(&plain).ok_or(StoreError::Damaged)?;
        let key = (content.category, Secret32::from_bytes(&content.key));
        keys.insert(CompartmentId(id_at_end(&at)), key);
    }
    Ok(keys)
}

pub(super) fn put_keys(
    store: &Store,
    tx: &WriteTx,
    grant: &GrantId,
    keys: &[CompartmentKey],
) -> Result<(), StoreError> {
    for key in keys {
        let at = key::grant_key(grant, &key.compartment);
        let content = WrapContent { key: key.key, category: key.category };
        if tx.get(&GRANT_KEYS, &at)?.is_none() {
            tx.put(&GRANT_KEYS, &at, &store.seal_secret(KEY, &at, content.to_bytes().as_ref()))?;
        }
    }
    Ok(())
}

fn held_grant(store: &Store, tx: &ReadTx, grant: GrantId) -> Result<Option<HeldGrant>, StoreError> {
    let Some((letter, patient)) = letter(store, tx, &grant)? else { return Ok(None) };
    let mut categories: Vec<_> = keys(store, tx, &grant)?.values().map(|(category, _)| *category).collect();
    categories.sort();
    categories.dedup();
    let terms = letter.terms;
    Ok(Some(HeldGrant {
        grant,
        source: terms.source,
        patient: patient.as_str().to_owned(),
        purpose: terms.purpose,
        not_before_ms: terms.not_before_ms,
        expiry_ms: terms.expiry_ms,
        categories,
        practitioner: terms.practitioner,
    }))
}

impl Mailbox {
    pub(super) async fn keep_letter(&self, mut letter: Letter) -> Result<(), MailboxError> {
        let store = self.ctx.store.clone();
        Ok(blocking(move || {
            let grant = letter.terms.grant;
            let tx = store.write()?;
            let known = tx.get(&GRANTS, grant.as_bytes())?.is_some();
            if known || tx.get(&DROPPED, grant.as_bytes())?.is_some() {
                return Ok(());
            }
            put_keys(&store, &tx, &grant, &letter.keys)?;
            letter.keys = Bounded::default();
            let patient = Name::new(letter.patient.as_str()).map_err(|_| StoreError::Damaged)?;
            let sealed = store.seal_secret(LETTER, grant.as_bytes(), &letter.encode());
            tx.put(&GRANTS_OF, &key::grant_of(patient.as_str(), &grant), &MARK)?;
            tx.put(&GRANTS, grant.as_bytes(), &GrantRow { letter: sealed, patient })?;
            tx.commit()
        })
        .await?)
    }

    /// One grant.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn grant(&self, grant: GrantId) -> Result<Option<HeldGrant>, StoreError> {
        let store = self.ctx.store.clone();
        blocking(move || held_grant(&store, &store.read()?, grant)).await
    }

    /// Whether a grant is kept here.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn grant_state(&self, grant: GrantId) -> Result<GrantState, StoreError> {
        let store = self.ctx.store.clone();
        blocking(move || {
            let tx = store.read()?;
            if tx.get(&GRANTS, grant.as_bytes())?.is_some() {
                return Ok(GrantState::Kept);
            }
            let dropped = tx.get(&DROPPED, grant.as_bytes())?;
            Ok(dropped.map_or(GrantState::Unknown, |dropped| GrantState::Forgotten(dropped.count)))
        })
        .await
    }

    /// Grants whose letters name a patient here.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn grants_for(&self, patient: &str) -> Result<Vec<HeldGrant>, StoreError> {
        let store = self.ctx.store.clone();
        let tx = store.read()?;
        let of = tx.scan(&GRANTS_OF, &key::texts(&[patient]), None, usize::MAX)?;
        // Asked at every reading in a chart, and most have none: another thread for that costs more than to look.
        if of.is_empty() {
            return Ok(Vec::new());
        }
        blocking(move || {
            let mut grants = Vec::new();
            for (at, _) in of {
                grants.extend(held_grant(&store, &tx, GrantId(id_at_end(&at)))?);
            }
            Ok(grants)
        })
        .await
    }

    /// All grants that are kept.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn grants(&self) -> Result<Vec<HeldGrant>, StoreError> {
        let store = self.ctx.store.clone();
        blocking(move || {
            let tx = store.read()?;
            let mut grants = Vec::new();
            for (at, _) in tx.scan(&GRANTS, &[], None, usize::MAX)? {
                grants.extend(held_grant(&store, &tx, GrantId(id_at_end(&at)))?);
            }
            Ok(grants)
        })
        .await
    }

    /// Deletes letter, keys and rows of a grant that has ended, in one transaction; the number of versions that were
    /// held. Repeated, it gives the same number. The copies themselves are the caller's to delete, before.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn forget(&self, grant: GrantId) -> Result<u32, StoreError> {
        let store = self.ctx.store.clone();
        blocking(move || {
            let tx = store.write()?;
            if let Some(dropped) = tx.get(&DROPPED, grant.as_bytes())? {
                return Ok(dropped.count);
            }
            let known: Option<GrantRow> = tx.get(&GRANTS, grant.as_bytes())?;
            for (at, _) in tx.scan(&GRANT_KEYS, grant.as_bytes(), None, usize::MAX)? {
                tx.remove(&GRANT_KEYS, &at)?;
            }
            let held = tx.scan(&HELD, grant.as_bytes(), None, usize::MAX)?;
            for (at, _) in &held {
                tx.remove(&HELD, at)?;
            }
            let count = u32::try_from(held.len()).unwrap_or(u32::MAX);
            if let Some(row) = known {
                tx.remove(&GRANTS, grant.as_bytes())?;
                tx.remove(&GRANTS_OF, &key::grant_of(row.patient.as_str(), &grant))?;
                tx.put(&DROPPED, grant.as_bytes(), &DroppedRow { count, receipt: false })?;
            }
            tx.commit()?;
            Ok(count)
        })
        .await
    }

    /// Receipts of deletion that are not on the ledger yet.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn receipts_due(&self) -> Result<Vec<Receipt>, StoreError> {
        let store = self.ctx.store.clone();
        blocking(move || {
            let dropped = store.read()?.scan(&DROPPED, &[], None, usize::MAX)?;
            let due = dropped.into_iter().filter(|(_, row)| !row.receipt);
            let receipt = |(at, row): (Vec<u8>, DroppedRow)| Receipt {
                grant: GrantId(id_at_end(&at)),
                count: row.count,
            };
            Ok(due.map(receipt).collect())
        })
        .await
    }

    /// The receipt is final on the ledger.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn receipt_given(&self, grant: GrantId) -> Result<(), StoreError> {
        let store = self.ctx.store.clone();
        blocking(move || {
            let tx = store.write()?;
            let row: Option<DroppedRow> = tx.get(&DROPPED, grant.as_bytes())?;
            if let Some(row) = row {
                tx.put(&DROPPED, grant.as_bytes(), &DroppedRow { receipt: true, ..row })?;
            }
            tx.commit()
        })
        .await
    }
}
