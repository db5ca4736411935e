//! Proofs from before this node's own blocks: a node that joined by the newest state has no older ones. It asks the other
//! members, and checks what they say.

use super::chain::LocalChain;
use crate::public_node::PublicNode;
use salus_gateway::chain::Chain as _;
use salus_types::OrganisationId;
use salus_types::action::Action;
use salus_types::decode_canonical;
use salus_types::proof::TransactionProof;
use salus_types::state::{AnchorEntry, key};
use salus_verifier::{Validators, verify_transaction};
use std::time::Duration;

/// Longest wait for one member.
const ASK_TIMEOUT: Duration = Duration::from_secs(5);

/// The proof of an anchor that is final and whose block is not here.
pub(super) async fn anchor_proof(
    chain: &LocalChain,
    own: &OrganisationId,
    organisation: &OrganisationId,
    sequence: u64,
) -> Option<TransactionProof> {
    let entry = chain.state(key::anchor(organisation, sequence)).await.ok()??;
    let entry: AnchorEntry = decode_canonical(&entry).ok()?;
    if chain.block(entry.height).await.is_some() {
        // It is here; only its certificate is still on the way.
        return None;
    }
    let mut validators = Validators::of_genesis(chain.genesis());
    validators.extend(&chain.handovers().await.ok()?).ok()?;
    let is_it = |proof: &TransactionProof| {
        let wanted = matches!(&proof.transaction.action, Action::Anchor(anchor)
            if anchor.organisation == *organisation && anchor.sequence == sequence);
        wanted && verify_transaction(&validators, proof).is_ok()
    };
    for member in chain.network().organisations().filter(|member| member.id != *own) {
        let Ok(node) = PublicNode::new(member.portal_url.as_str()) else { continue };
        let asked = tokio::time::timeout(ASK_TIMEOUT, node.anchor_proof(organisation, sequence)).await;
        match asked {
            Ok(Ok(proof)) if is_it(&proof) => return Some(proof),
            Ok(Ok(_)) => tracing::warn!(member = %member.id, "the proof that a member gave does not hold"),
            _ => tracing::debug!(member = %member.id, "a member gives no proof of an older anchor"),
        }
    }
    None
}
