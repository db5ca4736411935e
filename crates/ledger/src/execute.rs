//! The second phase: transactions in the order of the block, against the state.

use crate::governance::NextEpoch;
use crate::membership::Roster;
use crate::view::{Overlay, StateView};
use crate::{
    Rejection, access, accountability, consent, emergency, erasure, governance, membership, proxies, records,
    recovery, registry,
};
use salus_types::action::Action;
use salus_types::block::Receipt;
use salus_types::genesis::{Genesis, Parameters};
use salus_types::proxy::{Act, proxy_grant};
use salus_types::state::{StateKey, StateValue, key};
use salus_types::transaction::Transaction;
use salus_types::{AppointmentId, GrantId, PublicKey};

/// What a block tells the contracts about itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockContext {
    /// Height of the block.
    pub height: u64,
    /// Time of the block, in milliseconds since 1970-01-01 UTC.
    pub time_ms: u64,
    /// Whether it is the last block of its epoch.
    pub ends_epoch: bool,
}

/// What executing a block gives.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Executed {
    /// Entries to write, by key; `None` deletes.
    pub writes: Vec<(StateKey, Option<StateValue>)>,
    /// One receipt for each transaction, in order.
    pub receipts: Vec<Receipt>,
    /// With what the next epoch begins, if the block is the last of its own.
    pub next_epoch: Option<NextEpoch>,
}

/// Executes transactions one after the other. A refused one leaves no trace.
pub struct Executor<'a> {
    context: BlockContext,
    parameters: Parameters,
    before: &'a dyn StateView,
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
    /// Begins a block on top of `state`, under the parameters in it.
    pub fn new(context: BlockContext, state: &'a dyn StateView) -> Self {
        let parameters = parameters(state);
        Self { context, parameters, before: state, state: Overlay::new(state), receipts: Vec::new() }
    }

    /// Applies a transaction that has passed [`crate::check_stateless`].
    ///
    /// # Errors
    /// Why it is refused; the state is then as before.
    pub fn apply(&mut self, transaction: &Transaction) -> Result<(), Rejection> {
        self.check_lifetime(transaction.valid_until)?;
        let call = Call { context: self.context, parameters: &self.parameters, signer: transaction.signer };
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
            Action::Propose(action) => governance::propose(&call, action, state),
            Action::Vote(action) => governance::vote(&call, action, state),
            Action::Accuse(action) => accountability::accuse(&call, action, state),
            Action::BreakGlass(action) => emergency::break_glass(&call, action, state),
            Action::Review(action) => emergency::review(&call, action, state),
            Action::StartRecovery(action) => recovery::start_recovery(&call, action, state),
            Action::CancelRecovery(action) => recovery::cancel_recovery(&call, action, state),
            Action::OrderErasure(action) => erasure::order_erasure(&call, action, state),
            Action::Erased(action) => erasure::erased(&call, action, state),
            Action::Appoint(action) => proxies::appoint(&call, action, state),
            Action::EndAppointment(action) => proxies::end_appointment(&call, action, state),
            Action::ProxyAct(action) => proxies::act(&call, action, state),
        }?;
        self.receipts.push(Receipt { transaction: transaction.id(), entry });
        Ok(())
    }

    /// Ends the block, and with it the epoch if it is the last one.
    pub fn finish(mut self) -> Executed {
        let next_epoch = self.context.ends_epoch.then(|| {
            let next = governance::end_epoch(self.context, self.before, &mut self.state);
            #[expect(clippy::expect_used, reason = "it writes only entries that were read, of bounded size")]
            next.expect("ending an epoch fits the state")
        });
        Executed { writes: self.state.into_writes(), receipts: self.receipts, next_epoch }
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
    transactions: &[Transaction],
    state: &dyn StateView,
) -> Result<Executed, (usize, Rejection)> {
    let mut executor = Executor::new(context, state);
    for (position, transaction) in transactions.iter().enumerate() {
        executor.apply(transaction).map_err(|rejection| (position, rejection))?;
    }
    Ok(executor.finish())
}

