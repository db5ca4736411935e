//! The source: its patients' summaries, who holds them, and what it does when one was opened.

use super::seal;
use crate::envelope::seal_envelope;
use crate::ledger::{entry, member};
use crate::node::{Context, blocking};
use crate::placement::{custodians, emergency_holders};
use crate::source::parcel::queue_emergency;
use crate::source::{Source, SourceError};
use crate::store::tables::{
    AT_ONCE, EMERGENCIES, EMERGENCY_AT, EMERGENCY_ROTATE, EMERGENCY_STALE, EMERGENCY_USES, EmergencyRow,
    EmergencyUseRow, Name,
};
use crate::store::{Reads, Store, StoreError, WriteTx};
use commonware_codec::Encode as _;
use salus_crypto::hash::sha256;
use salus_crypto::shamir::{self, Share};
use salus_types::emergency::{emergency_target, emergency_threshold, words_commitment};
use salus_types::organisation::Organisation;
use salus_types::state::{EmergencyEntry, key};
use salus_types::vault::{
    EMERGENCY_BYTES_MAX, EmergencyAccount, EmergencyFound, EmergencyNotice, EmergencyPackage,
    EmergencyParcel, EmergencyShare, EmergencyStatement,
};
use salus_types::{Bounded, CompartmentId, Digest, OrganisationId, decode_canonical, label};
use std::collections::BTreeSet;
use std::convert::Infallible;
use std::time::Duration;
use tokio::time::timeout;
use zeroize::{Zeroize as _, Zeroizing};

const SHARES: &[u8] = b"emergency-shares";
const USE: &[u8] = b"emergency-use";

/// Longest wait for news of summaries.
const WAIT_MAX: Duration = Duration::from_secs(10);

/// A summary that is to be made anew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StaleSummary {
    /// The FHIR Patient id here.
    pub patient: String,
    /// With which row of the outbox it became stale.
    pub since: u64,
}

/// One of this source's summaries was opened.
#[derive(Debug)]
pub struct EmergencyUse {
    /// The FHIR Patient id here.
    pub patient: String,
    /// The event, as the ledger has it.
    pub entry: EmergencyEntry,
    /// How its target opens; and who opened the summary and why, if who did has said so and the event commits to it.
    pub notice: EmergencyNotice,
}

impl Source {
    /// Waits until there may be summaries to make anew, or uses to note; for a while at most.
    pub async fn emergencies_changed(&self) {
        let _ = timeout(WAIT_MAX, self.emergencies.notified()).await;
    }

    /// Summaries that are to be made anew, at most `limit`.
    ///
    /// # Errors
    /// [`SourceError::Store`].
    pub async fn stale_summaries(&self, limit: usize) -> Result<Vec<StaleSummary>, SourceError> {
        let store = self.ctx.store.clone();
        let rows = blocking(move || store.read()?.scan(&EMERGENCY_STALE, &[], None, limit)).await?;
        let stale = rows.into_iter().filter_map(|(patient, since)| {
            Some(StaleSummary { patient: String::from_utf8(patient).ok()?, since })
        });
        Ok(stale.collect())
    }

    /// Seals a patient's new summary and queues it for its holders; `None` withdraws it, because there is no such patient
    /// any more. One that is as it was is not sent again, unless its key is to be replaced.
    ///
    /// # Errors
    /// [`SourceError`].
    pub async fn put_emergency_summary(
        &self,
        stale: &StaleSummary,
        summary: Option<Zeroizing<Vec<u8>>>,
    ) -> Result<(), SourceError> {
        let (ctx, stale) = (self.ctx.clone(), stale.clone());
        blocking(move || {
            let tx = ctx.store.write()?;
            let patient = stale.patient.as_bytes();
            if tx.get(&EMERGENCY_STALE, patient)? == Some(stale.since) {
                tx.remove(&EMERGENCY_STALE, patient)?;
            }
            put(&ctx, &tx, &stale.patient, summary.as_ref().map(|text| text.as_slice()))?;
            Ok::<_, SourceError>(tx.commit()?)
        })
        .await?;
        self.parcels.notify_one();
        Ok(())
    }

