//! A network goes over to new rules, node by node, without a stop.

use crate::cluster::{Cluster, PATIENCE, finalised, reached};
use salus_ledger::{BlockContext, Executed, parameters};
use salus_node::NodeHandle;
use salus_node::contract::{LedgerRules, Prefetched, Refused, Rules};
use salus_types::Digest;
use salus_types::genesis::Parameters;
use salus_types::governance::SetParameters;
use salus_types::state::{StateKey, StateValue};
use salus_types::transaction::Transaction;
use std::ops::RangeInclusive;
use std::sync::Arc;

/// What blocks write under the second protocol, and under no other.
const MARK: StateKey = StateKey(Digest([0xaa; 32]));

/// The next version of the rules.
struct Next;

impl Rules for Next {
    fn protocols(&self) -> RangeInclusive<u32> {
        1..=2
    }

    fn execute(
        &self,
        context: BlockContext,
        transactions: &[Transaction],
        reads: &Prefetched,
    ) -> (Executed, Refused) {
        let (mut executed, refused) = LedgerRules.execute(context, transactions, reads);
        if parameters(reads).protocol == 2 {
            let height = StateValue::new(context.height.to_be_bytes().to_vec()).unwrap();
            executed.writes.push((MARK, Some(height)));
        }
        (executed, refused)
    }
}

async fn goes_on(cluster: &Cluster, tag: u64) -> u64 {
    let sent = cluster.handle(0).submit(cluster.transaction(0, tag)).await.unwrap();
    finalised(cluster.handle(0), sent).await.0
}

async fn stands_still(node: &NodeHandle) {
    tokio::time::timeout(PATIENCE, node.opened()).await.expect("it opens");
    let protocol = tokio::time::timeout(PATIENCE, node.unknown_protocol()).await;
    assert_eq!(protocol.expect("it notices"), 2);
    let epoch = node.epoch();
    assert_eq!((epoch.parameters.protocol, node.head().height), (2, epoch.first_height - 1));
    assert!(node.block(node.head().height).await.is_some(), "what it has it gives");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_network_goes_over_to_new_rules_and_who_lacks_them_stands_still_until_it_has_them() {
    let old = Parameters { epoch_blocks: 8, ..Parameters::default() };
    let mut cluster = Cluster::prepare(4, 0, old.clone());
    for number in 0..4 {
        cluster.resume(number);
    }
    goes_on(&cluster, 1).await;
    // Everybody but the last installs the new version, one after the other.
    cluster.rules = Arc::new(Next);
    for number in [2, 1, 0] {
        cluster.kill(number);
        cluster.resume(number);
        goes_on(&cluster, 10 + number as u64).await;
    }
    assert_eq!(cluster.handle(0).state(MARK).await.0, None, "the old rules are in force");
    cluster
        .decide(vec![SetParameters { parameters: Parameters { protocol: 2, ..old } }.into()], &[1, 2])
        .await;
    let height = goes_on(&cluster, 2).await;
    assert!(cluster.handle(0).state(MARK).await.0.is_some(), "the new rules are in force");

    stands_still(cluster.handle(3)).await;
    // The old version again does not help; the new one goes on where it stood.
    cluster.kill(3);
    cluster.rules = Arc::new(LedgerRules);
    cluster.resume(3);
    stands_still(cluster.handle(3)).await;
    cluster.kill(3);
    cluster.rules = Arc::new(Next);
    cluster.resume(3);
    reached(cluster.handle(3), height).await;
    assert!(cluster.handle(3).state(MARK).await.0.is_some());
}
