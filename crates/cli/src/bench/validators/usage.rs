//! What the whole process, that is all validators and the program that measures, has used so far.

use super::network::Network;
use crate::bench::idle::processor_seconds;
use anyhow::Context as _;
use std::fs;
use std::ops::Sub;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

/// Bytes of a block in `stat`, whatever the file system's own are.
const STAT_BLOCK_BYTES: u64 = 512;

/// What was used.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Usage {
    /// Processor time in seconds, of programs and of the kernel for them.
    pub(super) processor_s: f64,
    /// Bytes given to the disks, whatever has become of them.
    pub(super) written: f64,
    /// Bytes that the nodes' folders take.
    pub(super) kept: f64,
    /// Bytes that nodes have sent to each other.
    pub(super) sent: f64,
}

impl Usage {
    pub(super) fn now(network: &Network) -> anyhow::Result<Self> {
        let sent = network.nodes.iter().map(|node| sent(&node.handle.metrics())).sum();
        Ok(Self {
            processor_s: processor_seconds(std::process::id())?,
            written: written()?,
            kept: kept(network.folder())? as f64,
            sent,
        })
    }
}

impl Sub for Usage {
    type Output = Self;

    fn sub(self, before: Self) -> Self {
        Self {
            processor_s: self.processor_s - before.processor_s,
            written: self.written - before.written,
            kept: self.kept - before.kept,
            sent: self.sent - before.sent,
        }
    }
}

fn written() -> anyhow::Result<f64> {
    let text = fs::read_to_string("/proc/self/io")?;
    let line = text.lines().find_map(|line| line.strip_prefix("write_bytes: "));
    Ok(line.context("no `write_bytes`")?.parse()?)
}

/// Bytes on disk under a folder. Files may go while it is walked.
pub(super) fn kept(folder: &Path) -> anyhow::Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(folder)?.filter_map(Result::ok) {
        let Ok(metadata) = entry.metadata() else { continue };
        bytes += if metadata.is_dir() {
            kept(&entry.path()).unwrap_or(0)
        } else {
            metadata.blocks() * STAT_BLOCK_BYTES
        };
    }
    Ok(bytes)
}

/// The counter of sent bytes in a node's metrics.
fn sent(metrics: &str) -> f64 {
    let lines = metrics.lines().filter(|line| !line.starts_with('#') && line.contains("outbound_bandwidth"));
    lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
}
