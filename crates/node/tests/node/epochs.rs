//! Members, seats and keys change while the network goes on.

use crate::cluster::{Cluster, PATIENCE, chain, finalised, reached};
use crate::proofs::certified;
use salus_node::{Anchor, EpochRecord, NodeHandle, StateProof, state_evidence_holds, testing};
use salus_types::action::{Action, Propose, Vote};
use salus_types::genesis::Parameters;
use salus_types::governance::{Admit, Change, Outcome, Remove, SetDuties, accept};
use salus_types::membership::{Member, validator_keys};
use salus_types::organisation::Organisation;
use salus_types::proof::Handover;
use salus_types::state::{ProposalEntry, key};
use salus_types::transaction::Transaction;
use salus_types::{Digest, OrganisationId, PublicKey, decode_canonical};
use std::time::Instant;

fn parameters() -> Parameters {
    Parameters { epoch_blocks: 8, ..Parameters::default() }
}

pub(crate) fn id(number: usize) -> OrganisationId {
    format!("org-{number:02}").parse().unwrap()
}

impl Cluster {
    fn sign(&self, signer: usize, action: impl Into<Action>) -> Transaction {
        let valid_until = self.handle(0).head().height + 1_000;
        Transaction::sign(self.genesis.network(), &testing::signing_key(signer as u8), valid_until, action)
    }

    fn admission(&self, number: usize) -> Change {
        let address = self.place(number).0.to_string();
        let organisation = Organisation { validator: false, ..testing::organisation(number as u8, &address) };
        let acceptance = accept(&self.genesis.network(), &organisation, &testing::signing_key(number as u8));
        Admit { organisation, acceptance }.into()
    }

    /// Hands in at the signer's own node, and waits until it is final.
    async fn act(&self, signer: usize, action: impl Into<Action>) {
        let node = self.handle(signer);
        let taken = tokio::time::timeout(PATIENCE, node.submit(self.sign(signer, action))).await;
        finalised(node, taken.expect("taken in time").unwrap()).await;
    }

    /// Organisation 0 proposes, `voters` approve, and everybody waits until it is in force. More voters than it takes
    /// may find it decided before they come.
    pub(crate) async fn decide(&self, changes: Vec<Change>, voters: &[usize]) {
        let mut proposals = Vec::new();
        for change in changes {
            let propose = Propose { organisation: id(0), change, nonce: [0; 16] };
            proposals.push(propose.id());
            self.act(0, propose).await;
        }
        for voter in voters {
            for proposal in &proposals {
                let vote = Vote { organisation: id(*voter), proposal: *proposal, approve: true };
                self.act(*voter, vote).await;
            }
        }
        let until = Instant::now() + 2 * PATIENCE;
        for proposal in proposals {
            let mut head = self.handle(0).watch_head();
            loop {
                let (entry, _) = self.handle(0).state(key::proposal(&proposal)).await;
                let entry: ProposalEntry = decode_canonical(&entry.unwrap()).unwrap();
                assert!(Instant::now() < until, "never decided: {entry:?}");
                match entry.outcome {
                    Outcome::Open => drop(tokio::time::timeout(PATIENCE, head.changed()).await.unwrap()),
                    outcome => {
                        assert_eq!(outcome, Outcome::Executed, "{:?}", entry.change);
                        break;
                    }
                }
            }
        }
    }
}

/// Waits until a node runs an epoch with this many seats.
async fn seats(node: &NodeHandle, seats: usize) {
    let mut epoch = node.watch_epoch();
    let waited = epoch.wait_for(|epoch| {
        epoch.members.iter().filter(|member| member.organisation.validator).count() == seats
    });
    tokio::time::timeout(PATIENCE, waited).await.expect("the seats in time");
}

/// Which blocks hand over to whom; each node may hold other signatures of the same quorum.
fn changes(handovers: &[Handover]) -> Vec<(Digest, Vec<PublicKey>)> {
    let change = |handover: &Handover| (handover.block.headers[0].digest(), handover.validators.to_vec());
    handovers.iter().map(change).collect()
}