    /// Where the summary of a patient lies, if there is one.
    ///
    /// # Errors
    /// [`SourceError::Store`].
    pub async fn emergency_of(&self, patient: &str) -> Result<Option<EmergencyFound>, SourceError> {
        let (store, patient) = (self.ctx.store.clone(), patient.to_owned());
        blocking(move || {
            let row: Option<EmergencyRow> = store.read()?.get(&EMERGENCIES, patient.as_bytes())?;
            let Some(row) = row else { return Ok(None) };
            let holders = row.holders.into_inner();
            let threshold = small(emergency_threshold(holders.len()));
            let holders = holders.try_into().map_err(|_| StoreError::Damaged)?;
            Ok(Some(EmergencyFound { compartment: row.compartment, holders, threshold }))
        })
        .await
    }

    /// Hears that a summary was opened, and looks whether that is so: false if this organisation's ledger has no such
    /// event (yet), or if it is about nobody here. When this is true it is durable, and waits in
    /// [`Self::emergency_uses`]. The key is replaced when the four hours are over.
    ///
    /// # Errors
    /// [`SourceError`].
    pub async fn emergency_told(&self, notice: EmergencyNotice) -> Result<bool, SourceError> {
        let ask = &notice.ask;
        let found: Option<EmergencyEntry> = entry(&*self.ctx.ledger, key::emergency(&ask.event)).await?;
        let Some(event) = found else { return Ok(false) };
        let own = ask.source == self.ctx.node.organisation;
        if !own || emergency_target(&ask.salt, &ask.source, &ask.compartment) != event.target {
            return Ok(false);
        }
        // What the event does not commit to is nobody's account.
        let account = notice.account.filter(|account| holds(account, &event));
        let notice = EmergencyNotice { ask: notice.ask, account };
        let ctx = self.ctx.clone();
        let known = blocking(move || keep_use(&ctx, &notice, event.access_until_ms)).await?;
        self.emergencies.notify_one();
        Ok(known)
    }

    /// Uses of summaries that are not in the access log yet, at most `limit`.
    ///
    /// # Errors
    /// [`SourceError`].
    pub async fn emergency_uses(&self, limit: usize) -> Result<Vec<EmergencyUse>, SourceError> {
        let ctx = self.ctx.clone();
        let rows = blocking(move || {
            let all = ctx.store.read()?.scan(&EMERGENCY_USES, &[], None, usize::MAX)?;
            let open = |at: &[u8], row: &EmergencyUseRow| {
                let plain = ctx.store.open_secret(USE, at, &row.notice)?;
                decode_canonical::<EmergencyNotice>(&plain).map_err(|_| StoreError::Damaged)
            };
            let waiting = all.into_iter().filter(|(_, row)| row.noted == 0).take(limit);
            waiting
                .map(|(at, row)| Ok((open(&at, &row)?, row.patient)))
                .collect::<Result<Vec<_>, StoreError>>()
        })
        .await?;
        let mut uses = Vec::with_capacity(rows.len());
        for (notice, patient) in rows {
            let at = key::emergency(&notice.ask.event);
            let found: Option<EmergencyEntry> = entry(&*self.ctx.ledger, at).await?;
            let patient = patient.as_str().to_owned();
            uses.extend(found.map(|entry| EmergencyUse { patient, entry, notice }));
        }
        Ok(uses)
    }

    /// Hears that a use is in the access log, durably.
    ///
    /// # Errors
    /// [`SourceError::Store`].
    pub async fn emergency_noted(&self, of: &EmergencyUse) -> Result<(), SourceError> {
        let (store, at) = (self.ctx.store.clone(), use_at(&of.notice));
        blocking(move || {
            let tx = store.write()?;
            if let Some(row) = tx.get(&EMERGENCY_USES, &at)? {
                tx.put(&EMERGENCY_USES, &at, &EmergencyUseRow { noted: 1, ..row })?;
            }
            Ok::<_, SourceError>(tx.commit()?)
        })
        .await
    }

