//! Who is let in by a certificate, and whom this node trusts: over real TLS, with certificates that are not what they
//! should be.

use super::{Clinic, RESULT, feed, framed, listen, message, mllp_feed, node, said_over};
use crate::feeds::{FeedKind, FhirFeed, MllpFeed, SignIn, pull};
use crate::testing::{Node, node_with};
use crate::tls::{feed_server, public_server};
use axum::extract::Request;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::{Json, Router};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, PKCS_ECDSA_P256_SHA256,
    PKCS_ECDSA_P384_SHA384, date_time_ymd,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Who signs certificates.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: CertificateDer<'static>,
    pem: String,
}

/// A certificate and its key.
type Identity = (CertificateDer<'static>, PrivateKeyDer<'static>);

impl Authority {
    fn new() -> Self {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).expect("key");
        let mut params = CertificateParams::new(Vec::new()).expect("parameters");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "hospital");
        let certificate = params.self_signed(&key).expect("certificate");
        let (der, pem) = (certificate.der().clone(), certificate.pem());
        Self { issuer: Issuer::new(params, key), certificate: der, pem }
    }

    fn signs(&self, name: &str) -> Identity {
        self.signs_until(name, 2096)
    }

    fn signs_until(&self, name: &str, year: i32) -> Identity {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).expect("key");
        let mut params = CertificateParams::new(vec![name.to_owned()]).expect("parameters");
        (params.not_before, params.not_after) = (date_time_ymd(2001, 1, 1), date_time_ymd(year, 1, 1));
        let certificate = params.signed_by(&key, &self.issuer).expect("certificate");
        (certificate.der().clone(), PrivateKeyDer::try_from(key.serialize_der()).expect("key"))
    }
}

/// Connects as somebody, trusting one authority.
async fn connect(
    address: SocketAddr,
    trusted: &Authority,
    who: Option<Identity>,
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.certificate.clone()).expect("root");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots);
    let config = match who {
        Some((certificate, key)) => config.with_client_auth_cert(vec![certificate], key).expect("identity"),
        None => config.with_no_client_auth(),
    };
    let stream = TcpStream::connect(address).await?;
    let name = ServerName::try_from("feed.example").expect("name");
    TlsConnector::from(Arc::new(config)).connect(name, stream).await
}

#[tokio::test]
async fn messages_are_taken_of_senders_whose_certificate_is_signed_and_of_nobody_else() {
    let (node, clinic) = node(None).await;
    let (hospital, stranger) = (Authority::new(), Authority::new());
    let (certificate, key) = hospital.signs("feed.example");
    let tls = feed_server(vec![certificate], key, vec![hospital.certificate.clone()]).expect("tls");
    let settings = MllpFeed { tls: Some(Arc::new(tls)), ..mllp_feed(&["127.0.0.1"]) };
    let address = listen(&node, settings).await;
    let result = framed(&message("ORU^R01", "c1", RESULT));
    for (what, who) in [
        ("no certificate", None),
        ("a stranger's", Some(stranger.signs("lab.example"))),
        ("one that has expired", Some(hospital.signs_until("lab.example", 2002))),
    ] {
        // By TLS 1.3 a client may think that it is in until it reads.
        let said = match connect(address, &hospital, who).await {
            Ok(stream) => said_over(stream, &[&result], 1).await,
            Err(_) => Vec::new(),
        };
        assert!(said.is_empty(), "{what}");
    }
    // Somebody who speaks no TLS at all.
    let plain = TcpStream::connect(address).await.expect("connect");
    assert!(said_over(plain, &[&result], 1).await.is_empty());
    assert!(clinic.versions().is_empty());
    // A sender that trusts another authority than the node's goes away.
    assert!(connect(address, &stranger, Some(hospital.signs("lab.example"))).await.is_err());
    let lab = connect(address, &hospital, Some(hospital.signs("lab.example"))).await.expect("connect");
    assert_eq!(said_over(lab, &[&result], 1).await, ["AA"]);
    assert_eq!(clinic.all("Observation").len(), 1);
}

