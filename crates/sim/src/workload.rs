//! Clients that sign actions of every kind, right and wrong ones, and wait for answers.

use crate::world::{Acknowledged, World};
use commonware_runtime::{Clock as _, Spawner as _, Supervisor as _, deterministic};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use salus_crypto::Digest;
use salus_node::{Head, NodeHandle, TxStatus, testing};
use salus_types::action::{
    Access, Action, Anchor, AnchorLog, Appoint, BreakGlass, CancelRecovery, Dropped, EndAppointment, Erased,
    Grant, OrderErasure, Propose, ProxyAct, RegisterPatient, RegisterPractitioner, Review, Revoke,
    StartRecovery, Vote, scope_commitment,
};
use salus_types::category::Purpose;
use salus_types::emergency::EmergencyGround;
use salus_types::erasure::ErasureGround;
use salus_types::genesis::Parameters;
use salus_types::governance::{Change, SetDuties, SetParameters};
use salus_types::proxy::{PROXY_GRAIN_MS, ProxyGrant, ProxyRead, ProxyRevoke, proxy_grant};
use salus_types::transaction::Transaction;
use salus_types::{
    Address, AppointmentId, EmergencyId, ErasureId, GrantId, NetworkId, OrganisationId, ProposalId,
    RecoveryId, SigningKey,
};
use std::sync::Arc;
use std::time::Duration;

/// How many blocks a transaction may wait.
const LIFETIME_BLOCKS: u64 = 200;

/// What clients know of each other: enough to use and to end the grants of others.
#[derive(Default)]
pub(crate) struct People {
    /// Seeds of grants' one-time keys, with the grantee's number.
    grants: Vec<OneGrant>,
    /// Practitioners by the number of the organisation that registers them.
    practitioners: Vec<(usize, Digest)>,
    sequence: u64,
    /// Proposals, and the numbers of the organisations that have voted on each.
    proposals: Vec<(ProposalId, Vec<usize>)>,
    /// Emergency accesses by the number of the organisation that broke the glass.
    emergencies: Vec<(usize, EmergencyId)>,
    /// Orders to erase.
    erasures: Vec<ErasureId>,
    /// Seeds of the keys that cancel a recovery, with the number of the next attempt.
    recoveries: Vec<([u8; 32], u32)>,
    /// Seeds of the keys that appoint somebody, and of those appointed, with the number of the next act.
    appointments: Vec<([u8; 32], [u8; 32], u32)>,
}

#[derive(Clone, Copy)]
struct OneGrant {
    seed: [u8; 32],
    salt: [u8; 32],
    grantee: usize,
}

impl OneGrant {
    fn key(&self) -> SigningKey {
        SigningKey::from_seed(&self.seed)
    }

    fn id(&self) -> GrantId {
        GrantId::of(&self.key().public())
    }
}

/// A client of one node.
pub(crate) struct Client {
    pub(crate) number: usize,
    pub(crate) node: NodeHandle,
    pub(crate) world: Arc<World>,
    /// Planted: takes "it waits" for "it is final".
    pub(crate) early: bool,
}

impl Client {
    pub(crate) async fn run(self, context: deterministic::Context, seed: u64) {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(self.number as u64);
        loop {
            context.sleep(Duration::from_millis(rng.random_range(10..250))).await;
            if self.world.is_at_rest() {
                continue;
            }
            for transaction in self.next(&mut rng) {
                self.hand_in(&context, transaction).await;
            }
        }
    }

    async fn hand_in(&self, context: &deterministic::Context, transaction: Transaction) {
        let id = transaction.id();
        if self.node.submit(transaction).await.is_err() {
            return;
        }
        let (node, number, world) = (self.node.clone(), self.number, Arc::clone(&self.world));
        if self.early {
            let (height, position) = (node.head().height + 1, 0);
            world.acknowledge(Acknowledged { id, height, position, node: number });
            return;
        }
        let waiting = world.wait_begins();
        context.child("waiter").spawn(move |_| async move {
            if let TxStatus::Finalised { height, index: position, .. } = node.wait_final(id).await {
                world.acknowledge(Acknowledged { id, height, position, node: number });
            }
            drop(waiting);
        });
    }

