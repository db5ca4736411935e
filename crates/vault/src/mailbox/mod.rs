//! Letters from patients' devices, and keys of new epochs from sources.
//!
//! Upon an envelope: it is signed by the grant's one-time key, or by who made the grant for the patient; it opens as a [`Letter`] (this organisation may read) or a
//! [`SourceNotice`] (its own records may be read); the terms name that key's grant and this organisation; the owner's
//! pairwise key consents; the ledger's entry has their commitment and scope. An envelope that arrives before its grant
//! is final waits for it, ten minutes at most. The same envelope twice is one.

mod check;
mod grants;
mod keys;

pub use grants::{GrantState, HeldGrant, Receipt};
pub(crate) use grants::{keys as grant_keys, letter as grant_letter};

use crate::envelope::EnvelopeError;
use crate::ledger::{LedgerError, entry};
use crate::node::{Context, blocking};
use crate::source::{Source, SourceError};
use crate::store::tables::{PENDING, PendingRow};
use crate::store::{Reads, StoreError};
use check::{Checked, Sent, check_ledger, check_terms};
use commonware_codec::Encode as _;
use salus_types::state::{GrantEntry, key};
use salus_types::vault::{Letter, SealedEnvelope, SourceNotice};
use salus_types::{Bounded, GrantId, decode_canonical, label};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep};

/// How long an envelope waits for its grant, in milliseconds.
pub(crate) const PENDING_MS_MAX: u64 = 10 * 60 * 1_000;

/// Most envelopes that wait: anyone may send one.
pub(crate) const PENDING_MAX: usize = 1_024;

/// Largest envelope in bytes: a letter with 64 keys has about 10 KiB.
pub(crate) const ENVELOPE_BYTES_MAX: usize = 64 * 1024;

/// How often waiting envelopes are looked at.
const PENDING_LOOK: Duration = Duration::from_millis(250);

/// How long a sender waits for the answer while the grant's block is on its way here. A device sends a letter once the
/// grant is final at another node; when it has the answer, the grantee should know.
const SETTLE_WITHIN: Duration = Duration::from_secs(2);
/// How often the ledger is asked meanwhile.
const SETTLE_LOOK: Duration = Duration::from_millis(10);
/// Most senders that wait so; the letters of others are put aside at once.
const SETTLING_MAX: usize = 64;

