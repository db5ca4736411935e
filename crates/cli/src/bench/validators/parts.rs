//! The parts of the report: each starts the networks that it needs and gives its figures.

use super::filled::Filled;
use super::floors::Floors;
use super::kinds::{Kind, Maker};
use super::load::{Burst, Lists, burst, paced};
use super::network::{Network, PATIENCE};
use super::{Extent, Place};
use crate::bench::figure::{Figure, percentile};
use anyhow::Context as _;
use commonware_codec::EncodeSize as _;
use salus_types::vault::batch_size;
use std::time::{Duration, Instant};

/// Transactions of a burst.
const BURST_COUNT: usize = 60_000;
/// Transactions before anything is measured: connections are open and caches warm.
const WARM_UP_COUNT: usize = 4_096;
/// Transactions of a burst of one kind.
const KIND_COUNT: usize = 16_384;
/// How long a paced run takes.
const PACED_S: usize = 10;
/// Seats of the network at which latencies, kinds and states are measured.
const SEATS: usize = 4;
/// Anchors of full batches for which the overhead is measured.
const ANCHORS: usize = 256;

/// Starts a network and warms it up.
async fn start(
    place: &Place,
    validators: usize,
    followers: usize,
    filled: Option<Filled>,
) -> anyhow::Result<(Network, Maker)> {
    let network = Network::start(&place.folder, validators, followers, filled).await?;
    let maker = Maker::new(&network)?;
    burst(&network, maker.grants(&network, WARM_UP_COUNT)).await?;
    Ok((network, maker))
}

/// Processor time, disk and wire for each transaction and validator.
struct Costs {
    processor_us: Vec<f64>,
    written: Vec<f64>,
    kept: Vec<f64>,
    sent: Vec<f64>,
}

impl Costs {
    fn of(bursts: &[Burst], validators: usize) -> Self {
        let each = |of: fn(&Burst) -> f64| {
            bursts.iter().map(|burst| of(burst) / burst.count / validators as f64).collect()
        };
        Self {
            processor_us: each(|burst| burst.usage.processor_s * 1e6),
            written: each(|burst| burst.usage.written),
            kept: each(|burst| burst.usage.kept),
            sent: each(|burst| burst.usage.sent),
        }
    }

    fn figures(self, subject: &str) -> Vec<Figure> {
        let name = |what: &str| format!("{subject}: {what} for each transaction and validator");
        vec![
            Figure::of(name("processor time"), "us", "", self.processor_us),
            Figure::of(name("written to disk"), "bytes", "", self.written),
            Figure::of(name("kept on disk"), "bytes", "", self.kept),
            Figure::of(name("sent to others"), "bytes", "", self.sent),
        ]
    }
}

/// As much as the network takes, for each number of validators.
pub(super) async fn throughput(
    place: &Place,
    extent: Extent,
    floors: &Floors,
    numbers: &[usize],
) -> anyhow::Result<Vec<Figure>> {
    let mut figures = Vec::new();
    for validators in numbers.iter().copied() {
        let bursts = bursts(place, extent, validators, None).await?;
        let rates: Vec<_> = bursts.iter().map(Burst::rate).collect();
        let floor = floors.transactions(validators);
        let shares = rates.iter().map(|rate| rate / floor * 100.0).collect();
        let goal = if validators == SEATS { ">= 16,800" } else { "" };
        let subject = format!("{validators} validators");
        figures.push(Figure::of(
            format!("{subject}: 209-byte grants, distinct signers"),
            "tx/s",
            goal,
            rates,
        ));
        figures.push(Figure::of(format!("{subject}: of what verifying signatures allows"), "%", "", shares));
        figures.extend(Costs::of(&bursts, validators).figures(&subject));
    }
    Ok(figures)
}

async fn bursts(
    place: &Place,
    extent: Extent,
    validators: usize,
    filled: Option<Filled>,
) -> anyhow::Result<Vec<Burst>> {
    let (network, maker) = start(place, validators, 0, filled).await?;
    let mut bursts = Vec::new();
    for _ in 0..extent.runs {
        let transactions = maker.grants(&network, BURST_COUNT / extent.smaller);
        bursts.push(burst(&network, transactions).await?);
    }
    network.stop()?;
    Ok(bursts)
}

/// Submit to applied, at steady rates.
pub(super) async fn latency(place: &Place, extent: Extent) -> anyhow::Result<Vec<Figure>> {
    let (network, maker) = start(place, SEATS, 0, None).await?;
    let mut figures = Vec::new();
    for (rate, p50_goal, p99_goal) in [(100, "<= 30", "<= 90"), (1_000, "<= 100", "")] {
        let (mut p50, mut p99) = (Vec::new(), Vec::new());
        for _ in 0..extent.runs {
            let transactions = maker.grants(&network, rate * PACED_S / extent.smaller);
            let interval = Duration::from_secs(1) / u32::try_from(rate)?;
            let mut times = paced(&network, transactions, interval).await?;
            p50.push(percentile(&mut times, 50));
            p99.push(percentile(&mut times, 99));
        }
        let name = |which: &str| format!("{SEATS} validators: submit to applied at {rate} tx/s, {which}");
        figures.push(Figure::of(name("p50"), "ms", p50_goal, p50));
        figures.push(Figure::of(name("p99"), "ms", p99_goal, p99));
    }
    network.stop()?;
    Ok(figures)
}

