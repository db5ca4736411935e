//! Recovery of a patient's root from shares: how long it waits, and to whom it is bound.

use salus_crypto::hash::{Digest, hash};

/// How long an organisation waits before it gives its share out, by the ledger's time, in milliseconds: 48 hours. Until
/// then every device of the patient says that somebody is recovering, and can cancel.
pub const RECOVERY_DELAY_MS: u64 = 48 * 3_600 * 1_000;

/// Commits to the X-Wing key of the new device, to which shares are sealed and to no other.
pub fn recovery_device(kem_key: &[u8]) -> Digest {
    hash("salus/recovery-device/v1", &[kem_key])
}
