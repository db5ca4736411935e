//! A key from a passphrase: Argon2id, version 0x13 (RFC 9106), without secret and associated data.
//!
//! What it costs is written beside what it opens, and is read before anything is authenticated. So there is a floor,
//! that nobody makes guessing cheap, and a ceiling, that no file exhausts the memory or the time of who opens it.

use crate::secret::Secret32;
use argon2::{Algorithm, Argon2, Block, Params, Version};
use thiserror::Error;
use zeroize::Zeroizing;

/// Bytes of a salt.
pub const SALT_LEN: usize = 32;

/// What one guess costs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Cost {
    /// Memory in KiB.
    pub memory_kib: u32,
    /// Passes over the memory.
    pub passes: u32,
    /// Lanes; they are computed one after the other here.
    pub lanes: u32,
}

impl Cost {
    /// The lowest that is accepted: RFC 9106, section 4, second recommended option (64 MiB, 3 passes, 4 lanes).
    pub const LOWEST: Self = Self { memory_kib: 64 << 10, passes: 3, lanes: 4 };
    /// What new keys are made with: four times the memory, about a second of one core.
    pub const USUAL: Self = Self { memory_kib: 256 << 10, passes: 3, lanes: 4 };
    /// The highest that is accepted: 1 GiB, 8 passes, 16 lanes, each for itself.
    pub const HIGHEST: Self = Self { memory_kib: 1 << 20, passes: 8, lanes: 16 };

    /// Whether it lies between the lowest and the highest. Fewer than four lanes make no guess cheaper.
    ///
    /// # Errors
    /// [`PassphraseError::TooCheap`] and [`PassphraseError::TooDear`].
    pub fn check(&self) -> Result<(), PassphraseError> {
        let Self { memory_kib, passes, lanes } = *self;
        if memory_kib < Self::LOWEST.memory_kib || passes < Self::LOWEST.passes || lanes == 0 {
            return Err(PassphraseError::TooCheap);
        }
        let Self { memory_kib: memory_max, passes: passes_max, lanes: lanes_max } = Self::HIGHEST;
        if memory_kib > memory_max || passes > passes_max || lanes > lanes_max {
            return Err(PassphraseError::TooDear);
        }
        Ok(())
    }
}

/// Why there is no key.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Error)]
pub enum PassphraseError {
    /// Less than [`Cost::LOWEST`].
    #[error("the cost of guessing the passphrase is lower than is allowed")]
    TooCheap,
    /// More than [`Cost::HIGHEST`].
    #[error("the cost of trying the passphrase is higher than is allowed")]
    TooDear,
    /// The operating system gives no such amount of memory.
    #[error("there is not enough memory to try the passphrase")]
    Memory,
}

/// The key that a passphrase gives with a salt, at a cost. The memory that it takes is wiped.
///
/// # Errors
/// [`PassphraseError`].
pub fn key(passphrase: &[u8], salt: &[u8; SALT_LEN], cost: Cost) -> Result<Secret32, PassphraseError> {
    cost.check()?;
    let params = Params::new(cost.memory_kib, cost.passes, cost.lanes, Some(32));
    let params = params.map_err(|_| PassphraseError::TooDear)?;
    let mut memory = Zeroizing::new(Vec::new());
    memory.try_reserve_exact(params.block_count()).map_err(|_| PassphraseError::Memory)?;
    memory.resize(params.block_count(), Block::new());
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let mut made = Ok(());
    let key = Secret32::init_with(|out| {
        made = argon2.hash_password_into_with_memory(passphrase, salt, out, memory.as_mut_slice());
    });
    // What is left to refuse is a passphrase of more than 4 GiB.
    made.map(|()| key).map_err(|_| PassphraseError::TooDear)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SALT: [u8; SALT_LEN] = [2; SALT_LEN];

    /// RFC 9106, section 5.3, has a secret and associated data, which nothing here uses; the value was made by the
    /// reference implementation's `argon2` (Debian, 0~20171227) from the same input.
    #[test]
    fn the_key_is_that_of_the_reference_implementation() {
        let key = key(b"correct horse battery staple", &SALT, Cost::LOWEST).expect("within the bounds");
        assert_eq!(
            hex::encode(key.expose()),
            "2afdb2fb402c89676cd9684f58dcd60c8d938f4762a5573e8bb8057662011cf3"
        );
    }

    #[test]
    fn a_cost_outside_the_bounds_is_refused_before_any_memory_is_taken() {
        use PassphraseError::{TooCheap, TooDear};
        let check = |memory_kib, passes, lanes, expected: Result<(), PassphraseError>| {
            assert_eq!(Cost { memory_kib, passes, lanes }.check(), expected, "{memory_kib} {passes} {lanes}");
        };
        check(64 << 10, 3, 4, Ok(()));
        check(64 << 10, 3, 1, Ok(()));
        check(1 << 20, 8, 16, Ok(()));
        check((64 << 10) - 1, 3, 4, Err(TooCheap));
        check(64 << 10, 2, 4, Err(TooCheap));
        check(64 << 10, 3, 0, Err(TooCheap));
        check(8, 1, 1, Err(TooCheap));
        check((1 << 20) + 1, 3, 4, Err(TooDear));
        check(u32::MAX, u32::MAX, u32::MAX, Err(TooDear));
        check(64 << 10, 9, 4, Err(TooDear));
        check(64 << 10, 3, 17, Err(TooDear));
        let hostile = Cost { memory_kib: u32::MAX, passes: 3, lanes: 4 };
        assert_eq!(key(b"a", &SALT, hostile).err(), Some(TooDear));
    }

    #[test]
    fn passphrase_salt_and_cost_each_change_the_key() {
        let more = Cost { passes: 4, ..Cost::LOWEST };
        let keys = [
            key(b"one", &SALT, Cost::LOWEST),
            key(b"two", &SALT, Cost::LOWEST),
            key(b"one", &[3; SALT_LEN], Cost::LOWEST),
            key(b"one", &SALT, more),
        ];
        for (at, key) in keys.iter().enumerate() {
            assert!(key.is_ok() && !keys[at + 1..].contains(key));
        }
    }
}
