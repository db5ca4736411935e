//! A node's public routes of the ledger, as anybody may ask them. Nothing that they say is trusted here.

use crate::client;
use anyhow::{Context as _, bail, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use commonware_codec::{Encode, Read};
use salus_gateway::chain::HEADERS_COUNT_MAX;
use salus_types::organisation::Organisation;
use salus_types::proof::{CertifiedHeader, HANDOVERS_MAX, Handover};
use salus_types::state::{OrganisationEntry, StateKey};
use salus_types::{Bounded, decode_canonical};
use serde::Deserialize;
use std::time::Duration;

/// How often the newest block's certificate is asked for: it may come a moment after the block.
const CERTIFICATE_TRIES: u32 = 20;
/// How long between two asks.
const CERTIFICATE_POLL: Duration = Duration::from_millis(250);

/// A node's public routes.
pub(crate) struct PublicNode {
    http: reqwest::Client,
    base: String,
}

#[derive(Deserialize)]
struct StateProof {
    height: u64,
    #[serde(default)]
    value: Option<String>,
    proof: String,
}

/// The newest block.
#[derive(Deserialize)]
pub(crate) struct Head {
    pub(crate) height: u64,
}

/// The running epoch.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Epoch {
    pub(crate) epoch: u64,
    pub(crate) first_height: u64,
    /// Encoded entries, base64.
    members: Vec<String>,
}

impl Epoch {
    /// The members.
    pub(crate) fn members(&self) -> anyhow::Result<Vec<Organisation>> {
        let member = |text: &String| -> anyhow::Result<Organisation> {
            let entry: OrganisationEntry = decode_canonical(&BASE64.decode(text)?)?;
            Ok(entry.organisation)
        };
        self.members.iter().map(member).collect()
    }
}

/// A value, if there is one, its proof, and the block whose state it is in.
pub(crate) type ProvenState = (Option<Vec<u8>>, Vec<u8>, CertifiedHeader);

impl PublicNode {
    /// The routes below a URL.
    pub(crate) fn new(url: &str) -> anyhow::Result<Self> {
        Ok(Self { http: client::http()?, base: url.trim_end_matches('/').to_owned() })
    }

    pub(crate) async fn head(&self) -> anyhow::Result<Head> {
        client::json(self.get("/ledger/head").await?).await
    }

    pub(crate) async fn epoch(&self) -> anyhow::Result<Epoch> {
        client::json(self.get("/ledger/epoch").await?).await
    }

    pub(crate) async fn state_proof(&self, key: &StateKey) -> anyhow::Result<ProvenState> {
        let path = format!("/ledger/state/{}/proof", key.0);
        let answer: StateProof = client::json(self.get(&path).await?).await?;
        let value = answer.value.map(|value| BASE64.decode(value)).transpose()?;
        Ok((value, BASE64.decode(answer.proof)?, self.certified(answer.height).await?))
    }

    pub(crate) async fn certified(&self, height: u64) -> anyhow::Result<CertifiedHeader> {
        ensure!(height > 0, "the ledger has no block after genesis yet");
        for _ in 0..CERTIFICATE_TRIES {
            let path = format!("/ledger/headers?from={height}&count=1");
            let page: Bounded<CertifiedHeader, { HEADERS_COUNT_MAX as usize }> = self.decoded(&path).await?;
            if let Some(block) = page.into_inner().into_iter().next() {
                return Ok(block);
            }
            tokio::time::sleep(CERTIFICATE_POLL).await;
        }
        bail!("the node has no certificate for block {height} yet")
    }

    /// A page of certified headers from a height on.
    pub(crate) async fn headers(&self, from: u64) -> anyhow::Result<Vec<CertifiedHeader>> {
        let path = format!("/ledger/headers?from={from}&count={HEADERS_COUNT_MAX}");
        let page: Bounded<CertifiedHeader, { HEADERS_COUNT_MAX as usize }> = self.decoded(&path).await?;
        Ok(page.into_inner())
    }

    pub(crate) async fn handovers(&self) -> anyhow::Result<Vec<Handover>> {
        let handovers: Bounded<Handover, HANDOVERS_MAX> = self.decoded("/ledger/handovers").await?;
        Ok(handovers.into_inner())
    }

    async fn decoded<T: Read<Cfg = ()> + Encode>(&self, path: &str) -> anyhow::Result<T> {
        let bytes = client::bytes(self.get(path).await?).await?;
        decode_canonical(&bytes).context("the node gave a malformed answer")
    }

    async fn get(&self, path: &str) -> anyhow::Result<reqwest::Response> {
        let url = format!("{}{path}", self.base);
        self.http.get(&url).send().await.with_context(|| format!("cannot reach `{url}`"))
    }
}
