//! Steady load for long: does memory stay where it is?
//!
//! The state grows with every transaction, and every entry has a place in an index in memory; so growth is also told
//! per entry, which is what an operator plans with.

use super::kinds::Maker;
use super::load::burst;
use super::network::{Network, PATIENCE};
use super::usage::Usage;
use crate::bench::figure::Figure;
use crate::bench::idle::resident;
use crate::node::ops::TRANSACTIONS_COUNT_MAX;
use crate::output::Output;
use anyhow::{Context as _, bail};
use std::time::{Duration, Instant};

/// Of what the network takes, this much is handed in, in per cent.
const LOAD_PER_CENT: f64 = 70.0;
/// Transactions by which it is measured what the network takes.
const BURST_COUNT: usize = 40_000;
/// How often memory is looked at.
const SAMPLE_INTERVAL: Duration = Duration::from_secs(5);
/// Share of the time that is left out of the slope: caches fill first.
const WARM_UP: f64 = 0.25;
/// Seconds of load that may be on their way: beyond it the network does not bear the load.
const BACKLOG_S_MAX: f64 = 10.0;

/// A look at the process.
struct Sample {
    hours: f64,
    megabytes: f64,
    entries: f64,
}

/// Runs for so long, at so many transactions a second, or at 70 % of what the network takes.
pub(super) async fn measure(
    network: &Network,
    minutes: f64,
    rate: Option<f64>,
    output: Output,
) -> anyhow::Result<Vec<Figure>> {
    let maker = Maker::new(network)?;
    let rate = match rate {
        Some(rate) => rate,
        None => burst(network, maker.grants(network, BURST_COUNT)).await?.rate() * LOAD_PER_CENT / 100.0,
    };
    output.progress(&format!("Handing in {rate:.0} transactions a second for {minutes} minutes ..."));
    let before = Usage::now(network)?;
    let (samples, applied) =
        steady(network, &maker, rate, Duration::from_secs_f64(minutes * 60.0), output).await?;
    let usage = Usage::now(network)? - before;
    let warm = (samples.len() as f64 * WARM_UP) as usize;
    let (first, last) = (samples.get(warm).context("too short")?, samples.last().context("too short")?);
    let per_hour = slope(samples[warm..].iter().map(|sample| (sample.hours, sample.megabytes)));
    let per_entry = slope(samples[warm..].iter().map(|sample| (sample.entries, sample.megabytes)));
    let (nodes, seconds) = (network.nodes.len() as f64, minutes * 60.0);
    Ok(vec![
        Figure::of("soak: transactions a second, handed in and final", "tx/s", "", vec![applied / seconds]),
        Figure::of("soak: memory of all validators, after warming up", "MB", "", vec![first.megabytes]),
        Figure::of("soak: memory of all validators, at the end", "MB", "", vec![last.megabytes]),
        Figure::of("soak: growth of memory", "%/h", "<= 1", vec![per_hour / first.megabytes * 100.0]),
        Figure::of(
            "soak: growth of memory for each new entry, each validator",
            "bytes",
            "",
            vec![per_entry * 1e6 / nodes],
        ),
        Figure::of(
            "soak: processor time for each transaction, each validator",
            "us",
            "",
            vec![usage.processor_s * 1e6 / applied / nodes],
        ),
    ])
}

/// Hands in a chunk whenever the clock says that it is due; gives what was seen and how many were applied.
async fn steady(
    network: &Network,
    maker: &Maker,
    rate: f64,
    time: Duration,
    output: Output,
) -> anyhow::Result<(Vec<Sample>, f64)> {
    let mut applied = network.follow();
    let (mut handed_in, mut done) = (0.0, vec![0.0; network.nodes.len()]);
    let (mut samples, mut sampled) = (Vec::new(), Duration::ZERO);
    let begin = Instant::now();
    while begin.elapsed() < time {
        let due = begin.elapsed().as_secs_f64() * rate;
        if handed_in < due {
            let lists = maker.grants(network, TRANSACTIONS_COUNT_MAX);
            handed_in += TRANSACTIONS_COUNT_MAX as f64;
            for (node, list) in network.nodes.iter().zip(lists) {
                let handle = node.handle.clone();
                let verdicts = node.runtime.spawn(async move { handle.submit_all(list) }).await?;
                verdicts.into_iter().collect::<Result<Vec<_>, _>>().context("the load is too high")?;
            }
        } else {
            let wait = Duration::from_secs_f64((handed_in - due) / rate);
            let news = tokio::time::timeout(wait, applied.recv()).await;
            if let Ok(news) = news {
                let news = news.context("the nodes have ended")?;
                done[news.node] += news.block.receipts.len() as f64;
            }
        }
        while let Ok(news) = applied.try_recv() {
            done[news.node] += news.block.receipts.len() as f64;
        }
        let least = done.iter().copied().fold(f64::INFINITY, f64::min);
        if handed_in - least > rate * BACKLOG_S_MAX {
            bail!(
                "the network does not bear {rate:.0} transactions a second: {least} of {handed_in} are final"
            );
        }
        if begin.elapsed() >= sampled {
            sampled += SAMPLE_INTERVAL;
            let megabytes = resident(std::process::id())?;
            let hours = begin.elapsed().as_secs_f64() / 3_600.0;
            output.progress(&format!("{:.0} s: {least} transactions, {megabytes:.0} MB", hours * 3_600.0));
            samples.push(Sample { hours, megabytes, entries: least });
        }
    }
    let settled = tokio::time::timeout(PATIENCE, settle(&mut applied, &mut done, handed_in)).await;
    settled.context("transactions were lost")??;
    Ok((samples, handed_in))
}

/// Waits until all that was handed in is applied everywhere.
async fn settle(
    applied: &mut tokio::sync::mpsc::Receiver<super::network::Applied>,
    done: &mut [f64],
    handed_in: f64,
) -> anyhow::Result<()> {
    while done.iter().any(|count| *count < handed_in) {
        let news = applied.recv().await.context("the nodes have ended")?;
        done[news.node] += news.block.receipts.len() as f64;
    }
    Ok(())
}

/// Slope of the least squares' line.
fn slope(points: impl Iterator<Item = (f64, f64)>) -> f64 {
    let points: Vec<_> = points.collect();
    let count = points.len() as f64;
    let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / count;
    let (x, y) = (mean(|point| point.0), mean(|point| point.1));
    let above: f64 = points.iter().map(|point| (point.0 - x) * (point.1 - y)).sum();
    let below: f64 = points.iter().map(|point| (point.0 - x).powi(2)).sum();
    above / below
}

#[cfg(test)]
mod tests {
    use super::slope;

    #[test]
    fn the_slope_of_a_line_is_its_own_whatever_it_starts_from() {
        let points = [(0.0, 100.0), (1.0, 102.0), (2.0, 104.0), (3.0, 106.0)];
        assert!((slope(points.into_iter()) - 2.0).abs() < 1e-9);
    }
}