fn seat(number: usize) -> Change {
    SetDuties { organisation: id(number), validator: true, custodian: true }.into()
}

#[tokio::test(flavor = "multi_thread")]
async fn four_organisations_become_seven_and_then_five_without_a_stop() {
    let mut cluster = Cluster::prepare(4, 3, parameters());
    for number in 0..4 {
        cluster.resume(number);
    }
    // One after the other, with no vote too many: each that is admitted raises the number that the next one needs.
    for (number, voters) in [(4, &[1, 2][..]), (5, &[1, 2, 3]), (6, &[1, 2, 3])] {
        cluster.decide(vec![cluster.admission(number)], voters).await;
    }
    for number in 4..7 {
        cluster.resume(number);
    }
    let height = cluster.handle(0).head().height;
    for number in 4..7 {
        reached(cluster.handle(number), height).await;
    }
    cluster.decide((4..7).map(seat).collect(), &[1, 2, 3, 4]).await;
    for node in cluster.running() {
        seats(node, 7).await;
    }
    // All of the new ones and one of the old: the quorum of seven is five.
    let (first, height) = (cluster.transaction(4, 1), cluster.handle(0).head().height);
    let sent = cluster.handle(4).submit(first).await.unwrap();
    assert!(finalised(cluster.handle(6), sent).await.0 > height);
    for (number, voters) in [(2, &[1, 4, 5, 6][..]), (3, &[1, 4, 5])] {
        cluster.decide(vec![Remove { organisation: id(number) }.into()], voters).await;
    }
    for number in [0, 1, 4, 5, 6] {
        seats(cluster.handle(number), 5).await;
    }
    cluster.kill(2);
    cluster.kill(3);
    // One of five may fail, and the chain is one.
    cluster.kill(0);
    let sent = cluster.handle(5).submit(cluster.transaction(5, 2)).await.unwrap();
    let (height, _) = finalised(cluster.handle(5), sent).await;
    let expected = chain(cluster.handle(1), height).await;
    for number in [4, 5, 6] {
        reached(cluster.handle(number), height).await;
        assert_eq!(chain(cluster.handle(number), height).await, expected);
    }
    let handovers = cluster.handle(4).handovers().await;
    let sizes: Vec<_> = handovers.iter().map(|handover| handover.validators.len()).collect();
    // Some seats may come an epoch before others.
    assert!(sizes.contains(&7) && sizes.last() == Some(&5), "{sizes:?}");
    // Whoever starts again knows the epochs.
    cluster.kill(6);
    cluster.resume(6);
    reached(cluster.handle(6), height).await;
    assert_eq!(changes(&cluster.handle(6).handovers().await), changes(&handovers));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_slept_through_epochs_catches_up() {
    let mut cluster = Cluster::prepare(4, 0, parameters());
    for number in 0..3 {
        cluster.resume(number);
    }
    for tag in 0..40 {
        let sent = cluster.handle(0).submit(cluster.transaction(0, tag)).await.unwrap();
        finalised(cluster.handle(0), sent).await;
    }
    let head = cluster.handle(0).head();
    assert!(head.epoch >= 4);
    cluster.resume(3);
    reached(cluster.handle(3), head.height).await;
    let sent = cluster.handle(3).submit(cluster.transaction(3, 0)).await.unwrap();
    finalised(cluster.handle(0), sent).await;
}

/// What whoever joins has fetched from a member, and checked.
async fn anchor_at(node: &NodeHandle) -> Anchor {
    let mut head = node.watch_head();
    loop {
        let (epoch, height) = (node.epoch(), node.head().height);
        if epoch.first_height <= height
            && let Some(block) = node.certified(height).await
            && block.headers.last().is_some_and(|header| header.epoch == epoch.epoch)
        {
            let members: Vec<_> = epoch.members.iter().map(|entry| entry.organisation.clone()).collect();
            let record = EpochRecord {
                epoch: epoch.epoch,
                first_height: epoch.first_height,
                blocks: epoch.parameters.epoch_blocks.into(),
                parent: node.block(epoch.first_height - 1).await.unwrap().digest,
                members: members.len() as u32,
                validators: validator_keys(&members.iter().map(Member::from).collect::<Vec<_>>()),
            };
            return Anchor {
                epoch: record,
                handovers: node.handovers().await,
                certificate: block.certificate.to_vec(),
                members,
                replay: false,
            };
        }
        tokio::time::timeout(PATIENCE, head.changed()).await.unwrap();
    }
}

async fn make_history(cluster: &Cluster, count: u64) {
    for tag in 0..count {
        let sent = cluster.handle(0).submit(cluster.transaction(0, tag)).await.unwrap();
        finalised(cluster.handle(0), sent).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newcomer_fetches_the_state_without_the_past_and_gets_its_seat() {
    let mut cluster = Cluster::prepare(4, 1, parameters());
    for number in 0..4 {
        cluster.resume(number);
    }
    make_history(&cluster, 20).await;
    cluster.decide(vec![cluster.admission(4)], &[1, 2]).await;
    let anchor = anchor_at(cluster.handle(0)).await;
    cluster.join(4, Some(anchor));
    let head = cluster.handle(0).head();
    reached(cluster.handle(4), head.height).await;
    let (first, transaction) = (cluster.handle(0).block(1).await, cluster.transaction(0, 0));
    assert!(first.is_some() && cluster.handle(4).block(1).await.is_none(), "the past is not there");
    let Action::RegisterPatient(register) = transaction.action else { unreachable!() };
    let entry = key::patient(&register.address);
    assert_eq!(cluster.handle(4).state(entry).await.0, cluster.handle(0).state(entry).await.0);
    assert!(cluster.handle(4).state(entry).await.0.is_some());
    // What it never saw happen it can prove.
    let keys = [entry];
    let proving = tokio::time::timeout(PATIENCE, cluster.handle(4).prove_state(&keys));
    let StateProof { shown, block } = proving.await.expect("a proof in time");
    assert!(certified(&cluster.genesis, &block) && shown[0].value.is_some());
    let root = block.headers[0].state_root;
    assert!(state_evidence_holds(&root, &entry, shown[0].value.as_ref(), &shown[0].evidence));
    cluster.decide(vec![seat(4)], &[1, 2, 3]).await;
    seats(cluster.handle(4), 5).await;
    cluster.kill(1);
    let sent = cluster.handle(4).submit(cluster.transaction(4, 0)).await.unwrap();
    let (height, _) = finalised(cluster.handle(4), sent).await;
    let handovers = cluster.handle(0).handovers().await;
    assert_eq!(changes(&cluster.handle(4).handovers().await), changes(&handovers));
    // It starts again as any other.
    cluster.kill(4);
    cluster.resume(4);
    reached(cluster.handle(4), height).await;
    let sent = cluster.handle(4).submit(cluster.transaction(4, 1)).await.unwrap();
    finalised(cluster.handle(0), sent).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_validator_that_lost_its_disk_comes_back_and_votes_from_the_next_epoch_on() {
    for replay in [false, true] {
        let mut cluster = Cluster::prepare(4, 0, parameters());
        for number in 0..4 {
            cluster.resume(number);
        }
        make_history(&cluster, 12).await;
        cluster.kill(3);
        cluster.forget(3);
        let anchor = Anchor { replay, ..anchor_at(cluster.handle(0)).await };
        let joined = anchor.epoch.epoch;
        cluster.join(3, Some(anchor));
        reached(cluster.handle(3), cluster.handle(0).head().height).await;
        assert_eq!(cluster.handle(3).block(1).await.is_some(), replay);
        let mut epoch = cluster.handle(3).watch_epoch();
        let next = epoch.wait_for(|epoch| epoch.epoch > joined);
        tokio::time::timeout(PATIENCE, next).await.expect("the next epoch in time");
        // Three of four must vote: it is one of them.
        cluster.kill(0);
        let sent = cluster.handle(3).submit(cluster.transaction(3, 0)).await.unwrap();
        finalised(cluster.handle(1), sent).await;
        for node in cluster.running() {
            assert_eq!(node.evidence(), []);
        }
    }
}
