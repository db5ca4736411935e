//! Which custodians keep a compartment: rendezvous hashing (Thaler and Ravishankar, "A name-based mapping scheme for
//! rendezvous", 1996). The name is that of the compartment's first epoch, so that all epochs lie together.
//!
//! Who is a custodian changes by governance. A custodian that leaves moves only the compartments that it kept; one that
//! comes moves about three of every `n`, if there are `n` then.

use salus_crypto::hash::hash;
use salus_types::emergency::EMERGENCY_HOLDERS_MAX;
use salus_types::organisation::Organisation;
use salus_types::{CompartmentId, OrganisationId};

/// Custodians of each compartment, of which any two give `S` back.
pub const CUSTODIANS_PER_COMPARTMENT: usize = 3;

/// The custodians of one compartment, by place.
pub(crate) type Trio = [OrganisationId; CUSTODIANS_PER_COMPARTMENT];

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
    trio(first, organisations.iter().filter(|one| one.custodian).map(|one| &one.id))
}

/// Who holds shares of the emergency keys of a patient whose first emergency compartment is `first`: five custodians, or
/// all if there are fewer, in order of their share's index. Nobody, where there are fewer than three.
pub(crate) fn emergency_holders(
    first: &CompartmentId,
    organisations: &[Organisation],
) -> Vec<OrganisationId> {
    let ids = custodians(organisations);
    if ids.len() < CUSTODIANS_PER_COMPARTMENT {
        return Vec::new();
    }
    ranked(first, &ids).into_iter().take(EMERGENCY_HOLDERS_MAX).cloned().collect()
}

fn ranked<'a>(
    first: &CompartmentId,
    custodians: impl IntoIterator<Item = &'a OrganisationId>,
) -> Vec<&'a OrganisationId> {
    let score = |id: &OrganisationId| hash("salus/placement/v1", &[first.as_bytes(), id.as_str().as_bytes()]);
    let mut ranked: Vec<_> = custodians.into_iter().map(|id| (score(id), id)).collect();
    ranked.sort();
    ranked.into_iter().map(|(_, id)| id).collect()
}

/// The three of `custodians` for a compartment. Among any custodians to which its three belong, they are the same
/// three: so who holds a batch's versions follows from who holds any of them.
pub(crate) fn trio<'a>(
    first: &CompartmentId,
    custodians: impl IntoIterator<Item = &'a OrganisationId>,
) -> Result<Trio, TooFewCustodians> {
    let ranked = ranked(first, custodians);
    match ranked.as_slice() {
        [one, two, three, ..] => Ok([(*one).clone(), (*two).clone(), (*three).clone()]),
        _ => Err(TooFewCustodians { found: ranked.len() }),
    }
}

/// The names of the custodians, in order.
pub(crate) fn custodians(organisations: &[Organisation]) -> Vec<OrganisationId> {
    let mut names: Vec<_> =
        organisations.iter().filter(|one| one.custodian).map(|one| one.id.clone()).collect();
    names.sort();
    names
}
