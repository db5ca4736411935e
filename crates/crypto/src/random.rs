//! Randomness: a ChaCha12 generator per thread, seeded from the operating system and reseeded after every 64 KiB
//! (`rand::rng`). It panics only if the operating system gives no randomness at all.

use rand::Rng as _;

/// Fills `bytes` with secret-grade random bytes.
pub fn fill(bytes: &mut [u8]) {
    rand::rng().fill_bytes(bytes);
}

/// `N` secret-grade random bytes that are to be public (salts, identifiers).
pub fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    fill(&mut bytes);
    bytes
}
