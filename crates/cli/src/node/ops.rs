//! What the machine's operator may do with a running node: a Unix socket in the node's folder that only the
//! node's own user can open. It registers clients and staff, makes invites, and tells how the node is doing.

mod server;

pub(crate) use server::serve;

use anyhow::{Context as _, bail};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::Request;
use hyper_util::rt::TokioIo;
use salus_gateway::practitioner::Role;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use tokio::net::UnixStream;

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
    /// Record versions that wait to be sealed.
    pub(crate) stored: u64,
    /// Record versions that are sealed and wait to be anchored.
    pub(crate) sealed: u64,
    /// Record versions that are anchored.
    pub(crate) anchored: u64,
    /// Memory of the node's process, the engine aside.
    pub(crate) resident_bytes: u64,
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

/// Asks for an invite for a patient here.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct NewInvite {
    /// FHIR Patient id.
    pub(crate) patient: String,
}

/// A joining code, or an invite's code.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Code {
    pub(crate) code: String,
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

    pub(crate) async fn status(&self) -> anyhow::Result<Status> {
        self.send(Request::get("/status").body(Full::default())?).await
    }

    /// Posts a request of this module's types.
    pub(crate) async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> anyhow::Result<T> {
        let request = Request::post(path).header("content-type", "application/json");
        self.send(request.body(Full::from(serde_json::to_vec(body)?))?).await
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