/// What the other FHIR server knows, and what it was shown.
#[derive(Clone, Default)]
struct Ehr {
    /// PEM of the public key that this node registered there.
    key: String,
    token_url: Arc<Mutex<String>>,
    assertions: Arc<Mutex<BTreeSet<String>>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Ehr {
    /// Serves by TLS under some certificate; its base URL.
    async fn start(&self, (certificate, key): Identity) -> String {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("port");
        listener.set_nonblocking(true).expect("nonblocking");
        let base = format!("https://localhost:{}", listener.local_addr().expect("address").port());
        *self.token_url.lock().expect("lock") = format!("{base}/token");
        let ehr = self.clone();
        let router = Router::new().fallback(move |request: Request| {
            let ehr = ehr.clone();
            async move { ehr.answer(request).await }
        });
        let tls = Arc::new(public_server(vec![certificate], key).expect("tls"));
        let tls = axum_server::tls_rustls::RustlsConfig::from_config(tls);
        let server = axum_server::from_tcp_rustls(listener, tls).expect("server");
        tokio::spawn(server.serve(router.into_make_service()));
        base
    }

    async fn answer(&self, request: Request) -> Response {
        let (head, body) = request.into_parts();
        self.asked.lock().expect("lock").push(head.uri.to_string());
        let bytes = axum::body::to_bytes(body, 1 << 20).await.expect("body");
        if head.uri.path() == "/token" {
            return match self.is_signed_in(&bytes) {
                true => {
                    Json(json!({ "access_token": "opens-it", "token_type": "bearer", "expires_in": 300 }))
                        .into_response()
                }
                false => {
                    (StatusCode::UNAUTHORIZED, Json(json!({ "error": "invalid_client" }))).into_response()
                }
            };
        }
        if head.headers.get(header::AUTHORIZATION).is_none_or(|value| value != "Bearer opens-it") {
            return StatusCode::UNAUTHORIZED.into_response();
        }
        let patient = json!({ "resourceType": "Patient", "id": "a", "meta": { "versionId": "1", "lastUpdated": "2024-01-01T00:00:00Z" }, "identifier": [{ "system": "urn:ehr", "value": "a" }] });
        Json(json!({ "resourceType": "Bundle", "type": "searchset", "entry": [{ "resource": patient }] }))
            .into_response()
    }

    /// What SMART Backend Services asks of an assertion.
    fn is_signed_in(&self, form: &[u8]) -> bool {
        let field = |name: &str| {
            form_urlencoded::parse(form).find(|(n, _)| n == name).map(|(_, value)| value.into_owned())
        };
        let assertion = field("client_assertion").expect("assertion");
        let mut rules = jsonwebtoken::Validation::new(jsonwebtoken::Algorithm::ES384);
        rules.set_audience(&[self.token_url.lock().expect("lock").as_str()]);
        rules.set_issuer(&["salus-node"]);
        rules.set_required_spec_claims(&["exp", "aud", "iss", "sub"]);
        let key = jsonwebtoken::DecodingKey::from_ec_pem(self.key.as_bytes()).expect("key");
        let Ok(read) = jsonwebtoken::decode::<Value>(assertion.as_bytes(), &key, &rules) else {
            return false;
        };
        let soon = jsonwebtoken::get_current_timestamp() + 300;
        field("grant_type").as_deref() == Some("client_credentials")
            && field("scope").as_deref() == Some("system/*.rs")
            && field("client_assertion_type").as_deref() == Some(crate::smart::ASSERTION_TYPE)
            && read.header.kid.as_deref() == Some("k1")
            && read.claims["sub"] == "salus-node"
            && read.claims["exp"].as_u64().is_some_and(|exp| exp <= soon)
            && self.assertions.lock().expect("lock").insert(read.claims["jti"].as_str().expect("jti").into())
    }
}

/// A node that asks a server, with the key in a file.
async fn asking(base: &str, key_file: PathBuf, authorities: Option<String>) -> (Node, Clinic) {
    let clinic = Clinic::default();
    let address = clinic.start().await;
    let kind = FeedKind::Fhir(Box::new(FhirFeed {
        base: format!("{base}/fhir").parse().expect("url"),
        types: vec!["Patient".to_owned()],
        every: Duration::from_secs(3_600),
        sign_in: SignIn::PrivateKeyJwt {
            token_url: format!("{base}/token").parse().expect("url"),
            client: "salus-node".into(),
            key_id: "k1".into(),
            key_file,
            scope: "system/*.rs".into(),
        },
        authorities: authorities.map(String::into_bytes),
    }));
    let node = node_with(|config| {
        config.engine = crate::engine::EngineAddress::Tcp(address);
        config.feeds = vec![feed("ehr", kind)];
    })
    .await;
    (node, clinic)
}

async fn ask(node: &Node) -> Result<(), &'static str> {
    let feed = node.gateway.config.feeds[0].clone();
    let FeedKind::Fhir(settings) = feed.kind.clone() else { panic!("no server") };
    pull::round(&node.gateway, &feed, &settings).await
}

