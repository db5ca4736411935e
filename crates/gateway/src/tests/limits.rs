//! The limits of `docs/protocol/limits.md`, each tried over real sockets: what lies beyond is refused or closed, and
//! others are served meanwhile. Nothing here measures time: a server that does not close makes the test hang.

use super::routes::{ANY, routes};
use super::world::World;
use crate::PeerIdentity;
use crate::limits::{EVENT_STREAMS_PER_CALLER_MAX, HEAD_BYTES_MAX, HEADERS_MAX, Limits, URL_BYTES_MAX};
use crate::serve::{Listeners, serve};
use crate::testing::Party;
use crate::tls::{Pins, peer_server, public_server};
use axum::body::{Body, Bytes};
use axum::http::{Request, header};
use futures::stream;
use std::convert::Infallible;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::oneshot;
use tower::ServiceExt as _;

/// A caller, and others.
const ONE: &str = "127.0.0.1";
const TWO: &str = "127.0.0.2";
const THREE: &str = "127.0.0.3";

/// So short that a test does not wait, and long enough for a request on this machine.
const SOON: Duration = Duration::from_millis(300);

/// A hospital that listens.
struct Served {
    public: SocketAddr,
    peer: SocketAddr,
    world: World,
    _stop: oneshot::Sender<()>,
}

fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    (listener, address)
}

async fn served_with(tls: bool, change: impl FnOnce(&mut Limits)) -> Served {
    let world = World::changed(|config| {
        config.limits.demo_callers = 1;
        change(&mut config.limits);
    })
    .await;
    let ((public, public_at), (peer, peer_at), (stop, stopped)) =
        (listener(), listener(), oneshot::channel());
    let own = Party::new("hospital-a").tls;
    let public_tls = tls.then(|| {
        let config =
            public_server(vec![own.certificate.clone()], own.key.clone_key()).expect("a configuration");
        Arc::new(config)
    });
    let pins = Arc::new(Pins::of(world.chain.clone()));
    let peer = Some((peer, Arc::new(peer_server(pins, own).expect("a configuration"))));
    let gateway = world.gateway.clone();
    tokio::spawn(async move {
        let stopped = async {
            let _ = stopped.await;
        };
        serve(gateway, Listeners { public, public_tls, peer }, stopped).await
    });
    Served { public: public_at, peer: peer_at, world, _stop: stop }
}

async fn served(change: impl FnOnce(&mut Limits)) -> Served {
    served_with(false, change).await
}

async fn connect(from: &str, to: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.bind(SocketAddr::new(from.parse().expect("an address"), 0)).expect("a free port");
    socket.connect(to).await.expect("a connection")
}

/// All that comes until the other side closes, however it does.
async fn rest(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut all = Vec::new();
    let mut buffer = [0; 16 * 1024];
    while let Ok(count @ 1..) = stream.read(&mut buffer).await {
        all.extend_from_slice(&buffer[..count]);
    }
    String::from_utf8_lossy(&all).into_owned()
}

/// Sends and gives the answer, until the other side closes.
async fn say(from: &str, to: SocketAddr, text: &[u8]) -> String {
    let mut stream = connect(from, to).await;
    // The server may have refused before it has read all.
    let _ = stream.write_all(text).await;
    rest(&mut stream).await
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
}

/// The status line's number.
fn status(answer: &str) -> &str {
    answer.split_whitespace().nth(1).unwrap_or("closed")
}

async fn head_of(from: &str, to: SocketAddr) -> String {
    say(from, to, get("/ledger/head").as_bytes()).await
}

#[tokio::test]
async fn a_head_that_is_too_large_is_refused() {
    let served = served(|_| {}).await;
    let fields = |count: usize| (0..count).map(|at| format!("x-{at}: 1\r\n")).collect::<String>();
    let with = |path: &str, fields: &str| {
        format!("GET {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n{fields}\r\n")
    };
    let long = format!("x-long: {}\r\n", "x".repeat(HEAD_BYTES_MAX));
    let path = |length: usize| format!("/ledger/head?{}", "x".repeat(length - "/ledger/head".len()));
    for (what, request, expected) in [
        ("as usual", with("/ledger/head", ""), "200"),
        ("as many fields as allowed", with("/ledger/head", &fields(HEADERS_MAX - 2)), "200"),
        ("a field too many", with("/ledger/head", &fields(HEADERS_MAX)), "431"),
        ("a head too large", with("/ledger/head", &long), "431"),
        ("a path as long as allowed", with(&path(URL_BYTES_MAX), ""), "200"),
        ("a path too long", with(&path(URL_BYTES_MAX + 1), ""), "414"),
        ("a path of a megabyte", with(&path(1 << 20), ""), "431"),
    ] {
        let answer = say(ONE, served.public, request.as_bytes()).await;
        let found = status(&answer);
        // A server that closes while more comes in resets the connection, and the answer may be lost.
        assert!(found == expected || (expected == "431" && found == "closed"), "{what}: {answer}");
    }
}

