//! The organisations of genesis, and the parameters.

use crate::membership::roster::Roster;
use commonware_codec::Encode;
use salus_types::genesis::Genesis;
use salus_types::state::{OrganisationEntry, StateKey, StateValue, key};

#[expect(clippy::expect_used, reason = "the fields of every entry are bounded below the limit of a value")]
fn value(entry: &impl Encode) -> StateValue {
    StateValue::new(entry.encode().to_vec()).expect("an entry fits a state value")
}

/// One entry for each organisation, the roster, and the parameters.
pub(crate) fn writes(genesis: &Genesis) -> Vec<(StateKey, StateValue)> {
    let mut writes = vec![(key::parameters(), value(&genesis.parameters))];
    for (slot, organisation) in genesis.organisations.iter().enumerate() {
        let entry = OrganisationEntry { organisation: organisation.clone(), slot: slot as u8, since: 0 };
        writes.push((key::organisation(&organisation.node_key), value(&entry)));
    }
    let pages = Roster::of(genesis.members()).pages();
    writes.extend(pages.into_iter().map(|(key, page)| (key, value(&page))));
    writes
}
