//! A 32-byte secret: wiped when dropped, compared in constant time, never printed.

use secrecy::{ExposeSecret as _, SecretBox};
use std::fmt;
use subtle::ConstantTimeEq as _;

/// A 32-byte secret key. It has no serde or codec form on purpose: wrap it before it leaves the process.
pub struct Secret32(SecretBox<[u8; 32]>);

impl Secret32 {
    /// A fresh random secret.
    pub fn random() -> Self {
        Self::init_with(|bytes| crate::random::fill(bytes))
    }

    /// Takes a copy; the caller wipes its own.
    pub fn from_bytes(bytes: &[u8; 32]) -> Self {
        Self::init_with(|secret| secret.copy_from_slice(bytes))
    }

    /// Lets `fill` write the secret in place (it starts as zeros), so that no other copy exists.
    pub fn init_with(fill: impl FnOnce(&mut [u8; 32])) -> Self {
        Self(SecretBox::init_with_mut(fill))
    }

    /// The bytes. Every call is a place to review.
    pub fn expose(&self) -> &[u8; 32] {
        self.0.expose_secret()
    }
}

impl Clone for Secret32 {
    fn clone(&self) -> Self {
        Self::from_bytes(self.expose())
    }
}

impl PartialEq for Secret32 {
    fn eq(&self, other: &Self) -> bool {
        self.expose().ct_eq(other.expose()).into()
    }
}

impl Eq for Secret32 {}

impl fmt::Debug for Secret32 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret32([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_not_printed() {
        let secret = Secret32::from_bytes(&[0xab; 32]);
        assert_eq!(format!("{secret:?} {secret:#?}"), "Secret32([redacted]) Secret32([redacted])");
    }

    #[test]
    fn secrets_compare_by_value_and_random_ones_differ() {
        let secret = Secret32::random();
        assert_eq!(secret, secret.clone());
        for byte in 0..32 {
            let mut other = *secret.expose();
            other[byte] ^= 1;
            assert_ne!(secret, Secret32::from_bytes(&other));
        }
        let many: std::collections::HashSet<_> = (0..10_000).map(|_| *Secret32::random().expose()).collect();
        assert_eq!(many.len(), 10_000);
    }
}
