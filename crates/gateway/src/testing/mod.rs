//! What tests of this crate share: a chain, a clinic, passkeys, and a gateway made of them.

pub(crate) mod chain;
pub(crate) mod clinic;
pub(crate) mod emergencies;
pub(crate) mod erasures;
pub(crate) mod keeper;
pub(crate) mod logs;
pub(crate) mod passkey;
mod votes;

use crate::engine::EngineAddress;
use crate::erasure::NoErasures;
use crate::peer::{Peers, make_certificate};
use crate::state::{Config, Gateway, Ports};
use crate::tls::Identity;
use crate::vault::NoVault;
use axum::body::Body;
use axum::http::{Method, Request, Response, StatusCode, header};
use chain::FakeChain;
use emergencies::FakeEmergencies;
use keeper::FakeKeeper;
use salus_crypto::hash::sha256;
use salus_crypto::hpke::HpkePrivateKey;
use salus_crypto::sign::SigningKey;
use salus_types::OrganisationId;
use salus_types::genesis::{Genesis, Parameters};
use salus_types::organisation::{Class, Organisation};
use serde_json::Value;
use std::sync::Arc;
use tower::ServiceExt as _;

/// The origin of every gateway in tests.
pub(crate) const ORIGIN: &str = "http://localhost:8001";

/// One organisation with all its secrets.
pub(crate) struct Party {
    pub(crate) id: OrganisationId,
    pub(crate) key: Arc<SigningKey>,
    pub(crate) kem: Arc<HpkePrivateKey>,
    pub(crate) tls: Identity,
}

impl Party {
    pub(crate) fn new(id: &str) -> Self {
        let id: OrganisationId = id.parse().expect("id");
        let (certificate, key) = make_certificate().expect("certificate");
        let tls = Identity { certificate: certificate.into(), key: key.try_into().expect("key") };
        Self { id, key: Arc::new(SigningKey::generate()), kem: Arc::new(HpkePrivateKey::generate()), tls }
    }

    pub(crate) fn member(&self, peer_url: &str) -> Organisation {
        Organisation {
            id: self.id.clone(),
            name: salus_types::Text::new(format!("The {}", self.id)).expect("name"),
            class: Class::Provider,
            validator: true,
            custodian: true,
            node_key: self.key.public(),
            kem_key: self.kem.public().0.to_vec().try_into().expect("key"),
            tls_certificate: sha256(&self.tls.certificate),
            ledger_address: salus_types::Text::new("127.0.0.1:1").expect("address"),
            peer_url: salus_types::Text::new(peer_url).expect("url"),
            portal_url: salus_types::Text::new(ORIGIN).expect("url"),
        }
    }
}

/// The genesis of some parties, with the URLs where their nodes answer.
pub(crate) fn genesis(parties: &[(&Party, &str)]) -> Arc<Genesis> {
    let mut organisations: Vec<_> = parties.iter().map(|(party, url)| party.member(url)).collect();
    organisations.sort_by(|a, b| a.id.cmp(&b.id));
    Arc::new(Genesis {
        name: salus_types::Text::new("test").expect("name"),
        time_ms: 1,
        parameters: Parameters::default(),
        organisations: organisations.try_into().expect("few"),
    })
}

/// A gateway of hospital-a with a fake chain, a fake vault and a fake clinic.
pub(crate) struct Node {
    pub(crate) gateway: Gateway,
    pub(crate) chain: Arc<FakeChain>,
    pub(crate) keeper: Arc<FakeKeeper>,
    pub(crate) emergencies: Arc<FakeEmergencies>,
    pub(crate) party: Party,
    _folder: tempfile::TempDir,
}

/// A node of its own.
pub(crate) async fn node() -> Node {
    node_with(|_| {}).await
}

/// A node of its own with other limits.
pub(crate) async fn node_with(change: impl FnOnce(&mut Config)) -> Node {
    let (party, other) = (Party::new("hospital-a"), Party::new("hospital-b"));
    let genesis = genesis(&[(&party, "https://127.0.0.1:1"), (&other, "https://127.0.0.1:2")]);
    node_of(party, genesis, change).await
}

/// The node of a party in a network.
pub(crate) async fn node_of(party: Party, genesis: Arc<Genesis>, change: impl FnOnce(&mut Config)) -> Node {
    node_with_ports(party, genesis, change, |_| {}).await
}

