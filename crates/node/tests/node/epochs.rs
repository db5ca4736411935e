//! Members, seats and keys change while the network goes on.

use crate::cluster::{Cluster, PATIENCE, chain, finalised, reached};
use salus_node::{NodeHandle, testing};
use salus_types::action::{Action, Propose, Vote};
use salus_types::genesis::Parameters;
use salus_types::governance::{Admit, Change, Outcome, Remove, SetDuties, accept};
use salus_types::organisation::Organisation;
use salus_types::state::{ProposalEntry, key};
use salus_types::transaction::Transaction;
use salus_types::{OrganisationId, decode_canonical};

fn parameters() -> Parameters {
    Parameters { epoch_blocks: 8, ..Parameters::default() }
}

fn id(number: usize) -> OrganisationId {
    format!("org-{number:02}").parse().unwrap()
}

impl Cluster {
    fn sign(&self, signer: usize, action: impl Into<Action>) -> Transaction {
        let valid_until = self.handle(0).head().height + 1_000;
        Transaction::sign(self.genesis.network(), &testing::signing_key(signer as u8), valid_until, action)
    }

    fn admission(&self, number: usize) -> Change {
        let address = self.place(number).0.to_string();
        let organisation =
            Organisation { validator: false, ..testing::organisation(number as u8, &address) };
        let acceptance =
            accept(&self.genesis.network(), &organisation, &testing::signing_key(number as u8));
        Admit { organisation, acceptance }.into()
    }

    /// Organisation 0 proposes, `voters` approve, and everybody waits until it is in force.
    async fn decide(&self, changes: Vec<Change>, voters: &[usize]) {
        let mut proposals = Vec::new();
        for change in changes {
            let propose = Propose { organisation: id(0), change, nonce: [0; 16] };
            proposals.push(propose.id());
            let sent = self.handle(0).submit(self.sign(0, propose)).await.unwrap();
            finalised(self.handle(0), sent).await;
        }
        for voter in voters {
            for proposal in &proposals {
                let vote = Vote { organisation: id(*voter), proposal: *proposal, approve: true };
                let sent = self.handle(*voter).submit(self.sign(*voter, vote)).await.unwrap();
                finalised(self.handle(*voter), sent).await;
            }
        }
        for proposal in proposals {
            let mut head = self.handle(0).watch_head();
            loop {
                let (entry, _) = self.handle(0).state(key::proposal(&proposal)).await;
                let entry: ProposalEntry = decode_canonical(&entry.unwrap()).unwrap();
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

fn seat(number: usize) -> Change {
    SetDuties { organisation: id(number), validator: true, custodian: true }.into()
}

#[tokio::test(flavor = "multi_thread")]
async fn four_organisations_become_seven_and_then_five_without_a_stop() {
    let mut cluster = Cluster::prepare(4, 3, parameters());
    for number in 0..4 {
        cluster.resume(number);
    }
    cluster.decide((4..7).map(|number| cluster.admission(number)).collect(), &[1, 2]).await;
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
    cluster.decide([0, 1].map(|number| Remove { organisation: id(number + 2) }.into()).to_vec(), &[1, 4, 5, 6]).await;
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
    assert_eq!(sizes, [7, 5]);
    // Whoever starts again knows the epochs.
    cluster.kill(6);
    cluster.resume(6);
    reached(cluster.handle(6), height).await;
    assert_eq!(cluster.handle(6).handovers().await, handovers);
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
