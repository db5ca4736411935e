//! The ledger as the node calls it: synchronous, over entries read ahead.

use salus_ledger::{BlockContext, Executed};
use salus_types::NetworkId;
use salus_types::genesis::PROTOCOLS;
use salus_types::state::{StateKey, StateValue};
use salus_types::transaction::Transaction;
use std::collections::BTreeMap;
use std::ops::RangeInclusive;

pub(crate) use salus_ledger::{follow_up_reads, genesis_writes, parameters, read_set};

/// Entries read ahead of execution.
pub type Prefetched = BTreeMap<StateKey, StateValue>;

/// Positions of the transactions that do not apply, and why.
pub type Refused = Vec<(usize, String)>;

/// Checks what no state is needed for: network, form, signature. One verdict each, in order.
pub(crate) fn check_stateless(network: &NetworkId, transactions: &[Transaction]) -> Vec<Result<(), String>> {
    let verdicts = salus_ledger::check_stateless(network, transactions);
    verdicts.into_iter().map(|verdict| verdict.map_err(|rejection| rejection.to_string())).collect()
}

/// The rules by which blocks are executed. All nodes of a network have the same; a simulation gives wrong ones to see
/// that they are caught.
pub trait Rules: Send + Sync {
    /// The protocols under which they can execute; see [`Parameters::protocol`](salus_types::genesis::Parameters).
    fn protocols(&self) -> RangeInclusive<u32> {
        PROTOCOLS
    }

    /// Executes transactions in order on top of `reads`, leaving out those that do not apply, and ends the epoch if the
    /// block is its last.
    fn execute(
        &self,
        context: BlockContext,
        transactions: &[Transaction],
        reads: &Prefetched,
    ) -> (Executed, Refused);
}

/// The rules of `salus-ledger`.
pub struct LedgerRules;

impl Rules for LedgerRules {
    fn execute(
        &self,
        context: BlockContext,
        transactions: &[Transaction],
        reads: &Prefetched,
    ) -> (Executed, Refused) {
        let (executed, refused) = salus_ledger::select_and_execute(context, transactions, reads);
        let refused = refused.into_iter().map(|(position, rejection)| (position, rejection.to_string()));
        (executed, refused.collect())
    }
}
