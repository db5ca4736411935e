//! The members of a network as it is now, checked from its genesis: no node's word is taken for a key.

use crate::public_node::PublicNode;
use anyhow::{Context as _, ensure};
use salus_types::genesis::Genesis;
use salus_types::organisation::Organisation;
use salus_types::proof::Handover;
use salus_types::state::{OrganisationEntry, key};
use salus_types::{NetworkId, OrganisationId, decode_canonical};
use salus_verifier::{Validators, verify_certified_header, verify_state};

/// The members, and who certified what.
pub(crate) struct Members {
    network: NetworkId,
    pub(crate) validators: Validators,
    pub(crate) handovers: Vec<Handover>,
    pub(crate) organisations: Vec<Organisation>,
    /// The handovers lead at least this far.
    epoch: u64,
}

impl Members {
    /// Asks a node, and checks what it says of those whom genesis does not name so.
    pub(crate) async fn fetch(node: &PublicNode, genesis: &Genesis) -> anyhow::Result<Self> {
        let running = node.epoch().await?;
        let mut members = Self {
            network: genesis.network(),
            validators: Validators::of_genesis(genesis),
            handovers: Vec::new(),
            organisations: running.members()?,
            epoch: 0,
        };
        members.reach(node, running.epoch).await?;
        for at in 0..members.organisations.len() {
            let member = members.organisations[at].clone();
            if genesis.organisation(&member.id) != Some(&member) {
                members.check(node, &member).await?;
            }
        }
        Ok(members)
    }

    /// Learns who votes up to an epoch.
    pub(crate) async fn reach(&mut self, node: &PublicNode, epoch: u64) -> anyhow::Result<()> {
        if epoch > self.epoch {
            self.handovers = node.handovers().await?;
            self.validators.extend(&self.handovers).context("the node's handovers do not hold")?;
            self.epoch = epoch;
        }
        Ok(())
    }

    async fn check(&mut self, node: &PublicNode, member: &Organisation) -> anyhow::Result<()> {
        let at = key::organisation(&member.node_key);
        let (value, proof, block) = node.state_proof(&at).await?;
        // The epoch may have ended since the handovers were asked for.
        self.reach(node, block.headers.last().map_or(0, |header| header.epoch)).await?;
        let header = verify_certified_header(&self.validators, &block)?;
        verify_state(&header.state_root, &at, value.as_deref(), &proof)?;
        let entry: OrganisationEntry = decode_canonical(&value.context("a member is none")?)?;
        ensure!(entry.organisation == *member, "the node lists a member with other keys than the ledger");
        Ok(())
    }

    pub(crate) fn network(&self) -> NetworkId {
        self.network
    }

    pub(crate) fn organisation(&self, id: &OrganisationId) -> Option<&Organisation> {
        self.organisations.iter().find(|organisation| organisation.id == *id)
    }

    pub(crate) fn custodians(&self) -> impl Iterator<Item = &Organisation> {
        self.organisations.iter().filter(|organisation| organisation.custodian)
    }
}
