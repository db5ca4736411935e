use super::{PeerError, Peers, Relayed};
use crate::serve::{Listeners, serve};
use crate::testing::{Node, Party, genesis, node_of};
use crate::tls::{Identity, Pins, peer_client, peer_server};
use salus_types::OrganisationId;
use salus_types::genesis::Genesis;
use salus_types::state::OrganisationEntry;
use salus_types::vault::{CompartmentRecord, SourceAsk, SourceRequest, SourceRequestBody};
use salus_types::{Bounded, NetworkId, SigningKey};
use std::net::TcpListener;
use std::sync::Arc;
use tokio::sync::oneshot;

/// A network of two, of which hospital-a serves.
struct Network {
    node: Node,
    genesis: Arc<Genesis>,
    b: Party,
    _stop: oneshot::Sender<()>,
}

fn a() -> OrganisationId {
    "hospital-a".parse().expect("id")
}

fn again(party: &Party) -> Party {
    Party { id: party.id.clone(), key: party.key.clone(), kem: party.kem.clone(), tls: party.tls.clone() }
}

async fn network() -> Network {
    let (a, b) = (Party::new("hospital-a"), Party::new("hospital-b"));
    let (public, peer) = (TcpListener::bind("127.0.0.1:0"), TcpListener::bind("127.0.0.1:0"));
    let (public, peer) = (public.expect("port"), peer.expect("port"));
    let url = format!("https://{}", peer.local_addr().expect("address"));
    let genesis = genesis(&[(&a, &url), (&b, "https://127.0.0.1:1")]);
    let node = node_of(again(&a), genesis.clone(), |_| {}).await;
    let tls = peer_server(Arc::new(Pins::of(node.chain.clone())), a.tls.clone()).expect("tls");
    let (stop, stopped) = oneshot::channel::<()>();
    let listeners = Listeners { public, public_tls: None, peer: Some((peer, Arc::new(tls))) };
    let gateway = node.gateway.clone();
    tokio::spawn(async move {
        serve(gateway, listeners, async {
            let _ = stopped.await;
        })
        .await
    });
    Network { node, genesis, b, _stop: stop }
}

fn client(network: &Network, identity: &Identity) -> Peers {
    Peers::new(network.node.chain.clone(), &network.b.id, identity).expect("client")
}

#[tokio::test]
async fn the_certificate_says_who_calls() {
    let network = network().await;
    let peers = client(&network, &network.b.tls);
    assert_eq!(peers.status(&a()).await.expect("status").queues.sealed, 2);
    peers.compartments(&a(), &[] as &[CompartmentRecord]).await.expect("taken");
    peers.anchored(&a(), 7, 8).await.expect("taken");
    let calls = network.node.keeper.calls.lock().expect("lock").clone();
    let b = Some(network.b.id.clone());
    assert_eq!(calls, [(b.clone(), "compartments"), (b, "anchored")]);
}

#[tokio::test]
async fn a_certificate_that_is_not_pinned_is_refused() {
    let network = network().await;
    let stranger = Party::new("hospital-b");
    assert_eq!(client(&network, &stranger.tls).status(&a()).await, Err(PeerError::Away));
    assert!(network.node.keeper.calls.lock().expect("lock").is_empty());
}

#[tokio::test]
async fn a_server_that_shows_another_members_certificate_is_refused() {
    // The URL of hospital-a leads to a server with the (pinned) certificate of hospital-b.
    let (a_party, b) = (Party::new("hospital-a"), Party::new("hospital-b"));
    let listener = TcpListener::bind("127.0.0.1:0").expect("port");
    let url = format!("https://{}", listener.local_addr().expect("address"));
    let genesis = genesis(&[(&a_party, &url), (&b, "https://127.0.0.1:1")]);
    let node = node_of(again(&b), genesis.clone(), |_| {}).await;
    let tls = peer_server(Arc::new(Pins::of(node.chain.clone())), b.tls.clone()).expect("tls");
    let public = TcpListener::bind("127.0.0.1:0").expect("port");
    let listeners = Listeners { public, public_tls: None, peer: Some((listener, Arc::new(tls))) };
    tokio::spawn(serve(node.gateway.clone(), listeners, std::future::pending()));
    let peers = Peers::new(node.chain.clone(), &b.id, &b.tls).expect("client");
    assert_eq!(peers.status(&a()).await, Err(PeerError::Away));
}

