//! Two votes of one validator of which no honest one signs both: evidence that anybody can check.
//!
//! What is signed is laid down in `docs/protocol/certificates.md`.

use crate::codec::{codec_enum, codec_struct};
use crate::ids::NetworkId;
use crate::namespace;
use commonware_codec::{Write, varint::UInt};
use salus_crypto::hash::Digest;
use salus_crypto::sign::{PublicKey, Signature};

codec_enum! {
    /// What a validator did that no honest one does.
    pub enum Misdeed {
        /// It voted to notarise two blocks of one view.
        TwoNotarizes = 1 => "two-notarizes",
        /// It voted to finalise two blocks of one view.
        TwoFinalizes = 2 => "two-finalizes",
        /// It voted to leave a view, and to finalise a block of it.
        NullifyAndFinalize = 3 => "nullify-and-finalize",
    }
}

codec_struct! {
    /// A vote of the consensus for a block, and its signature.
    pub struct SignedVote {
        /// View of the block's parent.
        pub parent_view: u64,
        /// Digest of the block's header.
        pub block: Digest,
        /// The validator's signature.
        pub signature: Signature,
    }
}

codec_struct! {
    /// Two votes of one validator in one view that contradict each other.
    pub struct Contradiction {
        /// In what way.
        pub misdeed: Misdeed,
        /// Epoch of both votes.
        pub epoch: u64,
        /// View of both votes.
        pub view: u64,
        /// The smaller of two votes of one kind; the vote to leave the view names no parent and no block.
        pub first: SignedVote,
        /// The other vote.
        pub second: SignedVote,
    }
}

/// Kinds of votes, each with the ending of its namespace.
#[derive(Clone, Copy)]
enum Kind {
    Notarize,
    Nullify,
    Finalize,
}

impl Kind {
    fn namespace(self, network: &NetworkId) -> String {
        let ending = match self {
            Self::Notarize => "_NOTARIZE",
            Self::Nullify => "_NULLIFY",
            Self::Finalize => "_FINALIZE",
        };
        format!("{}{ending}", namespace::consensus(network))
    }
}

impl SignedVote {
    /// What a vote to leave a view says of a parent and a block: nothing.
    pub fn nullify(signature: Signature) -> Self {
        Self { parent_view: 0, block: Digest::ZERO, signature }
    }

    fn choice(&self) -> (u64, Digest) {
        (self.parent_view, self.block)
    }
}

impl Contradiction {
    /// Puts two votes of one kind in the order that the encoding wants.
    #[must_use]
    pub fn ordered(mut self) -> Self {
        if self.misdeed != Misdeed::NullifyAndFinalize && self.second.choice() < self.first.choice() {
            std::mem::swap(&mut self.first, &mut self.second);
        }
        self
    }

    /// Whether the votes contradict each other and the holder of `validator` signed both in this network.
    pub fn convicts(&self, network: &NetworkId, validator: &PublicKey) -> bool {
        let (first, second) = match self.misdeed {
            Misdeed::TwoNotarizes => (Kind::Notarize, Kind::Notarize),
            Misdeed::TwoFinalizes => (Kind::Finalize, Kind::Finalize),
            Misdeed::NullifyAndFinalize => (Kind::Nullify, Kind::Finalize),
        };
        let contradicting = match self.misdeed {
            Misdeed::NullifyAndFinalize => self.first.choice() == (0, Digest::ZERO),
            _ => self.first.choice() < self.second.choice(),
        };
        contradicting
            && self.signed(network, validator, first, &self.first)
            && self.signed(network, validator, second, &self.second)
    }

    fn signed(&self, network: &NetworkId, validator: &PublicKey, kind: Kind, vote: &SignedVote) -> bool {
        let mut message = Vec::with_capacity(64);
        UInt(self.epoch).write(&mut message);
        UInt(self.view).write(&mut message);
        if !matches!(kind, Kind::Nullify) {
            UInt(vote.parent_view).write(&mut message);
            vote.block.write(&mut message);
        }
        validator.verify(&kind.namespace(network), &message, &vote.signature).is_ok()
    }
}
