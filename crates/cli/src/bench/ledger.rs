//! Transactions through four nodes: grants, each signed by a key of its own, handed in at all nodes in turn.
//!
//! A transaction counts when the node at which it was handed in has applied its final block, as that node's public
//! event stream says.

use super::Extent;
use super::figure::{Figure, percentile};
use super::stage::Stage;
use crate::client;
use crate::clock::now_ms;
use crate::network::read_genesis;
use crate::node::ops::{self, TRANSACTIONS_COUNT_MAX};
use anyhow::{Context as _, bail};
use salus_crypto::{Digest, SigningKey, random};
use salus_types::action::Grant;
use salus_types::transaction::Transaction;
use salus_types::{Bounded, NetworkId};
use serde::Deserialize;
use std::collections::HashMap;
use std::time::{Duration, Instant};
use tokio::sync::mpsc::{Receiver, Sender, channel};

/// Transactions of the paced run: ten seconds at 100 a second.
const PACED_COUNT: usize = 1_000;
const PACED_INTERVAL: Duration = Duration::from_millis(10);
/// Transactions of a burst.
const BURST_COUNT: usize = 40_000;
/// How long a transaction may wait, in blocks.
const LIFETIME_BLOCKS: u64 = 2_000;
/// How long a grant would last.
const GRANT_PERIOD_MS: u64 = 24 * 3_600 * 1_000;
/// Blocks that wait to be counted; a stream is read no further until there is room.
const APPLIED_MAX: usize = 1_024;
/// Longest wait for the last transaction.
const PATIENCE: Duration = Duration::from_secs(120);

/// A block as the event stream tells it.
#[derive(Deserialize)]
struct Block {
    transactions: Vec<Row>,
}

#[derive(Deserialize)]
struct Row {
    id: String,
}

/// A block that a node has applied.
struct Applied {
    node: usize,
    at: Instant,
    transactions: Vec<String>,
}

pub(super) async fn measure(stage: &Stage, extent: Extent) -> anyhow::Result<Vec<Figure>> {
    let network = Network::open(stage).await?;
    let (mut p50, mut p99, mut rate) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..extent.runs {
        let mut times = paced(&network, PACED_COUNT / extent.smaller).await?;
        p50.push(percentile(&mut times, 50));
        p99.push(percentile(&mut times, 99));
    }
    for _ in 0..extent.runs {
        rate.push(burst(&network, BURST_COUNT / extent.smaller).await?);
    }
    Ok(vec![
        Figure::of("submit to applied at 100 tx/s, p50", "ms", "<= 150", p50),
        Figure::of("submit to applied at 100 tx/s, p99", "ms", "<= 400", p99),
        Figure::of("burst of 40,000 transactions, distinct signers", "tx/s", ">= 5,000", rate),
    ])
}

struct Network {
    id: NetworkId,
    ops: Vec<ops::Client>,
    ledgers: Vec<String>,
    http: reqwest::Client,
}

impl Network {
    async fn open(stage: &Stage) -> anyhow::Result<Self> {
        let report = stage.report()?;
        let id = read_genesis(&report.genesis)?.network();
        let ops = report.organisations.iter().map(|one| stage.ops(&one.id)).collect();
        let ledgers = report.organisations.iter().map(|one| one.ledger.clone()).collect();
        Ok(Self { id, ops, ledgers, http: client::http()? })
    }

    /// New grants, by keys that nobody has used.
    async fn grants(&self, count: usize) -> anyhow::Result<Vec<Transaction>> {
        let status = self.ops.first().context("no node")?.status().await?;
        let expiry_ms = now_ms()? + GRANT_PERIOD_MS;
        let make = |_| {
            let (terms, scope) = (Digest(random::bytes()), Digest(random::bytes()));
            let grant = Grant { terms, scope, expiry_ms };
            Transaction::sign(self.id, &SigningKey::generate(), status.height + LIFETIME_BLOCKS, grant)
        };
        Ok((0..count).map(make).collect())
    }

