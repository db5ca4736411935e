use crate::chain::Chain as _;
use crate::testing::{Browser, Node, node, node_with};
use crate::tests::race::{RACERS, race};
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use commonware_codec::{Encode as _, Write as _};
use futures::StreamExt as _;
use salus_crypto::sign::SigningKey;
use salus_types::action::{Action, Anchor, Grant, RegisterPatient, Revoke};
use salus_types::block::Block;
use salus_types::genesis::Genesis;
use salus_types::proof::{ANCHORS_PER_PROOF_MAX, AnchorProofs, BatchId};
use salus_types::state::OrganisationEntry;
use salus_types::transaction::{TRANSACTION_BYTES_MAX, Transaction};
use salus_types::{Address, Digest, GrantId, NetworkId, decode_canonical};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use tower::ServiceExt as _;

fn grant() -> Action {
    Grant { terms: Digest::ZERO, scope: Digest::ZERO, expiry_ms: u64::MAX }.into()
}

fn signed(node: &Node, action: Action) -> Transaction {
    Transaction::sign(node.gateway.network, &SigningKey::generate(), 100, action)
}

#[tokio::test]
async fn only_what_patients_sign_is_taken() {
    let node = node().await;
    let key = SigningKey::generate();
    let revoke = Revoke { grant: GrantId::of(&key.public()) };
    let elsewhere = Transaction::sign(NetworkId(Digest::ZERO), &key, 100, grant());
    let organisation = RegisterPatient { address: Address(Digest::ZERO) };
    let mut forged = signed(&node, grant());
    forged.valid_until += 1;
    let right = Transaction::sign(node.gateway.network, &key, 100, grant()).encode().to_vec();
    for (case, body, status) in [
        ("a grant", right.clone(), 202),
        ("the same again", right.clone(), 202),
        ("a revocation", signed(&node, revoke.into()).encode().to_vec(), 202),
        ("an organisation's action", signed(&node, organisation.into()).encode().to_vec(), 403),
        ("another network", elsewhere.encode().to_vec(), 400),
        ("a forged field", forged.encode().to_vec(), 400),
        ("cut short", right[..right.len() - 1].to_vec(), 400),
        ("one byte more", [&right[..], &[0]].concat(), 400),
        ("too large", vec![0; TRANSACTION_BYTES_MAX + 1], 413),
        ("nothing", Vec::new(), 400),
    ] {
        let answer = Browser::default().post_octets(&node, "/ledger/transactions", body).await;
        assert_eq!(answer.status.as_u16(), status, "{case}: {answer:?}");
    }
    assert_eq!(node.gateway.chain().head().height, 2, "a replay is no second block");
}

