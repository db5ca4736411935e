//! API10:2023, unsafe consumption of APIs: an engine, or another organisation's node, that answers nonsense.

use super::{Ask, Attack, Clinician, Staff, System, check, own_record};
use crate::engine::fake::Fault;
use crate::peer::{PeerError, Peers};
use crate::testing::chain::FakeChain;
use crate::testing::{Party, genesis};
use crate::tls::{Pins, peer_server};
use std::sync::Arc;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

pub(super) fn attacks() -> Vec<Attack> {
    let search = || Ask::json(Staff("dr-bo"), "/staff/patients/search", "{}");
    let proof = || Ask::get(Clinician, "/fhir/Observation/anchored/$proof");
    let system = || Ask::get(System("system/*.cruds"), "/fhir/Observation/o1");
    let fault = (500, "internal");
    vec![
        ("an engine that answers with a page", own_record().engine(Fault::Html), fault, own_record()),
        ("an engine that sends callers elsewhere", own_record().engine(Fault::Redirect), fault, own_record()),
        ("an engine that sends this node elsewhere", search().engine(Fault::Redirect), fault, search()),
        ("an engine that answers with half a bundle", search().engine(Fault::Malformed), fault, search()),
        ("an engine that answers with half a record", proof().engine(Fault::Malformed), fault, proof()),
        ("an engine that answers with a page for patients", search().engine(Fault::Html), fault, search()),
        ("an engine that never stops", proof().engine(Fault::Oversize), (413, "too-large"), proof()),
        ("an engine that never stops towards a system", system().engine(Fault::Oversize), fault, system()),
        ("an engine that says nothing", own_record().engine(Fault::Silent), (504, "timeout"), own_record()),
        ("an engine that fails", proof().engine(Fault::Broken), (503, "temporarily-unavailable"), proof()),
    ]
}

/// The engine has long enough to answer, and a silent one is not waited for.
fn impatient(config: &mut crate::state::Config) {
    config.limits.engine_timeout = std::time::Duration::from_secs(1);
}

#[tokio::test]
async fn every_attack_fails_and_its_twin_succeeds() {
    check(attacks(), impatient).await;
}

/// Hospital-a's client for a hospital-b that answers every connection with these bytes.
async fn towards(answer: Vec<u8>) -> Peers {
    let (a, b) = (Party::new("hospital-a"), Party::new("hospital-b"));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("port");
    let url = format!("https://{}", listener.local_addr().expect("address"));
    let genesis = genesis(&[(&a, "https://127.0.0.1:1"), (&b, &url)]);
    let chain = Arc::new(FakeChain::new(&genesis));
    let tls = peer_server(Arc::new(Pins::of(chain.clone())), b.tls.clone()).expect("tls");
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(tls));
    tokio::spawn(async move {
        while let Ok((tcp, _)) = listener.accept().await {
            let Ok(mut tls) = acceptor.accept(tcp).await else { continue };
            let mut request = [0; 4_096];
            let _ = tls.read(&mut request).await;
            let _ = tls.write_all(&answer).await;
            let _ = tls.shutdown().await;
        }
    });
    Peers::new(chain, &a.id, &a.tls).expect("client")
}

fn http(head: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {head}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len())
        .into_bytes()
}

#[tokio::test]
async fn a_node_that_answers_nonsense_is_an_error_and_nothing_else() {
    let b = "hospital-b".parse().expect("id");
    let good = r#"{"height":1,"lag":0,"peers":1,"mempool":0,"queues":{"stored":0,"sealed":0,"anchored":0,"anchorLagMs":0}}"#;
    let refused = |status, message: &str| {
        Err(PeerError::Refused { status, code: "upstream".into(), message: message.into() })
    };
    let none = "no reason is given";
    for (case, answer, expected) in [
        ("as it should be", http("200 OK", good), Ok(1)),
        ("half", http("200 OK", &good[..20]), Err(PeerError::Malformed)),
        ("another shape", http("200 OK", "[]"), Err(PeerError::Malformed)),
        ("a page", http("200 OK\r\ncontent-type: text/html", "<script>"), Err(PeerError::Malformed)),
        ("elsewhere", http("302 Found\r\nlocation: http://169.254.169.254/", ""), refused(302, none)),
        ("a refusal in no words", http("500 No", "panicked"), refused(500, none)),
        ("a refusal without end", http("403 No", &"x".repeat(100_000)), refused(403, none)),
        ("too slow for it", http("408 Slow", ""), Err(PeerError::Timeout)),
        ("no HTTP", b"SSH-2.0\r\n\r\n".to_vec(), Err(PeerError::Away)),
        ("nothing", Vec::new(), Err(PeerError::Away)),
    ] {
        let found = towards(answer).await.status(&b).await.map(|status| status.height);
        assert_eq!(found, expected, "{case}");
    }
}
