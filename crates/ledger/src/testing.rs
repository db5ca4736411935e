//! A world in which contracts can be tried: four organisations, a patient's keys, a clock that tests turn.

use crate::{
    BlockContext, Executor, NextEpoch, Rejection, StateView, follow_up_reads, genesis_writes, read_set,
};
use salus_crypto::hash::sha256;
use salus_types::action::{
    Access, Action, Appoint, BreakGlass, Grant, OrderErasure, ProxyAct, scope_commitment,
};
use salus_types::category::Purpose;
use salus_types::emergency::EmergencyGround;
use salus_types::erasure::ErasureGround;
use salus_types::genesis::{Genesis, Parameters};
use salus_types::organisation::{Class, KEM_KEY_LENGTH, Organisation};
use salus_types::proxy::{PROXY_GRAIN_MS, ProxyGrant, ProxyRead};
use salus_types::state::{StateKey, StateValue, key as state_key};
use salus_types::transaction::Transaction;
use salus_types::{
    AppointmentId, Bounded, GrantId, NetworkId, OrganisationId, SigningKey, Text, decode_canonical,
};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

pub(crate) const NOW_MS: u64 = 1_800_000_000_000;
pub(crate) const DAY_MS: u64 = 24 * 3_600 * 1_000;

/// A view that fails the test when a contract reads a key that `read_set` does not name.
struct Watched<'a> {
    state: &'a BTreeMap<StateKey, StateValue>,
    allowed: BTreeSet<StateKey>,
    outside: RefCell<Vec<StateKey>>,
}

impl crate::StateView for Watched<'_> {
    fn get(&self, key: &StateKey) -> Option<&[u8]> {
        if !self.allowed.contains(key) {
            self.outside.borrow_mut().push(*key);
        }
        self.state.get(key).map(|value| &**value)
    }
}

pub(crate) struct World {
    pub(crate) network: NetworkId,
    pub(crate) parameters: Parameters,
    pub(crate) state: BTreeMap<StateKey, StateValue>,
    pub(crate) height: u64,
    pub(crate) time_ms: u64,
}

/// The signing key of a test party, by name.
pub(crate) fn key(name: &str) -> SigningKey {
    SigningKey::from_seed(&sha256(name.as_bytes()).0)
}

pub(crate) fn id(name: &str) -> OrganisationId {
    name.parse().expect("a short name")
}

pub(crate) fn genesis() -> Genesis {
    let organisation = |name: &str, class: Class| Organisation {
        id: id(name),
        name: Text::new(name).expect("short"),
        class,
        validator: true,
        custodian: class.may_be_custodian(),
        node_key: key(name).public(),
        kem_key: Bounded::new(vec![7; KEM_KEY_LENGTH]).expect("bounded"),
        tls_certificate: sha256(name.as_bytes()),
        ledger_address: Text::new("127.0.0.1:1").expect("short"),
        peer_url: Text::new("https://127.0.0.1:2").expect("short"),
        portal_url: Text::new("https://127.0.0.1:3").expect("short"),
    };
    Genesis {
        name: Text::new("test").expect("short"),
        time_ms: NOW_MS,
        parameters: Parameters::default(),
        organisations: Bounded::new(vec![
            organisation("hospital-a", Class::Provider),
            organisation("hospital-b", Class::Provider),
            organisation("insurer", Class::Payer),
            organisation("regulator", Class::Regulator),
        ])
        .expect("bounded"),
    }
}

impl World {
    pub(crate) fn new() -> Self {
        let genesis = genesis();
        Self {
            network: genesis.network(),
            parameters: genesis.parameters.clone(),
            state: genesis_writes(&genesis).into_iter().collect(),
            height: 10,
            time_ms: NOW_MS,
        }
    }

    pub(crate) fn sign(&self, signer: &str, action: impl Into<Action>) -> Transaction {
        Transaction::sign(self.network, &key(signer), self.height + 5, action)
    }

    fn context(&self, ends_epoch: bool) -> BlockContext {
        BlockContext { height: self.height, time_ms: self.time_ms, ends_epoch }
    }

