//! Carrying out a change. Whatever the state allows, the rules of every network hold afterwards.

use crate::Rejection;
use crate::membership::Roster;
use crate::view::Overlay;
use salus_types::genesis::Parameters;
use salus_types::governance::{Admit, Change, Update};
use salus_types::membership::Member;
use salus_types::organisation::Organisation;
use salus_types::state::{OrganisationEntry, StateKey, key};
use salus_types::{OrganisationId, PublicKey};

/// Every key that [`apply`] reads beside the roster.
pub(crate) fn reads(change: &Change, roster: &Roster) -> Vec<StateKey> {
    let of = |id: &OrganisationId| roster.find(id).map(|(_, member)| key::organisation(&member.node_key));
    match change {
        Change::Admit(admit) => vec![key::organisation(&admit.organisation.node_key)],
        Change::Update(update) => {
            let new = key::organisation(&update.organisation.node_key);
            of(&update.organisation.id).into_iter().chain([new]).collect()
        }
        Change::SetClass(change) => of(&change.organisation).into_iter().collect(),
        Change::SetDuties(change) => of(&change.organisation).into_iter().collect(),
        Change::Remove(change) => of(&change.organisation).into_iter().collect(),
        Change::SetParameters(_) => vec![key::parameters()],
    }
}

/// Carries out a change; gives back the place of a member that left.
pub(crate) fn apply(change: &Change, height: u64, state: &mut Overlay<'_>) -> Result<Option<u8>, Rejection> {
    let before = Roster::load(&*state);
    let mut roster = before.clone();
    let mut left = None;
    match change {
        Change::Admit(change) => admit(change, height, &mut roster, state)?,
        Change::Update(change) => update(change, &mut roster, state)?,
        Change::SetClass(change) => {
            edit(&change.organisation, &mut roster, state, |organisation| organisation.class = change.class)?;
        }
        Change::SetDuties(change) => edit(&change.organisation, &mut roster, state, |organisation| {
            organisation.validator = change.validator;
            organisation.custodian = change.custodian;
        })?,
        Change::Remove(change) => left = Some(remove(&change.organisation, &mut roster, state)?),
        Change::SetParameters(change) => set_parameters(&change.parameters, state)?,
    }
    roster.check(&before)?;
    roster.store(state)?;
    Ok(left)
}

fn admit(change: &Admit, height: u64, roster: &mut Roster, state: &mut Overlay<'_>) -> Result<(), Rejection> {
    let organisation = change.organisation.clone();
    let slot = roster.admit(Member::from(&organisation))?;
    // It is a member from the next block on.
    let entry = OrganisationEntry { organisation, slot, since: height + 1 };
    state.create(key::organisation(&change.organisation.node_key), &entry, "the organisation")
}

/// Nobody leaves out a protocol, and none comes back: what was written under one is read under the next.
fn set_parameters(new: &Parameters, state: &mut Overlay<'_>) -> Result<(), Rejection> {
    let now = crate::parameters(state).protocol;
    if new.protocol != now && Some(new.protocol) != now.checked_add(1) {
        return Err(Rejection::Protocol(now));
    }
    state.put(key::parameters(), new)
}

fn update(change: &Update, roster: &mut Roster, state: &mut Overlay<'_>) -> Result<(), Rejection> {
    let new = &change.organisation;
    let (_, member) = roster.find(&new.id)?;
    let (class, duties) = (member.class, (member.validator, member.custodian));
    if new.class != class || (new.validator, new.custodian) != duties {
        return Err(Rejection::Malformed("class and duties are not changed by an update"));
    }
    edit(&new.id, roster, state, |organisation| *organisation = new.clone())
}

/// Changes the entry of a member, its node key too.
fn edit(
    id: &OrganisationId,
    roster: &mut Roster,
    state: &mut Overlay<'_>,
    change: impl FnOnce(&mut Organisation),
) -> Result<(), Rejection> {
    let (slot, node_key) = place(id, roster)?;
    let old = key::organisation(&node_key);
    let mut entry: OrganisationEntry = state.read(&old).ok_or(Rejection::Unknown("organisation"))?;
    change(&mut entry.organisation);
    let new = key::organisation(&entry.organisation.node_key);
    roster.replace(slot, Some(Member::from(&entry.organisation)));
    if new == old {
        return state.put(new, &entry);
    }
    state.delete(old);
    state.create(new, &entry, "an organisation with this node key")
}

fn remove(id: &OrganisationId, roster: &mut Roster, state: &mut Overlay<'_>) -> Result<u8, Rejection> {
    let (slot, node_key) = place(id, roster)?;
    roster.replace(slot, None);
    state.delete(key::organisation(&node_key));
    Ok(slot)
}

fn place(id: &OrganisationId, roster: &Roster) -> Result<(u8, PublicKey), Rejection> {
    roster.find(id).map(|(slot, member)| (slot, member.node_key))
}
