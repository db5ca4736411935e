//! What the ledger's state holds, as files that anyone verifies offline.

use crate::error::Error;
use crate::state::Gateway;
use salus_types::proof::Handover;
use salus_types::state::StateValue;
use salus_verifier::{EntryFile, EntryProof, Subject};

/// What stands under the key of a subject now, or that nothing does. The handovers that lead to its block may be in another
/// file that is verified before.
///
/// # Errors
/// The ledger does not answer.
pub(crate) async fn prove(
    gateway: &Gateway,
    subject: &Subject,
    handovers: &[Handover],
) -> Result<EntryFile, Error> {
    let proof = gateway.chain().prove_state(subject.key()).await?;
    let block = gateway.chain().headers(proof.height, 1).await.pop();
    let value = proof.value.map(StateValue::new).transpose().map_err(Error::internal)?;
    let proof = EntryProof {
        block: block.ok_or_else(|| Error::internal("no certified header"))?,
        value,
        proof: proof.proof,
    };
    Ok(EntryFile::of(subject, &proof, handovers))
}