#[tokio::test]
async fn a_caller_without_a_certificate_is_refused() {
    let network = network().await;
    let address =
        network.genesis.organisation(&a()).expect("member").peer_url.as_str()["https://".len()..].to_owned();
    let pins = Arc::new(Pins::of(network.node.chain.clone()));
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let bare = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .expect("versions")
        .dangerous()
        .with_custom_certificate_verifier(pins.clone())
        .with_no_client_auth();
    let with = peer_client(pins, network.b.tls.clone()).expect("config");
    for (config, answered) in [(bare, false), (with, true)] {
        assert_eq!(speaks(&address, config).await, answered);
    }
}

/// Whether the server answers a plain request over this TLS.
async fn speaks(address: &str, config: rustls::ClientConfig) -> bool {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let tcp = tokio::net::TcpStream::connect(address).await.expect("connect");
    let name = rustls::pki_types::ServerName::try_from("hospital-a").expect("name");
    let Ok(mut tls) = tokio_rustls::TlsConnector::from(Arc::new(config)).connect(name, tcp).await else {
        return false;
    };
    let request = b"GET /peer/status HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
    let mut answer = Vec::new();
    let sent = tls.write_all(request).await.is_ok() && tls.flush().await.is_ok();
    sent && tls.read_to_end(&mut answer).await.is_ok() && answer.starts_with(b"HTTP/1.1 200")
}

#[tokio::test]
async fn the_hybrid_key_exchange_is_what_both_sides_prefer() {
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    assert_eq!(provider.kx_groups[0].name(), rustls::NamedGroup::X25519MLKEM768);
}

#[tokio::test]
async fn malformed_and_oversize_bodies_are_refused_and_reach_no_vault() {
    let network = network().await;
    let peers = client(&network, &network.b.tls);
    for (what, body, status) in [
        (Relayed::Patient, vec![], 400),
        (Relayed::Patient, vec![0xff; 1_000], 400),
        (Relayed::Patient, vec![0; crate::limits::PATIENT_BYTES_MAX + 1], 413),
        (Relayed::Enrol, vec![0; 10], 400),
        (Relayed::Enrol, vec![0; crate::limits::ENROL_BYTES_MAX + 1], 413),
        (Relayed::Mailbox, vec![1; 10], 400),
        (Relayed::Mailbox, vec![0; crate::limits::MAILBOX_BYTES_MAX + 1], 413),
    ] {
        let length = body.len();
        let answer = peers.forward(&a(), what, body.into()).await;
        let found = answer.map(|answer| answer.status().as_u16());
        // A server may close before a client has sent what it will not take.
        assert!(
            found == Ok(status) || (status == 413 && found == Err(PeerError::Away)),
            "{what:?} {length}: {found:?}"
        );
    }
    assert!(network.node.keeper.calls.lock().expect("lock").is_empty());
}

#[tokio::test]
async fn a_call_to_the_own_organisation_needs_no_connection() {
    let network = network().await;
    let own = network.node.gateway.ports.peers.clone();
    own.compartments(&a(), &[] as &[CompartmentRecord]).await.expect("taken");
    assert_eq!(network.node.keeper.count("compartments"), 1);
}

