//! What many hand in at once, at every node: each entry is made once, and the order of the ledger decides.

use crate::cluster::{Cluster, PATIENCE, finalised, reached};
use futures::future::join_all;
use salus_node::testing::signing_key;
use salus_node::{NodeHandle, TxStatus};
use salus_types::action::{Access, Action, Grant, RegisterPractitioner, Revoke, scope_commitment};
use salus_types::category::Purpose;
use salus_types::state::key;
use salus_types::transaction::Transaction;
use salus_types::{Digest, GrantId, OrganisationId, SigningKey, TransactionId};

const TIMES: u64 = 100;
const DOCTOR: Digest = Digest([5; 32]);

/// Waits until a node knows what became of a transaction.
async fn resolved(node: &NodeHandle, id: TransactionId) -> TxStatus {
    tokio::time::timeout(PATIENCE, node.wait_final(id)).await.expect("resolved in time")
}

/// Ids, actions and receipts' entries of the whole chain, in order.
async fn history(cluster: &Cluster) -> Vec<(TransactionId, Action, salus_types::state::StateKey)> {
    let height = cluster.running().map(|node| node.head().height).max().unwrap();
    let node = cluster.handle(0);
    reached(node, height).await;
    let mut history = Vec::new();
    for height in 1..=height {
        let block = node.block(height).await.unwrap();
        for (transaction, receipt) in block.block.transactions.iter().zip(block.receipts.iter()) {
            history.push((transaction.id(), transaction.action.clone(), receipt.entry));
        }
    }
    history
}

#[tokio::test(flavor = "multi_thread")]
async fn one_transaction_handed_in_a_hundred_times_at_four_nodes_applies_once() {
    let cluster = Cluster::start(4);
    let transaction = cluster.transaction(0, 1);
    let submit = |at: u64| cluster.handle(at as usize % 4).submit(transaction.clone());
    for submitted in join_all((0..TIMES).map(submit)).await {
        assert_eq!(submitted, Ok(transaction.id()));
    }
    let places = join_all(cluster.running().map(|node| finalised(node, transaction.id()))).await;
    assert!(places.iter().all(|place| *place == places[0]), "one place on every node: {places:?}");
    // A copy that some node still held would be in one of the next blocks.
    let after = cluster.handle(1).submit(cluster.transaction(1, 2)).await.unwrap();
    finalised(cluster.handle(1), after).await;
    let times = history(&cluster).await.iter().filter(|(id, ..)| *id == transaction.id()).count();
    assert_eq!(times, 1);
}

fn grant_of(cluster: &Cluster, to: &OrganisationId) -> Grant {
    Grant {
        terms: Digest([1; 32]),
        scope: scope_commitment(to, Purpose::Treatment, &[2; 32]),
        expiry_ms: cluster.genesis.time_ms + 86_400_000,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_hundred_signings_of_one_grant_one_has_a_receipt() {
    let cluster = Cluster::start(4);
    let one_time = SigningKey::from_seed(&[9; 32]);
    let action = grant_of(&cluster, &cluster.genesis.organisations[1].id);
    let signed = |at| Transaction::sign(cluster.genesis.network(), &one_time, 8_000 + at, action.clone());
    let hand_in = async |at: u64| {
        let node = cluster.handle(at as usize % 4);
        // A node whose state has the grant already may say so at once.
        match node.submit(signed(at)).await {
            Ok(id) => Some(resolved(node, id).await),
            Err(_) => None,
        }
    };
    let outcomes = join_all((0..TIMES).map(hand_in)).await;
    let receipts = outcomes.iter().filter(|outcome| matches!(outcome, Some(TxStatus::Finalised { .. })));
    assert_eq!(receipts.count(), 1);
    let entry = key::grant(&GrantId::of(&one_time.public()));
    assert_eq!(history(&cluster).await.iter().filter(|(.., made)| *made == entry).count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_access_stands_after_the_revoke_of_its_grant() {
    let cluster = Cluster::start(4);
    let network = cluster.genesis.network();
    let grantee = signing_key(1);
    let register = RegisterPractitioner { commitment: DOCTOR };
    let register = Transaction::sign(network, &grantee, 8_000, register);
    let id = cluster.handle(1).submit(register).await.unwrap();
    finalised(cluster.handle(1), id).await;
    for round in 0..3_u8 {
        let one_time = SigningKey::from_seed(&[100 + round; 32]);
        let grant = GrantId::of(&one_time.public());
        let action = grant_of(&cluster, &cluster.genesis.organisations[1].id);
        let id =
            cluster.handle(0).submit(Transaction::sign(network, &one_time, 8_000, action)).await.unwrap();
        let (height, _) = finalised(cluster.handle(0), id).await;
        for node in cluster.running() {
            reached(node, height).await;
        }
        let access = |at: u8| Access {
            grant,
            scope_salt: [2; 32],
            purpose: Purpose::Treatment,
            versions_root: Digest([3; 32]),
            count: 1,
            practitioner: DOCTOR,
            nonce: [at; 16],
        };
        let transactions = (0..40_u8).map(|at| match at {
            20 => Transaction::sign(network, &one_time, 8_000, Revoke { grant }),
            _ => Transaction::sign(network, &grantee, 8_000, access(at)),
        });
        let hand_in = async |(at, transaction): (usize, Transaction)| {
            let node = cluster.handle(at % 4);
            match node.submit(transaction).await {
                Ok(id) => matches!(resolved(node, id).await, TxStatus::Finalised { .. }),
                Err(_) => false,
            }
        };
        let applied = join_all(transactions.enumerate().map(hand_in)).await;
        assert!(applied[20], "the revoke is final");
        let history = history(&cluster).await;
        let of_grant = |(_, action, _): &&(_, Action, _)| match action {
            Action::Access(access) => access.grant == grant,
            Action::Revoke(revoke) => revoke.grant == grant,
            _ => false,
        };
        let order: Vec<_> = history.iter().filter(of_grant).map(|(_, action, _)| action.name()).collect();
        assert_eq!(order.len(), applied.iter().filter(|applied| **applied).count(), "round {round}");
        assert_eq!(
            order.last().copied(),
            Some(Action::from(Revoke { grant }).name()),
            "round {round}: {order:?}"
        );
    }
}
