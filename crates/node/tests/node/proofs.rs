use crate::cluster::{Cluster, finalised};
use salus_node::certificate::Certificate;
use salus_node::{Certified, Shown, state_evidence_holds};
use salus_types::genesis::Genesis;
use salus_types::state::StateKey;
use salus_types::{Digest, PublicKey};

/// Whether those who voted at genesis certified a block.
pub(crate) fn certified(genesis: &Genesis, block: &Certified) -> bool {
    let validators: Vec<PublicKey> = genesis.validators().map(|validator| validator.node_key).collect();
    let linked = block.headers.windows(2).all(|pair| pair[1].parent == pair[0].digest());
    let last = block.headers.last().unwrap();
    linked && Certificate::decode(&block.certificate).is_ok_and(|c| c.verify(&validators, last).is_ok())
}

#[tokio::test(flavor = "multi_thread")]
async fn proofs_of_several_keys_lead_to_the_certified_state_of_one_block() {
    let cluster = Cluster::start(4);
    let node = cluster.handle(2);
    let id = cluster.handle(0).submit(cluster.transaction(0, 1)).await.unwrap();
    let (height, index) = finalised(node, id).await;
    let entry = node.block(height).await.unwrap().receipts[index as usize].entry;
    let founder = salus_types::state::key::organisation(&cluster.genesis.organisations[0].node_key);
    let keys = [(entry, true), (StateKey(Digest([9; 32])), false), (founder, true)];
    let proof = node.prove_state(&keys.map(|(key, _)| key)).await;
    assert!(certified(&cluster.genesis, &proof.block));
    assert!(proof.block.headers[0].height >= height);
    let root = proof.block.headers[0].state_root;
    assert_eq!(proof.shown.len(), keys.len());
    for ((key, present), Shown { value, evidence }) in keys.into_iter().zip(&proof.shown) {
        let value = value.as_ref();
        assert_eq!(value.is_some(), present);
        assert!(state_evidence_holds(&root, &key, value, evidence));
        assert!(!state_evidence_holds(&Digest([0; 32]), &key, value, evidence));
        assert!(!state_evidence_holds(
            &root,
            &StateKey(Digest([8; 32])),
            Some(&[1].to_vec().try_into().unwrap()),
            evidence
        ));
        for at in 0..evidence.len() {
            let mut bytes = evidence.to_vec();
            bytes[at] ^= 1;
            assert!(!state_evidence_holds(&root, &key, value, &bytes), "byte {at} may change");
        }
    }

    let headers = node.headers(1, height).await;
    assert_eq!(headers.len() as u64, height);
    assert!(headers.windows(2).all(|pair| pair[1].0.parent == pair[0].0.digest()));
}

/// Proofs of trees of many shapes, for verifiers that have no commonware.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "writes testdata/state-proofs.json anew, from a running network"]
async fn regenerate_the_state_proofs() {
    let cluster = Cluster::start(4);
    let node = cluster.handle(0);
    let mut vectors = Vec::new();
    let mut tag = 0;
    for batch in [1, 2, 4, 9, 20, 60, 150, 300] {
        let mut last = None;
        for _ in 0..batch {
            tag += 1;
            last = Some(node.submit(cluster.transaction(0, tag)).await.unwrap());
        }
        let (height, index) = finalised(node, last.unwrap()).await;
        let newest = node.block(height).await.unwrap().receipts[index as usize].entry;
        let oldest = salus_types::state::key::organisation(&cluster.genesis.organisations[0].node_key);
        for key in [newest, oldest, StateKey(Digest([0; 32])), StateKey(Digest([0xff; 32]))] {
            let proof = node.prove_state(&[key]).await;
            let (root, Shown { value, evidence }) = (proof.block.headers[0].state_root, &proof.shown[0]);
            assert!(state_evidence_holds(&root, &key, value.as_ref(), evidence));
            vectors.push(serde_json::json!({
                "root": root,
                "key": key.0,
                "value": value.as_ref().map(|value| hex::encode(&**value)),
                "proof": hex::encode(evidence),
            }));
        }
    }
    let path = "testdata/state-proofs.json";
    std::fs::write(path, serde_json::to_string_pretty(&vectors).unwrap() + "\n").unwrap();
}
