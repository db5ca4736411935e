//! Transactions of every kind, with all that must be on the ledger before they apply.

use super::load::Lists;
use super::network::Network;
use crate::clock::now_ms;
use anyhow::Context as _;
use salus_crypto::{Digest, SigningKey, random};
use salus_node::testing;
use salus_types::action::{
    Access, Action, Anchor, AnchorLog, Appoint, BreakGlass, CancelRecovery, Dropped, EndAppointment, Erased,
    Grant, OrderErasure, Propose, ProxyAct, RegisterPatient, RegisterPractitioner, Review, Revoke,
    StartRecovery, Vote, scope_commitment,
};
use salus_types::category::Purpose;
use salus_types::emergency::EmergencyGround;
use salus_types::erasure::ErasureGround;
use salus_types::governance::SetParameters;
use salus_types::proxy::{PROXY_GRAIN_MS, ProxyRead};
use salus_types::transaction::Transaction;
use salus_types::{Address, AppointmentId, GrantId, NetworkId, OrganisationId, RecoveryId};
use std::sync::atomic::{AtomicU64, Ordering};

/// How long a transaction may wait, in blocks.
const LIFETIME_BLOCKS: u64 = 5_000;
/// How long a grant would last.
const GRANT_PERIOD_MS: u64 = 24 * 3_600 * 1_000;
/// Proposals of each organisation in a script: it may have eight open, and there are two scripts that need some.
const PROPOSALS_EACH: usize = 4;
/// The largest class of batches.
const SIZE_CLASS_MAX: u8 = 3;

/// A kind of transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    RegisterPatient,
    RegisterPractitioner,
    Anchor,
    Grant,
    Revoke,
    Access,
    Dropped,
    AnchorLog,
    Propose,
    Vote,
    BreakGlass,
    Review,
    StartRecovery,
    CancelRecovery,
    OrderErasure,
    Erased,
    Appoint,
    EndAppointment,
    ProxyAct,
}

impl Kind {
    pub(super) const ALL: [Self; 19] = [
        Self::RegisterPatient,
        Self::RegisterPractitioner,
        Self::Anchor,
        Self::Grant,
        Self::Revoke,
        Self::Access,
        Self::Dropped,
        Self::AnchorLog,
        Self::Propose,
        Self::Vote,
        Self::BreakGlass,
        Self::Review,
        Self::StartRecovery,
        Self::CancelRecovery,
        Self::OrderErasure,
        Self::Erased,
        Self::Appoint,
        Self::EndAppointment,
        Self::ProxyAct,
    ];
}

/// What is handed in: some lists one after the other, then those that are measured.
pub(super) struct Script {
    pub(super) before: Vec<Lists>,
    pub(super) measured: Lists,
}

/// A grant whose one-time key is known, with the node at which it is used.
struct OneGrant {
    key: SigningKey,
    salt: [u8; 32],
    node: usize,
}

impl OneGrant {
    fn id(&self) -> GrantId {
        GrantId::of(&self.key.public())
    }
}

/// Makes transactions for one network; no two are alike.
pub(super) struct Maker {
    network: NetworkId,
    organisations: Vec<OrganisationId>,
    expiry_ms: u64,
    sequence: AtomicU64,
}

impl Maker {
    pub(super) fn new(network: &Network) -> anyhow::Result<Self> {
        Ok(Self {
            network: network.genesis.network(),
            organisations: (0..network.nodes.len()).map(|number| network.organisation(number)).collect(),
            expiry_ms: now_ms()? + GRANT_PERIOD_MS,
            sequence: AtomicU64::new(0),
        })
    }

    fn nodes(&self) -> usize {
        self.organisations.len()
    }

