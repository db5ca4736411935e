//! Load on the network: as much as it takes, or so many transactions a second.
//!
//! A transaction counts as final when a node has applied its final block and says so to whoever follows it.

use super::network::{Network, PATIENCE};
use super::usage::Usage;
use crate::node::ops::TRANSACTIONS_COUNT_MAX;
use anyhow::{Context as _, ensure};
use salus_types::TransactionId;
use salus_types::transaction::Transaction;
use std::collections::HashMap;
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;
use tokio::sync::mpsc::Receiver;

/// Transactions on their way at once: some full blocks.
const OPEN_MAX: usize = 24_576;

/// What is handed in at each node.
pub(super) type Lists = Vec<Vec<Transaction>>;

/// How a burst went.
pub(super) struct Burst {
    /// Transactions that every node has applied.
    pub(super) count: f64,
    /// From the first that was handed in to the last that the last node applied.
    pub(super) seconds: f64,
    /// What all nodes together used for it.
    pub(super) usage: Usage,
}

impl Burst {
    /// Transactions a second.
    pub(super) fn rate(&self) -> f64 {
        self.count / self.seconds
    }
}

/// Hands all of it in as fast as the network takes it.
pub(super) async fn burst(network: &Network, lists: Lists) -> anyhow::Result<Burst> {
    let count: usize = lists.iter().map(Vec::len).sum();
    let before = Usage::now(network)?;
    let room = Semaphore::new(OPEN_MAX);
    let applied = network.follow();
    let begin = Instant::now();
    let parts = lists.into_iter().enumerate().map(|(number, list)| hand_in(network, number, list, &room));
    let (_, end) =
        tokio::try_join!(futures::future::try_join_all(parts), drain(network, count, applied, &room))?;
    let usage = Usage::now(network)? - before;
    Ok(Burst { count: count as f64, seconds: (end - begin).as_secs_f64(), usage })
}

async fn hand_in(
    network: &Network,
    number: usize,
    list: Vec<Transaction>,
    room: &Semaphore,
) -> anyhow::Result<()> {
    let node = &network.nodes[number];
    let mut list = list.into_iter();
    loop {
        let chunk: Vec<_> = list.by_ref().take(TRANSACTIONS_COUNT_MAX).collect();
        if chunk.is_empty() {
            return Ok(());
        }
        room.acquire_many(u32::try_from(chunk.len())?).await?.forget();
        let handle = node.handle.clone();
        let verdicts = node.runtime.spawn(async move { handle.submit_all(chunk) }).await?;
        verdicts.into_iter().collect::<Result<Vec<_>, _>>().context("a transaction is refused")?;
    }
}

/// Waits until every node has applied `count` transactions; each that the last node has applied makes room.
async fn drain(
    network: &Network,
    count: usize,
    mut applied: Receiver<super::network::Applied>,
    room: &Semaphore,
) -> anyhow::Result<Instant> {
    let mut done = vec![0; network.nodes.len()];
    let (mut least, mut progress) = (0, Instant::now());
    loop {
        let news = tokio::time::timeout(PATIENCE, applied.recv()).await;
        let news = news.context("nothing is final any more")?.context("the nodes have ended")?;
        done[news.node] += news.block.receipts.len();
        let now = done.iter().copied().min().unwrap_or(0);
        room.add_permits(now - least);
        // Empty blocks are no progress.
        if now > least {
            progress = news.at;
        }
        ensure!(news.at < progress + PATIENCE, "{} of {count} transactions do not become final", count - now);
        least = now;
        if least >= count {
            return Ok(news.at);
        }
    }
}

/// Milliseconds from handing in to applied at the same node, one transaction every `interval`, at all nodes in turn.
pub(super) async fn paced(network: &Network, lists: Lists, interval: Duration) -> anyhow::Result<Vec<f64>> {
    let count: usize = lists.iter().map(Vec::len).sum();
    let mut applied = network.follow();
    let mut lists: Vec<_> = lists.into_iter().map(Vec::into_iter).collect();
    let mut turns = (0..lists.len()).cycle();
    let mut handed_in = 0;
    let mut open: HashMap<TransactionId, (usize, Instant)> = HashMap::new();
    let mut times = Vec::with_capacity(count);
    let mut progress = Instant::now();
    let mut ticks = tokio::time::interval(interval);
    while times.len() < count {
        tokio::select! {
            _ = ticks.tick(), if handed_in < count => {
                let turn = turns.next().unwrap_or(0);
                let Some(transaction) = lists[turn].next() else { continue };
                handed_in += 1;
                open.insert(transaction.id(), (turn, Instant::now()));
                let handle = network.nodes[turn].handle.clone();
                network.nodes[turn].runtime.spawn(async move { handle.submit(transaction).await });
            }
            news = tokio::time::timeout(PATIENCE, applied.recv()) => {
                let news = news.context("a transaction was lost")?.context("the nodes have ended")?;
                for receipt in news.block.receipts.iter() {
                    if open.get(&receipt.transaction).is_some_and(|(node, _)| *node == news.node)
                        && let Some((_, begin)) = open.remove(&receipt.transaction)
                    {
                        times.push((news.at - begin).as_secs_f64() * 1e3);
                        progress = news.at;
                    }
                }
                ensure!(news.at < progress + PATIENCE, "{} transactions do not become final", open.len());
            }
        }
    }
    Ok(times)
}