    /// What to do next: mostly one thing; sometimes a revocation and an access event that race.
    fn next(&self, rng: &mut ChaCha8Rng) -> Vec<Transaction> {
        let head = self.node.head();
        match rng.random_range(0..32) {
            0 => vec![self.own(head, RegisterPatient { address: Address(Digest(rng.random())) })],
            1 => vec![self.register_practitioner(rng, head)],
            2..5 => vec![self.own(head, self.anchor(rng))],
            5 => vec![self.own(head, self.anchor_log(rng))],
            6..10 => vec![self.grant(rng, head)],
            10..16 => self.access(rng, head, None).into_iter().collect(),
            16 => self.revoke(rng, head).map(|(revoke, _)| revoke).into_iter().collect(),
            17 | 18 => match self.revoke(rng, head) {
                Some((revoke, grant)) => {
                    self.access(rng, head, Some(grant)).into_iter().chain([revoke]).collect()
                }
                None => Vec::new(),
            },
            19 => self.dropped(rng, head).into_iter().collect(),
            20 => self.break_glass(rng, head).into_iter().collect(),
            21 => self.review(rng, head).into_iter().collect(),
            22 => vec![self.order_erasure(rng, head)],
            23 => self.erased(head).into_iter().collect(),
            24 => vec![self.start_recovery(rng, head)],
            25 => self.cancel_recovery(rng, head).into_iter().collect(),
            26 => vec![self.appoint(rng, head)],
            27 | 28 => self.act_for(rng, head).into_iter().collect(),
            29 => self.end_appointment(rng, head).into_iter().collect(),
            _ => vec![self.govern(rng, head)],
        }
    }

    fn network(&self) -> NetworkId {
        self.node.network()
    }

    fn organisation(&self) -> OrganisationId {
        self.world.genesis.organisations[self.number].id.clone()
    }

    fn own(&self, head: Head, action: impl Into<Action>) -> Transaction {
        let key = testing::signing_key(self.number as u8);
        Transaction::sign(self.network(), &key, head.height + LIFETIME_BLOCKS, action)
    }

    fn sequence(&self) -> u64 {
        let mut seen = self.world.seen();
        seen.people.sequence += 1;
        seen.people.sequence
    }

    fn register_practitioner(&self, rng: &mut ChaCha8Rng, head: Head) -> Transaction {
        let commitment = Digest(rng.random());
        self.world.seen().people.practitioners.push((self.number, commitment));
        self.own(head, RegisterPractitioner { commitment })
    }

    fn anchor(&self, rng: &mut ChaCha8Rng) -> Anchor {
        Anchor {
            organisation: self.organisation(),
            batch_root: Digest(rng.random()),
            sequence: self.sequence(),
            size_class: rng.random_range(0..3),
        }
    }

    fn anchor_log(&self, rng: &mut ChaCha8Rng) -> AnchorLog {
        let sequence = self.sequence();
        AnchorLog {
            organisation: self.organisation(),
            head: Digest(rng.random()),
            entries: sequence,
            sequence,
        }
    }

    fn grant(&self, rng: &mut ChaCha8Rng, head: Head) -> Transaction {
        let grantee = rng.random_range(0..self.world.genesis.organisations.len());
        let grant = OneGrant { seed: rng.random(), salt: rng.random(), grantee };
        let name = &self.world.genesis.organisations[grantee].id;
        // Some expire while they are used.
        let period_ms = if rng.random_bool(0.2) { rng.random_range(100..5_000) } else { 24 * 3_600 * 1_000 };
        let action = Grant {
            terms: Digest(rng.random()),
            scope: scope_commitment(name, Purpose::Treatment, &grant.salt),
            expiry_ms: head.time_ms + period_ms,
        };
        self.world.seen().people.grants.push(grant);
        Transaction::sign(self.network(), &grant.key(), head.height + LIFETIME_BLOCKS, action)
    }

    /// One of the newest grants, so that most are still there.
    fn some_grant(&self, rng: &mut ChaCha8Rng, of: impl Fn(&OneGrant) -> bool) -> Option<OneGrant> {
        let seen = self.world.seen();
        let newest: Vec<_> = seen.people.grants.iter().rev().filter(|grant| of(grant)).take(12).collect();
        (!newest.is_empty()).then(|| *newest[rng.random_range(0..newest.len())])
    }

    fn access(&self, rng: &mut ChaCha8Rng, head: Head, grant: Option<OneGrant>) -> Option<Transaction> {
        let grant = grant.or_else(|| self.some_grant(rng, |grant| grant.grantee == self.number))?;
        let practitioner = {
            let seen = self.world.seen();
            let mut own = seen.people.practitioners.iter().filter(|(number, _)| *number == grant.grantee);
            own.next()?.1
        };
        let access = Access {
            grant: grant.id(),
            scope_salt: grant.salt,
            purpose: if rng.random_bool(0.05) { Purpose::Research } else { Purpose::Treatment },
            versions_root: Digest(rng.random()),
            count: rng.random_range(1..100),
            practitioner,
            nonce: rng.random(),
        };
        let key = testing::signing_key(grant.grantee as u8);
        Some(Transaction::sign(self.network(), &key, head.height + LIFETIME_BLOCKS, access))
    }

