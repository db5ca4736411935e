//! What strangers and members send that no honest node sends, over real sockets: they are closed or ignored, and the
//! others go on. See `docs/protocol/limits.md`.

use crate::cluster::{Cluster, PATIENCE, finalised, reached};
use bytes::Bytes;
use commonware_codec::Encode as _;
use commonware_p2p::{Receiver as _, Recipients, Sender as _};
use commonware_runtime::{Runner as _, Supervisor as _, tokio as runtime};
use salus_node::network::{Channels, start_sockets};
use salus_node::{SubmitError, TxStatus, keys, testing};
use salus_types::action::RegisterPatient;
use salus_types::genesis::{Genesis, Parameters};
use salus_types::transaction::Transaction;
use salus_types::{Address, Digest, NetworkId};
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::oneshot;

/// Connects from an address of no member.
async fn stranger(to: SocketAddr, number: u8) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::from(([127, 9, number, 1], 0))).unwrap();
    socket.connect(to).await.unwrap()
}

/// Returns once the other side has closed.
async fn closed(mut stream: TcpStream) {
    let mut buffer = [0; 1_024];
    let end = async { while let Ok(1..) = stream.read(&mut buffer).await {} };
    tokio::time::timeout(PATIENCE, end).await.expect("the node closes");
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_who_say_nothing_or_nonsense_are_closed_and_the_members_go_on() {
    let cluster = Cluster::start(4);
    let (address, _) = cluster.place(0);
    // A length of four gigabytes, a text of another protocol, a version byte that is none, a record of TLS.
    let said: [&[u8]; 6] = [
        b"",
        &[0xff; 64],
        &[0xff, 0xff, 0xff, 0xff, 0x0f],
        b"GET / HTTP/1.1\r\n\r\n",
        &[9; 200],
        &[0x16, 3, 1],
    ];
    let mut held = Vec::new();
    for number in 0..60 {
        let mut stream = stranger(address, number).await;
        let _ = stream.write_all(said[usize::from(number) % said.len()]).await;
        held.push(stream);
    }
    let id = cluster.handle(1).submit(cluster.transaction(1, 1)).await.unwrap();
    let place = finalised(cluster.handle(1), id).await;
    assert_eq!(finalised(cluster.handle(0), id).await, place, "while all of them are connected");
    for stream in held {
        closed(stream).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_of_another_network_is_nobodys_peer() {
    let mut cluster = Cluster::prepare(4, 0, Parameters::default());
    (0..3).for_each(|number| cluster.resume(number));
    let right = cluster.genesis.clone();
    cluster.genesis.time_ms += 1;
    cluster.resume(3);
    cluster.genesis = right;
    let id = cluster.handle(0).submit(cluster.transaction(0, 1)).await.unwrap();
    let (height, _) = finalised(cluster.handle(0), id).await;
    // A leader's turn comes to everybody several times.
    reached(cluster.handle(1), height + 8).await;
    assert_eq!(cluster.handle(3).stats().peers, 0, "its handshakes are signed for another network");
    assert_eq!(cluster.handle(3).head().height, 0);

    cluster.kill(3);
    cluster.forget(3);
    cluster.resume(3);
    assert_eq!(finalised(cluster.handle(3), id).await.0, height, "with the right genesis it is a peer");
}

/// What a member without honest software says, in order.
struct Babble {
    gossip: Vec<Bytes>,
    everywhere: Vec<Bytes>,
}

/// Runs on a thread of its own; stops when told. Says nonsense everywhere only after `go_on`.
fn babble(
    listen: SocketAddr,
    genesis: Genesis,
    said: Babble,
    go_on: oneshot::Receiver<()>,
    stop: oneshot::Receiver<()>,
) -> std::thread::JoinHandle<()> {
    let folder = tempfile::tempdir().unwrap();
    let config = runtime::Config::new().with_worker_threads(2).with_storage_directory(folder.path());
    std::thread::spawn(move || {
        runtime::Runner::new(config).start(|context| async move {
            let key = keys::private(&testing::signing_key(3));
            let (_, _, channels) = start_sockets(context.child("network"), listen, key, &genesis, 4);
            let Channels { votes, certificates, resolver, backfill, blocks, state, transactions } = channels;
            let (mut votes, mut heard) = votes;
            heard.recv().await.unwrap();
            let mut gossip = transactions.0;
            for message in said.gossip {
                gossip.send(Recipients::All, message, false);
            }
            go_on.await.unwrap();
            for message in said.everywhere {
                votes.send(Recipients::All, message.clone(), false);
                for mut sender in
                    [&certificates.0, &resolver.0, &backfill.0, &blocks.0, &state.0].map(Clone::clone)
                {
                    sender.send(Recipients::All, message.clone(), false);
                }
            }
            let _ = stop.await;
        });
        drop(folder);
    })
}

fn register(network: NetworkId, tag: u8) -> Transaction {
    let action = RegisterPatient { address: Address(Digest([tag; 32])) };
    Transaction::sign(network, &testing::signing_key(3), 9_000, action)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_that_sends_nonsense_on_every_channel_stops_nobody() {
    let mut cluster = Cluster::prepare(4, 0, Parameters::default());
    (0..3).for_each(|number| cluster.resume(number));
    let network = cluster.genesis.network();
    let (foreign, mut forged, good) =
        (register(NetworkId(Digest([9; 32])), 1), register(network, 2), register(network, 3));
    forged.valid_until += 1;
    let mut gossip = vec![Bytes::from_static(&[0xff; 100]), Bytes::new(), Bytes::from(vec![0; 200_000])];
    gossip.push(vec![foreign.clone(), forged.clone()].encode());
    gossip.push(vec![good.clone()].encode());
    let everywhere =
        (0..40_u8).map(|number| Bytes::from(vec![number; 1 + usize::from(number) * 50])).collect();
    let ((go_on, going), (stop, stopped)) = (oneshot::channel(), oneshot::channel());
    let said = Babble { gossip, everywhere };
    let thread = babble(cluster.place(3).0, cluster.genesis.clone(), said, going, stopped);

    let (height, _) = finalised(cluster.handle(0), good.id()).await;
    for transaction in [&foreign, &forged] {
        // The pool has had them before the good one.
        let status = cluster.handle(0).status(transaction.id()).await;
        assert_eq!(status, TxStatus::Unknown);
    }
    go_on.send(()).unwrap();
    reached(cluster.handle(0), height + 8).await;
    let id = cluster.handle(1).submit(cluster.transaction(1, 7)).await.unwrap();
    for node in cluster.running() {
        finalised(node, id).await;
    }
    stop.send(()).unwrap();
    thread.join().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_of_another_network_is_refused_at_the_door() {
    let cluster = Cluster::start(4);
    let foreign = register(NetworkId(Digest([9; 32])), 1);
    assert!(matches!(cluster.handle(0).submit(foreign).await, Err(SubmitError::Invalid(_))));
}
