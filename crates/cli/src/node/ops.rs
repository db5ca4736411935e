//! What the machine's operator may do with a running node: a Unix socket in the node's folder that only the
//! node's own user can open. It registers clients and staff, makes invites, speaks for the organisation in the
//! network's governance, and tells how the node is doing.

mod server;

pub(crate) use server::{Copies, serve};

use anyhow::{Context as _, bail};
use bytes::Bytes;
use commonware_codec::Encode as _;
use http_body_util::{BodyExt as _, Full};
use hyper::Request;
use hyper_util::rt::TokioIo;
use salus_gateway::accounting::LogPage;
use salus_gateway::feeds::desk as feeds;
use salus_gateway::practitioner::Role;
use salus_gateway::steward::governance::{AskedChange, Governance, Proposed};
use salus_types::organisation::Organisation;
use salus_types::transaction::Transaction;
use salus_types::{AccessId, Bounded, Digest, OrganisationId, ProposalId, decode_canonical};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::net::UnixStream;

/// Most transactions handed in at once.
pub(crate) const TRANSACTIONS_COUNT_MAX: usize = 512;
/// Transactions that were signed elsewhere.
pub(crate) type Transactions = Bounded<Transaction, TRANSACTIONS_COUNT_MAX>;
/// Longest wait for an answer: registering staff waits for the ledger.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);
/// Longest wait for a status: a node that takes longer is as good as away.
const STATUS_TIMEOUT: Duration = Duration::from_secs(5);
/// Longest wait for copies of all stores.
const COPY_TIMEOUT: Duration = Duration::from_secs(6 * 3_600);

/// The socket's name in a node's folder.
pub(crate) const SOCKET_FILE: &str = "ops.sock";

/// How a node is doing.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Status {
    /// Height of the newest block that is final and applied.
    pub(crate) height: u64,
    /// Final blocks that are not applied yet.
    pub(crate) lag: u64,
    /// Peers that are connected.
    pub(crate) peers: u32,
    /// Height below which blocks may be missing here.
    pub(crate) oldest_block: u64,
    /// Rules in force that this version does not know, so that its ledger stands still; 0 if it knows them.
    pub(crate) unknown_protocol: u32,
    /// Record versions that wait to be sealed.
    pub(crate) stored: u64,
    /// Record versions that are sealed and wait to be anchored.
    pub(crate) sealed: u64,
    /// Record versions that are anchored.
    pub(crate) anchored: u64,
    /// How long the oldest record version that is not anchored has waited, in milliseconds.
    pub(crate) anchor_lag_ms: u64,
    /// Batches of record versions that other custodians are to have.
    pub(crate) batches_to_move: u64,
    /// Receipts for destroyed shares that custodians owe.
    pub(crate) receipts_missing: u64,
    /// Memory of the node's process, the engine aside.
    pub(crate) resident_bytes: u64,
}

/// What an operator who looks for a fault wants to know.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Health {
    /// Version of the program that runs.
    pub(crate) version: String,
    /// Height of the newest block that is final and applied.
    pub(crate) height: u64,
    /// Final blocks that are not applied yet.
    pub(crate) lag: u64,
    /// The running epoch.
    pub(crate) epoch: u64,
    /// Peers that are connected.
    pub(crate) peers: u32,
    /// Whether the clinical engine answers; `None` where there is none.
    pub(crate) engine: Option<bool>,
    /// Most files that the process may open; `None`: no limit.
    pub(crate) open_files_max: Option<u64>,
    /// Canonical encodings of the members, in hexadecimal digits.
    members: Vec<String>,
}

impl Health {
    /// The members of the network.
    pub(crate) fn members(&self) -> anyhow::Result<Vec<Organisation>> {
        self.members.iter().map(|text| Ok(decode_canonical(&hex::decode(text)?)?)).collect()
    }
}

/// Registers a backend client.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct NewClient {
    pub(crate) id: String,
    /// A JSON Web Key Set.
    pub(crate) jwks: serde_json::Value,
    pub(crate) scopes: String,
    pub(crate) may_assert_users: bool,
}

