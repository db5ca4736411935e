//! One attempt: found on this node's own ledger or put there, and judged by it alone. No clock of this machine has a say.

use crate::error::{Code, Error};
use crate::state::Gateway;
use salus_types::action::StartRecovery;
use salus_types::state::{RecoveryEntry, key};
use salus_types::{Digest, OrganisationId, RecoveryId, decode_canonical};
use std::time::Duration;

/// Longest wait for the ledger.
const FINAL_WITHIN: Duration = Duration::from_secs(60);
/// Attempts at one recovery. A device that has the root again begins a new one anyway.
const ATTEMPTS_MAX: u32 = 64;

/// Where an attempt stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// Not all of the time is over.
    Waiting,
    /// The patient cancelled it.
    Cancelled,
    /// The share may be given out.
    Ready,
    /// It is of another organisation, or for another device.
    Foreign,
}

/// Whether the share may be given to a device, by an entry that is final and the time of the newest final block.
pub(super) fn judge(
    entry: &RecoveryEntry,
    own: &OrganisationId,
    device: &Digest,
    ledger_ms: u64,
) -> Standing {
    if entry.organisation != *own || entry.device != *device {
        return Standing::Foreign;
    }
    if entry.cancelled.is_some() {
        return Standing::Cancelled;
    }
    if ledger_ms < entry.ready_ms { Standing::Waiting } else { Standing::Ready }
}

/// The attempt of a device at a recovery, put on the ledger if it is not there. Repeated, it gives the same one.
///
/// # Errors
/// [`Code::Conflict`] after too many; what the ledger refuses.
pub(super) async fn of_device(
    gateway: &Gateway,
    recovery: RecoveryId,
    device: Digest,
) -> Result<(u32, RecoveryEntry), Error> {
    for number in 0..ATTEMPTS_MAX {
        let entry = match read(gateway, &recovery, number).await? {
            Some(entry) => entry,
            None => start(gateway, recovery, number, device).await?,
        };
        if entry.device == device && entry.organisation == gateway.config.organisation {
            return Ok((number, entry));
        }
    }
    Err(Error::new(Code::Conflict, "this was tried too often; please ask at the desk"))
}

/// Puts an attempt on the ledger. Of two devices at once one is refused, and asks again later anyway.
async fn start(
    gateway: &Gateway,
    recovery: RecoveryId,
    number: u32,
    device: Digest,
) -> Result<RecoveryEntry, Error> {
    let organisation = gateway.config.organisation.clone();
    gateway.submit(StartRecovery { organisation, recovery, number, device }, FINAL_WITHIN).await?;
    let entry = read(gateway, &recovery, number).await?;
    entry.ok_or_else(|| Error::internal("a recovery that is final does not stand in the state"))
}

async fn read(gateway: &Gateway, recovery: &RecoveryId, number: u32) -> Result<Option<RecoveryEntry>, Error> {
    let bytes = gateway.chain().state(key::recovery(recovery, number)).await?;
    bytes.map(|bytes| decode_canonical(&bytes)).transpose().map_err(Error::internal)
}
