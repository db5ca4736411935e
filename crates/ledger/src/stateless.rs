//! The first phase: what can be refused without looking at any state.

use crate::Rejection;
use salus_crypto::sign::verify_batch;
use salus_types::action::{Action, ProxyAct};
use salus_types::erasure::ERASED_VERSIONS_MAX;
use salus_types::governance::{Change, accepts};
use salus_types::organisation::{KEM_KEY_LENGTH, Organisation};
use salus_types::proxy::Act;
use salus_types::transaction::Transaction;
use salus_types::{NetworkId, RecoveryId, Signature, namespace};

/// Checks network, form and signature of each transaction; signatures are verified as one batch.
pub fn check_stateless(network: &NetworkId, transactions: &[Transaction]) -> Vec<Result<(), Rejection>> {
    let messages: Vec<Vec<u8>> = transactions.iter().map(Transaction::message).collect();
    let items: Vec<_> = transactions
        .iter()
        .zip(&messages)
        .map(|(transaction, message)| {
            (namespace::TRANSACTION, message.as_slice(), transaction.signer, transaction.signature)
        })
        .collect();
    transactions
        .iter()
        .zip(verify_batch(&items))
        .map(|(transaction, verified)| {
            check_form(network, transaction)?;
            if verified { Ok(()) } else { Err(Rejection::Signature) }
        })
        .collect()
}

fn check_form(network: &NetworkId, transaction: &Transaction) -> Result<(), Rejection> {
    if transaction.network != *network {
        return Err(Rejection::Network);
    }
    match &transaction.action {
        Action::Anchor(anchor) if salus_types::vault::batch_size(anchor.size_class).is_none() => {
            Err(Rejection::Malformed("unknown size class"))
        }
        Action::Access(access) if access.count == 0 => Err(Rejection::Malformed("no versions")),
        Action::OrderErasure(order) if !(1..=ERASED_VERSIONS_MAX).contains(&(order.count as usize)) => {
            Err(Rejection::Malformed("number of versions"))
        }
        Action::Propose(propose) => check_change(network, &propose.change),
        Action::Accuse(accuse) if !accuse.contradiction.convicts(network, &accuse.validator) => {
            Err(Rejection::Evidence)
        }
        Action::ProxyAct(ProxyAct { act: Act::ProxyRead(read), .. }) if read.count == 0 => {
            Err(Rejection::Malformed("no versions"))
        }
        Action::CancelRecovery(cancel) if RecoveryId::of(&transaction.signer) != cancel.recovery => {
            Err(Rejection::NotTheCanceller)
        }
        _ => Ok(()),
    }
}

fn check_change(network: &NetworkId, change: &Change) -> Result<(), Rejection> {
    match change {
        Change::Admit(admit) => {
            if admit.organisation.validator {
                return Err(Rejection::Malformed("a new member has no seat yet"));
            }
            check_organisation(network, &admit.organisation, &admit.acceptance)
        }
        Change::Update(update) => check_organisation(network, &update.organisation, &update.acceptance),
        Change::SetParameters(change) => change.parameters.check().map_err(Rejection::Parameter),
        Change::SetClass(_) | Change::SetDuties(_) | Change::Remove(_) => Ok(()),
    }
}

fn check_organisation(
    network: &NetworkId,
    organisation: &Organisation,
    acceptance: &Signature,
) -> Result<(), Rejection> {
    if organisation.kem_key.len() != KEM_KEY_LENGTH {
        return Err(Rejection::Malformed("an X-Wing key of a wrong length"));
    }
    if accepts(network, organisation, acceptance) { Ok(()) } else { Err(Rejection::Acceptance) }
}
