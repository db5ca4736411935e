//! Whether what is in custody here is whole: every pack is read through once in a while, and at once where reading it
//! for somebody failed.
//!
//! A pack is whole if its bytes are those that the source signed, or what was left when versions of it were erased, every item lies where its row says, and every share
//! opens and fits its commitment. What is not whole is not given out (each version is checked by itself when it is),
//! and is named in the answers to its source, which makes the copy good. A pack that is whole again, because a disk came
//! back, counts as whole from the next look on.

use super::accept::open_link_key;
use super::audit::AuditError;
use super::release::open_item;
use super::{Custodian, newest_batch};
use crate::node::{Context, blocking};
use crate::store::tables::{
    BLANKED, BLANKS, CHECKED, COUNTERS, CUSTODY, CustodyRow, DAMAGED, EVIDENCE, HELD_VERSIONS, OF_BATCH,
    counter, key,
};
use crate::store::{PackName, ReadTx, Reads as _, StoreError};
use bytes::Bytes;
use salus_crypto::hash::sha256;
use salus_types::vault::{DAMAGED_PER_ANSWER_MAX, DamagedBatch};
use salus_types::{OrganisationId, Signature};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::sleep;

/// How a custodian looks after what it keeps.
#[derive(Clone, Debug)]
pub struct CheckConfig {
    /// How long a pack that was found whole is left alone.
    pub every: Duration,
    /// Bytes read a second, on average.
    pub bytes_per_second: u64,
    /// Pause between two looks at what is due.
    pub rest: Duration,
    /// How often releases are compared with access events.
    pub audit_every: Duration,
}

impl Default for CheckConfig {
    fn default() -> Self {
        Self {
            every: Duration::from_secs(24 * 3_600),
            bytes_per_second: 8 * 1024 * 1024,
            rest: Duration::from_secs(60),
            audit_every: Duration::from_secs(3_600),
        }
    }
}

/// What is in custody here, and how it is. Counts only.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeptStatus {
    /// Batches in custody here, each generation by itself.
    pub batches: u64,
    /// Those of them that are known not to be whole.
    pub damaged: u64,
    /// Those of them that were never looked at since they were taken.
    pub unchecked: u64,
    /// When the one that was not looked at for longest was found whole, in milliseconds since 1970-01-01 UTC; 0 if none
    /// was.
    pub oldest_check_ms: u64,
    /// Copies that were found damaged since the vault was made.
    pub ever_damaged: u64,
    /// Whether rows of the vault's tables were not what was written, when they were last read through.
    pub tables_damaged: bool,
}

/// The key of a pack in the tables of custody.
type At = Vec<u8>;

impl Custodian {
    /// Looks after what is in custody, for as long as it is polled.
    pub(crate) async fn look_after(&self) -> Result<Infallible, StoreError> {
        loop {
            self.check_due().await?;
            sleep(self.checks.rest).await;
        }
    }

    /// Compares releases with access events, for as long as it is polled.
    pub(crate) async fn audit_now_and_then(&self) -> Result<Infallible, StoreError> {
        loop {
            match self.audit().await {
                Ok(_) => {}
                Err(AuditError::Store(error)) => return Err(error),
                Err(AuditError::Ledger(error)) => tracing::debug!(%error, "releases are compared later"),
            }
            sleep(self.checks.audit_every).await;
        }
    }

    /// Looks at everything that is due, once.
    pub(crate) async fn check_due(&self) -> Result<(), StoreError> {
        for at in self.due().await? {
            let read = self.check(&at).await?;
            let pause = read.saturating_mul(1_000) / self.checks.bytes_per_second.max(1);
            sleep(Duration::from_millis(pause)).await;
        }
        self.check_evidence().await?;
        self.check_tables().await
    }

    /// Reads every row of the vault's tables, as often as every pack.
    async fn check_tables(&self) -> Result<(), StoreError> {
        let ctx = self.ctx.clone();
        let every_ms = u64::try_from(self.checks.every.as_millis()).unwrap_or(u64::MAX);
        blocking(move || ctx.store.check_rows_when_due((ctx.clock)(), every_ms)).await
    }

    /// The packs that are to be looked at, those first that were not for longest. Damaged ones are always due.
    async fn due(&self) -> Result<Vec<At>, StoreError> {
        let ctx = self.ctx.clone();
        let every = u64::try_from(self.checks.every.as_millis()).unwrap_or(u64::MAX);
        blocking(move || {
            let (tx, now) = (ctx.store.read()?, (ctx.clock)());
            let mut due = Vec::new();
            for (at, _) in tx.scan(&CUSTODY, &[], None, usize::MAX)? {
                let checked = tx.get(&CHECKED, &at)?.unwrap_or(0);
                if checked.saturating_add(every) <= now || tx.get(&DAMAGED, &at)?.is_some() {
                    due.push((checked, at));
                }
            }
            due.sort();
            Ok(due.into_iter().map(|(_, at)| at).collect())
        })
        .await
    }

    /// Reads one pack through and writes down how it is. How many bytes were read.
    pub(crate) async fn check(&self, at: &[u8]) -> Result<u64, StoreError> {
        let (source, sequence, generation) = key::generation_parts(at).ok_or(StoreError::Damaged)?;
        let name = PackName::custody(&source, sequence, generation);
        // Whatever keeps a pack from being read, it cannot be given out.
        let bytes = self.ctx.store.packs.get(&name).await.ok();
        let read = bytes.as_ref().map_or(0, |bytes| bytes.len() as u64);
        let (ctx, at) = (self.ctx.clone(), at.to_vec());
        let (whole, known) = blocking(move || judge(&ctx, &at, bytes)).await?;
        if !whole && !known {
            tracing::error!(%source, sequence, generation, "a pack in custody is damaged");
        }
        Ok(read)
    }

