//! The ledger as the node calls it: synchronous, over entries read ahead.

use salus_ledger::{BlockContext, Executed};
use salus_types::NetworkId;
use salus_types::genesis::Genesis;
use salus_types::state::{StateKey, StateValue};
use salus_types::transaction::Transaction;
use std::collections::BTreeMap;

pub(crate) use salus_ledger::{genesis_writes, read_set};

/// Entries read ahead of execution.
pub(crate) type Prefetched = BTreeMap<StateKey, StateValue>;

/// Positions of the transactions that do not apply, and why.
pub(crate) type Refused = Vec<(usize, String)>;

/// Checks what no state is needed for: network, form, signature. One verdict each, in order.
pub(crate) fn check_stateless(network: &NetworkId, transactions: &[Transaction]) -> Vec<Result<(), String>> {
    let verdicts = salus_ledger::check_stateless(network, transactions);
    verdicts.into_iter().map(|verdict| verdict.map_err(|rejection| rejection.to_string())).collect()
}

/// Executes transactions in order on top of `reads`, leaving out those that do not apply.
pub(crate) fn execute(
    genesis: &Genesis,
    height: u64,
    time_ms: u64,
    transactions: &[Transaction],
    reads: &Prefetched,
) -> (Executed, Refused) {
    let context = BlockContext { height, time_ms };
    let (executed, refused) =
        salus_ledger::select_and_execute(context, &genesis.parameters, transactions, reads);
    let refused =
        refused.into_iter().map(|(position, rejection)| (position, rejection.to_string())).collect();
    (executed, refused)
}
