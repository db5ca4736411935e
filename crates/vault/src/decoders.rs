//! What the vault reads back from its tables and packs, for the fuzzer.

use crate::source::OutgoingPack;
use crate::store::tables::{self, Decoder};

/// By the name of what is read: decodes bytes, and gives their encoding if they are one.
pub fn all() -> impl Iterator<Item = (&'static str, Decoder)> {
    let packs: [(&str, Decoder); 1] = [("outgoing packs", tables::reencoded::<OutgoingPack>)];
    tables::DECODERS.iter().copied().chain(packs)
}
