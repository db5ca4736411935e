use crate::cluster::{Cluster, chain, finalised, reached};

#[tokio::test(flavor = "multi_thread")]
async fn all_nodes_killed_at_once_resume_with_everything_that_was_final() {
    let mut cluster = Cluster::start(4);
    let mut ids = Vec::new();
    for tag in 0..20 {
        ids.push(cluster.handle(0).submit(cluster.transaction(0, tag)).await.unwrap());
    }
    let mut places = Vec::new();
    for id in &ids {
        places.push(finalised(cluster.handle(0), *id).await);
    }
    let head = cluster.handle(0).head();
    let before = chain(cluster.handle(0), head.height).await;
    for number in 0..4 {
        cluster.kill(number);
    }
    for number in 0..4 {
        cluster.resume(number);
    }
    let later = cluster.handle(1).submit(cluster.transaction(1, 100)).await.unwrap();
    let (height, _) = finalised(cluster.handle(1), later).await;
    assert!(height > head.height);
    for node in cluster.running() {
        reached(node, height).await;
        assert_eq!(chain(node, head.height).await, before);
        for (id, place) in ids.iter().zip(&places) {
            assert_eq!(finalised(node, *id).await, *place);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_was_away_catches_up_and_its_events_have_no_gap() {
    let mut cluster = Cluster::start(4);
    let first = cluster.handle(0).submit(cluster.transaction(0, 0)).await.unwrap();
    let (height, _) = finalised(cluster.handle(3), first).await;
    let mut events = cluster.handle(3).events_from(1);
    for expected in 1..=height {
        assert_eq!(events.next().await.unwrap().block.header.height, expected);
    }
    let resume_at = events.height();
    drop(events);
    cluster.kill(3);
    let mut ids = Vec::new();
    for tag in 1..50 {
        ids.push(cluster.handle(0).submit(cluster.transaction(0, tag)).await.unwrap());
    }
    let mut last = 0;
    for id in &ids {
        last = finalised(cluster.handle(0), *id).await.0.max(last);
    }
    cluster.resume(3);
    let mut events = cluster.handle(3).events_from(resume_at);
    let mut seen = Vec::new();
    for expected in resume_at..=last {
        let event = events.next().await.unwrap();
        assert_eq!(event.block.header.height, expected);
        assert_eq!(event.receipts.len(), event.block.transactions.len());
        seen.extend(event.receipts.iter().map(|receipt| receipt.transaction));
    }
    assert!(ids.iter().all(|id| seen.contains(id)));
    reached(cluster.handle(0), last).await;
    assert_eq!(chain(cluster.handle(3), last).await, chain(cluster.handle(0), last).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_is_told_to_stop_at_once_opens_and_stops() {
    let mut cluster = Cluster::start(1);
    for _ in 0..10 {
        cluster.kill(0);
        cluster.resume(0);
    }
}