/// Why an envelope is not taken.
#[derive(Debug, thiserror::Error)]
pub enum MailboxError {
    /// It does not open, or its signature does not verify.
    #[error(transparent)]
    Envelope(#[from] EnvelopeError),
    /// It is larger than [`ENVELOPE_BYTES_MAX`].
    #[error("the envelope is too large")]
    TooLarge,
    /// It opens, but what it holds does not fit.
    #[error("the letter is refused: {0}")]
    Refused(&'static str),
    /// Too many envelopes wait.
    #[error("too many letters wait for their grants")]
    Full,
    /// The ledger.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The source.
    #[error(transparent)]
    Source(#[from] Box<SourceError>),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What became of an envelope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Received {
    /// A grant to this organisation.
    Letter(GrantId),
    /// A grant over this organisation's records.
    Notice(GrantId),
    /// Its grant is not final yet; it waits.
    Waiting(GrantId),
}

/// Takes envelopes.
pub struct Mailbox {
    ctx: Arc<Context>,
    source: Option<Arc<Source>>,
    settling: Semaphore,
}

impl Mailbox {
    pub(crate) fn new(ctx: Arc<Context>, source: Option<Arc<Source>>) -> Self {
        Self { ctx, source, settling: Semaphore::new(SETTLING_MAX) }
    }

    /// Takes an envelope of a patient's device. Durable on return.
    ///
    /// # Errors
    /// [`MailboxError`]; nothing is kept then.
    pub async fn receive(&self, envelope: SealedEnvelope) -> Result<Received, MailboxError> {
        if envelope.ciphertext.len() > ENVELOPE_BYTES_MAX {
            return Err(MailboxError::TooLarge);
        }
        let ctx = self.ctx.clone();
        let opened = envelope.clone();
        let sent = blocking(move || open(&ctx, &opened)).await?;
        let grant = sent.grant();
        if self.settle_soon(grant, &sent).await? {
            return Ok(if sent.is_notice() { Received::Notice(grant) } else { Received::Letter(grant) });
        }
        self.put_aside(grant, &sent, &envelope).await?;
        Ok(Received::Waiting(grant))
    }

    /// [`Self::settle`], for as long as the grant's block may be on its way here.
    async fn settle_soon(&self, grant: GrantId, sent: &Sent) -> Result<bool, MailboxError> {
        if self.settle(grant, sent).await? {
            return Ok(true);
        }
        let Ok(_place) = self.settling.try_acquire() else { return Ok(false) };
        let until = Instant::now() + SETTLE_WITHIN;
        while Instant::now() < until {
            sleep(SETTLE_LOOK).await;
            if self.settle(grant, sent).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Keeps what was sent if its grant is final; false if it is not on the ledger yet.
    async fn settle(&self, grant: GrantId, sent: &Sent) -> Result<bool, MailboxError> {
        let entry: Option<GrantEntry> = entry(&*self.ctx.ledger, key::grant(&grant)).await?;
        let Some(entry) = entry else { return Ok(false) };
        let now = self.ctx.ledger.now().time_ms;
        match check_ledger(sent, &entry, now).map_err(MailboxError::Refused)? {
            Checked::Letter(letter) => self.keep_letter(letter).await?,
            Checked::Notice(notice) => self.keep_notice(notice).await?,
        }
        Ok(true)
    }

    async fn keep_notice(&self, notice: SourceNotice) -> Result<(), MailboxError> {
        let source = self.source.as_ref().ok_or(MailboxError::Refused("no records are kept here"))?;
        if source.remember_notice(notice).await.map_err(Box::new)? {
            Ok(())
        } else {
            Err(MailboxError::Refused("a compartment is not the owner's"))
        }
    }

    async fn put_aside(
        &self,
        grant: GrantId,
        sent: &Sent,
        envelope: &SealedEnvelope,
    ) -> Result<(), MailboxError> {
        let row = PendingRow {
            since_ms: (self.ctx.clock)(),
            notice: sent.is_notice(),
            envelope: Bounded::new(envelope.encode().to_vec()).map_err(|_| MailboxError::TooLarge)?,
        };
        let at = pending_key(grant, sent.is_notice());
        let store = self.ctx.store.clone();
        blocking(move || {
            let tx = store.write()?;
            let waiting = tx.scan(&PENDING, &[], None, PENDING_MAX)?;
            if waiting.iter().any(|(known, _)| *known == at) {
                return Ok(());
            }
            if waiting.len() >= PENDING_MAX {
                return Err(MailboxError::Full);
            }
            tx.put(&PENDING, &at, &row)?;
            Ok(tx.commit()?)
        })
        .await
    }

    /// Looks after waiting envelopes for as long as it is polled. A store that fails is asked again at the next block.
    ///
    /// # Errors
    /// What no retry mends ([`StoreError::is_final`]).
    pub(crate) async fn run(&self) -> Result<Infallible, StoreError> {
        let mut height = 0;
        loop {
            sleep(PENDING_LOOK).await;
            let now = self.ctx.ledger.now().height;
            if std::mem::replace(&mut height, now) == now {
                continue;
            }
            match self.look_at_pending().await {
                Err(error) if error.is_final() => return Err(error),
                Err(error) => tracing::error!(%error, "waiting letters are looked at again"),
                Ok(()) => {}
            }
        }
    }

    /// Asked first, because it costs little: anyone may make envelopes wait.
    async fn is_on_ledger(&self, at: &[u8]) -> bool {
        let Some(grant) = at.first_chunk() else { return false };
        let grant = GrantId(salus_types::Digest(*grant));
        matches!(self.ctx.ledger.state(key::grant(&grant)).await, Ok(Some(_)))
    }

    pub(crate) async fn look_at_pending(&self) -> Result<(), StoreError> {
        let store = self.ctx.store.clone();
        let waiting = blocking(move || store.read()?.scan(&PENDING, &[], None, PENDING_MAX)).await?;
        for (at, row) in waiting {
            let age = (self.ctx.clock)().saturating_sub(row.since_ms);
            if age <= PENDING_MS_MAX && !self.is_on_ledger(&at).await {
                continue;
            }
            let Ok(envelope) = decode_canonical::<SealedEnvelope>(&row.envelope) else {
                tracing::error!("a waiting letter is damaged");
                continue;
            };
            let (ctx, opened) = (self.ctx.clone(), envelope.clone());
            let settled = match blocking(move || open(&ctx, &opened)).await {
                Ok(sent) => self.settle(sent.grant(), &sent).await,
                Err(error) => Err(error),
            };
            match settled {
                Err(MailboxError::Ledger(_)) => continue,
                Err(MailboxError::Store(error)) => return Err(error),
                Ok(false) if age <= PENDING_MS_MAX => continue,
                Err(error) => tracing::warn!(%error, "a waiting letter is dropped"),
                Ok(false) => tracing::warn!("a waiting letter is dropped: its grant did not come"),
                Ok(true) => {}
            }
            let store = self.ctx.store.clone();
            blocking(move || {
                let tx = store.write()?;
                tx.remove(&PENDING, &at)?;
                tx.commit()
            })
            .await?;
        }
        Ok(())
    }
}

fn pending_key(grant: GrantId, notice: bool) -> Vec<u8> {
    [grant.as_bytes(), &[u8::from(notice)]].concat()
}

/// Opens an envelope as what it is, and checks all that needs no ledger.
fn open(ctx: &Context, envelope: &SealedEnvelope) -> Result<Sent, MailboxError> {
    let opened = |label| ctx.node.open(envelope, &envelope.sender, label);
    let sent = match opened(label::HPKE_LETTER) {
        Ok(plain) => {
            let letter: Result<Letter, _> = decode_canonical(&plain);
            Sent::Letter(letter.map_err(|_| MailboxError::Refused("malformed letter"))?)
        }
        Err(_) => {
            let plain = opened(label::HPKE_SOURCE_NOTICE)?;
            let notice: Result<SourceNotice, _> = decode_canonical(&plain);
            Sent::Notice(notice.map_err(|_| MailboxError::Refused("malformed notice"))?)
        }
    };
    check_terms(&sent, &ctx.node, &envelope.sender).map_err(MailboxError::Refused)?;
    Ok(sent)
}