    fn revoke(&self, rng: &mut ChaCha8Rng, head: Head) -> Option<(Transaction, OneGrant)> {
        let grant = self.some_grant(rng, |_| true)?;
        let revoke = Revoke { grant: grant.id() };
        let valid_until = head.height + LIFETIME_BLOCKS;
        Some((Transaction::sign(self.network(), &grant.key(), valid_until, revoke), grant))
    }

    fn dropped(&self, rng: &mut ChaCha8Rng, head: Head) -> Option<Transaction> {
        let grant = self.some_grant(rng, |_| true)?;
        let organisation = self.organisation();
        Some(self.own(head, Dropped { organisation, grant: grant.id(), count: 1 }))
    }

    fn own_practitioners(&self) -> Vec<Digest> {
        let seen = self.world.seen();
        let own = seen.people.practitioners.iter().filter(|(number, _)| *number == self.number);
        own.map(|(_, commitment)| *commitment).collect()
    }

    fn break_glass(&self, rng: &mut ChaCha8Rng, head: Head) -> Option<Transaction> {
        let practitioner = *self.own_practitioners().first()?;
        let event = BreakGlass {
            organisation: self.organisation(),
            target: Digest(rng.random()),
            practitioner,
            ground: EmergencyGround::Unconscious,
            statement: Digest(rng.random()),
            began_ms: rng.random_bool(0.2).then_some(head.time_ms),
            nonce: rng.random(),
        };
        self.world.seen().people.emergencies.push((self.number, event.id()));
        Some(self.own(head, event))
    }

    /// Of the newest emergency of this organisation; by who broke the glass, if nobody else is there, which is refused.
    fn review(&self, rng: &mut ChaCha8Rng, head: Head) -> Option<Transaction> {
        let reviewer = *self.own_practitioners().last()?;
        let event = {
            let seen = self.world.seen();
            let mut newest = seen.people.emergencies.iter().rev();
            newest.find(|(number, _)| *number == self.number)?.1
        };
        let (organisation, statement) = (self.organisation(), Digest(rng.random()));
        let justified = rng.random_bool(0.9);
        Some(self.own(head, Review { organisation, event, justified, reviewer, statement }))
    }

    fn order_erasure(&self, rng: &mut ChaCha8Rng, head: Head) -> Transaction {
        let order = OrderErasure {
            organisation: self.organisation(),
            versions_root: Digest(rng.random()),
            count: rng.random_range(1..100),
            ground: ErasureGround::PatientRequest,
            nonce: rng.random(),
        };
        self.world.seen().people.erasures.push(order.id());
        self.own(head, order)
    }

    /// For the newest order; twice for one is refused.
    fn erased(&self, head: Head) -> Option<Transaction> {
        let erasure = *self.world.seen().people.erasures.last()?;
        Some(self.own(head, Erased { organisation: self.organisation(), erasure, versions: 1, copies: 0 }))
    }

    /// A first attempt, or one more, which only the organisation of the first may start.
    fn start_recovery(&self, rng: &mut ChaCha8Rng, head: Head) -> Transaction {
        let (seed, number) = {
            let recoveries = &mut self.world.seen().people.recoveries;
            let again = recoveries.last_mut().filter(|_| rng.random_bool(0.3));
            match again {
                Some((seed, next)) => {
                    *next += 1;
                    (*seed, *next - 1)
                }
                None => {
                    let seed = rng.random();
                    recoveries.push((seed, 1));
                    (seed, 0)
                }
            }
        };
        let recovery = RecoveryId::of(&SigningKey::from_seed(&seed).public());
        let (organisation, device) = (self.organisation(), Digest(rng.random()));
        self.own(head, StartRecovery { organisation, recovery, number, device })
    }

    /// Of one of the newest recoveries, some of them twice, which is refused.
    fn cancel_recovery(&self, rng: &mut ChaCha8Rng, head: Head) -> Option<Transaction> {
        let seed = {
            let seen = self.world.seen();
            let newest: Vec<_> = seen.people.recoveries.iter().rev().take(4).collect();
            newest.get(rng.random_range(0..newest.len().max(1)))?.0
        };
        let key = SigningKey::from_seed(&seed);
        let cancel = CancelRecovery { recovery: RecoveryId::of(&key.public()), number: 0 };
        Some(Transaction::sign(self.network(), &key, head.height + LIFETIME_BLOCKS, cancel))
    }