#[tokio::test]
async fn what_is_no_request_of_this_protocol_is_refused() {
    let served = served(|limits| limits.header_timeout = SOON).await;
    for (what, text) in [
        ("HTTP/0.9", "GET /ledger/head\r\n\r\n"),
        ("a version to come", "GET /ledger/head HTTP/9.0\r\nhost: a\r\n\r\n"),
        ("another protocol", "SSH-2.0-OpenSSH_9.9\r\n\r\n"),
        ("TLS where there is none", "\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}\u{0}\u{1}\r\n\r\n"),
        ("a field without a name", "GET /ledger/head HTTP/1.1\r\n: x\r\n\r\n"),
        (
            "a length twice",
            "POST /staff/signin/start HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n{}",
        ),
    ] {
        let answer = say(ONE, served.public, text.as_bytes()).await;
        assert!(["closed", "400", "505"].contains(&status(&answer)), "{what}: {answer}");
    }
    assert_eq!(status(&head_of(ONE, served.public).await), "200");
}

#[tokio::test]
async fn who_says_nothing_or_only_half_is_closed_and_others_are_served() {
    let served = served(|limits| limits.header_timeout = SOON).await;
    let mut held = Vec::new();
    for text in [
        "",
        "G",
        "GET /ledger/head HTTP/1.1\r\nhost: localhost\r\nx-slow: ",
        "PRI * HTTP",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ] {
        let mut stream = connect(ONE, served.public).await;
        stream.write_all(text.as_bytes()).await.expect("sent");
        held.push((text, stream));
    }
    assert_eq!(status(&head_of(ONE, served.public).await), "200", "served meanwhile");
    for (text, mut stream) in held {
        let answer = rest(&mut stream).await;
        assert!(!answer.contains(" 200 "), "{text:?}: {answer}");
    }
}

#[tokio::test]
async fn a_body_that_stops_coming_is_refused() {
    let served = served(|limits| limits.body_timeout = SOON).await;
    for framing in ["content-length: 100\r\n\r\n{", "transfer-encoding: chunked\r\n\r\n1\r\n{\r\n"] {
        let head = "POST /account/recovery HTTP/1.1\r\nhost: localhost\r\norigin: http://localhost:8001\r\n\
                    content-type: application/json\r\nconnection: close\r\n";
        let answer = say(ONE, served.public, format!("{head}{framing}").as_bytes()).await;
        assert_eq!(status(&answer), "408", "{framing}: {answer}");
    }
}

/// More than any public route takes.
const ENDLESS_BYTES: usize = 64 * 1024 * 1024;

#[tokio::test]
async fn a_body_that_never_ends_is_refused_while_it_comes() {
    let served = served(|_| {}).await;
    for path in ["/account/recovery", "/ledger/transactions", "/relay/hospital-a/patient", "/smart/token"] {
        let (mut reading, mut writing) = connect(ONE, served.public).await.into_split();
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: localhost\r\norigin: http://localhost:8001\r\n\
             content-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"
        );
        let sending = tokio::spawn(async move {
            let chunk = [b"10000\r\n".as_slice(), &vec![b' '; 0x10000], b"\r\n"].concat();
            let mut sent = writing.write_all(head.as_bytes()).await.map_or(0, |()| 1);
            while sent < ENDLESS_BYTES && writing.write_all(&chunk).await.is_ok() {
                sent += 0x10000;
            }
            sent
        });
        let answer = rest(&mut reading).await;
        let sent = sending.await.expect("it ends");
        assert!(sent < ENDLESS_BYTES, "{path} takes everything");
        assert!(["413", "415", "400", "closed"].contains(&status(&answer)), "{path}: {answer}");
    }
}

#[tokio::test]
async fn json_that_is_too_deep_is_refused() {
    let served = served(|_| {}).await;
    for depth in [200, 60_000] {
        let body = "[".repeat(depth);
        let request = format!(
            "POST /account/recovery HTTP/1.1\r\nhost: localhost\r\norigin: http://localhost:8001\r\n\
             content-type: application/json\r\nconnection: close\r\ncontent-length: {depth}\r\n\r\n{body}"
        );
        let answer = say(ONE, served.public, request.as_bytes()).await;
        assert_eq!(status(&answer), "400", "{depth}: {answer}");
    }
}

