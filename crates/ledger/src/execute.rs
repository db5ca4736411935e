//! The second phase: transactions in the order of the block, against the state.

use crate::view::{Overlay, StateView};
use crate::{Rejection, access, consent, membership, records, registry};
use salus_types::action::Action;
use salus_types::block::Receipt;
use salus_types::genesis::{Genesis, Parameters};
use salus_types::state::{StateKey, StateValue, key};
use salus_types::transaction::Transaction;
use salus_types::{GrantId, PublicKey};

/// What a block tells the contracts about itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockContext {
    /// Height of the block.
    pub height: u64,
    /// Time of the block, in milliseconds since 1970-01-01 UTC.
    pub time_ms: u64,
}

/// What executing a block gives.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Executed {
    /// Entries to write, by key; `None` deletes.
    pub writes: Vec<(StateKey, Option<StateValue>)>,
    /// One receipt for each transaction, in order.
    pub receipts: Vec<Receipt>,
}

/// Executes transactions one after the other. A refused one leaves no trace.
pub struct Executor<'a> {
    context: BlockContext,
    parameters: &'a Parameters,
    state: Overlay<'a>,
    receipts: Vec<Receipt>,
}

/// What a contract sees of the transaction and its block.
pub(crate) struct Call<'a> {
    pub(crate) context: BlockContext,
    pub(crate) parameters: &'a Parameters,
    pub(crate) signer: PublicKey,
}

impl<'a> Executor<'a> {
    /// Begins a block on top of `state`.
    pub fn new(context: BlockContext, parameters: &'a Parameters, state: &'a dyn StateView) -> Self {
        Self { context, parameters, state: Overlay::new(state), receipts: Vec::new() }
    }

    /// Applies a transaction that has passed [`crate::check_stateless`].
    ///
    /// # Errors
    /// Why it is refused; the state is then as before.
    pub fn apply(&mut self, transaction: &Transaction) -> Result<(), Rejection> {
        self.check_lifetime(transaction.valid_until)?;
        let call = Call { context: self.context, parameters: self.parameters, signer: transaction.signer };
        let state = &mut self.state;
        let entry = match &transaction.action {
            Action::RegisterPatient(action) => registry::register_patient(&call, action, state),
            Action::RegisterPractitioner(action) => registry::register_practitioner(&call, action, state),
            Action::Anchor(action) => records::anchor(&call, action, state),
            Action::Grant(action) => consent::grant(&call, action, state),
            Action::Revoke(action) => consent::revoke(&call, action, state),
            Action::Access(action) => access::access(&call, action, state),
            Action::Dropped(action) => access::dropped(&call, action, state),
            Action::AnchorLog(action) => access::anchor_log(&call, action, state),
        }?;
        self.receipts.push(Receipt { transaction: transaction.id(), entry });
        Ok(())
    }

    /// Ends the block.
    pub fn finish(self) -> Executed {
        Executed { writes: self.state.into_writes(), receipts: self.receipts }
    }

    fn check_lifetime(&self, valid_until: u64) -> Result<(), Rejection> {
        let height = self.context.height;
        if valid_until < height {
            return Err(Rejection::Expired { valid_until, height });
        }
        let max = height.saturating_add(self.parameters.transaction_lifetime_blocks_max);
        if valid_until > max {
            return Err(Rejection::TooLongLived { valid_until, max });
        }
        Ok(())
    }
}

/// Executes a block that somebody proposed: every transaction must apply.
///
/// # Errors
/// The position of the first transaction that does not apply, and why: the block is invalid.
pub fn execute_block(
    context: BlockContext,
    parameters: &Parameters,
    transactions: &[Transaction],
    state: &dyn StateView,
) -> Result<Executed, (usize, Rejection)> {
    let mut executor = Executor::new(context, parameters, state);
    for (position, transaction) in transactions.iter().enumerate() {
        executor.apply(transaction).map_err(|rejection| (position, rejection))?;
    }
    Ok(executor.finish())
}

/// Executes candidates for a proposal, and leaves out those that do not apply.
pub fn select_and_execute(
    context: BlockContext,
    parameters: &Parameters,
    candidates: &[Transaction],
    state: &dyn StateView,
) -> (Executed, Vec<(usize, Rejection)>) {
    let mut executor = Executor::new(context, parameters, state);
    let mut refused = Vec::new();
    for (position, transaction) in candidates.iter().enumerate() {
        if let Err(rejection) = executor.apply(transaction) {
            refused.push((position, rejection));
        }
    }
    (executor.finish(), refused)
}

/// Every key that executing the transaction may read.
pub fn read_set(transaction: &Transaction) -> Vec<StateKey> {
    let signer = key::organisation(&transaction.signer);
    match &transaction.action {
        Action::RegisterPatient(action) => vec![signer, key::patient(&action.address)],
        Action::RegisterPractitioner(action) => vec![signer, key::practitioner(&action.commitment)],
        Action::Anchor(action) => vec![signer, key::anchor(&action.organisation, action.sequence)],
        Action::Grant(_) => vec![key::grant(&GrantId::of(&transaction.signer))],
        Action::Revoke(action) => vec![key::grant(&action.grant)],
        Action::Access(action) => vec![
            signer,
            key::grant(&action.grant),
            key::practitioner(&action.practitioner),
            key::access(&action.id(&transaction.signer)),
        ],
        Action::Dropped(action) => {
            vec![signer, key::grant(&action.grant), key::dropped(&action.grant, &action.organisation)]
        }
        Action::AnchorLog(action) => vec![signer, key::log(&action.organisation, action.sequence)],
    }
}

/// Entries with which the network begins; block 1 writes them before its transactions.
pub fn genesis_writes(genesis: &Genesis) -> Vec<(StateKey, StateValue)> {
    membership::genesis::writes(genesis)
}
