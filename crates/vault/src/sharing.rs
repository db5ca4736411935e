//! The shares of one `S`: Shamir 2 of 3, each generation at coordinates of its own.
//!
//! Generation `g` uses `3 (g mod 85) + 1, + 2, + 3`, so a share tells its generation, and shares of two generations are
//! never combined: they lie on different lines, and two of them give some other 32 bytes. A custodian keeps two
//! generations at most, so that 85 of them are enough to tell any two apart.

use salus_crypto::shamir::{self, Share};
use salus_crypto::{Digest, Secret32};
use salus_types::VersionId;

/// Shares of `S` that give it back.
pub const SHARES_NEEDED: u8 = 2;

/// Shares of `S` that are made.
pub const SHARES_MADE: u8 = 3;

/// Generations after which coordinates come again.
const ROUNDS: u32 = 85;

/// The shares of one generation.
pub struct Shares {
    /// One for each custodian, by place.
    pub shares: Vec<Share>,
    /// Binds each share, by place.
    pub commitments: [Digest; SHARES_MADE as usize],
}

/// Which generation a coordinate is of, modulo 85; nothing is of coordinate 0.
pub fn round_of(coordinate: u8) -> Option<u8> {
    Some(coordinate.checked_sub(1)? / SHARES_MADE)
}

/// Whether a coordinate is one of a generation's.
pub fn is_of(coordinate: u8, generation: u32) -> bool {
    round_of(coordinate).is_some_and(|round| u32::from(round) == generation % ROUNDS)
}

/// The place, from 0, of the custodian whose share lies at a coordinate.
pub fn place_of(coordinate: u8) -> usize {
    usize::from(coordinate.wrapping_sub(1) % SHARES_MADE)
}

/// The coordinate of the custodian at a place, from 0.
pub(crate) fn coordinate(generation: u32, place: usize) -> u8 {
    let before = generation % ROUNDS * u32::from(SHARES_MADE);
    u8::try_from(before).unwrap_or(u8::MAX).saturating_add(u8::try_from(place + 1).unwrap_or(u8::MAX))
}

/// Splits `s` with fresh randomness.
pub fn split(s: &Secret32, version: &VersionId, generation: u32) -> Shares {
    let last = coordinate(generation, usize::from(SHARES_MADE) - 1);
    let mut shares = shamir::split(s.expose(), SHARES_NEEDED, last);
    let shares = shares.split_off(usize::from(last - SHARES_MADE));
    let mut commitments = [Digest::ZERO; SHARES_MADE as usize];
    for (share, slot) in shares.iter().zip(&mut commitments) {
        *slot = share.commitment(version.as_bytes());
    }
    Shares { shares, commitments }
}

/// Whether a share is the one of its place to which a generation is committed.
pub(crate) fn fits(share: &Share, version: &VersionId, generation: u32, commitments: &[Digest; 3]) -> bool {
    is_of(share.index, generation) && share.matches(&commitments[place_of(share.index)], version.as_bytes())
}