    /// Marks as stale, again and again, what needs another key: after an emergency, or because others are custodians.
    pub(crate) async fn sweep_emergencies(&self) -> Result<Infallible, SourceError> {
        let mut placed_for: Option<Vec<OrganisationId>> = None;
        loop {
            let organisations = self.ctx.ledger.organisations();
            let custodians = custodians(&organisations);
            let moved = placed_for.replace(custodians.clone()).is_none_or(|before| before != custodians);
            let ctx = self.ctx.clone();
            let marked = blocking(move || {
                let tx = ctx.store.write()?;
                let marked = mark(&ctx, &tx, moved.then_some(&organisations))?;
                if marked {
                    tx.commit_lazily()?
                }
                Ok::<_, SourceError>(marked)
            })
            .await?;
            if marked {
                self.emergencies.notify_one();
            }
            tokio::time::sleep(self.config.grant_sweep).await;
        }
    }
}

/// Whether the event commits to what who broke the glass says of it.
fn holds(account: &EmergencyAccount, event: &EmergencyEntry) -> bool {
    account.credential.commitment() == event.practitioner
        && account.credential.organisation == event.organisation
        && words_commitment(&account.salt, account.words.as_str()) == event.statement
}

fn use_at(notice: &EmergencyNotice) -> Vec<u8> {
    [notice.ask.event.as_bytes(), &[u8::from(notice.account.is_some())]].concat()
}

/// Keeps a use until it is in the access log; false if it is about nobody here. What a holder says adds nothing to what
/// who broke the glass has said.
fn keep_use(ctx: &Context, notice: &EmergencyNotice, until_ms: u64) -> Result<bool, SourceError> {
    let tx = ctx.store.write()?;
    let compartment = notice.ask.compartment;
    let Some(patient) = tx.get(&EMERGENCY_AT, compartment.as_bytes())? else { return Ok(false) };
    let at = patient.as_str().as_bytes();
    let row: Option<EmergencyRow> = tx.get(&EMERGENCIES, at)?;
    // One that comes after the key was replaced replaces nothing more.
    if row.is_some_and(|row| row.compartment == compartment) {
        let due = match tx.get(&EMERGENCY_ROTATE, at)? {
            // Signed with a key that is no member's: another four hours of it would help nobody.
            Some(AT_ONCE) => AT_ONCE,
            due => due.unwrap_or_default().max(until_ms),
        };
        tx.put(&EMERGENCY_ROTATE, at, &due)?;
    }
    let told = |by: u8| [notice.ask.event.as_bytes(), &[by]].concat();
    let at = use_at(notice);
    let by_breaker: Option<EmergencyUseRow> = tx.get(&EMERGENCY_USES, &told(1))?;
    let by_holder: Option<EmergencyUseRow> = tx.get(&EMERGENCY_USES, &told(0))?;
    if by_breaker.is_none() && (notice.account.is_some() || by_holder.is_none()) {
        if by_holder.is_some_and(|row| row.noted == 0) {
            tx.remove(&EMERGENCY_USES, &told(0))?;
        }
        let notice = ctx.store.seal_secret(USE, &at, &notice.encode());
        tx.put(&EMERGENCY_USES, &at, &EmergencyUseRow { patient, notice, noted: 0 })?;
    }
    tx.commit()?;
    Ok(true)
}

/// Marks as stale whose key is due to be replaced, and, if others are custodians, whose holders have changed.
fn mark(ctx: &Context, tx: &WriteTx, moved: Option<&Vec<Organisation>>) -> Result<bool, SourceError> {
    let mut stale = BTreeSet::new();
    for (patient, due) in tx.scan(&EMERGENCY_ROTATE, &[], None, usize::MAX)? {
        if due <= now(ctx) {
            stale.insert(patient);
        }
    }
    if let Some(organisations) = moved {
        for (patient, row) in tx.scan(&EMERGENCIES, &[], None, usize::MAX)? {
            if emergency_holders(&row.first, organisations) != *row.holders {
                stale.insert(patient);
            }
        }
    }
    let mut marked = false;
    for patient in stale {
        if tx.get(&EMERGENCY_STALE, &patient)?.is_none() {
            tx.put(&EMERGENCY_STALE, &patient, &0)?;
            marked = true;
        }
    }
    Ok(marked)
}