/// The same with other ports.
pub(crate) async fn node_with_ports(
    party: Party,
    genesis: Arc<Genesis>,
    change: impl FnOnce(&mut Config),
    change_ports: impl FnOnce(&mut Ports),
) -> Node {
    let folder = tempfile::tempdir().expect("folder");
    let mut config = Config::new(party.id.clone(), folder.path().join("gateway"), ORIGIN);
    config.demo_http = true;
    config.engine = EngineAddress::Tcp(clinic::start().await);
    config.limits.attempts_per_minute = 10_000;
    config.limits.demo_callers = 1;
    change(&mut config);
    let chain = Arc::new(FakeChain::new(&genesis));
    let keeper = Arc::new(FakeKeeper::default());
    let emergencies = Arc::new(FakeEmergencies::default());
    let mut ports = Ports {
        chain: chain.clone(),
        shared: Arc::new(NoVault),
        proofs: Arc::new(NoVault),
        emergencies: emergencies.clone(),
        erasures: Arc::new(NoErasures),
        outbox: crate::engine::OutboxReaders::default(),
        keeper: keeper.clone(),
        peers: Peers::new(chain.clone(), &party.id, &party.tls).expect("peers"),
        kem: party.kem.clone(),
        storage: Arc::new(salus_crypto::Secret32::random()),
    };
    change_ports(&mut ports);
    let gateway = Gateway::open(config, genesis, party.key.clone(), ports).expect("gateway");
    Node { gateway, chain, keeper, emergencies, party, _folder: folder }
}

/// An answer, read whole.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) cookie: Option<String>,
    pub(crate) set_cookie: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) async fn of(response: Response<Body>) -> Self {
        let (head, body) = response.into_parts();
        let set_cookie =
            head.headers.get(header::SET_COOKIE).map_or("", |value| value.to_str().expect("text"));
        let cookie = set_cookie.split(';').next().filter(|cookie| !cookie.is_empty()).map(str::to_owned);
        let body = axum::body::to_bytes(body, 64 * 1024 * 1024).await.expect("body").to_vec();
        Self { status: head.status, cookie, set_cookie: set_cookie.to_owned(), body }
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }
}

/// A browser on the portal's own page, with its cookies.
#[derive(Clone, Default)]
pub(crate) struct Browser {
    pub(crate) cookie: Option<String>,
    pub(crate) chart: Option<String>,
    /// `None`: the portal's own.
    pub(crate) origin: Option<&'static str>,
}

impl Browser {
    pub(crate) async fn send(
        &self,
        node: &Node,
        method: Method,
        path: &str,
        kind: &str,
        body: Vec<u8>,
    ) -> Answer {
        let asked = method.clone();
        let mut request = Request::builder().method(method).uri(path).header(header::CONTENT_TYPE, kind);
        let origin = self.origin.unwrap_or(ORIGIN);
        if !origin.is_empty() {
            request = request.header(header::ORIGIN, origin);
        }
        if let Some(cookie) = &self.cookie {
            request = request.header(header::COOKIE, cookie);
        }
        if let Some(chart) = &self.chart {
            request = request.header("x-salus-chart", chart);
        }
        let router = crate::public_router(node.gateway.clone());
        let request = request.body(Body::from(body)).expect("request");
        let answer = Answer::of(router.oneshot(request).await.expect("response")).await;
        crate::tests::openapi::conforms(asked.as_str(), path, answer.status.as_u16(), &answer.body);
        answer
    }

    pub(crate) async fn get(&self, node: &Node, path: &str) -> Answer {
        self.send(node, Method::GET, path, "text/plain", Vec::new()).await
    }

    pub(crate) async fn post(&self, node: &Node, path: &str, body: Value) -> Answer {
        self.send(node, Method::POST, path, "application/json", body.to_string().into_bytes()).await
    }

    pub(crate) async fn post_octets(&self, node: &Node, path: &str, body: Vec<u8>) -> Answer {
        self.send(node, Method::POST, path, crate::body::OCTETS, body).await
    }

    /// Keeps the cookie that an answer sets.
    pub(crate) fn with(mut self, answer: &Answer) -> Self {
        self.cookie = answer.cookie.clone().or(self.cookie);
        self
    }
}
