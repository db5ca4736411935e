//! Whether what a restored vault says is anchored is on the ledger: proven to this program, not told by a node.

use super::manifest::Manifest;
use crate::keys::NodeKeys;
use crate::members::Members;
use crate::public_node::PublicNode;
use anyhow::{Context as _, ensure};
use salus_crypto::hash::sha256;
use salus_types::decode_canonical;
use salus_types::genesis::Genesis;
use salus_types::state::{AnchorEntry, key};
use salus_vault::AnchoredBatch;
use salus_verifier::{verify_certified_header, verify_state};
use serde::Serialize;

/// Most batches that are looked up: each costs a question and a signature check for each validator.
const BATCHES_CHECKED_MAX: usize = 256;

/// What was compared.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Compared {
    /// Batches whose root is on the ledger.
    checked: usize,
    /// Batches that the vault has.
    batches: usize,
}

impl Compared {
    pub(super) fn text(self) -> String {
        format!("roots of {} of {} anchored batches: on the ledger, by proof", self.checked, self.batches)
    }
}

/// Compares with the network that a node shows.
pub(super) async fn compare(
    url: &str,
    genesis: &Genesis,
    manifest: &Manifest,
    keys: &NodeKeys,
    batches: &[AnchoredBatch],
) -> anyhow::Result<Compared> {
    let node = PublicNode::new(url)?;
    let mut members = Members::fetch(&node, genesis).await?;
    ensure!(members.network() == manifest.network, "the backup is of another network");
    let own =
        members.organisation(&manifest.organisation).context("the organisation is no member any more")?;
    ensure!(own.node_key == keys.node.public(), "the ledger has another node key for this organisation");
    ensure!(own.tls_certificate == sha256(&keys.tls.certificate), "the ledger has another certificate");
    let step = batches.len().div_ceil(BATCHES_CHECKED_MAX).max(1);
    let mut checked = 0;
    // From the newest back: those are the likeliest to be wrong.
    for batch in batches.iter().rev().step_by(step) {
        let at = key::anchor(&manifest.organisation, batch.sequence);
        let (value, proof, block) = node.state_proof(&at).await?;
        if verify_certified_header(&members.validators, &block).is_err() {
            // An epoch has ended meanwhile.
            members = Members::fetch(&node, genesis).await?;
        }
        let header = verify_certified_header(&members.validators, &block)?;
        verify_state(&header.state_root, &at, value.as_deref(), &proof)?;
        let missing = || format!("the ledger has no anchor of batch {}", batch.sequence);
        let entry: AnchorEntry = decode_canonical(&value.with_context(missing)?)?;
        let same = entry.batch_root == batch.root && entry.height == batch.height;
        ensure!(same, "the ledger has another root for batch {} than the vault", batch.sequence);
        checked += 1;
    }
    Ok(Compared { checked, batches: batches.len() })
}