/// Executes candidates for a proposal, and leaves out those that do not apply.
pub fn select_and_execute(
    context: BlockContext,
    candidates: &[Transaction],
    state: &dyn StateView,
) -> (Executed, Vec<(usize, Rejection)>) {
    let mut executor = Executor::new(context, state);
    let mut refused = Vec::new();
    for (position, transaction) in candidates.iter().enumerate() {
        if let Err(rejection) = executor.apply(transaction) {
            refused.push((position, rejection));
        }
    }
    (executor.finish(), refused)
}

/// The parameters in force. Every state has them from block 1 on.
pub fn parameters(state: &dyn StateView) -> Parameters {
    let stored = state.get(&key::parameters()).and_then(|value| salus_types::decode_canonical(value).ok());
    stored.unwrap_or_default()
}

/// Every key that executing the transaction may read, as far as it names them itself; [`follow_up_reads`] gives the
/// rest. The parameters are read for every block.
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
        Action::AnchorLog(action) => {
            let organisation = &action.organisation;
            vec![signer, key::log(organisation, action.sequence), key::log_anchors(organisation)]
        }
        Action::Propose(action) => {
            let mut keys = Roster::keys();
            keys.extend([signer, key::proposals(), key::proposal(&action.id())]);
            keys
        }
        Action::Vote(action) => vec![signer, key::proposal(&action.proposal)],
        Action::Accuse(action) => {
            let fault = key::fault(&action.validator, action.contradiction.epoch);
            vec![signer, key::organisation(&action.validator), fault, key::faults()]
        }
        Action::BreakGlass(action) => vec![
            signer,
            key::practitioner(&action.practitioner),
            key::emergencies(),
            key::emergency(&action.id()),
        ],
        Action::Review(action) => vec![
            signer,
            key::practitioner(&action.reviewer),
            key::emergency(&action.event),
            key::review(&action.event),
        ],
        Action::StartRecovery(action) => {
            let before = action.number.checked_sub(1).map(|before| key::recovery(&action.recovery, before));
            [signer, key::recovery(&action.recovery, action.number)].into_iter().chain(before).collect()
        }
        Action::CancelRecovery(action) => vec![key::recovery(&action.recovery, action.number)],
        Action::OrderErasure(action) => vec![signer, key::erasures(), key::erasure(&action.id())],
        Action::Erased(action) => {
            vec![signer, key::erasure(&action.erasure), key::erased(&action.erasure, &action.organisation)]
        }
        Action::Appoint(_) => vec![key::appointment(&AppointmentId::of(&transaction.signer))],
        Action::EndAppointment(action) => vec![key::appointment(&action.appointment)],
        Action::ProxyAct(action) => {
            let grant = match &action.act {
                Act::ProxyRead(_) => None,
                Act::ProxyGrant(_) => Some(proxy_grant(&action.appointment, action.number)),
                Act::ProxyRevoke(revoke) => Some(revoke.grant),
            };
            let own = [key::appointment(&action.appointment), key::act(&action.appointment, action.number)];
            own.into_iter().chain(grant.as_ref().map(key::grant)).collect()
        }
    }
}

/// Keys to which entries lead that were read: those that proposals name, and, at an epoch's end, those that open
/// proposals name. Fetch the new ones, and ask again until there are none.
pub fn follow_up_reads(
    context: BlockContext,
    transactions: &[Transaction],
    state: &dyn StateView,
) -> Vec<StateKey> {
    let mut keys = Vec::new();
    for transaction in transactions {
        if let Action::Propose(action) = &transaction.action {
            keys.extend(governance::follow_up_reads(action, state));
        }
    }
    if context.ends_epoch {
        keys.extend(governance::epoch_end_reads(state));
    }
    keys
}

/// Entries with which the network begins; block 1 writes them before its transactions.
pub fn genesis_writes(genesis: &Genesis) -> Vec<(StateKey, StateValue)> {
    membership::genesis::writes(genesis)
}
