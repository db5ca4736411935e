//! A holder: takes summaries and shares from their sources, and releases a share to who broke the glass.

use super::{Emergency, seal};
use crate::custodian::decide::emergency::{EmergencyCase, Released, emergency};
use crate::custodian::{CustodyError, ReleaseError};
use crate::envelope::seal_envelope;
use crate::ledger::{entry, member};
use crate::node::{Context, blocking};
use crate::store::tables::{EMERGENCY_HELD, EmergencyHeldRow};
use crate::store::{Reads, StoreError};
use commonware_codec::Encode as _;
use salus_crypto::shamir::Share;
use salus_types::organisation::Organisation;
use salus_types::state::{EmergencyEntry, key};
use salus_types::vault::{EmergencyAsk, EmergencyNotice, EmergencyParcel, EmergencyRelease, EmergencyShare};
use salus_types::{CompartmentId, OrganisationId, decode_canonical, label};
use zeroize::{Zeroize as _, Zeroizing};

const SHARE: &[u8] = b"emergency-share";

fn held_at(compartment: &CompartmentId, source: &OrganisationId) -> Vec<u8> {
    [compartment.as_bytes(), source.as_str().as_bytes()].concat()
}

impl Emergency {
    /// Takes a summary and a share of its key from its source (known by its connection), and destroys what it replaces;
    /// `Ok` once that is durable. Repeated, it answers the same.
    ///
    /// # Errors
    /// [`CustodyError`], naming the first check that fails.
    pub async fn accept(&self, from: &OrganisationId, parcel: EmergencyParcel) -> Result<(), CustodyError> {
        let (ctx, from) = (self.ctx.clone(), from.clone());
        blocking(move || accept(&ctx, &from, &parcel)).await
    }

    /// Releases this organisation's share upon an event, sealed to `peer`, which asks. Word for the source is durable
    /// before.
    ///
    /// # Errors
    /// [`ReleaseError`].
    pub async fn release(
        &self,
        peer: &OrganisationId,
        ask: &EmergencyAsk,
    ) -> Result<EmergencyRelease, ReleaseError> {
        let event: Option<EmergencyEntry> = entry(&*self.ctx.ledger, key::emergency(&ask.event)).await?;
        let (ctx, ask_of, peer) = (self.ctx.clone(), ask.clone(), peer.clone());
        let release = blocking(move || {
            let (at, ask) = (held_at(&ask_of.compartment, &ask_of.source), ask_of);
            let held: Option<EmergencyHeldRow> = ctx.store.read()?.get(&EMERGENCY_HELD, &at)?;
            let released = emergency(&EmergencyCase {
                peer: &peer,
                ask: &ask,
                event: event.as_ref(),
                now: ctx.ledger.now(),
                clock_ms: (ctx.clock)(),
                held: held.is_some(),
            })?;
            let (Some(held), Some(asker)) = (held, member(&*ctx.ledger, &peer)) else {
                return Err(StoreError::Damaged.into());
            };
            let tx = ctx.store.write()?;
            Self::note(&ctx, &tx, &EmergencyNotice { ask, account: None })?;
            tx.commit()?;
            Ok::<_, ReleaseError>(hand_out(&ctx, &released, held, &asker)?)
        })
        .await?;
        self.notices.notify_one();
        Ok(release)
    }
}

fn accept(ctx: &Context, from: &OrganisationId, parcel: &EmergencyParcel) -> Result<(), CustodyError> {
    let source = member(&*ctx.ledger, from).filter(|source| source.class.keeps_records());
    let source = source.ok_or(CustodyError::NotASource)?;
    let (package, statement) = (&parcel.package, &parcel.package.statement);
    if statement.source != *from || statement.network != ctx.node.network {
        return Err(CustodyError::Address);
    }
    if !package.is_by(&source.node_key) {
        return Err(CustodyError::Signature);
    }
    let held = match &parcel.share {
        Some(_) => Some(open_share(ctx, &source, parcel)?),
        None => None,
    };
    let tx = ctx.store.write()?;
    if let Some(replaced) = &statement.replaces {
        tx.remove(&EMERGENCY_HELD, &held_at(replaced, from))?;
    }
    if let Some(share) = held {
        let at = held_at(&statement.compartment, from);
        let known: Option<EmergencyHeldRow> = tx.get(&EMERGENCY_HELD, &at)?;
        let newest = known.map(|row| row.package.statement.revision);
        if newest.is_none_or(|newest| newest < statement.revision) {
            let share = ctx.store.seal_secret(SHARE, statement.compartment.as_bytes(), &share.encode());
            tx.put(&EMERGENCY_HELD, &at, &EmergencyHeldRow { package: package.clone(), share })?;
        }
    }
    Ok(tx.commit()?)
}

/// Checks that the share is this organisation's, and that the package is whole.
fn open_share(ctx: &Context, source: &Organisation, parcel: &EmergencyParcel) -> Result<Share, CustodyError> {
    let (node, statement) = (&ctx.node, &parcel.package.statement);
    if !seal::is_well_formed(&parcel.package) {
        return Err(CustodyError::Malformed("emergency summary"));
    }
    let place = statement.holders.iter().position(|holder| *holder == node.organisation);
    let (Some(place), Some(sealed)) = (place, &parcel.share) else { return Err(CustodyError::Address) };
    let plain = node.open(sealed, &source.node_key, label::HPKE_EMERGENCY_SHARE);
    let plain = plain.map_err(|_| CustodyError::Signature)?;
    let mut share: EmergencyShare =
        decode_canonical(&plain).map_err(|_| CustodyError::Malformed("emergency share"))?;
    let opened = Share { index: share.index, value: share.value };
    share.value.zeroize();
    let fits = usize::from(opened.index) == place + 1
        && share.compartment == statement.compartment
        && opened.matches(&statement.share_commitments[place], statement.compartment.as_bytes());
    if fits { Ok(opened) } else { Err(CustodyError::Malformed("emergency share")) }
}

fn hand_out(
    ctx: &Context,
    _: &Released,
    held: EmergencyHeldRow,
    asker: &Organisation,
) -> Result<EmergencyRelease, StoreError> {
    let (node, compartment) = (&ctx.node, held.package.statement.compartment);
    let plain = ctx.store.open_secret(SHARE, compartment.as_bytes(), &held.share)?;
    let share: Share = decode_canonical(&plain).map_err(|_| StoreError::Damaged)?;
    let mut secret = EmergencyShare { compartment, index: share.index, value: share.value };
    let plain = Zeroizing::new(secret.encode().to_vec());
    secret.value.zeroize();
    let label = label::HPKE_EMERGENCY_RELEASE;
    let share = seal_envelope(&node.signing, &asker.kem_key, label, &node.network, &plain);
    Ok(EmergencyRelease { share: share.map_err(|_| StoreError::Damaged)?, package: held.package })
}