#[tokio::test]
async fn who_asks_too_often_is_told_when_to_come_again_and_others_are_served() {
    let served = served(|limits| limits.attempts_per_minute = 3).await;
    let request = "POST /staff/signin/start HTTP/1.1\r\nhost: localhost\r\norigin: http://localhost:8001\r\n\
                   content-type: application/json\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}";
    for _ in 0..3 {
        assert_eq!(status(&say(ONE, served.public, request.as_bytes()).await), "200");
    }
    let answer = say(ONE, served.public, request.as_bytes()).await;
    assert!(status(&answer) == "429" && answer.contains("\r\nretry-after: "), "{answer}");
    assert_eq!(status(&say(TWO, served.public, request.as_bytes()).await), "200", "another caller");
    assert_eq!(status(&head_of(ONE, served.public).await), "200", "another route");
}

/// Begins a request whose body is awaited by the server: it says so.
async fn under_way(from: &str, to: SocketAddr) -> TcpStream {
    let mut stream = connect(from, to).await;
    let head = "POST /account/recovery HTTP/1.1\r\nhost: localhost\r\norigin: http://localhost:8001\r\n\
                content-type: application/json\r\ncontent-length: 100\r\nexpect: 100-continue\r\n\r\n";
    stream.write_all(head.as_bytes()).await.expect("sent");
    let mut said = [0; 25];
    stream.read_exact(&mut said).await.expect("an interim answer");
    assert_eq!(&said, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream
}

#[tokio::test]
async fn one_caller_cannot_take_all_places_and_all_places_are_bounded() {
    let served = served(|limits| (limits.requests_max, limits.requests_per_caller_max) = (3, 2)).await;
    let own = [under_way(ONE, served.public).await, under_way(ONE, served.public).await];
    let answer = head_of(ONE, served.public).await;
    assert!(status(&answer) == "429" && answer.contains("\r\nretry-after: 1\r\n"), "{answer}");
    assert_eq!(status(&head_of(TWO, served.public).await), "200", "another caller");
    let _other = under_way(TWO, served.public).await;
    let answer = head_of(THREE, served.public).await;
    assert!(status(&answer) == "503" && answer.contains("\r\nretry-after: 1\r\n"), "{answer}");
    drop(own);
    while status(&head_of(THREE, served.public).await) != "200" {}
}

/// A connection that has been answered, and stays.
async fn kept(from: &str, to: SocketAddr) -> TcpStream {
    let mut stream = connect(from, to).await;
    stream.write_all(b"GET /ledger/head HTTP/1.1\r\nhost: a\r\n\r\n").await.expect("sent");
    let mut said = [0; 12];
    stream.read_exact(&mut said).await.expect("an answer");
    assert_eq!(&said, b"HTTP/1.1 200");
    stream
}

#[tokio::test]
async fn connections_are_bounded_for_one_caller_and_for_all() {
    let served = served(|limits| (limits.connections_max, limits.connections_per_caller_max) = (3, 2)).await;
    let own = [kept(ONE, served.public).await, kept(ONE, served.public).await];
    assert_eq!(status(&head_of(ONE, served.public).await), "closed");
    let _other = kept(TWO, served.public).await;
    assert_eq!(status(&head_of(THREE, served.public).await), "closed");
    drop(own);
    while status(&head_of(ONE, served.public).await) != "200" {}
}

#[tokio::test]
async fn streams_of_events_are_bounded_for_one_caller() {
    let served = served(|_| {}).await;
    let mut open = Vec::new();
    for _ in 0..EVENT_STREAMS_PER_CALLER_MAX {
        let mut stream = connect(ONE, served.public).await;
        stream.write_all(b"GET /ledger/events HTTP/1.1\r\nhost: a\r\n\r\n").await.expect("sent");
        let mut said = [0; 12];
        stream.read_exact(&mut said).await.expect("an answer");
        assert_eq!(&said, b"HTTP/1.1 200");
        open.push(stream);
    }
    let answer = say(ONE, served.public, get("/ledger/events").as_bytes()).await;
    assert!(status(&answer) == "503" && answer.contains("\r\nretry-after: "), "{answer}");
    let mut other = connect(TWO, served.public).await;
    other.write_all(b"GET /ledger/events HTTP/1.1\r\nhost: a\r\n\r\n").await.expect("sent");
    let mut said = [0; 12];
    other.read_exact(&mut said).await.expect("an answer");
    assert_eq!(&said, b"HTTP/1.1 200", "another caller");
}

#[tokio::test]
async fn who_takes_no_answers_is_closed() {
    let served = served(|limits| limits.write_timeout = SOON).await;
    let mut stream = connect(ONE, served.public).await;
    let request = "GET /fhir/metadata HTTP/1.1\r\nhost: a\r\n\r\n".repeat(100);
    // Answers fill what the systems keep for the reader, then requests what they keep for the writer.
    while stream.write_all(request.as_bytes()).await.is_ok() {}
    assert_eq!(status(&head_of(ONE, served.public).await), "200");
}

fn client(versions: &[&'static rustls::SupportedProtocolVersion], served: &World) -> rustls::ClientConfig {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider);
    let builder = builder.with_protocol_versions(versions).expect("versions").dangerous();
    builder
        .with_custom_certificate_verifier(Arc::new(AnyServer(Pins::of(served.chain.clone()))))
        .with_no_client_auth()
}

/// Believes every certificate: here the server judges.
#[derive(Debug)]
struct AnyServer(Pins);

impl rustls::client::danger::ServerCertVerifier for AnyServer {
    fn verify_server_cert(
        &self,
        _: &rustls::pki_types::CertificateDer<'_>,
        _: &[rustls::pki_types::CertificateDer<'_>],
        _: &rustls::pki_types::ServerName<'_>,
        _: &[u8],
        _: rustls::pki_types::UnixTime,
    ) -> Result<rustls::client::danger::ServerCertVerified, rustls::Error> {
        Ok(rustls::client::danger::ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &rustls::pki_types::CertificateDer<'_>,
        _: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        Ok(rustls::client::danger::HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &rustls::pki_types::CertificateDer<'_>,
        signed: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        rustls::client::danger::ServerCertVerifier::verify_tls13_signature(
            &self.0,
            message,
            certificate,
            signed,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<rustls::SignatureScheme> {
        rustls::client::danger::ServerCertVerifier::supported_verify_schemes(&self.0)
    }
}

/// What the server answers over TLS; `closed` if there is no connection.
async fn over_tls(to: SocketAddr, config: rustls::ClientConfig, text: &str) -> String {
    let name = rustls::pki_types::ServerName::try_from("localhost").expect("a name");
    let stream = connect(ONE, to).await;
    let connected = tokio_rustls::TlsConnector::from(Arc::new(config)).connect(name, stream).await;
    let Ok(mut stream) = connected else { return String::new() };
    let _ = stream.write_all(text.as_bytes()).await;
    let _ = stream.flush().await;
    rest(&mut stream).await
}

#[tokio::test]
async fn tls_older_than_1_3_is_refused_and_so_is_who_shakes_no_hands() {
    let served = served_with(true, |limits| {
        (limits.handshake_timeout, limits.header_timeout) = (SOON, SOON);
    })
    .await;
    let head = get("/ledger/head");
    let new = client(&[&rustls::version::TLS13], &served.world);
    assert_eq!(status(&over_tls(served.public, new.clone(), &head).await), "200");
    let old = client(&[&rustls::version::TLS12], &served.world);
    for address in [served.public, served.peer] {
        assert_eq!(over_tls(address, old.clone(), &head).await, "", "TLS 1.2");
        assert!(!say(ONE, address, head.as_bytes()).await.contains("200"), "plain HTTP");
        assert!(!say(ONE, address, b"").await.contains("200"), "nothing");
        assert!(!say(ONE, address, &[0x16, 3, 1, 0xff, 0xff]).await.contains("200"), "half a greeting");
    }
    assert_eq!(over_tls(served.public, new.clone(), "").await, "", "hands are shaken, then nothing");
    assert_eq!(over_tls(served.public, new, "PRI * HT").await, "", "half a beginning");
}

#[tokio::test]
async fn between_nodes_only_members_of_this_network_are_heard() {
    let served = served(|_| {}).await;
    let head = get("/peer/status");
    let bare = client(&[&rustls::version::TLS13], &served.world);
    assert_eq!(over_tls(served.peer, bare, &head).await, "", "no certificate");
    // A member of another network with the same short name.
    let other = Party::new("hospital-b");
    let config = crate::tls::peer_client(Arc::new(Pins::of(served.world.chain.clone())), other.tls);
    assert_eq!(
        over_tls(served.peer, config.expect("a configuration"), &head).await,
        "",
        "an unknown certificate"
    );
}

/// More than any route takes: 256 MiB is the largest batch in custody.
const EVERYTHING_BYTES: usize = 260 * 1024 * 1024;

/// How much of an endless body a router takes before it answers.
async fn taken(router: &axum::Router, request: axum::http::request::Builder) -> usize {
    let taken = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&taken);
    let piece = Bytes::from(vec![b' '; 256 * 1024]);
    let pieces = stream::unfold((), move |()| {
        let (piece, before) = (piece.clone(), counted.fetch_add(256 * 1024, Ordering::Relaxed));
        async move { (before < EVERYTHING_BYTES).then_some((Ok::<_, Infallible>(piece), ())) }
    });
    let request = request.body(Body::from_stream(pieces)).expect("a request");
    let _ = router.clone().oneshot(request).await.expect("an answer");
    taken.load(Ordering::Relaxed)
}

/// The routes that take more than `most` bytes of a body, whoever sends it.
async fn unlimited(world: &World, router: &axum::Router, most: usize) -> Vec<String> {
    let mut found = Vec::new();
    for (method, path) in routes(router).await {
        let method = if method == ANY { "POST" } else { &method };
        let place: Vec<_> =
            path.split('/').map(|part| if part.starts_with('{') { "x" } else { part }).collect();
        for caller in super::people::CALLERS {
            let mut request = Request::builder().method(method).uri(place.join("/"));
            request = request.header(header::ORIGIN, crate::testing::ORIGIN);
            let kind = if path.starts_with("/peer") { crate::body::OCTETS } else { "application/json" };
            request = request.header(header::CONTENT_TYPE, kind);
            if let Some((name, value)) = super::people::proof_of(world, caller).await {
                request = request.header(name, value);
            }
            request = request.extension(PeerIdentity("hospital-b".parse().expect("id")));
            if path == "/ledger/events" {
                continue;
            }
            let bytes = taken(router, request).await;
            if bytes > most {
                found.push(format!("{method} {path} {caller}: {bytes}"));
            }
            if path.starts_with("/peer") {
                break;
            }
        }
    }
    found
}

#[tokio::test]
async fn every_route_has_a_limit_for_its_body_and_one_without_is_found() {
    let world = World::changed(|config| config.limits.demo_callers = 1_000_000).await;
    let limits = &world.gateway.config.limits;
    let public = crate::edge::wrap(crate::public_router(world.gateway.clone()), &world.gateway.config);
    let largest = limits.fhir_bytes_max.max(limits.body_bytes_max) + 1024 * 1024;
    assert_eq!(unlimited(&world, &public, largest).await, [] as [&str; 0]);
    let peer = crate::edge::wrap(crate::peer_router(world.gateway.clone()), &world.gateway.config);
    let largest = crate::limits::CUSTODY_BYTES_MAX + 1024 * 1024;
    assert_eq!(unlimited(&world, &peer, largest).await, [] as [&str; 0]);

    let planted = axum::Router::new()
        .route("/planted", axum::routing::post(|body: Bytes| async move { body.len().to_string() }))
        .layer(axum::extract::DefaultBodyLimit::disable());
    let found = unlimited(&world, &crate::edge::wrap(planted, &world.gateway.config), 20 << 20).await;
    assert!(found.first().is_some_and(|route| route.starts_with("POST /planted")), "{found:?}");
}

#[tokio::test]
async fn a_route_between_nodes_takes_no_more_than_its_own_limit() {
    let world = World::new().await;
    let router = crate::edge::wrap(crate::peer_router(world.gateway.clone()), &world.gateway.config);
    for (path, most) in [
        ("/peer/anchored", crate::limits::ANCHORED_BYTES_MAX),
        ("/peer/compartments", crate::limits::COMPARTMENTS_BYTES_MAX),
        ("/peer/links", crate::limits::LINK_BYTES_MAX),
        ("/peer/versions", crate::limits::VERSIONS_BYTES_MAX),
        ("/peer/release", crate::limits::RELEASE_BYTES_MAX),
        ("/peer/patient", crate::limits::PATIENT_BYTES_MAX),
        ("/peer/enrol", crate::limits::ENROL_BYTES_MAX),
        ("/peer/mailbox", crate::limits::MAILBOX_BYTES_MAX),
        ("/peer/keys", crate::limits::KEYS_BYTES_MAX),
    ] {
        let request = Request::post(path).header(header::CONTENT_TYPE, "application/json");
        let request = request.extension(PeerIdentity("hospital-b".parse().expect("id")));
        let bytes = taken(&router, request).await;
        assert!(bytes <= most + 2 * 256 * 1024, "{path}: {bytes}");
    }
}