#[tokio::test]
async fn transactions_of_one_caller_are_limited() {
    let node = node_with(|config| config.limits.transactions_per_minute = 2).await;
    let mut statuses = Vec::new();
    for _ in 0..4 {
        let body = signed(&node, grant()).encode().to_vec();
        let answer = Browser::default().post_octets(&node, "/ledger/transactions", body).await;
        statuses.push(answer.status.as_u16());
    }
    assert_eq!(statuses, [202, 202, 429, 429]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_hundred_racing_copies_of_one_grant_are_one_transaction() {
    let node = Arc::new(node().await);
    let transaction = signed(&node, grant());
    let (id, body) = (transaction.id(), transaction.encode().to_vec());
    let answers = race(RACERS, |_| {
        let (node, body) = (Arc::clone(&node), body.clone());
        async move { Browser::default().post_octets(&node, "/ledger/transactions", body).await }
    })
    .await;
    for answer in &answers {
        assert_eq!((answer.status, &answer.json()["id"]), (StatusCode::ACCEPTED, &serde_json::json!(id)));
    }
    assert_eq!(node.gateway.chain().head().height, 1, "ninety-nine are no second block");
}

#[tokio::test]
async fn what_is_final_can_be_read_by_anyone() {
    let node = node().await;
    let transaction = signed(&node, grant());
    let id = transaction.id();
    Browser::default().post_octets(&node, "/ledger/transactions", transaction.encode().to_vec()).await;
    let status = Browser::default().get(&node, &format!("/ledger/transactions/{id}?wait=5")).await.json();
    assert_eq!((&status["status"], &status["height"]), (&"final".into(), &1.into()));
    let entry = status["entry"].as_str().expect("entry").to_owned();
    for (path, expected) in [
        (format!("/ledger/state/{entry}"), 200),
        (format!("/ledger/state/{entry}/proof"), 200),
        (format!("/ledger/state/{}", "00".repeat(32)), 404),
        (format!("/ledger/state/{}", "0".repeat(63)), 400),
        (format!("/ledger/transactions/{}", "00".repeat(32)), 200),
        ("/ledger/transactions/x".into(), 400),
        ("/ledger/blocks/1".into(), 200),
        ("/ledger/blocks/99".into(), 404),
        ("/ledger/blocks/-1".into(), 400),
        ("/ledger/headers?from=0&count=9".into(), 200),
        ("/ledger/headers?from=0".into(), 400),
        ("/ledger/handovers".into(), 200),
        ("/ledger/head".into(), 200),
    ] {
        assert_eq!(Browser::default().get(&node, &path).await.status.as_u16(), expected, "{path}");
    }
    let block: Block =
        decode_canonical(&Browser::default().get(&node, "/ledger/blocks/1").await.body).expect("block");
    assert_eq!(block.transactions[0].id(), id);
    let genesis: Genesis =
        decode_canonical(&Browser::default().get(&node, "/ledger/genesis").await.body).expect("genesis");
    assert_eq!(genesis.network(), node.gateway.network);
    let members = Browser::default().get(&node, "/ledger/organisations").await.json();
    assert_eq!((members.as_array().map(Vec::len), &members[0]["id"]), (Some(2), &"hospital-a".into()));
    node.chain.change_network(|network| (network.first_height, network.last_height) = (1_024, 2_047));
    let epoch = Browser::default().get(&node, "/ledger/epoch").await.json();
    assert_eq!([&epoch["epoch"], &epoch["firstHeight"], &epoch["lastHeight"]], [1, 1_024, 2_047]);
    let entry = STANDARD.decode(epoch["members"][1].as_str().expect("text")).expect("base64");
    let entry: OrganisationEntry = decode_canonical(&entry).expect("an entry");
    assert_eq!((entry.organisation, entry.slot), (genesis.organisations[1].clone(), 1));
}

#[tokio::test]
async fn anchors_are_proven_together_and_those_that_are_not_there_are_left_out() {
    let node = node().await;
    let batch = |sequence| BatchId { organisation: "hospital-a".parse().expect("id"), sequence };
    for sequence in [3, 4] {
        let organisation = batch(sequence).organisation;
        let action = Anchor { organisation, batch_root: Digest::ZERO, sequence, size_class: 1 };
        node.chain.submit(signed(&node, action.into())).expect("taken");
    }
    let ask = async |batches: &[BatchId]| {
        let mut body = vec![batches.len() as u8];
        batches.iter().for_each(|batch| batch.write(&mut body));
        Browser::default().post_octets(&node, "/ledger/anchors", body).await
    };
    let answer = ask(&[batch(4), batch(5), batch(3)]).await;
    let proofs: AnchorProofs = decode_canonical(&answer.body).expect("proofs");
    let proven: Vec<_> = proofs.anchors.iter().map(|anchor| anchor.batch.sequence).collect();
    assert_eq!(proven, [4, 3]);
    let most: Vec<_> = (0..ANCHORS_PER_PROOF_MAX as u64).map(batch).collect();
    let more: Vec<_> = (0..=ANCHORS_PER_PROOF_MAX as u64).map(batch).collect();
    for (batches, status) in [(&most[..], 200), (&more, 400), (&[], 400)] {
        assert_eq!(ask(batches).await.status.as_u16(), status, "{} batches", batches.len());
    }
    let large = Browser::default().post_octets(&node, "/ledger/anchors", vec![0; 5_000]).await;
    assert_eq!(large.status, StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn a_status_is_held_back_until_it_is_not_pending_and_no_longer() {
    let node = node().await;
    node.chain.stalled.store(true, Ordering::Relaxed);
    let began = Instant::now();
    let path = format!("/ledger/transactions/{}?wait=1", "11".repeat(32));
    let status = Browser::default().get(&node, &path).await.json();
    assert_eq!(status["status"], "pending");
    assert!(began.elapsed() >= Duration::from_secs(1));
}

async fn events(node: &Node, last: Option<&str>, wanted: usize) -> Vec<String> {
    let mut request = Request::get("/ledger/events");
    if let Some(last) = last {
        request = request.header("last-event-id", last);
    }
    let router = crate::public_router(node.gateway.clone());
    let response = router.oneshot(request.body(Body::empty()).expect("request")).await.expect("response");
    assert_eq!(response.status(), StatusCode::OK);
    let adding = node.chain.clone();
    tokio::spawn(async move {
        for _ in 0..20 {
            adding.append(Vec::new(), Vec::new());
        }
    });
    let mut stream = response.into_body().into_data_stream();
    let mut seen = Vec::new();
    while seen.len() < wanted {
        let chunk = tokio::time::timeout(Duration::from_secs(5), stream.next()).await.expect("in time");
        let text = String::from_utf8(chunk.expect("open").expect("chunk").to_vec()).expect("text");
        assert!(text.contains("event: block"), "{text}");
        seen.extend(text.lines().filter_map(|line| line.strip_prefix("id: ")).map(str::to_owned));
    }
    seen
}

#[tokio::test]
async fn a_listener_misses_no_block_even_if_it_is_slow_or_was_away() {
    for (last, first) in [(None, 4), (Some("1"), 2), (Some("99"), 4), (Some("nonsense"), 4)] {
        let node = node().await;
        for _ in 0..3 {
            node.chain.append(Vec::new(), Vec::new());
        }
        let expected: Vec<_> = (first..first + 15).map(|height: u64| height.to_string()).collect();
        assert_eq!(events(&node, last, 15).await[..15], expected, "{last:?}");
    }
}

#[tokio::test]
async fn listening_ends_with_the_node() {
    let node = node().await;
    let router = crate::public_router(node.gateway.clone());
    let request = Request::get("/ledger/events").body(Body::empty()).expect("request");
    let response = router.oneshot(request).await.expect("response");
    node.gateway.stop();
    let body = tokio::time::timeout(Duration::from_secs(5), to_bytes(response.into_body(), 1_000));
    assert!(body.await.expect("in time").is_ok());
}