    /// Contradictions that are kept as evidence lie here alone: a damaged one can be told, not made good.
    async fn check_evidence(&self) -> Result<(), StoreError> {
        let store = self.ctx.store.clone();
        let kept = blocking(move || store.read()?.scan(&EVIDENCE, &[], None, usize::MAX)).await?;
        for (at, digest) in kept {
            let (source, sequence, generation) = key::generation_parts(&at).ok_or(StoreError::Damaged)?;
            let name = PackName::evidence(&source, sequence, generation);
            let bytes = self.ctx.store.packs.get(&name).await.unwrap_or_default();
            if body(&bytes).is_none_or(|(body, _)| sha256(body) != digest) {
                tracing::error!(%source, sequence, generation, "evidence against a source is damaged");
            }
        }
        Ok(())
    }

    /// What is in custody here, and how it is.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn kept(&self) -> Result<KeptStatus, StoreError> {
        let store = self.ctx.store.clone();
        blocking(move || {
            let tx = store.read()?;
            let checked = tx.scan(&CHECKED, &[], None, usize::MAX)?;
            let batches = tx.len(&CUSTODY)?;
            Ok(KeptStatus {
                batches,
                damaged: tx.len(&DAMAGED)?,
                unchecked: batches.saturating_sub(checked.len() as u64),
                oldest_check_ms: checked.iter().map(|(_, ms)| *ms).min().unwrap_or(0),
                ever_damaged: tx.get(&COUNTERS, counter::ROTTEN)?.unwrap_or(0),
                tables_damaged: store.are_rows_damaged(),
            })
        })
        .await
    }
}

/// Splits what a source signed from the signature.
fn body(bytes: &[u8]) -> Option<(&[u8], &[u8; Signature::LEN])> {
    bytes.split_last_chunk()
}

/// Writes down whether a pack is whole: whether it is, and whether that it is not was known before. One that is not in
/// custody any more is neither here nor there.
fn judge(ctx: &Arc<Context>, at: &[u8], bytes: Option<Bytes>) -> Result<(bool, bool), StoreError> {
    let view = ctx.store.read()?;
    let Some(row) = view.get(&CUSTODY, at)? else { return Ok((true, true)) };
    let whole = match bytes {
        Some(bytes) => is_whole(ctx, &view, at, &row, &bytes)?,
        None => false,
    };
    drop(view);
    let tx = ctx.store.write()?;
    if tx.get(&CUSTODY, at)?.is_none_or(|now| now.body_digest != row.body_digest) {
        return Ok((true, true));
    }
    let known = tx.get(&DAMAGED, at)?.is_some();
    if whole {
        tx.put(&CHECKED, at, &(ctx.clock)())?;
        tx.remove(&DAMAGED, at)?;
    } else if !known {
        tx.put(&DAMAGED, at, &(ctx.clock)())?;
        tx.put(&COUNTERS, counter::ROTTEN, &(tx.get(&COUNTERS, counter::ROTTEN)?.unwrap_or(0) + 1))?;
    }
    tx.commit_lazily()?;
    Ok((whole, known))
}

fn is_whole(
    ctx: &Context,
    tx: &ReadTx,
    at: &[u8],
    row: &CustodyRow,
    bytes: &Bytes,
) -> Result<bool, StoreError> {
    let signed = || {
        body(bytes)
            .is_some_and(|(body, signature)| sha256(body) == row.body_digest && *signature == row.signature.0)
    };
    let expected = match tx.get(&BLANKED, at)? {
        // Until the last place is blanked, it may still be what it was.
        Some(blanked) => sha256(bytes) == blanked || (!tx.scan(&BLANKS, at, None, 1)?.is_empty() && signed()),
        None => signed(),
    };
    if !expected {
        return Ok(false);
    }
    let (source, sequence, generation) = key::generation_parts(at).ok_or(StoreError::Damaged)?;
    let link_key = open_link_key(ctx, (&source, sequence, generation), row)?;
    for (_, version) in tx.scan(&OF_BATCH, at, None, usize::MAX)? {
        let held = tx.get(&HELD_VERSIONS, &key::held_version(&version, generation))?;
        let item = held.as_ref().and_then(|held| {
            let from = usize::try_from(held.at).ok()?;
            Some((held, bytes.get(from..from.checked_add(held.length as usize)?)?))
        });
        let Some((held, item)) = item else { return Ok(false) };
        if open_item(&source, sequence, held, item, &link_key, None).is_err() {
            return Ok(false);
        }
    }
    Ok(true)
}

/// What a source is told with each answer: the newest generation of a batch that is held here, and which of its batches
/// are damaged here.
pub(super) fn state_for(
    tx: &ReadTx,
    source: &OrganisationId,
    sequence: u64,
) -> Result<(Option<u32>, Vec<DamagedBatch>), StoreError> {
    let newest = newest_batch(tx, source, sequence)?.map(|(generation, _)| generation);
    let damaged = tx.scan(&DAMAGED, &key::texts(&[source.as_str()]), None, DAMAGED_PER_ANSWER_MAX)?;
    let named = |(at, _): (Vec<u8>, u64)| {
        let (_, sequence, generation) = key::generation_parts(&at).ok_or(StoreError::Damaged)?;
        Ok(DamagedBatch { sequence, generation })
    };
    Ok((newest, damaged.into_iter().map(named).collect::<Result<_, StoreError>>()?))
}
