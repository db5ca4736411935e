//! A node's public routes as a patient's device uses them.

use crate::client;
use anyhow::{Context as _, bail};
use commonware_codec::{Encode, Read};
use salus_types::organisation::Organisation;
use salus_types::proof::{ANCHORS_PER_PROOF_MAX, AnchorProofs, BatchId};
use salus_types::state::StateKey;
use salus_types::transaction::Transaction;
use salus_types::vault::{PatientRequest, ProxyRequest, SealedEnvelope};
use salus_types::{Bounded, OrganisationId, decode_canonical};
use serde::Deserialize;
use std::time::Duration;

/// How long a transaction may take to become final.
const FINAL_TIMEOUT_S: u64 = 30;
/// How long another organisation's node may lag behind before that is said.
const REACH_TIMEOUT: Duration = Duration::from_secs(10);
/// How often it is asked how far it is.
const REACH_POLL: Duration = Duration::from_millis(20);

/// A portal's node.
pub(crate) struct Relay {
    http: reqwest::Client,
    base: String,
}

#[derive(Deserialize)]
struct Submitted {
    id: String,
}

#[derive(Deserialize)]
struct Status {
    status: String,
    #[serde(default)]
    height: u64,
    #[serde(default)]
    reason: String,
}

/// The newest final block.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Head {
    pub(crate) height: u64,
    pub(crate) time_ms: u64,
}

impl Relay {
    pub(crate) fn new(base: &str) -> anyhow::Result<Self> {
        Ok(Self { http: client::http()?, base: base.to_owned() })
    }

    async fn post(&self, path: &str, body: &impl Encode) -> anyhow::Result<Vec<u8>> {
        let request = self
            .http
            .post(format!("{}{path}", self.base))
            .header("content-type", "application/octet-stream")
            .body(body.encode().to_vec());
        client::bytes(request.send().await.context("the portal does not answer")?).await
    }

    async fn get(&self, path: &str) -> anyhow::Result<reqwest::Response> {
        self.http.get(format!("{}{path}", self.base)).send().await.context("the portal does not answer")
    }

    /// A signed request to an organisation; the answer's type depends on what was asked.
    pub(crate) async fn ask<T: Read<Cfg = ()> + Encode>(
        &self,
        to: &OrganisationId,
        request: &PatientRequest,
    ) -> anyhow::Result<T> {
        let answer = self.post(&format!("/relay/{to}/patient"), request).await?;
        decode_canonical(&answer).with_context(|| format!("`{to}` gave a malformed answer"))
    }

    /// The same of who acts for a patient.
    pub(crate) async fn ask_for<T: Read<Cfg = ()> + Encode>(
        &self,
        to: &OrganisationId,
        request: &ProxyRequest,
    ) -> anyhow::Result<T> {
        let answer = self.post(&format!("/relay/{to}/proxy"), request).await?;
        decode_canonical(&answer).with_context(|| format!("`{to}` gave a malformed answer"))
    }

    pub(crate) async fn enrol(
        &self,
        to: &OrganisationId,
        request: &SealedEnvelope,
    ) -> anyhow::Result<SealedEnvelope> {
        let answer = self.post(&format!("/relay/{to}/enrol"), request).await?;
        decode_canonical(&answer).with_context(|| format!("`{to}` gave a malformed answer"))
    }

    /// A sealed letter about the person's rights; the answer is sealed, too.
    pub(crate) async fn case(
        &self,
        to: &OrganisationId,
        letter: &SealedEnvelope,
    ) -> anyhow::Result<SealedEnvelope> {
        let answer = self.post(&format!("/relay/{to}/case"), letter).await?;
        decode_canonical(&answer).with_context(|| format!("`{to}` gave a malformed answer"))
    }

    /// A desk's code for a child, sealed; so is the answer.
    pub(crate) async fn guardian(
        &self,
        to: &OrganisationId,
        code: &SealedEnvelope,
    ) -> anyhow::Result<SealedEnvelope> {
        let answer = self.post(&format!("/relay/{to}/guardian"), code).await?;
        decode_canonical(&answer).with_context(|| format!("`{to}` gave a malformed answer"))
    }

    pub(crate) async fn mail(&self, to: &OrganisationId, letter: &SealedEnvelope) -> anyhow::Result<()> {
        self.post(&format!("/relay/{to}/mailbox"), letter).await.map(|_| ())
    }

    pub(crate) async fn head(&self) -> anyhow::Result<Head> {
        client::json(self.get("/ledger/head").await?).await
    }

    /// Submits a transaction and waits until it is final; gives the height of its block.
    pub(crate) async fn submit(&self, transaction: &Transaction) -> anyhow::Result<u64> {
        let answer = self.post("/ledger/transactions", transaction).await?;
        let submitted: Submitted = serde_json::from_slice(&answer)?;
        let path = format!("/ledger/transactions/{}?wait={FINAL_TIMEOUT_S}", submitted.id);
        let status: Status = client::json(self.get(&path).await?).await?;
        match status.status.as_str() {
            "final" => Ok(status.height),
            "rejected" => bail!("the network refuses: {}", status.reason),
            _ => bail!("the network did not confirm within {FINAL_TIMEOUT_S} seconds; it may still do so"),
        }
    }

    /// Waits until an organisation's own node has executed the block with this height; `false` if it does not
    /// say so in time.
    pub(crate) async fn reaches(&self, organisation: &Organisation, height: u64) -> bool {
        let node = Self { http: self.http.clone(), base: organisation.portal_url.as_str().to_owned() };
        let wait = async {
            while !node.head().await.is_ok_and(|head| head.height >= height) {
                tokio::time::sleep(REACH_POLL).await;
            }
        };
        tokio::time::timeout(REACH_TIMEOUT, wait).await.is_ok()
    }

    /// A state entry, if there is one.
    pub(crate) async fn state<T: Read<Cfg = ()> + Encode>(&self, key: StateKey) -> anyhow::Result<Option<T>> {
        let answer = self.get(&format!("/ledger/state/{}", key.0)).await?;
        if answer.status() == reqwest::StatusCode::NOT_FOUND {
            return Ok(None);
        }
        let bytes = client::bytes(answer).await?;
        decode_canonical(&bytes).map(Some).context("the portal gave a malformed entry")
    }

    /// The proofs of those anchors that are on the ledger.
    pub(crate) async fn anchors(&self, batches: &[BatchId]) -> anyhow::Result<AnchorProofs> {
        let batches: Bounded<BatchId, ANCHORS_PER_PROOF_MAX> = Bounded::new(batches.to_vec())?;
        let answer = self.post("/ledger/anchors", &batches).await?;
        decode_canonical(&answer).context("the portal gave a malformed proof")
    }
}
