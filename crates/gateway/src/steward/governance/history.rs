//! What stood before a change that was carried out: the state has only what stands now, so it is followed from the
//! genesis on, through every proposal that was carried out.

use super::read;
use super::shown::Before;
use crate::error::Error;
use crate::state::Gateway;
use salus_types::genesis::Parameters;
use salus_types::governance::{Change, Outcome};
use salus_types::organisation::Organisation;
use salus_types::state::{ProposalEntry, key};
use salus_types::{OrganisationId, ProposalId};

/// Proposals that are followed; in a network that made more, what stood before is not known.
const PROPOSALS_MAX: u64 = 1_024;

/// Every change that was carried out, in order.
pub(super) struct History(Vec<ProposalEntry>);

impl History {
    /// Reads all proposals; `None` if there are too many.
    pub(super) async fn read(gateway: &Gateway, made: u64) -> Result<Option<Self>, Error> {
        if made > PROPOSALS_MAX {
            return Ok(None);
        }
        let mut executed = Vec::new();
        for number in 0..made {
            let entry = proposal(gateway, number).await?.map(|(_, entry)| entry);
            executed.extend(entry.filter(|entry| entry.outcome == Outcome::Executed));
        }
        // Those of one block are carried out in the order in which they were made.
        executed.sort_by_key(|entry| (entry.decided, entry.number));
        Ok(Some(Self(executed)))
    }

    /// What stood before one of its proposals.
    pub(super) fn before(&self, gateway: &Gateway, entry: &ProposalEntry) -> Before {
        let earlier: Vec<_> =
            self.0.iter().take_while(|one| one.number != entry.number).map(|one| &one.change).collect();
        let genesis = &gateway.genesis;
        let organisation = match &entry.change {
            Change::Update(update) => {
                let first = genesis.organisation(&update.organisation.id);
                organisation(first, &earlier, &update.organisation.id).cloned()
            }
            _ => None,
        };
        Before { organisation, parameters: Some(parameters(&genesis.parameters, &earlier).clone()) }
    }
}

fn organisation<'a>(
    first: Option<&'a Organisation>,
    changes: &[&'a Change],
    id: &OrganisationId,
) -> Option<&'a Organisation> {
    changes.iter().fold(first, |before, change| match change {
        Change::Admit(admit) if admit.organisation.id == *id => Some(&admit.organisation),
        Change::Update(update) if update.organisation.id == *id => Some(&update.organisation),
        Change::Remove(remove) if remove.organisation == *id => None,
        _ => before,
    })
}

fn parameters<'a>(first: &'a Parameters, changes: &[&'a Change]) -> &'a Parameters {
    changes.iter().fold(first, |before, change| match change {
        Change::SetParameters(change) => &change.parameters,
        _ => before,
    })
}

/// The proposal with a number.
pub(super) async fn proposal(
    gateway: &Gateway,
    number: u64,
) -> Result<Option<(ProposalId, ProposalEntry)>, Error> {
    let Some(id) = read::<ProposalId>(gateway, key::proposal_of_number(number)).await? else {
        return Ok(None);
    };
    Ok(read(gateway, key::proposal(&id)).await?.map(|entry| (id, entry)))
}
