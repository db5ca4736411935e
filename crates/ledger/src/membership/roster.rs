//! All members, by their places. A place is a bit in every vote, so it stays a member's as long as it is one.

use crate::Rejection;
use crate::view::{Overlay, StateView};
use salus_types::genesis::ORGANISATIONS_MAX;
use salus_types::membership::{CUSTODIANS_MIN, Member, check_members};
use salus_types::state::{ROSTER_PAGE_SLOTS, ROSTER_PAGES, RosterPage, StateKey, key};
use salus_types::{Bounded, OrganisationId, decode_canonical};

/// The members of a network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Roster {
    slots: Vec<Option<Member>>,
}

impl Roster {
    /// Every key that [`Roster::load`] reads.
    pub(crate) fn keys() -> Vec<StateKey> {
        (0..ROSTER_PAGES).map(key::roster).collect()
    }

    pub(crate) fn of(members: Vec<Member>) -> Self {
        let mut slots: Vec<_> = members.into_iter().map(Some).collect();
        slots.resize(ORGANISATIONS_MAX, None);
        Self { slots }
    }

    pub(crate) fn load(state: &dyn StateView) -> Self {
        let mut slots = Vec::with_capacity(ORGANISATIONS_MAX);
        for page in Self::keys() {
            let page: Option<RosterPage> = state.get(&page).and_then(|value| decode_canonical(value).ok());
            let mut page = page.map_or_else(Vec::new, |page| page.slots.into_inner());
            page.resize(ROSTER_PAGE_SLOTS, None);
            slots.append(&mut page);
        }
        Self { slots }
    }

    /// The pages with a member on them.
    pub(crate) fn pages(&self) -> Vec<(StateKey, RosterPage)> {
        let pages = Self::keys().into_iter().zip(self.slots.chunks(ROSTER_PAGE_SLOTS));
        let pages = pages.filter(|(_, slots)| slots.iter().any(Option::is_some));
        pages
            .filter_map(|(key, slots)| Some((key, RosterPage { slots: Bounded::new(slots.to_vec()).ok()? })))
            .collect()
    }

    pub(crate) fn store(&self, state: &mut Overlay<'_>) -> Result<(), Rejection> {
        for (key, slots) in Self::keys().into_iter().zip(self.slots.chunks(ROSTER_PAGE_SLOTS)) {
            let page = RosterPage {
                slots: Bounded::new(slots.to_vec()).map_err(|_| Rejection::Malformed("roster page"))?,
            };
            let empty = page.slots.iter().all(Option::is_none);
            match state.read::<RosterPage>(&key) {
                Some(before) if before == page => {}
                None if empty => {}
                _ => state.put(key, &page)?,
            }
        }
        Ok(())
    }

    pub(crate) fn members(&self) -> impl Iterator<Item = &Member> {
        self.slots.iter().flatten()
    }

    pub(crate) fn find(&self, id: &OrganisationId) -> Result<(u8, &Member), Rejection> {
        let found = self.slots.iter().enumerate().find_map(|(slot, member)| {
            let member = member.as_ref().filter(|member| member.id == *id)?;
            Some((slot as u8, member))
        });
        found.ok_or(Rejection::Unknown("organisation"))
    }

    /// Gives a member the first empty place.
    pub(crate) fn admit(&mut self, member: Member) -> Result<u8, Rejection> {
        let slot = self.slots.iter().position(Option::is_none).ok_or(Rejection::Full("organisations"))?;
        self.slots[slot] = Some(member);
        Ok(slot as u8)
    }

    pub(crate) fn replace(&mut self, slot: u8, member: Option<Member>) {
        self.slots[usize::from(slot)] = member;
    }

    /// Checks the rules of every network, and that custody keeps its holders.
    pub(crate) fn check(&self, before: &Self) -> Result<(), Rejection> {
        let members: Vec<_> = self.members().cloned().collect();
        check_members(&members).map_err(Rejection::Membership)?;
        let custodians = |roster: &Self| roster.members().filter(|member| member.custodian).count();
        let needed = custodians(before).min(CUSTODIANS_MIN);
        if custodians(self) < needed { Err(Rejection::Custodians(needed)) } else { Ok(()) }
    }
}