    /// `count` transactions, at all nodes in turn, signed on all processors.
    fn lists(&self, count: usize, make: impl Fn(usize, usize) -> Transaction + Sync) -> Lists {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let nodes = self.nodes();
        let part = |thread: usize| -> Vec<(usize, Transaction)> {
            let own = (0..count).filter(|number| number % threads == thread);
            own.map(|number| (number % nodes, make(number, number % nodes))).collect()
        };
        let parts: Vec<_> = std::thread::scope(|scope| {
            let running: Vec<_> = (0..threads).map(|thread| scope.spawn(move || part(thread))).collect();
            running.into_iter().filter_map(|thread| thread.join().ok()).collect()
        });
        let mut lists: Lists = vec![Vec::new(); nodes];
        for (node, transaction) in parts.into_iter().flatten() {
            lists[node].push(transaction);
        }
        lists
    }

    fn own(&self, network: &Network, node: usize, action: impl Into<Action>) -> Transaction {
        Transaction::sign(self.network, &testing::signing_key(node as u8), valid_until(network), action)
    }

    /// Grants, each signed by a key of its own: the transaction of reference.
    pub(super) fn grants(&self, network: &Network, count: usize) -> Lists {
        let valid_until = valid_until(network);
        self.lists(count, |_, _| {
            let grant = Grant { terms: random_digest(), scope: random_digest(), expiry_ms: self.expiry_ms };
            Transaction::sign(self.network, &SigningKey::generate(), valid_until, grant)
        })
    }

    /// Anchors of full batches of the largest class.
    pub(super) fn anchors(&self, network: &Network, count: usize) -> Lists {
        self.lists(count, |_, node| {
            let anchor = Anchor {
                organisation: self.organisations[node].clone(),
                batch_root: random_digest(),
                sequence: self.next(),
                size_class: SIZE_CLASS_MAX,
            };
            self.own(network, node, anchor)
        })
    }

    fn next(&self) -> u64 {
        self.sequence.fetch_add(1, Ordering::Relaxed)
    }

    /// `count` transactions of a kind, or as many as may be open at once.
    pub(super) fn script(&self, network: &Network, kind: Kind, count: usize) -> anyhow::Result<Script> {
        let alone = |measured| Script { before: Vec::new(), measured };
        Ok(match kind {
            Kind::RegisterPatient => alone(self.lists(count, |_, node| {
                self.own(network, node, RegisterPatient { address: Address(random_digest()) })
            })),
            Kind::RegisterPractitioner => alone(self.lists(count, |_, node| {
                self.own(network, node, RegisterPractitioner { commitment: random_digest() })
            })),
            Kind::Anchor => alone(self.anchors(network, count)),
            Kind::AnchorLog => alone(self.lists(count, |_, node| {
                let (organisation, sequence) = (self.organisations[node].clone(), self.next());
                self.own(
                    network,
                    node,
                    AnchorLog { organisation, head: random_digest(), entries: sequence, sequence },
                )
            })),
            Kind::Grant => alone(self.grants(network, count)),
            Kind::Revoke | Kind::Access | Kind::Dropped => self.on_grants(network, kind, count),
            Kind::Propose => alone(self.proposals(network)?.1),
            Kind::Vote => self.votes(network)?,
            Kind::BreakGlass | Kind::Review => self.emergencies(network, kind, count),
            Kind::StartRecovery | Kind::CancelRecovery => self.recoveries(network, kind, count),
            Kind::OrderErasure | Kind::Erased => self.erasures(network, kind, count),
            Kind::Appoint | Kind::EndAppointment | Kind::ProxyAct => self.appointments(network, kind, count),
        })
    }

