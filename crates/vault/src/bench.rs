//! Figures for `cargo xtask bench`.

use crate::seal::{SealKey, seal, unseal};
use crate::suite::NEWEST;
use salus_crypto::{Digest, Secret32};
use salus_types::CompartmentId;
use salus_types::vault::Content;
use std::time::Instant;

/// Seals `count` versions of `bytes` bytes on this thread; versions per second.
pub fn seal_rate(count: u32, bytes: usize) -> f64 {
    let (key, text) = (key(), vec![b'x'; bytes]);
    let start = Instant::now();
    let sealed = (0..count).filter(|_| seal(NEWEST, &key, Content::Fhir, &text).is_ok()).count();
    rate(sealed, start)
}

/// Opens one sealed version of `bytes` bytes `count` times on this thread; versions per second.
pub fn unseal_rate(count: u32, bytes: usize) -> f64 {
    let (key, text) = (key(), vec![b'x'; bytes]);
    let Ok(sealed) = seal(NEWEST, &key, Content::Fhir, &text) else { return 0.0 };
    let start = Instant::now();
    let opened =
        (0..count).filter(|_| unseal(&sealed.package, &key.key, &sealed.shares[..2]).is_ok()).count();
    rate(opened, start)
}

fn key() -> SealKey {
    SealKey { compartment: CompartmentId(Digest::ZERO), epoch: 0, key: Secret32::random() }
}

fn rate(count: usize, start: Instant) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX)) / start.elapsed().as_secs_f64().max(f64::EPSILON)
}