#[tokio::test]
async fn an_organisation_that_is_away_or_unknown_is_an_error_and_no_wait() {
    let network = network().await;
    let peers = &network.node.gateway.ports.peers;
    assert_eq!(peers.status(&network.b.id).await, Err(PeerError::Away));
    let nobody: OrganisationId = "nobody".parse().expect("id");
    assert_eq!(peers.status(&nobody).await, Err(PeerError::Unknown(nobody.clone())));
}

/// Lets a party be a member, at an address.
fn admit(network: &Network, party: &Party, peer_url: &str) {
    let member = OrganisationEntry { organisation: party.member(peer_url), slot: 2, since: 7 };
    network.node.chain.change_network(|network| network.members.push(member));
}

fn remove(network: &Network, id: &OrganisationId) {
    network.node.chain.change_network(|network| network.members.retain(|one| one.organisation.id != *id));
}

async fn status_for(network: &Network, party: &Party) -> Result<u64, PeerError> {
    let peers = Peers::new(network.node.chain.clone(), &party.id, &party.tls).expect("client");
    peers.status(&a()).await.map(|status| status.queues.sealed)
}

#[tokio::test]
async fn a_member_is_answered_from_its_admission_to_its_removal() {
    let (network, clinic) = (network().await, Party::new("clinic"));
    assert_eq!(status_for(&network, &clinic).await, Err(PeerError::Away));
    admit(&network, &clinic, "https://127.0.0.1:3");
    assert_eq!(status_for(&network, &clinic).await, Ok(2));
    assert_eq!(status_for(&network, &network.b).await, Ok(2), "others as before");
    remove(&network, &clinic.id);
    assert_eq!(status_for(&network, &clinic).await, Err(PeerError::Away));
    assert_eq!(status_for(&network, &network.b).await, Ok(2), "others as before");
}

#[tokio::test]
async fn a_connection_that_outlives_its_membership_is_refused() {
    let network = network().await;
    let peers = client(&network, &network.b.tls);
    peers.compartments(&a(), &[] as &[CompartmentRecord]).await.expect("taken");
    remove(&network, &network.b.id);
    let refused = peers.compartments(&a(), &[] as &[CompartmentRecord]).await;
    assert!(matches!(&refused, Err(PeerError::Refused { status: 403, .. })), "{refused:?}");
    assert_eq!(network.node.keeper.count("compartments"), 1);
}

#[tokio::test]
async fn a_certificate_counts_until_it_is_replaced_and_then_the_new_one() {
    let network = network().await;
    let renewed = Party { tls: Party::new("hospital-b").tls, ..again(&network.b) };
    let peers = client(&network, &network.b.tls);
    assert_eq!(peers.status(&a()).await.expect("status").queues.sealed, 2);
    assert_eq!(status_for(&network, &renewed).await, Err(PeerError::Away));
    network.node.chain.change_network(|view| view.members[1].organisation = renewed.member("https://x:1"));
    assert_eq!(status_for(&network, &renewed).await, Ok(2));
    assert_eq!(status_for(&network, &network.b).await, Err(PeerError::Away));
    let kept = peers.status(&a()).await;
    assert!(matches!(&kept, Err(PeerError::Refused { status: 403, .. })), "an open connection: {kept:?}");
}

#[tokio::test]
async fn a_certificate_that_two_members_name_is_nobodys() {
    let network = network().await;
    let thief = Party { tls: network.b.tls.clone(), ..Party::new("thief") };
    assert_eq!(status_for(&network, &network.b).await, Ok(2));
    admit(&network, &thief, "https://127.0.0.1:3");
    assert_eq!(status_for(&network, &network.b).await, Err(PeerError::Away));
}

