//! Shamir's secret sharing (Shamir, "How to share a secret", 1979) of 32-byte secrets, byte by byte over GF(2^8).
//!
//! The field is that of AES: polynomials modulo x^8 + x^4 + x^3 + x + 1 (0x11b); addition is XOR; 3 generates the
//! multiplicative group (for log tables). For each byte of the secret a polynomial of degree t - 1 is drawn, its
//! constant term the byte, all other coefficients uniform over the whole field, zero included. Share `index`
//! (1 to 255) holds the 32 values at x = `index`. [`split`] gives the indices 1, 2, ..., n. Combining is Lagrange
//! interpolation at 0: `secret = XOR over i of value_i * product over j != i of x_j / (x_j XOR x_i)`.
//!
//! The field arithmetic is `vsss-rs`'s, constant in time. Its own `split_bytes`, which leaves coefficients unwiped
//! in freed memory, serves as a test oracle only.

use crate::hash::{Digest, hash};
use crate::secret::Secret32;
use bytes::BufMut;
use commonware_codec::{Buf, Error as CodecError, FixedSize, Read, ReadExt, Write};
use std::fmt;
use subtle::ConstantTimeEq as _;
use thiserror::Error;
use vsss_rs::Gf256;
use zeroize::{Zeroize as _, ZeroizeOnDrop, Zeroizing};

const SHARE_TAG: &str = "salus/crypto/share/1";

/// One share. Fewer than the threshold of them say nothing of the secret; each is still wiped and never printed.
#[derive(Clone, ZeroizeOnDrop)]
pub struct Share {
    /// The x coordinate, 1 to 255.
    pub index: u8,
    /// The y coordinates, one for each byte of the secret.
    pub value: [u8; 32],
}

/// Why shares do not combine.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Error)]
pub enum ShamirError {
    /// Fewer than two shares.
    #[error("at least two shares are needed")]
    TooFew,
    /// A share has index 0, where the secret itself lies.
    #[error("share index 0 is not allowed")]
    ZeroIndex,
    /// Two shares have one index.
    #[error("share index {index} occurs twice")]
    DuplicateIndex {
        /// The index.
        index: u8,
    },
}

/// Splits `secret` into `n` shares, any `t` of which give it back.
///
/// # Panics
///
/// Unless 2 <= t <= n: both are constants of a protocol.
pub fn split(secret: &[u8; 32], t: u8, n: u8) -> Vec<Share> {
    assert!((2..=n).contains(&t), "a threshold lies between 2 and the number of shares");
    let mut coefficients = Zeroizing::new(vec![[0; 32]; usize::from(t - 1)]);
    coefficients.iter_mut().for_each(|coefficient| crate::random::fill(coefficient));
    (1..=n).map(|index| evaluate(secret, &coefficients, index)).collect()
}

/// Horner's rule for the polynomial with constant term `secret`, at x = `index`.
fn evaluate(secret: &[u8; 32], coefficients: &[[u8; 32]], index: u8) -> Share {
    let mut value = [0; 32];
    for coefficient in coefficients.iter().rev() {
        xor(&mut value, coefficient);
        scale(&mut value, Gf256(index));
    }
    xor(&mut value, secret);
    let share = Share { index, value };
    value.zeroize();
    share
}

/// Gives back the secret that at least `t` of its shares determine. With fewer, or with a false share, the result is
/// some other 32 bytes: check each share's commitment first.
///
/// # Errors
///
/// [`ShamirError`].
pub fn combine(shares: &[Share]) -> Result<Secret32, ShamirError> {
    check(shares)?;
    Ok(Secret32::init_with(|secret| {
        for share in shares {
            let mut term = Zeroizing::new(share.value);
            scale(&mut term, lagrange_at_zero(share.index, shares));
            xor(secret, &term);
        }
    }))
}

fn check(shares: &[Share]) -> Result<(), ShamirError> {
    if shares.len() < 2 {
        return Err(ShamirError::TooFew);
    }
    let mut seen = [false; 256];
    for &Share { index, .. } in shares {
        if index == 0 {
            return Err(ShamirError::ZeroIndex);
        }
        if std::mem::replace(&mut seen[usize::from(index)], true) {
            return Err(ShamirError::DuplicateIndex { index });
        }
    }
    Ok(())
}

/// product over j != i of x_j / (x_j - x_i); the indices are distinct and not zero.
fn lagrange_at_zero(index: u8, shares: &[Share]) -> Gf256 {
    let others = shares.iter().map(|share| share.index).filter(|other| *other != index);
    others.fold(Gf256(1), |product, other| product * (Gf256(other) / Gf256(other ^ index)))
}

fn xor(sum: &mut [u8; 32], term: &[u8; 32]) {
    sum.iter_mut().zip(term).for_each(|(sum, term)| *sum ^= term);
}

fn scale(value: &mut [u8; 32], factor: Gf256) {
    value.iter_mut().for_each(|byte| *byte = (Gf256(*byte) * factor).0);
}

impl Share {
    /// A public value that binds this share to its index and to `context`, so that a false share can be blamed on
    /// its holder. It hides the share only because the value is uniformly random; it is no blinded commitment.
    pub fn commitment(&self, context: &[u8]) -> Digest {
        hash(SHARE_TAG, &[&[self.index], &self.value, context])
    }

    /// Whether this is the share that `commitment` was made of.
    pub fn matches(&self, commitment: &Digest, context: &[u8]) -> bool {
        self.commitment(context) == *commitment
    }
}

impl PartialEq for Share {
    fn eq(&self, other: &Self) -> bool {
        self.index == other.index && bool::from(self.value.ct_eq(&other.value))
    }
}

impl Eq for Share {}

impl fmt::Debug for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Share {{ index: {}, value: [redacted] }}", self.index)
    }
}

/// 33 bytes: index, value. Seal them before they leave the process.
impl Write for Share {
    fn write(&self, buf: &mut impl BufMut) {
        buf.put_u8(self.index);
        buf.put_slice(&self.value);
    }
}

impl Read for Share {
    type Cfg = ();

    fn read_cfg(buf: &mut impl Buf, (): &()) -> Result<Self, CodecError> {
        let index = u8::read(buf)?;
        if index == 0 {
            return Err(CodecError::Invalid("Share", "index 0"));
        }
        Ok(Self { index, value: ReadExt::read(buf)? })
    }
}

impl FixedSize for Share {
    const SIZE: usize = 33;
}

#[cfg(test)]
mod tests;