/// Each kind of transaction by itself.
pub(super) async fn kinds(place: &Place, extent: Extent) -> anyhow::Result<Vec<Figure>> {
    let (network, maker) = start(place, SEATS, 0, None).await?;
    let mut figures = Vec::new();
    for kind in Kind::ALL {
        let script = maker.script(&network, kind, KIND_COUNT / extent.smaller)?;
        for before in script.before {
            burst(&network, before).await?;
        }
        let example = script.measured.iter().flatten().next().context("no transaction")?;
        let (name, bytes) = (example.action.name(), example.encode_size());
        let count: usize = script.measured.iter().map(Vec::len).sum();
        let outcome = burst(&network, script.measured).await?;
        let subject = format!("{name} ({bytes} bytes; {count} of them)");
        figures.push(Figure::of(format!("{subject}: rate"), "tx/s", "", vec![outcome.rate()]));
        figures.extend(Costs::of(&[outcome], SEATS).figures(&subject));
    }
    network.stop()?;
    Ok(figures)
}

/// The same burst above a state with many entries and above an empty one.
pub(super) async fn states(place: &Place, extent: Extent, keys: &[u64]) -> anyhow::Result<Vec<Figure>> {
    let mut figures = Vec::new();
    for count in keys.iter().copied() {
        let filled = Filled::open(&place.cache, count)?;
        let (mut full, mut empty) = (Vec::new(), Vec::new());
        full.extend(bursts(place, extent, SEATS, Some(filled)).await?.iter().map(Burst::rate));
        empty.extend(bursts(place, extent, SEATS, None).await?.iter().map(Burst::rate));
        let name = format!("{SEATS} validators, {count} entries in the state");
        let full = Figure::of(format!("{name}: 209-byte grants"), "tx/s", "", full);
        let empty = Figure::of("", "", "", empty);
        let share = full.median / empty.median * 100.0;
        figures.push(full);
        figures.push(Figure::of(format!("{name}: of the same with none"), "%", ">= 80", vec![share]));
    }
    Ok(figures)
}

/// From the start of a node with an empty disk until it has the newest block, the state's proofs included.
pub(super) async fn sync(place: &Place, extent: Extent, keys: u64) -> anyhow::Result<Vec<Figure>> {
    let filled = Filled::open(&place.cache, keys)?;
    let network = Network::start(&place.folder, SEATS, 1, Some(filled)).await?;
    let mut seconds = Vec::new();
    for _ in 0..extent.runs.min(3) {
        let begin = Instant::now();
        let node = network.join(SEATS).await?;
        let newest = network.nodes[0].handle.head().height;
        let there = async {
            node.handle.opened().await;
            node.handle.watch_head().wait_for(|head| head.height >= newest).await;
        };
        tokio::time::timeout(PATIENCE, there).await.context("the new node does not get there")?;
        seconds.push(begin.elapsed().as_secs_f64());
        node.stop()?;
        network.forget(SEATS)?;
    }
    network.stop()?;
    let goal = if keys == 1_000_000 { "<= 30" } else { "" };
    Ok(vec![Figure::of(
        format!("a new node, {keys} entries in the state: until it has them"),
        "s",
        goal,
        seconds,
    )])
}

/// Bytes of blocks and certificates for each record version that anchors of full batches stand for.
pub(super) async fn overhead(place: &Place, extent: Extent) -> anyhow::Result<Vec<Figure>> {
    let (network, maker) = start(place, SEATS, 0, None).await?;
    let first = network.nodes[0].handle.head().height + 1;
    let anchors: Lists = maker.anchors(&network, ANCHORS / extent.smaller);
    let count: usize = anchors.iter().map(Vec::len).sum();
    burst(&network, anchors).await?;
    let handle = &network.nodes[0].handle;
    let (mut bytes, mut found) = (0, 0);
    for height in first..=handle.head().height {
        let block = handle.block(height).await.context("a block is missing")?;
        if !block.receipts.is_empty() {
            let certificate = handle.certified(height).await.context("a certificate is missing")?;
            found += block.receipts.len();
            bytes += block.block.encode_size() + certificate.certificate.len();
        }
    }
    anyhow::ensure!(found == count, "somebody else hands in transactions, too");
    network.stop()?;
    let versions = count * batch_size(3).context("no such class")?;
    let name = "block and certificate for each anchored record version, full batches";
    Ok(vec![Figure::of(name, "bytes", "<= 1", vec![bytes as f64 / versions as f64])])
}