    /// What a node fetches before it executes.
    fn watched(&self, context: BlockContext, transactions: &[Transaction]) -> Watched<'_> {
        let mut allowed: BTreeSet<_> = transactions.iter().flat_map(read_set).collect();
        allowed.insert(state_key::parameters());
        loop {
            let fetched: BTreeMap<_, _> =
                allowed.iter().filter_map(|key| Some((*key, self.state.get(key)?.clone()))).collect();
            let before = allowed.len();
            allowed.extend(follow_up_reads(context, transactions, &fetched));
            if allowed.len() == before {
                return Watched { state: &self.state, allowed, outside: RefCell::default() };
            }
        }
    }

    fn write(&mut self, writes: Vec<(StateKey, Option<StateValue>)>) {
        for (key, value) in writes {
            match value {
                Some(value) => self.state.insert(key, value),
                None => self.state.remove(&key),
            };
        }
        self.height += 1;
    }

    /// Executes one transaction in a block of its own.
    pub(crate) fn run(&mut self, transaction: &Transaction) -> Result<(), Rejection> {
        let context = self.context(false);
        let view = self.watched(context, std::slice::from_ref(transaction));
        let mut executor = Executor::new(context, &view);
        let outcome = executor.apply(transaction);
        let executed = executor.finish();
        assert!(view.outside.borrow().is_empty(), "read outside of the read set");
        assert_eq!(executed.receipts.len(), usize::from(outcome.is_ok()));
        if outcome.is_err() {
            assert!(executed.writes.is_empty(), "a refused transaction left a trace");
        }
        self.write(executed.writes);
        outcome
    }

    /// An empty block that ends its epoch.
    pub(crate) fn end_epoch(&mut self) -> NextEpoch {
        let context = self.context(true);
        let view = self.watched(context, &[]);
        let executed = Executor::new(context, &view).finish();
        assert!(view.outside.borrow().is_empty(), "read outside of the read set");
        self.write(executed.writes);
        executed.next_epoch.expect("the epoch ends")
    }

    pub(crate) fn entry<T: commonware_codec::Read<Cfg = ()> + commonware_codec::Encode>(
        &self,
        key: StateKey,
    ) -> Option<T> {
        decode_canonical(StateView::get(&self.state, &key)?).ok()
    }

    pub(crate) fn act(&mut self, signer: &str, action: impl Into<Action>) -> Result<(), Rejection> {
        self.run(&self.sign(signer, action))
    }
}

/// A grant to `grantee` for `purpose` that ends in 30 days; sign it with the one-time key named `one_time`.
pub(crate) fn grant(grantee: &str, purpose: Purpose) -> Grant {
    let scope = scope_commitment(&id(grantee), purpose, &[9; 32]);
    Grant { terms: sha256(b"terms"), scope, expiry_ms: NOW_MS + 30 * DAY_MS }
}

pub(crate) fn grant_id(one_time: &str) -> GrantId {
    GrantId::of(&key(one_time).public())
}

/// An access event under the grant of `one_time`, for the practitioner registered as `practitioner`.
pub(crate) fn access(one_time: &str, purpose: Purpose, practitioner: &str) -> Access {
    Access {
        grant: grant_id(one_time),
        scope_salt: [9; 32],
        purpose,
        versions_root: sha256(b"versions"),
        count: 3,
        practitioner: sha256(practitioner.as_bytes()),
        nonce: [1; 16],
    }
}

/// An appointment of the key named `proxy` that may share and ends after four weeks or a little later; sign it with the
/// one-time key.
pub(crate) fn appoint(proxy: &str) -> Appoint {
    let expiry_ms = (NOW_MS + 35 * DAY_MS) / PROXY_GRAIN_MS * PROXY_GRAIN_MS;
    Appoint { mandate: sha256(b"mandate"), proxy: key(proxy).public(), shares: true, expiry_ms }
}

pub(crate) fn appointment_id(one_time: &str) -> AppointmentId {
    AppointmentId::of(&key(one_time).public())
}

/// Act number `number` under the appointment of `one_time`: reads so many versions.
pub(crate) fn read_for(one_time: &str, number: u32, count: u32) -> ProxyAct {
    let act = ProxyRead { versions_root: sha256(b"versions"), count }.into();
    ProxyAct { appointment: appointment_id(one_time), number, act }
}

/// The same: shares with hospital-b for a week.
pub(crate) fn share_for(one_time: &str, number: u32) -> ProxyAct {
    let Grant { terms, scope, .. } = grant("hospital-b", Purpose::Treatment);
    let act = ProxyGrant { terms, scope, expiry_ms: NOW_MS + 7 * DAY_MS }.into();
    ProxyAct { appointment: appointment_id(one_time), number, act }
}

/// An order of `organisation` to erase three versions.
pub(crate) fn order_erasure(organisation: &str) -> OrderErasure {
    OrderErasure {
        organisation: id(organisation),
        versions_root: sha256(b"erased"),
        count: 3,
        ground: ErasureGround::PatientRequest,
        nonce: [1; 16],
    }
}

/// An emergency access of `organisation` for the practitioner registered as `practitioner`.
pub(crate) fn break_glass(organisation: &str, practitioner: &str) -> BreakGlass {
    BreakGlass {
        organisation: id(organisation),
        target: sha256(b"target"),
        practitioner: sha256(practitioner.as_bytes()),
        ground: EmergencyGround::Unconscious,
        statement: sha256(b"reason"),
        began_ms: None,
        nonce: [1; 16],
    }
}
