//! Telling sources that their summaries were opened, for as long as it takes.

use super::Emergency;
use crate::node::{Context, blocking};
use crate::peers::PeerError;
use crate::store::tables::{EMERGENCY_NOTICES, EmergencyNoticeRow};
use crate::store::{Reads, StoreError, WriteTx};
use commonware_codec::Encode as _;
use salus_types::decode_canonical;
use salus_types::vault::EmergencyNotice;
use std::convert::Infallible;
use std::time::Duration;
use tokio::time::timeout;

const NOTICE: &[u8] = b"emergency-notice";

/// Notices read at a time.
const NOTICES_PER_ROUND: usize = 256;

/// Pauses between two rounds while something is left.
const PAUSE_FIRST: Duration = Duration::from_millis(200);
const PAUSE_MAX: Duration = Duration::from_secs(30);

/// How long a notice is offered to a source that refuses it, in milliseconds: its ledger may be behind, or it knows no
/// such summary.
const REFUSED_MS_MAX: u64 = 24 * 3_600 * 1_000;

/// Event, and whether who broke the glass speaks: each of a node's two notices of one event is kept once.
fn at(notice: &EmergencyNotice) -> Vec<u8> {
    [notice.ask.event.as_bytes(), &[u8::from(notice.account.is_some())]].concat()
}

impl Emergency {
    /// Tells the source that this organisation has broken the glass, who did and why: durable when this returns, and sent
    /// for as long as it takes. Call it before [`Self::open`].
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn tell(&self, notice: EmergencyNotice) -> Result<(), StoreError> {
        let ctx = self.ctx.clone();
        blocking(move || {
            let tx = ctx.store.write()?;
            Self::note(&ctx, &tx, &notice)?;
            tx.commit()
        })
        .await?;
        self.notices.notify_one();
        Ok(())
    }

    pub(super) fn note(ctx: &Context, tx: &WriteTx, notice: &EmergencyNotice) -> Result<(), StoreError> {
        let at = at(notice);
        let row = EmergencyNoticeRow {
            to: notice.ask.source.clone(),
            since_ms: (ctx.clock)(),
            notice: ctx.store.seal_secret(NOTICE, &at, &notice.encode()),
        };
        tx.put(&EMERGENCY_NOTICES, &at, &row)
    }

    /// Sends notices for as long as it is polled.
    pub(crate) async fn run(&self) -> Result<Infallible, StoreError> {
        let mut pause = PAUSE_FIRST;
        loop {
            match self.send_round().await {
                Ok(false) => pause = PAUSE_FIRST,
                Ok(true) => pause = (pause * 2).min(PAUSE_MAX),
                Err(error) if error.is_final() => return Err(error),
                Err(error) => {
                    tracing::error!(%error, "word of an emergency waits");
                    pause = (pause * 2).min(PAUSE_MAX);
                }
            }
            let idle = if pause == PAUSE_FIRST { PAUSE_MAX } else { pause };
            let _ = timeout(idle, self.notices.notified()).await;
        }
    }

    /// Sends what can be sent; whether any is left.
    async fn send_round(&self) -> Result<bool, StoreError> {
        let store = self.ctx.store.clone();
        let read = move || store.read()?.scan(&EMERGENCY_NOTICES, &[], None, NOTICES_PER_ROUND);
        let mut left = false;
        for (at, row) in blocking(read).await? {
            let plain = self.ctx.store.open_secret(NOTICE, &at, &row.notice)?;
            let notice = decode_canonical(&plain).map_err(|_| StoreError::Damaged)?;
            let sent = self.ctx.peers.tell_emergency(&row.to, notice).await;
            let age = (self.ctx.clock)().saturating_sub(row.since_ms);
            let given_up = matches!(sent, Err(PeerError::Refused(_))) && age > REFUSED_MS_MAX;
            if sent.is_ok() || given_up {
                let store = self.ctx.store.clone();
                blocking(move || {
                    let tx = store.write()?;
                    tx.remove(&EMERGENCY_NOTICES, &at)?;
                    tx.commit_lazily()
                })
                .await?;
            } else {
                left = true;
            }
        }
        Ok(left)
    }
}
