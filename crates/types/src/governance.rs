//! Changes of the network that its organisations vote on.

use crate::codec::{codec_enum, codec_struct, codec_sum};
use crate::genesis::Parameters;
use crate::ids::{NetworkId, OrganisationId};
use crate::namespace;
use crate::organisation::{Class, Organisation};
use commonware_codec::{Encode, Write};
use salus_crypto::sign::{Signature, SigningKey};

codec_struct! {
    /// A new member, which begins without a seat: it follows the ledger, and gets a seat by [`SetDuties`] once it
    /// keeps up. So a network never waits for a node that has yet to catch up.
    pub struct Admit {
        /// The organisation.
        pub organisation: Organisation,
        /// [`accept`] by its node key.
        pub acceptance: Signature,
    }
}

codec_struct! {
    /// New keys, addresses or name of a member, proposed by itself. Class and duties stay as they are.
    pub struct Update {
        /// The organisation as it is to be.
        pub organisation: Organisation,
        /// [`accept`] by its node key, the new one if it changes.
        pub acceptance: Signature,
    }
}

codec_struct! {
    /// Another class for a member.
    pub struct SetClass {
        /// The member.
        pub organisation: OrganisationId,
        /// Its class from then on.
        pub class: Class,
    }
}

codec_struct! {
    /// Other duties for a member.
    pub struct SetDuties {
        /// The member.
        pub organisation: OrganisationId,
        /// Whether it votes in consensus.
        pub validator: bool,
        /// Whether it keeps sealed packages and shares.
        pub custodian: bool,
    }
}

codec_struct! {
    /// The end of a membership.
    pub struct Remove {
        /// The member.
        pub organisation: OrganisationId,
    }
}

codec_struct! {
    /// Other parameters for the network.
    pub struct SetParameters {
        /// All of them.
        pub parameters: Parameters,
    }
}

codec_sum! {
    /// A change to vote on. The tag is the first byte of the encoding.
    pub enum Change {
        /// See [`Admit`].
        Admit = 1,
        /// See [`Update`].
        Update = 2,
        /// See [`SetClass`].
        SetClass = 3,
        /// See [`SetDuties`].
        SetDuties = 4,
        /// See [`Remove`].
        Remove = 5,
        /// See [`SetParameters`].
        SetParameters = 6,
    }
}

codec_enum! {
    /// What became of a proposal.
    pub enum Outcome {
        /// Votes are still taken.
        Open = 1 => "open",
        /// It was accepted, and is in force.
        Executed = 2 => "executed",
        /// More than a third voted against it.
        Refused = 3 => "refused",
        /// Its time was over before two thirds had voted for it.
        Lapsed = 4 => "lapsed",
        /// It was accepted, but could not be carried out any more.
        Failed = 5 => "failed",
    }
}

fn acceptance_message(network: &NetworkId, organisation: &Organisation) -> Vec<u8> {
    let mut message = network.encode().to_vec();
    organisation.write(&mut message);
    message
}

/// Signs that an organisation wants to be a member as described, and holds the node key in it.
pub fn accept(network: &NetworkId, organisation: &Organisation, node_key: &SigningKey) -> Signature {
    node_key.sign(namespace::MEMBERSHIP, &acceptance_message(network, organisation))
}

/// Whether [`accept`] gave this signature.
pub fn accepts(network: &NetworkId, organisation: &Organisation, acceptance: &Signature) -> bool {
    let message = acceptance_message(network, organisation);
    organisation.node_key.verify(namespace::MEMBERSHIP, &message, acceptance).is_ok()
}