const NO_SIGN_IN: &str = "this node could not sign in at the other server";
const AWAY: &str = "the other server does not answer";

#[tokio::test]
async fn a_node_signs_in_at_another_server_with_its_key_and_with_no_other() {
    let (folder, trusted) = (tempfile::tempdir().expect("folder"), Authority::new());
    let key = KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).expect("key");
    let ehr = Ehr { key: key.public_key_pem(), ..Ehr::default() };
    let base = ehr.start(trusted.signs("localhost")).await;
    let file = folder.path().join("ehr.key");
    let (node, clinic) = asking(&base, file.clone(), Some(trusted.pem.clone())).await;
    assert_eq!(ask(&node).await, Err(NO_SIGN_IN), "no key");
    let other = KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).expect("key");
    std::fs::write(&file, other.serialize_pem()).expect("file");
    assert_eq!(ask(&node).await, Err(NO_SIGN_IN), "a key that is not registered");
    std::fs::write(&file, "no key").expect("file");
    assert_eq!(ask(&node).await, Err(NO_SIGN_IN), "no key at all");
    assert!(clinic.versions().is_empty());
    assert!(ehr.asked.lock().expect("lock").iter().all(|url| url == "/token"), "nothing without a token");
    // The key is read at every round, so that it can be changed while the node runs; each assertion works once.
    std::fs::write(&file, key.serialize_pem()).expect("file");
    ask(&node).await.expect("asked");
    ask(&node).await.expect("asked");
    assert_eq!((clinic.all("Patient").len(), ehr.assertions.lock().expect("lock").len()), (1, 2));
}

#[tokio::test]
async fn a_server_whose_certificate_is_not_signed_or_has_expired_is_shown_nothing() {
    let (folder, trusted, stranger) =
        (tempfile::tempdir().expect("folder"), Authority::new(), Authority::new());
    let key = KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).expect("key");
    let file = folder.path().join("ehr.key");
    std::fs::write(&file, key.serialize_pem()).expect("file");
    for (what, identity, authorities) in [
        ("a stranger's", stranger.signs("localhost"), Some(trusted.pem.clone())),
        ("expired", trusted.signs_until("localhost", 2002), Some(trusted.pem.clone())),
        ("for another name", trusted.signs("ehr.example"), Some(trusted.pem.clone())),
        ("not known to the system", trusted.signs("localhost"), None),
    ] {
        let ehr = Ehr { key: key.public_key_pem(), ..Ehr::default() };
        let base = ehr.start(identity).await;
        let (node, clinic) = asking(&base, file.clone(), authorities).await;
        assert_eq!(ask(&node).await, Err(AWAY), "{what}");
        assert!(ehr.asked.lock().expect("lock").is_empty() && clinic.versions().is_empty(), "{what}");
    }
}
