use crate::cluster::{Cluster, chain, finalised, reached};
use salus_node::{SubmitError, TxStatus};
use std::time::Duration;

/// Many times what a block takes, and longer than an idle leader waits.
const STANDSTILL: Duration = Duration::from_secs(5);

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_becomes_final_on_every_node_with_one_state() {
    let cluster = Cluster::start(4);
    let mut places = Vec::new();
    for (number, node) in cluster.running().enumerate() {
        let id = node.submit(cluster.transaction(number, 1)).await.unwrap();
        places.push((id, finalised(node, id).await));
    }
    let height = places.iter().map(|(_, (height, _))| *height).max().unwrap();
    for node in cluster.running() {
        assert!(node.stats().peers >= 2, "a quorum is connected");
        for (id, place) in &places {
            assert_eq!(finalised(node, *id).await, *place);
        }
        reached(node, height).await;
    }
    let chains = futures::future::join_all(cluster.running().map(|node| chain(node, height))).await;
    assert!(chains.iter().all(|chain| *chain == chains[0]), "the headers hold the state roots");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_ledger_refuses_is_rejected_with_its_reason() {
    let cluster = Cluster::start(4);
    let node = cluster.handle(0);
    let first = cluster.transaction(0, 1);
    let id = node.submit(first.clone()).await.unwrap();
    finalised(node, id).await;
    assert_eq!(node.submit(first.clone()).await, Ok(id), "submitting again is no error");

    // The same entry again, by another transaction.
    let key = salus_node::testing::signing_key(0);
    let again = salus_types::transaction::Transaction::sign(first.network, &key, 8_999, first.action.clone());
    assert!(matches!(node.dry_run(&again).await, Err(SubmitError::Invalid(_))));
    let again = node.submit(again).await.unwrap();
    let status = node.wait_final(again).await;
    assert!(matches!(status, TxStatus::Rejected { .. }), "found {status:?}");

    let mut forged = cluster.transaction(0, 2);
    forged.valid_until += 1;
    assert!(matches!(node.submit(forged).await, Err(SubmitError::Invalid(_))));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_of_four_cannot_go_on_and_a_third_lets_them() {
    let mut cluster = Cluster::start(4);
    let id = cluster.handle(0).submit(cluster.transaction(0, 1)).await.unwrap();
    finalised(cluster.handle(0), id).await;
    cluster.kill(2);
    cluster.kill(3);
    let late = cluster.handle(0).submit(cluster.transaction(0, 2)).await.unwrap();
    // Votes on their way may still finish a block or two; then nothing moves, for many times a block's time.
    let mut head = cluster.handle(0).watch_head();
    let mut blocks = 0;
    while tokio::time::timeout(STANDSTILL, head.changed()).await.is_ok() {
        blocks += 1;
        assert!(blocks < 10, "two of four go on");
    }
    assert_eq!(cluster.handle(0).status(late).await, TxStatus::Pending);
    cluster.resume(3);
    let place = finalised(cluster.handle(0), late).await;
    assert_eq!(finalised(cluster.handle(3), late).await, place);
}