/// The later of the ledger's time and this machine's clock: by it a holder refuses, too.
fn now(ctx: &Context) -> u64 {
    ctx.ledger.now().time_ms.max((ctx.clock)())
}

fn put(ctx: &Context, tx: &WriteTx, patient: &str, summary: Option<&[u8]>) -> Result<(), SourceError> {
    let at = patient.as_bytes();
    let before: Option<EmergencyRow> = tx.get(&EMERGENCIES, at)?;
    let organisations = ctx.ledger.organisations();
    let first = before.as_ref().map_or_else(new_compartment, |row| row.first);
    let holders = emergency_holders(&first, &organisations);
    let text = summary.filter(|text| text.len() < EMERGENCY_BYTES_MAX - 8 * 1024 && !holders.is_empty());
    if summary.is_some() && text.is_none() {
        tracing::warn!("an emergency summary is too large, or has nobody to hold it");
    }
    let Some(text) = text else { return withdraw(ctx, tx, at, before) };
    let due = tx.get(&EMERGENCY_ROTATE, at)?.is_some_and(|due| due <= now(ctx));
    let same_holders = |row: &EmergencyRow| *row.holders == holders;
    let row = match before.as_ref().filter(|row| !due && same_holders(row)) {
        Some(row) => next_revision(ctx, row, text)?,
        None => Some(new_key(ctx, first, &holders, text)?),
    };
    let Some(row) = row else { return Ok(()) };
    if due {
        tx.remove(&EMERGENCY_ROTATE, at)?;
    }
    let name = Name::new(patient).map_err(|_| SourceError::Name)?;
    tx.put(&EMERGENCY_AT, row.compartment.as_bytes(), &name)?;
    tx.put(&EMERGENCIES, at, &row)?;
    let replaces = before.as_ref().filter(|before| before.compartment != row.compartment);
    let shares = shares(&ctx.store, &row)?;
    let package = package(ctx, &row, &shares, replaces.map(|row| row.compartment), text)?;
    send(ctx, tx, &package, &shares, &organisations)?;
    let former = replaces.map(|row| row.holders.to_vec()).unwrap_or_default();
    let mut former = former.iter().filter(|former| !holders.contains(former));
    former.try_for_each(|former| take_back(ctx, tx, former, &package))
}

/// The same key, another revision; nothing if the summary is as it was.
fn next_revision(
    ctx: &Context,
    row: &EmergencyRow,
    text: &[u8],
) -> Result<Option<EmergencyRow>, SourceError> {
    let key = shamir::combine(&shares(&ctx.store, row)?).map_err(|_| StoreError::Damaged)?;
    let content = seal::content(&key, text);
    let changed = content != row.content;
    Ok(changed.then(|| EmergencyRow { revision: row.revision + 1, content, ..row.clone() }))
}

fn new_compartment() -> CompartmentId {
    CompartmentId(Digest(salus_crypto::random::bytes()))
}

fn new_key(
    ctx: &Context,
    first: CompartmentId,
    holders: &[OrganisationId],
    text: &[u8],
) -> Result<EmergencyRow, SourceError> {
    let compartment = new_compartment();
    let shares = seal::make_shares(holders.len());
    let key = shamir::combine(&shares).map_err(|_| StoreError::Damaged)?;
    let plain: Zeroizing<Vec<u8>> = Zeroizing::new(shares.iter().flat_map(|share| share.encode()).collect());
    Ok(EmergencyRow {
        first,
        compartment,
        revision: 0,
        holders: Bounded::new(holders.to_vec()).map_err(|_| StoreError::Damaged)?,
        content: seal::content(&key, text),
        shares: ctx.store.seal_secret(SHARES, compartment.as_bytes(), &plain),
    })
}

