//! The vault and the gateway do not know each other; these adapters join them.

mod blocks;
mod emergencies;
mod erasures;
mod keeper;
mod lag;
mod measures;
mod outward;
mod records;

pub(crate) use blocks::follow;
pub(crate) use emergencies::LocalEmergencies;
pub(crate) use erasures::LocalErasures;
pub(crate) use keeper::LocalKeeper;
pub(crate) use outward::{EngineOutbox, RemotePeers};
pub(crate) use records::LocalRecords;

use salus_gateway::vault::VaultError;
use salus_vault::custodian::{CustodyError, ReleaseError};
use salus_vault::reader::ReadError;
use salus_vault::source::SourceError;
use salus_vault::{LedgerError, MailboxError, StoreError};

fn fault(error: impl std::fmt::Display) -> VaultError {
    VaultError::Fault(error.to_string())
}

fn ledger_error(error: LedgerError) -> VaultError {
    match error {
        LedgerError::Unavailable => VaultError::Unavailable(error.to_string()),
        LedgerError::Rejected(_) => VaultError::Refused(error.to_string()),
        LedgerError::Malformed => fault(error),
    }
}

fn custody_error(error: CustodyError) -> VaultError {
    match error {
        CustodyError::Store(error) => fault(error),
        refused => VaultError::Refused(refused.to_string()),
    }
}

fn release_error(error: ReleaseError) -> VaultError {
    match error {
        ReleaseError::Refused(refusal) => VaultError::Refused(refusal.to_string()),
        ReleaseError::Store(error) => fault(error),
        ReleaseError::Ledger(error) => ledger_error(error),
    }
}

fn mailbox_error(error: MailboxError) -> VaultError {
    match error {
        MailboxError::Store(error) => fault(error),
        MailboxError::Ledger(error) => ledger_error(error),
        MailboxError::Full => VaultError::Unavailable(error.to_string()),
        refused => VaultError::Refused(refused.to_string()),
    }
}

fn source_error(error: SourceError) -> VaultError {
    match error {
        SourceError::Ledger(error) => ledger_error(error),
        SourceError::Enrolled | SourceError::Name | SourceError::Envelope(_) => {
            VaultError::Refused(error.to_string())
        }
        other => fault(other),
    }
}

fn read_error(error: ReadError) -> VaultError {
    match error {
        ReadError::Refused(reason) => VaultError::Refused(reason),
        ReadError::UnknownGrant | ReadError::Erased => VaultError::Refused(error.to_string()),
        ReadError::TemporarilyUnavailable(reason) => VaultError::Unavailable(reason.to_owned()),
        ReadError::Faulty(blame) => {
            for one in &blame {
                tracing::warn!(custodian = %one.custodian, what = one.what, "a custodian gave what does not hold");
            }
            VaultError::Fault("what the custodians gave does not hold".to_owned())
        }
        ReadError::Store(error) => fault(error),
    }
}

fn store_error(error: StoreError) -> VaultError {
    fault(error)
}