    fn emergencies(&self, network: &Network, kind: Kind, count: usize) -> Script {
        let staff = || -> Vec<_> { (0..self.nodes()).map(|_| random_digest()).collect() };
        let (practitioners, reviewers) = (staff(), staff());
        let registered = |of: &[Digest]| {
            let register = |node: usize| RegisterPractitioner { commitment: of[node] };
            self.lists(self.nodes(), |_, node| self.own(network, node, register(node)))
        };
        let event = |node: usize| BreakGlass {
            organisation: self.organisations[node].clone(),
            target: random_digest(),
            practitioner: practitioners[node],
            ground: EmergencyGround::Unconscious,
            statement: random_digest(),
            began_ms: None,
            nonce: random::bytes(),
        };
        let events: Vec<_> = (0..count).map(|number| event(number % self.nodes())).collect();
        let broken = self.lists(count, |number, node| self.own(network, node, events[number].clone()));
        let mut before = vec![registered(&practitioners)];
        if kind == Kind::BreakGlass {
            return Script { before, measured: broken };
        }
        before.extend([registered(&reviewers), broken]);
        let measured = self.lists(count, |number, node| {
            let (organisation, event) = (self.organisations[node].clone(), events[number].id());
            let (reviewer, statement) = (reviewers[node], random_digest());
            self.own(network, node, Review { organisation, event, justified: true, reviewer, statement })
        });
        Script { before, measured }
    }

    fn recoveries(&self, network: &Network, kind: Kind, count: usize) -> Script {
        let keys: Vec<_> = (0..count).map(|_| SigningKey::generate()).collect();
        let recovery = |number: usize| RecoveryId::of(&keys[number].public());
        let started = self.lists(count, |number, node| {
            let (organisation, device) = (self.organisations[node].clone(), random_digest());
            let start = StartRecovery { organisation, recovery: recovery(number), number: 0, device };
            self.own(network, node, start)
        });
        if kind == Kind::StartRecovery {
            return Script { before: Vec::new(), measured: started };
        }
        let measured = self.lists(count, |number, _| {
            let cancel = CancelRecovery { recovery: recovery(number), number: 0 };
            Transaction::sign(self.network, &keys[number], valid_until(network), cancel)
        });
        Script { before: vec![started], measured }
    }

    fn erasures(&self, network: &Network, kind: Kind, count: usize) -> Script {
        let order = |node: usize| OrderErasure {
            organisation: self.organisations[node].clone(),
            versions_root: random_digest(),
            count: 1,
            ground: ErasureGround::PatientRequest,
            nonce: random::bytes(),
        };
        let orders: Vec<_> = (0..count).map(|number| order(number % self.nodes())).collect();
        let ordered = self.lists(count, |number, node| self.own(network, node, orders[number].clone()));
        if kind == Kind::OrderErasure {
            return Script { before: Vec::new(), measured: ordered };
        }
        let measured = self.lists(count, |number, node| {
            let (organisation, erasure) = (self.organisations[node].clone(), orders[number].id());
            self.own(network, node, Erased { organisation, erasure, versions: 1, copies: 0 })
        });
        Script { before: vec![ordered], measured }
    }

    fn appointments(&self, network: &Network, kind: Kind, count: usize) -> Script {
        let keys: Vec<_> = (0..count).map(|_| (SigningKey::generate(), SigningKey::generate())).collect();
        let sign = |key: &SigningKey, action: Action| {
            Transaction::sign(self.network, key, valid_until(network), action)
        };
        let expiry_ms = (self.expiry_ms / PROXY_GRAIN_MS + 1) * PROXY_GRAIN_MS;
        let appointed = self.lists(count, |number, _| {
            let (one_time, proxy) = &keys[number];
            let (mandate, proxy) = (random_digest(), proxy.public());
            sign(one_time, Appoint { mandate, proxy, shares: true, expiry_ms }.into())
        });
        if kind == Kind::Appoint {
            return Script { before: Vec::new(), measured: appointed };
        }
        let measured = self.lists(count, |number, _| {
            let (one_time, proxy) = &keys[number];
            let appointment = AppointmentId::of(&one_time.public());
            if kind == Kind::EndAppointment {
                return sign(one_time, EndAppointment { appointment }.into());
            }
            let act = ProxyRead { versions_root: random_digest(), count: 1 }.into();
            sign(proxy, ProxyAct { appointment, number: 0, act }.into())
        });
        Script { before: vec![appointed], measured }
    }

