//! What no ledger on this machine can beat: signatures, hashes, the disk. Measured alone, on one core.

use crate::bench::figure::{Figure, percentile};
use salus_crypto::SigningKey;
use salus_crypto::hash::sha256;
use salus_crypto::sign::verify_batch;
use salus_types::namespace;
use std::fs::File;
use std::hint::black_box;
use std::io::Write as _;
use std::path::Path;
use std::time::Instant;

/// Signatures in a batch: as many as are handed in, or gossiped, together.
const BATCH_COUNT: usize = crate::node::ops::TRANSACTIONS_COUNT_MAX;
/// Bytes under a signature of the transaction of reference.
const MESSAGE_BYTES: usize = 145;
const BATCHES: usize = 8;
const HASHED_BYTES: usize = 1 << 20;
const HASHES: usize = 256;
const SYNCED_BYTES: usize = 4_096;
const SYNCS: usize = 200;

/// The floors.
pub(super) struct Floors {
    /// Signatures by distinct keys, verified as batches, per second on one core.
    pub(super) signatures: f64,
    pub(super) figures: Vec<Figure>,
}

impl Floors {
    /// Transactions a second that so many validators on this machine can at most check the signatures of.
    pub(super) fn transactions(&self, validators: usize) -> f64 {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        self.signatures * cores as f64 / validators as f64
    }
}

pub(super) fn measure(folder: &Path, runs: usize) -> anyhow::Result<Floors> {
    let signatures: Vec<_> = (0..runs).map(|_| signatures()).collect();
    let hashes = (0..runs).map(|_| hashes()).collect();
    let syncs = (0..runs).map(|_| syncs(folder)).collect::<anyhow::Result<Vec<_>>>()?;
    let column =
        |per_cent: usize| syncs.iter().map(|times| percentile(&mut times.clone(), per_cent)).collect();
    let signatures =
        Figure::of("floor: signatures by distinct keys, batches of 512, one core", "1/s", "", signatures);
    Ok(Floors {
        signatures: signatures.median,
        figures: vec![
            signatures,
            Figure::of("floor: SHA-256, one core", "GB/s", "", hashes),
            Figure::of("floor: 4 KiB written and synchronised, p50", "ms", "", column(50)),
            Figure::of("floor: 4 KiB written and synchronised, p99", "ms", "", column(99)),
        ],
    })
}

fn signatures() -> f64 {
    let signed: Vec<_> = (0..BATCH_COUNT)
        .map(|number| {
            let key = SigningKey::generate();
            let message = vec![number as u8; MESSAGE_BYTES];
            let signature = key.sign(namespace::TRANSACTION, &message);
            (message, key.public(), signature)
        })
        .collect();
    let items: Vec<_> = signed
        .iter()
        .map(|(message, key, signature)| (namespace::TRANSACTION, message.as_slice(), *key, *signature))
        .collect();
    let begin = Instant::now();
    for _ in 0..BATCHES {
        black_box(verify_batch(black_box(&items)));
    }
    (BATCHES * BATCH_COUNT) as f64 / begin.elapsed().as_secs_f64()
}

fn hashes() -> f64 {
    let bytes = vec![7; HASHED_BYTES];
    let begin = Instant::now();
    for _ in 0..HASHES {
        black_box(sha256(black_box(&bytes)));
    }
    (HASHES * HASHED_BYTES) as f64 / begin.elapsed().as_secs_f64() / 1e9
}

fn syncs(folder: &Path) -> anyhow::Result<Vec<f64>> {
    let path = folder.join("synchronised");
    let mut file = File::create(&path)?;
    let mut times = Vec::with_capacity(SYNCS);
    for number in 0..SYNCS {
        let begin = Instant::now();
        file.write_all(&[number as u8; SYNCED_BYTES])?;
        file.sync_data()?;
        times.push(begin.elapsed().as_secs_f64() * 1e3);
    }
    std::fs::remove_file(path)?;
    Ok(times)
}
