//! Hash commitments: `hash(tag, r, parts)` with `r` 64 random bytes. Whoever lacks `r` learns nothing of the parts,
//! even if they can guess them; once `r` is destroyed nobody can open the commitment.

use crate::hash::{Digest, Hasher};

/// Length of the blinding value, in bytes.
pub const BLINDING_LEN: usize = 64;

/// Commits to `parts` under the domain `tag` with the blinding value `r`, which must be fresh and uniformly random
/// for every commitment ([`crate::random::bytes`]).
///
/// # Panics
///
/// If `tag` is longer than 255 bytes.
pub fn commitment(tag: &str, r: &[u8; BLINDING_LEN], parts: &[&[u8]]) -> Digest {
    let mut hasher = Hasher::new(tag);
    hasher.part(r);
    for part in parts {
        hasher.part(part);
    }
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash::hash;

    #[test]
    fn a_commitment_is_the_hash_with_r_as_first_part() {
        assert_eq!(commitment("t", &[7; 64], &[b"a", b"b"]), hash("t", &[&[7; 64], b"a", b"b"]));
    }

    #[test]
    fn every_byte_of_r_and_parts_counts() {
        let whole = commitment("t", &[7; 64], &[b"part"]);
        for at in 0..64 {
            let mut r = [7; 64];
            r[at] ^= 1;
            assert_ne!(commitment("t", &r, &[b"part"]), whole);
        }
        for other in [&b"qart"[..], b"par", b"part0", b""] {
            assert_ne!(commitment("t", &[7; 64], &[other]), whole);
        }
        assert_ne!(commitment("u", &[7; 64], &[b"part"]), whole);
    }
}