    fn on_grants(&self, network: &Network, kind: Kind, count: usize) -> Script {
        let grants: Vec<_> = (0..count)
            .map(|number| OneGrant {
                key: SigningKey::generate(),
                salt: random::bytes(),
                node: number % self.nodes(),
            })
            .collect();
        let granted = self.lists(count, |number, _| self.grant(network, &grants[number]));
        let revoked = |maker: &Self| {
            maker.lists(count, |number, _| {
                let revoke = Revoke { grant: grants[number].id() };
                Transaction::sign(maker.network, &grants[number].key, valid_until(network), revoke)
            })
        };
        match kind {
            Kind::Access => {
                let practitioners: Vec<_> = (0..self.nodes()).map(|_| random_digest()).collect();
                let registered = self.lists(self.nodes(), |_, node| {
                    self.own(network, node, RegisterPractitioner { commitment: practitioners[node] })
                });
                let measured = self.lists(count, |number, node| {
                    self.own(network, node, access(&grants[number], practitioners[node]))
                });
                Script { before: vec![registered, granted], measured }
            }
            Kind::Dropped => {
                let measured = self.lists(count, |number, node| {
                    let (organisation, grant) = (self.organisations[node].clone(), grants[number].id());
                    self.own(network, node, Dropped { organisation, grant, count: 1 })
                });
                Script { before: vec![granted, revoked(self)], measured }
            }
            _ => Script { before: vec![granted], measured: revoked(self) },
        }
    }

    fn grant(&self, network: &Network, grant: &OneGrant) -> Transaction {
        let scope = scope_commitment(&self.organisations[grant.node], Purpose::Treatment, &grant.salt);
        let action = Grant { terms: random_digest(), scope, expiry_ms: self.expiry_ms };
        Transaction::sign(self.network, &grant.key, valid_until(network), action)
    }

    /// Some proposals of every organisation.
    fn proposals(&self, network: &Network) -> anyhow::Result<(Vec<(usize, Propose)>, Lists)> {
        let parameters = network.nodes.first().context("no node")?.handle.epoch().parameters.clone();
        let proposals: Vec<_> = (0..PROPOSALS_EACH * self.nodes())
            .map(|number| {
                let organisation = self.organisations[number % self.nodes()].clone();
                let change = SetParameters { parameters: parameters.clone() }.into();
                (number % self.nodes(), Propose { organisation, change, nonce: random::bytes() })
            })
            .collect();
        let lists =
            self.lists(proposals.len(), |number, node| self.own(network, node, proposals[number].1.clone()));
        Ok((proposals, lists))
    }

    /// Refusals: what is approved by two thirds would change the network.
    fn votes(&self, network: &Network) -> anyhow::Result<Script> {
        let (proposals, before) = self.proposals(network)?;
        let mut measured: Lists = vec![Vec::new(); self.nodes()];
        for (proposer, propose) in &proposals {
            for node in (0..self.nodes()).filter(|node| node != proposer) {
                let organisation = self.organisations[node].clone();
                let vote = Vote { organisation, proposal: propose.id(), approve: false };
                measured[node].push(self.own(network, node, vote));
            }
        }
        Ok(Script { before: vec![before], measured })
    }
}

fn access(grant: &OneGrant, practitioner: Digest) -> Access {
    Access {
        grant: grant.id(),
        scope_salt: grant.salt,
        purpose: Purpose::Treatment,
        versions_root: random_digest(),
        count: 1,
        practitioner,
        nonce: random::bytes(),
    }
}

fn random_digest() -> Digest {
    Digest(random::bytes())
}

fn valid_until(network: &Network) -> u64 {
    network.nodes.iter().map(|node| node.handle.head().height).max().unwrap_or(0) + LIFETIME_BLOCKS
}
