//! Joining a network that runs already: from a checked anchor, not from genesis.
//!
//! Upon a first start with an anchor: the certificate of a recent block is checked under the validators of its epoch,
//! its state is fetched from the members and checked against its header, and the ledger goes on from there. What was
//! before is not on this node. With `replay`, all of it is fetched and executed instead.
//!
//! Whoever joins may be back from a lost disk, and may have voted in the running epoch without remembering. It votes
//! from the next epoch on.

use crate::engine::NodeError;
use crate::epochs::{EpochRecord, Epochs};
use crate::index::Index;
use crate::runtime::Runtime;
use bytes::Bytes;
use commonware_codec::Decode as _;
use commonware_consensus::Epochable as _;
use commonware_consensus::simplex::scheme::ed25519::Scheme;
use commonware_consensus::simplex::types::Finalization;
use commonware_cryptography::certificate::{Provider as _, Verifier as _};
use commonware_cryptography::sha256;
use commonware_parallel::Sequential;
use salus_types::organisation::Organisation;
use salus_types::proof::Handover;

/// From where a node goes on that has nothing on its disk. Whoever makes it has checked the handovers from the genesis
/// on, and that the epoch is the one that they and the state of its block say.
#[derive(Clone, Debug)]
pub struct Anchor {
    /// The epoch of the block.
    pub epoch: EpochRecord,
    /// Every change of the validators until then.
    pub handovers: Vec<Handover>,
    /// The certificate of a recent block of the epoch.
    pub certificate: Vec<u8>,
    /// The members of the epoch: whom to ask.
    pub members: Vec<Organisation>,
    /// Fetch and execute everything since genesis, instead of the state of this block.
    pub replay: bool,
}

pub(crate) type Floor = Finalization<Scheme, sha256::Digest>;

/// Takes over what an anchor says; gives the certified block from which to go on, unless all is replayed.
pub(crate) async fn adopt<E: Runtime>(
    mut context: E,
    anchor: &Anchor,
    epochs: &Epochs,
    index: &Index,
) -> Result<Option<Floor>, NodeError> {
    index.join(anchor.epoch.epoch, anchor.handovers.clone());
    if anchor.replay {
        index.commit(context.child("join")).await;
        epochs.vote_after(anchor.epoch.epoch)?;
        return Ok(None);
    }
    index.insert_epoch(anchor.epoch.clone());
    index.commit(context.child("join")).await;
    // The block itself lies in this epoch.
    index.prune(context.child("oldest"), anchor.epoch.last_height() + 1, Vec::new()).await;
    epochs.vote_after(anchor.epoch.epoch)?;
    epochs.begin(anchor.epoch.clone())?;
    let bytes = Bytes::copy_from_slice(&anchor.certificate);
    let floor = Floor::decode_cfg(bytes, &Scheme::certificate_codec_config_unbounded())
        .map_err(|_| NodeError::Anchor("its certificate is malformed"))?;
    if floor.epoch().get() != anchor.epoch.epoch {
        return Err(NodeError::Anchor("its certificate is of another epoch"));
    }
    let scheme = epochs.scoped(floor.epoch()).ok_or(NodeError::Anchor("its epoch is not known"))?;
    if !floor.verify(&mut context, &scheme, &Sequential) {
        return Err(NodeError::Anchor("its certificate does not verify"));
    }
    Ok(Some(floor))
}