/// Brings somebody in who works here: the commitment goes on the ledger, and the answer is a joining code.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct NewMember {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) role: Role,
}

/// Asks for an invite for a patient here, or for a code to act for one who is a child.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct NewInvite {
    /// FHIR Patient id.
    pub(crate) patient: String,
}

/// Proposes a change of the network.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct NewProposal {
    pub(crate) change: AskedChange,
}

/// Votes on a proposal.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct NewVote {
    pub(crate) proposal: ProposalId,
    pub(crate) approve: bool,
}

/// The organisation's own entry among the members, if it is one.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Membership {
    /// Canonical encoding of the organisation, in hexadecimal digits.
    organisation: Option<String>,
}

/// A joining code, or an invite's code: a secret, so it is not shown in logs.
#[derive(Serialize, Deserialize)]
pub(crate) struct Code {
    pub(crate) code: String,
}

/// Copies of the node's stores, which are whose asked: to be deleted once they are read.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Copied {
    /// Name of their folder, in the folder of what the process keeps while it runs.
    pub(crate) folder: String,
    /// Height of the newest block that is final and applied.
    pub(crate) height: u64,
}

/// What a custodian released for an access event, as it wrote it down.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LoggedRelease {
    pub(crate) access: AccessId,
    pub(crate) to: OrganisationId,
    pub(crate) versions_root: Digest,
    pub(crate) count: u32,
    /// When it was first asked for, by the custodian's clock.
    pub(crate) time_ms: u64,
}

/// An access event of the ledger.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LedgerEvent {
    /// Its number among the events that the node has seen.
    pub(crate) number: u64,
    pub(crate) access: AccessId,
    pub(crate) organisation: OrganisationId,
    pub(crate) versions_root: Digest,
    pub(crate) count: u32,
}

/// An answer without content.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Done {}

/// Talks to a node's socket.
pub(crate) struct Client {
    socket: PathBuf,
}

impl Client {
    /// The client of the node whose folder is `home`.
    pub(crate) fn new(home: &Path) -> Self {
        Self { socket: home.join(SOCKET_FILE) }
    }

    /// Whether a process listens.
    pub(crate) async fn is_up(&self) -> bool {
        UnixStream::connect(&self.socket).await.is_ok()
    }

    /// Lets the node copy its stores.
    pub(crate) async fn copy(&self) -> anyhow::Result<Copied> {
        let answer = self.send(Request::post("/copies").body(Full::default())?);
        tokio::time::timeout(COPY_TIMEOUT, answer).await.context("the node does not answer")?
    }

    pub(crate) async fn status(&self) -> anyhow::Result<Status> {
        let answer = self.send(Request::get("/status").body(Full::default())?);
        tokio::time::timeout(STATUS_TIMEOUT, answer).await.context("the node does not answer")?
    }

    pub(crate) async fn health(&self) -> anyhow::Result<Health> {
        let answer = self.send(Request::get("/health").body(Full::default())?);
        tokio::time::timeout(STATUS_TIMEOUT, answer).await.context("the node does not answer")?
    }

    /// Hands transactions in; an answer means that the node's mempool has them all.
    pub(crate) async fn submit(&self, transactions: &Transactions) -> anyhow::Result<()> {
        let body = Full::from(transactions.encode().to_vec());
        self.send::<Done>(Request::post("/transactions").body(body)?).await.map(|Done {}| ())
    }

    /// How the feeds are doing.
    pub(crate) async fn feeds(&self) -> anyhow::Result<Vec<feeds::Shown>> {
        self.get("/feeds").await
    }

    /// What waits in a feed.
    pub(crate) async fn letters(&self, feed: &str) -> anyhow::Result<Vec<feeds::Waiting>> {
        self.get(&format!("/feeds/{feed}/letters")).await
    }

    /// One that waits, covered.
    pub(crate) async fn letter(&self, feed: &str, number: u64) -> anyhow::Result<feeds::Waiting> {
        self.get(&format!("/feeds/{feed}/letters/{number}")).await
    }

    /// Tries one again, or the oldest.
    pub(crate) async fn replay(&self, feed: &str, number: Option<u64>) -> anyhow::Result<feeds::Replayed> {
        let one = number.map_or_else(String::new, |number| format!("/letters/{number}"));
        self.post(&format!("/feeds/{feed}{one}/replay"), &Done {}).await
    }

