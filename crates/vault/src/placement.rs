//! Which custodians keep a compartment: rendezvous hashing (Thaler and Ravishankar, "A name-based mapping scheme for
//! rendezvous", 1996). The name is that of the compartment's first epoch, so that all epochs lie together.

use salus_crypto::hash::hash;
use salus_types::organisation::Organisation;
use salus_types::{CompartmentId, OrganisationId};

/// Custodians of each compartment, of which any two give `S` back.
pub const CUSTODIANS_PER_COMPARTMENT: usize = 3;

/// The network has too few custodians to seal anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the network has {found} custodians; sealing needs {CUSTODIANS_PER_COMPARTMENT}")]
pub struct TooFewCustodians {
    /// Custodians in the network.
    pub found: usize,
}

/// The three custodians of a compartment whose first epoch is `first`, in order of their share's index.
///
/// # Errors
/// [`TooFewCustodians`].
pub fn custodians_of(
    first: &CompartmentId,
    organisations: &[Organisation],
) -> Result<[OrganisationId; CUSTODIANS_PER_COMPARTMENT], TooFewCustodians> {
    let mut ranked: Vec<_> = organisations
        .iter()
        .filter(|organisation| organisation.custodian)
        .map(|organisation| {
            let score = hash("salus/placement/v1", &[first.as_bytes(), organisation.id.as_str().as_bytes()]);
            (score, &organisation.id)
        })
        .collect();
    ranked.sort();
    match ranked.as_slice() {
        [(_, one), (_, two), (_, three), ..] => Ok([(*one).clone(), (*two).clone(), (*three).clone()]),
        _ => Err(TooFewCustodians { found: ranked.len() }),
    }
}