#[tokio::test]
async fn calls_follow_a_members_address_and_certificate() {
    let (network, a_id) = (network().await, a());
    let url = network.genesis.organisation(&a_id).expect("member").peer_url.as_str().to_owned();
    let moved = |party: &Party, url: &str| {
        let organisation = party.member(url);
        network.node.chain.change_network(move |view| view.members[0].organisation = organisation);
    };
    let (peers, party) = (client(&network, &network.b.tls), &network.node.party);
    assert!(peers.status(&a_id).await.is_ok());
    moved(party, "https://127.0.0.1:1");
    assert_eq!(peers.status(&a_id).await, Err(PeerError::Away), "nobody there");
    moved(party, &url);
    assert!(peers.status(&a_id).await.is_ok());
    moved(&Party::new("hospital-a"), &url);
    assert_eq!(peers.status(&a_id).await, Err(PeerError::Away), "another certificate there");
    moved(party, "/nowhere");
    assert_eq!(peers.status(&a_id).await, Err(PeerError::Unknown(a_id.clone())), "no address");
    remove(&network, &a_id);
    assert_eq!(peers.status(&a_id).await, Err(PeerError::Unknown(a_id.clone())), "no member");
    moved(&network.b, &url);
    assert_eq!(peers.status(&a_id).await, Err(PeerError::Unknown(a_id.clone())), "still none");
}

/// A request of hospital-b to hospital-a.
fn source_request(network: &Network, ask: SourceAsk) -> SourceRequest {
    let body = SourceRequestBody {
        network: NetworkId(salus_types::Digest([1; 32])),
        source: network.b.id.clone(),
        audience: a(),
        ask,
        sequence: 3,
        generation: 4,
        time_ms: 5,
        nonce: [6; 16],
        versions: Bounded::default(),
    };
    SourceRequest::sign(body, &SigningKey::from_seed(&[1; 32]))
}

#[tokio::test]
async fn a_custodian_that_has_left_may_be_asked_for_what_it_holds_and_to_destroy_it() {
    let network = network().await;
    let member = network.genesis.organisation(&a()).expect("member").clone();
    let (give_back, destroy) =
        (source_request(&network, SourceAsk::Release), source_request(&network, SourceAsk::Destroy));
    // The caller's node has seen hospital-a leave; hospital-a's own may not have.
    let chain = node_of(again(&network.b), network.genesis.clone(), |_| {}).await.chain.clone();
    let peers = Peers::new(chain.clone(), &network.b.id, &network.b.tls).expect("client");
    for left in [false, true] {
        if left {
            chain.change_network(|view| view.members.retain(|one| one.organisation.id != a()));
            assert_eq!(peers.status(&a()).await, Err(PeerError::Unknown(a())), "for nothing else");
        }
        let receipt = peers.destroy(&member, &destroy).await.expect("a receipt");
        assert_eq!((receipt.custodian, receipt.sequence, receipt.generation), (a(), 3, 4));
        let refused = peers.give_back(&member, &give_back).await;
        assert!(matches!(&refused, Err(PeerError::Refused { status: 403, .. })), "{refused:?}");
    }
    let calls = network.node.keeper.calls.lock().expect("lock").clone();
    let b = Some(network.b.id.clone());
    assert_eq!(
        calls,
        [(b.clone(), "destroy"), (b.clone(), "give back"), (b.clone(), "destroy"), (b, "give back")]
    );
    // With another certificate it is somebody else.
    let other = Party::new("hospital-a").member(member.peer_url.as_str());
    assert_eq!(peers.destroy(&other, &destroy).await, Err(PeerError::Away));
}

#[tokio::test]
async fn a_node_whose_organisation_is_no_member_opens_and_answers() {
    let stranger = Party::new("stranger");
    let (one, other) = (Party::new("hospital-a"), Party::new("hospital-b"));
    let genesis = genesis(&[(&one, "https://127.0.0.1:1"), (&other, "https://127.0.0.1:2")]);
    let node = node_of(stranger, genesis, |_| {}).await;
    assert!(node.gateway.membership().is_none());
    let browser = crate::testing::Browser::default();
    for path in ["/ledger/organisations", "/ledger/head", "/ledger/handovers"] {
        assert_eq!(browser.get(&node, path).await.status.as_u16(), 200, "{path}");
    }
}