    /// Files one that brings back what was erased.
    pub(crate) async fn restore(
        &self,
        feed: &str,
        number: u64,
        reason: String,
    ) -> anyhow::Result<feeds::Replayed> {
        self.post(&format!("/feeds/{feed}/letters/{number}/restore"), &feeds::Discard { reason }).await
    }

    /// Discards one.
    pub(crate) async fn discard(&self, feed: &str, number: u64, reason: String) -> anyhow::Result<()> {
        let body = feeds::Discard { reason };
        self.post::<Done>(&format!("/feeds/{feed}/letters/{number}/discard"), &body).await.map(|Done {}| ())
    }

    /// How the network stands, with the newest proposals whose number is below `before`.
    pub(crate) async fn governance(&self, before: Option<u64>) -> anyhow::Result<Governance> {
        let query = before.map_or_else(String::new, |before| format!("?before={before}"));
        self.get(&format!("/governance{query}")).await
    }

    /// Lets the node propose a change.
    pub(crate) async fn propose(&self, change: AskedChange) -> anyhow::Result<Proposed> {
        self.post("/governance/proposals", &NewProposal { change }).await
    }

    /// Lets the node vote.
    pub(crate) async fn vote(&self, proposal: ProposalId, approve: bool) -> anyhow::Result<()> {
        self.post::<Done>("/governance/votes", &NewVote { proposal, approve }).await.map(|Done {}| ())
    }

    /// The organisation as a member, if it is one.
    pub(crate) async fn membership(&self) -> anyhow::Result<Option<Organisation>> {
        let Membership { organisation } = self.get("/membership").await?;
        let decode = |text: String| Ok(decode_canonical(&hex::decode(text)?)?);
        organisation.map(decode).transpose()
    }

    /// What the node released for access events, a page at a time, after a release of an earlier page.
    pub(crate) async fn releases(&self, after: Option<&LoggedRelease>) -> anyhow::Result<Vec<LoggedRelease>> {
        let query = after.map_or_else(String::new, |last| {
            format!("?access={}&versions={}", last.access, last.versions_root)
        });
        self.get(&format!("/releases{query}")).await
    }

    /// The access events that the node has seen on the ledger, newest first, a page at a time.
    pub(crate) async fn access_events(&self, before: Option<u64>) -> anyhow::Result<Vec<LedgerEvent>> {
        let query = before.map_or_else(String::new, |before| format!("?before={before}"));
        self.get(&format!("/access-events{query}")).await
    }

    /// The lines of the access log after an entry, a page at a time; an empty page ends it, with the proofs of its anchors.
    pub(crate) async fn access_log(&self, after: u64) -> anyhow::Result<LogPage> {
        self.get(&format!("/access-log?after={after}")).await
    }

    async fn get<T: DeserializeOwned>(&self, path: &str) -> anyhow::Result<T> {
        let answer = self.send(Request::get(path).body(Full::default())?);
        tokio::time::timeout(ANSWER_TIMEOUT, answer).await.context("the node does not answer")?
    }

    /// Posts a request of this module's types.
    pub(crate) async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> anyhow::Result<T> {
        let request = Request::post(path).header("content-type", "application/json");
        let answer = self.send(request.body(Full::from(serde_json::to_vec(body)?))?);
        tokio::time::timeout(ANSWER_TIMEOUT, answer).await.context("the node does not answer")?
    }

    async fn send<T: DeserializeOwned>(&self, mut request: Request<Full<Bytes>>) -> anyhow::Result<T> {
        request.headers_mut().insert("host", "node".parse()?);
        let stream = UnixStream::connect(&self.socket).await.context("the node is not running")?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        let response = sender.send_request(request).await?;
        let status = response.status();
        let body = response.into_body().collect().await?.to_bytes();
        if !status.is_success() {
            let error: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
            bail!("{}", error["message"].as_str().unwrap_or("the node refused"));
        }
        serde_json::from_slice(&body).context("the node gave a malformed answer")
    }
}
