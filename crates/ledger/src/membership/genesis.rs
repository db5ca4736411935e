//! The organisations of genesis.

use commonware_codec::Encode;
use salus_types::genesis::Genesis;
use salus_types::state::{StateKey, StateValue, key};

/// One entry for each organisation.
pub(crate) fn writes(genesis: &Genesis) -> Vec<(StateKey, StateValue)> {
    genesis
        .organisations
        .iter()
        .map(|organisation| {
            let value = StateValue::new(organisation.encode().to_vec());
            #[expect(
                clippy::expect_used,
                reason = "an organisation's fields are bounded below the limit of a value"
            )]
            let value = value.expect("an organisation fits a state value");
            (key::organisation(&organisation.node_key), value)
        })
        .collect()
}
