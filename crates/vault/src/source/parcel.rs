//! Parcels: small things on their way to other organisations, in order for each, for as long as it takes.

use super::build::bump;
use super::{Source, SourceError};
use crate::ledger::member;
use crate::node::blocking;
use crate::peers::PeerError;
use crate::placement::custodians;
use crate::store::tables::{PARCELS, ParcelRow, counter};
use crate::store::{Reads, StoreError, WriteTx};
use commonware_codec::Encode;
use salus_types::vault::{CompartmentRecord, EmergencyParcel, PatientLink, SealedEnvelope};
use salus_types::{Bounded, OrganisationId, decode_canonical};
use std::convert::Infallible;
use std::time::Duration;
use tokio::time::timeout;

const LINK: u8 = 1;
const COMPARTMENTS: u8 = 2;
const KEYS: u8 = 3;
const EMERGENCY: u8 = 4;

/// Most records in one parcel.
const RECORDS_PER_PARCEL_MAX: usize = 256;

/// Parcels read at a time.
const PARCELS_PER_ROUND: usize = 1_024;

/// Longest pause between two looks at the queue while it is empty.
const IDLE_MAX: Duration = Duration::from_secs(30);

impl ParcelRow {
    /// Whether it is a link or records on their way to a custodian.
    pub(super) fn is_record(&self) -> bool {
        matches!(self.kind, LINK | COMPARTMENTS)
    }
}

/// Forgets parcels that were signed with another node key than that of now: all of them are made anew.
pub(super) fn forget_signed(tx: &WriteTx) -> Result<(), StoreError> {
    for (number, parcel) in tx.scan(&PARCELS, &[], None, usize::MAX)? {
        if matches!(parcel.kind, LINK | COMPARTMENTS | KEYS | EMERGENCY) {
            tx.remove(&PARCELS, &number)?;
        }
    }
    Ok(())
}

type Records = Bounded<CompartmentRecord, RECORDS_PER_PARCEL_MAX>;

/// How long keys are offered to a grantee that refuses them, in milliseconds: its letter may still be on the way, or
/// it may have forgotten the grant. As long, emergency summaries to a holder that refuses them.
const REFUSED_MS_MAX: u64 = 24 * 3_600 * 1_000;

fn queue(
    tx: &WriteTx,
    to: &OrganisationId,
    kind: u8,
    since_ms: u64,
    payload: &impl Encode,
) -> Result<(), StoreError> {
    let number = bump(tx, counter::PARCEL, 1)?;
    let payload = Bounded::new(payload.encode().to_vec()).map_err(|_| StoreError::Damaged)?;
    tx.put(&PARCELS, &number.to_be_bytes(), &ParcelRow { to: to.clone(), kind, since_ms, payload })
}

/// Queues a patient link for a custodian.
pub(super) fn queue_link(tx: &WriteTx, to: &OrganisationId, link: &PatientLink) -> Result<(), StoreError> {
    queue(tx, to, LINK, 0, link)
}

/// Queues compartment records for a custodian.
pub(super) fn queue_records(
    tx: &WriteTx,
    to: &OrganisationId,
    records: &[CompartmentRecord],
) -> Result<(), StoreError> {
    for records in records.chunks(RECORDS_PER_PARCEL_MAX) {
        let records = Records::new(records.to_vec()).map_err(|_| StoreError::Damaged)?;
        queue(tx, to, COMPARTMENTS, 0, &records)?;
    }
    Ok(())
}

/// Queues keys of new epochs for a grantee.
pub(super) fn queue_keys(
    tx: &WriteTx,
    to: &OrganisationId,
    since_ms: u64,
    keys: &SealedEnvelope,
) -> Result<(), StoreError> {
    queue(tx, to, KEYS, since_ms, keys)
}

/// Queues an emergency summary for a holder, or for a former one.
pub(crate) fn queue_emergency(
    tx: &WriteTx,
    to: &OrganisationId,
    since_ms: u64,
    parcel: &EmergencyParcel,
) -> Result<(), StoreError> {
    queue(tx, to, EMERGENCY, since_ms, parcel)
}

impl Source {
    /// Sends parcels for as long as it is polled.
    pub(super) async fn send_parcels(&self) -> Result<Infallible, SourceError> {
        let mut pause = self.config.retry_first;
        loop {
            let store = self.ctx.store.clone();
            let read = blocking(move || store.read()?.scan(&PARCELS, &[], None, PARCELS_PER_ROUND));
            let parcels: Vec<(Vec<u8>, ParcelRow)> = read.await?;
            let idle = parcels.is_empty();
            let failed = self.send_round(parcels).await?;
            if !failed && !idle {
                pause = self.config.retry_first;
                continue;
            }
            pause = if idle { IDLE_MAX } else { (pause * 2).min(self.config.retry_max) };
            let _ = timeout(pause, self.parcels.notified()).await;
            pause = pause.min(self.config.retry_max);
        }
    }

    /// Sends what can be sent; whether any is left. Who does not answer is not asked again this round.
    async fn send_round(&self, parcels: Vec<(Vec<u8>, ParcelRow)>) -> Result<bool, SourceError> {
        let mut away: Vec<OrganisationId> = Vec::new();
        let mut left = false;
        let custodians = custodians(&self.ctx.ledger.organisations());
        for (number, parcel) in parcels {
            if away.contains(&parcel.to) {
                continue;
            }
            // Who has lost the duty takes none; if it comes again, so do all records.
            let left_it = || member(&*self.ctx.ledger, &parcel.to).is_none();
            let obsolete = (parcel.is_record() && !custodians.contains(&parcel.to))
                || (parcel.kind == EMERGENCY && left_it());
            let sent = if obsolete { Ok(()) } else { self.send_parcel(&parcel).await? };
            let age = (self.ctx.clock)().saturating_sub(parcel.since_ms);
            let given_up = matches!(parcel.kind, KEYS | EMERGENCY)
                && matches!(sent, Err(PeerError::Refused(_)))
                && age > REFUSED_MS_MAX;
            if sent.is_ok() || given_up {
                let store = self.ctx.store.clone();
                blocking(move || {
                    let tx = store.write()?;
                    tx.remove(&PARCELS, &number)?;
                    tx.commit_lazily()
                })
                .await?;
            } else {
                left = true;
                if sent == Err(PeerError::Unavailable) {
                    away.push(parcel.to);
                }
            }
        }
        Ok(left)
    }

    async fn send_parcel(&self, parcel: &ParcelRow) -> Result<Result<(), PeerError>, SourceError> {
        fn decode<T: commonware_codec::Read<Cfg = ()> + Encode>(parcel: &ParcelRow) -> Result<T, StoreError> {
            decode_canonical(&parcel.payload).map_err(|_| StoreError::Damaged)
        }
        let peers = &self.ctx.peers;
        let sent = match parcel.kind {
            LINK => peers.put_link(&parcel.to, decode(parcel)?).await,
            COMPARTMENTS => peers.put_compartments(&parcel.to, decode::<Records>(parcel)?.into_inner()).await,
            KEYS => peers.put_keys(&parcel.to, decode(parcel)?).await,
            EMERGENCY => peers.put_emergency(&parcel.to, decode(parcel)?).await,
            _ => return Err(StoreError::Damaged.into()),
        };
        if let Err(error) = &sent {
            tracing::debug!(to = %parcel.to, %error, "parcel");
        }
        Ok(sent)
    }
}