    fn appoint(&self, rng: &mut ChaCha8Rng, head: Head) -> Transaction {
        let (seed, proxy): ([u8; 32], [u8; 32]) = (rng.random(), rng.random());
        self.world.seen().people.appointments.push((seed, proxy, 0));
        let action = Appoint {
            mandate: Digest(rng.random()),
            proxy: SigningKey::from_seed(&proxy).public(),
            shares: rng.random_bool(0.7),
            expiry_ms: (head.time_ms / PROXY_GRAIN_MS + 2) * PROXY_GRAIN_MS,
        };
        let key = SigningKey::from_seed(&seed);
        Transaction::sign(self.network(), &key, head.height + LIFETIME_BLOCKS, action)
    }

    /// Under one of the newest appointments: what is not allowed, or has no predecessor on this node yet, is refused.
    fn act_for(&self, rng: &mut ChaCha8Rng, head: Head) -> Option<Transaction> {
        let (seed, proxy, number) = {
            let mut seen = self.world.seen();
            let mut newest = seen.people.appointments.iter_mut().rev().take(4);
            let (seed, proxy, next) = newest.nth(rng.random_range(0..4))?;
            *next += 1;
            (*seed, *proxy, *next - 1)
        };
        let appointment = AppointmentId::of(&SigningKey::from_seed(&seed).public());
        let act = match rng.random_range(0..4) {
            0 => {
                let (terms, scope) = (Digest(rng.random()), Digest(rng.random()));
                ProxyGrant { terms, scope, expiry_ms: head.time_ms + 3_600_000 }.into()
            }
            1 => ProxyRevoke { grant: proxy_grant(&appointment, number.saturating_sub(1)) }.into(),
            _ => ProxyRead { versions_root: Digest(rng.random()), count: rng.random_range(1..100) }.into(),
        };
        let key = SigningKey::from_seed(&proxy);
        let action = ProxyAct { appointment, number, act };
        Some(Transaction::sign(self.network(), &key, head.height + LIFETIME_BLOCKS, action))
    }

    /// One of the newest, by either of the two; twice is refused.
    fn end_appointment(&self, rng: &mut ChaCha8Rng, head: Head) -> Option<Transaction> {
        let (seed, proxy) = {
            let seen = self.world.seen();
            let mut newest = seen.people.appointments.iter().rev();
            let (seed, proxy, _) = newest.nth(rng.random_range(0..6))?;
            (*seed, *proxy)
        };
        let who = if rng.random_bool(0.5) { seed } else { proxy };
        let appointment = AppointmentId::of(&SigningKey::from_seed(&seed).public());
        let key = SigningKey::from_seed(&who);
        let action = EndAppointment { appointment };
        Some(Transaction::sign(self.network(), &key, head.height + LIFETIME_BLOCKS, action))
    }

    /// Votes, on the newest proposal without a vote of this organisation; proposes if there is none.
    fn govern(&self, rng: &mut ChaCha8Rng, head: Head) -> Transaction {
        let organisation = self.organisation();
        let open = {
            let mut seen = self.world.seen();
            let mut newest = seen.people.proposals.iter_mut().rev().take(8);
            newest.find(|(_, voters)| !voters.contains(&self.number)).map(|(id, voters)| {
                voters.push(self.number);
                *id
            })
        };
        if let Some(proposal) = open {
            return self.own(head, Vote { organisation, proposal, approve: rng.random_bool(0.9) });
        }
        let propose = Propose { organisation, change: self.change(rng), nonce: rng.random() };
        self.world.seen().people.proposals.push((propose.id(), vec![self.number]));
        self.own(head, propose)
    }

    /// Another length of epochs, or another seat: never fewer than four, and none where nodes lie, so that they stay a
    /// third.
    fn change(&self, rng: &mut ChaCha8Rng) -> Change {
        let epoch = self.node.epoch();
        let seats = epoch.members.iter().filter(|member| member.organisation.validator).count();
        let member = &epoch.members[rng.random_range(0..epoch.members.len())].organisation;
        if self.world.seats_change && rng.random_bool(0.7) && (seats > 4 || !member.validator) {
            let (organisation, validator) = (member.id.clone(), !member.validator);
            return SetDuties { organisation, validator, custodian: true }.into();
        }
        let epoch_blocks = rng.random_range(8..80);
        SetParameters { parameters: Parameters { epoch_blocks, ..epoch.parameters.clone() } }.into()
    }
}