fn shares(store: &Store, row: &EmergencyRow) -> Result<Vec<Share>, StoreError> {
    let plain = store.open_secret(SHARES, row.compartment.as_bytes(), &row.shares)?;
    plain.chunks(33).map(|bytes| decode_canonical(bytes).map_err(|_| StoreError::Damaged)).collect()
}

fn package(
    ctx: &Context,
    row: &EmergencyRow,
    shares: &[Share],
    replaces: Option<CompartmentId>,
    text: &[u8],
) -> Result<EmergencyPackage, SourceError> {
    let key = shamir::combine(shares).map_err(|_| StoreError::Damaged)?;
    let ciphertext = seal::seal(&key, &row.compartment, row.revision, text);
    let commitments = shares.iter().map(|share| share.commitment(row.compartment.as_bytes())).collect();
    let statement = EmergencyStatement {
        network: ctx.node.network,
        source: ctx.node.organisation.clone(),
        compartment: row.compartment,
        revision: row.revision,
        replaces,
        holders: row.holders.to_vec().try_into().map_err(|_| StoreError::Damaged)?,
        share_commitments: Bounded::new(commitments).map_err(|_| StoreError::Damaged)?,
        threshold: small(emergency_threshold(row.holders.len())),
        ciphertext_digest: sha256(&ciphertext),
        made_ms: (ctx.clock)(),
    };
    let ciphertext = Bounded::new(ciphertext).map_err(|_| StoreError::Damaged)?;
    Ok(EmergencyPackage::sign(statement, ciphertext, &ctx.node.signing))
}

fn send(
    ctx: &Context,
    tx: &WriteTx,
    package: &EmergencyPackage,
    shares: &[Share],
    organisations: &[Organisation],
) -> Result<(), SourceError> {
    let node = &ctx.node;
    for (holder, share) in package.statement.holders.iter().zip(shares) {
        let to = organisations.iter().find(|one| one.id == *holder).ok_or(StoreError::Damaged)?;
        let (compartment, index) = (package.statement.compartment, share.index);
        let mut secret = EmergencyShare { compartment, index, value: share.value };
        let plain = Zeroizing::new(secret.encode().to_vec());
        secret.value.zeroize();
        let label = label::HPKE_EMERGENCY_SHARE;
        let share = seal_envelope(&node.signing, &to.kem_key, label, &node.network, &plain)?;
        let parcel = EmergencyParcel { package: package.clone(), share: Some(share) };
        queue_emergency(tx, holder, (ctx.clock)(), &parcel)?;
    }
    Ok(())
}

/// Withdraws a summary from all its holders.
fn withdraw(
    ctx: &Context,
    tx: &WriteTx,
    patient: &[u8],
    before: Option<EmergencyRow>,
) -> Result<(), SourceError> {
    tx.remove(&EMERGENCY_ROTATE, patient)?;
    let Some(row) = before else { return Ok(()) };
    tx.remove(&EMERGENCIES, patient)?;
    let statement = EmergencyStatement {
        network: ctx.node.network,
        source: ctx.node.organisation.clone(),
        compartment: new_compartment(),
        revision: 0,
        replaces: Some(row.compartment),
        holders: Bounded::default(),
        share_commitments: Bounded::default(),
        threshold: 0,
        ciphertext_digest: sha256(b""),
        made_ms: (ctx.clock)(),
    };
    let package = EmergencyPackage::sign(statement, Bounded::default(), &ctx.node.signing);
    row.holders.iter().try_for_each(|holder| take_back(ctx, tx, holder, &package))
}

/// Has a former holder destroy what a package replaces; it gets the statement alone.
fn take_back(
    ctx: &Context,
    tx: &WriteTx,
    holder: &OrganisationId,
    package: &EmergencyPackage,
) -> Result<(), SourceError> {
    if member(&*ctx.ledger, holder).is_none() {
        return Ok(());
    }
    let package = EmergencyPackage { ciphertext: Bounded::default(), ..package.clone() };
    Ok(queue_emergency(tx, holder, (ctx.clock)(), &EmergencyParcel { package, share: None })?)
}

fn small(number: usize) -> u8 {
    u8::try_from(number).unwrap_or(u8::MAX)
}