    /// Follows the blocks of some nodes; the streams are open when this returns.
    async fn follow(&self, nodes: usize) -> anyhow::Result<Receiver<Applied>> {
        let (sender, receiver) = channel(APPLIED_MAX);
        for (node, ledger) in self.ledgers.iter().enumerate().take(nodes) {
            let stream = self.http.get(format!("{ledger}/events")).send().await?.error_for_status()?;
            tokio::spawn(pump(stream, node, sender.clone()));
        }
        Ok(receiver)
    }
}

/// Reads server-sent events until nobody listens any more.
async fn pump(mut stream: reqwest::Response, node: usize, sender: Sender<Applied>) {
    let mut buffer = Vec::new();
    while let Ok(Some(chunk)) = stream.chunk().await {
        let at = Instant::now();
        buffer.extend_from_slice(&chunk);
        while let Some(end) = buffer.windows(2).position(|pair| pair == b"\n\n") {
            let event: Vec<u8> = buffer.drain(..end + 2).collect();
            let data = event.split(|byte| *byte == b'\n').find_map(|line| line.strip_prefix(b"data: "));
            let Some(Ok(block)) = data.map(serde_json::from_slice::<Block>) else { continue };
            let transactions = block.transactions.into_iter().map(|row| row.id).collect();
            if sender.send(Applied { node, at, transactions }).await.is_err() {
                return;
            }
        }
    }
}

/// Milliseconds from handing in to applied, at 100 transactions a second.
async fn paced(network: &Network, count: usize) -> anyhow::Result<Vec<f64>> {
    let transactions = network.grants(count).await?;
    let nodes = network.ops.len();
    let mut blocks = network.follow(nodes).await?;
    let mut waiting: HashMap<String, (usize, Instant)> = HashMap::new();
    let mut times = Vec::new();
    let mut ticks = tokio::time::interval(PACED_INTERVAL);
    let mut queue = transactions.into_iter().enumerate();
    while times.len() < count {
        tokio::select! {
            _ = ticks.tick(), if queue.len() > 0 => {
                let Some((number, transaction)) = queue.next() else { continue };
                let node = number % nodes;
                waiting.insert(transaction.id().to_string(), (node, Instant::now()));
                network.ops[node].submit(&Bounded::new(vec![transaction])?).await?;
            }
            applied = tokio::time::timeout(PATIENCE, blocks.recv()) => {
                let applied = applied.context("a transaction was lost")?.context("the streams ended")?;
                for id in applied.transactions {
                    let Some((node, begin)) = waiting.get(&id) else { continue };
                    if *node == applied.node {
                        times.push((applied.at - *begin).as_secs_f64() * 1e3);
                        waiting.remove(&id);
                    }
                }
            }
        }
    }
    Ok(times)
}

/// Transactions a second, from the first that is handed in to the last that is applied.
async fn burst(network: &Network, count: usize) -> anyhow::Result<f64> {
    let transactions = network.grants(count).await?;
    let mut blocks = network.follow(1).await?;
    let begin = Instant::now();
    let hand_in = async {
        let share = transactions.len().div_ceil(network.ops.len());
        let parts = transactions.chunks(share).zip(&network.ops).map(|(part, ops)| async move {
            for chunk in part.chunks(TRANSACTIONS_COUNT_MAX) {
                ops.submit(&Bounded::new(chunk.to_vec())?).await?;
            }
            anyhow::Ok(())
        });
        futures::future::try_join_all(parts).await
    };
    let applied = async {
        let mut open = count;
        while open > 0 {
            let applied = tokio::time::timeout(PATIENCE, blocks.recv()).await;
            let applied = applied.context("transactions were lost")?.context("the stream ended")?;
            if applied.transactions.len() > open {
                bail!("somebody else hands in transactions, too");
            }
            open -= applied.transactions.len();
        }
        Ok(begin.elapsed())
    };
    let (_, elapsed) = tokio::try_join!(hand_in, applied)?;
    Ok(count as f64 / elapsed.as_secs_f64())
}
