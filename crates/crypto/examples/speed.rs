//! Prints operations per second of processor time of each construction, on one thread: `cargo run -p salus-crypto --example speed`.
#![allow(clippy::print_stdout, clippy::unwrap_used)]

use salus_crypto::{HpkePrivateKey, Secret32, SigningKey, aead, hash, hpke, kdf, merkle, shamir, sign};
use std::hint::black_box;
use std::time::{Duration, Instant};

/// Processor time of this thread so far, so that a busy machine does not distort the figures.
fn cpu_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(stat.split(' ').next().unwrap().parse().unwrap())
}

/// Runs `work`, which does `count` operations on `bytes` bytes each, for half a second of processor time.
fn measure<T>(name: &str, count: u64, bytes: usize, mut work: impl FnMut() -> T) {
    let warm = Instant::now();
    let mut runs_per_look = 0;
    while runs_per_look == 0 || warm.elapsed() < Duration::from_millis(20) {
        black_box(work());
        runs_per_look += 1;
    }
    let (start, mut runs) = (cpu_time(), 0);
    while cpu_time() - start < Duration::from_millis(500) {
        (0..runs_per_look).for_each(|_| drop(black_box(work())));
        runs += runs_per_look;
    }
    let rate = (runs * count) as f64 / (cpu_time() - start).as_secs_f64();
    let volume = if bytes > 0 { format!("{:8.2} GB/s", rate * bytes as f64 / 1e9) } else { String::new() };
    println!("{name:<44} {rate:>14.0} /s {volume}");
}

fn hashes() {
    for len in [64, 1 << 10, 1 << 20] {
        let data = vec![7; len];
        measure(&format!("sha-256 (sha2), {len} B"), 1, len, || hash::sha256(black_box(&data)));
        let lc = |data: &[u8]| aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, data);
        measure(&format!("sha-256 (aws-lc-rs), {len} B"), 1, len, || lc(black_box(&data)));
    }
    measure("tagged hash, 3 parts", 1, 0, || hash::hash("tag", &[&[1; 32], &[2; 32], &[3; 32]]));
    let leaves: Vec<_> = (0..1000u32).map(|n| merkle::leaf_hash(n.to_be_bytes())).collect();
    measure("merkle tree and all proofs, per leaf of 1000", 1000, 0, || {
        merkle::Tree::new(leaves.clone()).proofs().count()
    });
}

fn signatures() {
    let keys: Vec<_> = (0..1000).map(|_| SigningKey::generate()).collect();
    let message = [7; 200];
    measure("ed25519 sign, 200 B", 1, 0, || keys[0].sign("space", &message));
    let signature = keys[0].sign("space", &message);
    let public = keys[0].public();
    measure("ed25519 verify", 1, 0, || public.verify("space", &message, &signature).unwrap());
    for (distinct, size) in [(1000, 1000), (64, 1000), (64, 64)] {
        let items: Vec<sign::BatchItem<'_>> = (0..size)
            .map(|n| &keys[n % distinct])
            .map(|key| ("space", &message[..], key.public(), key.sign("space", &message)))
            .collect();
        measure(&format!("ed25519 batch of {size}, {distinct} keys"), size as u64, 0, || {
            assert!(sign::verify_batch(&items).iter().all(|valid| *valid));
        });
    }
}

fn sealing() {
    const LABEL: kdf::Label = kdf::Label::new("speed");
    measure("secret, random", 1, 0, Secret32::random);
    let key = Secret32::random();
    measure("hkdf derive", 1, 0, || kdf::derive(LABEL, key.expose(), &[1; 32], &[&[2; 32]]));
    for len in [1 << 10, 1 << 20] {
        let plaintext = vec![7; len];
        measure(&format!("aes-256-gcm seal, {len} B"), 1, len, || aead::seal(&key, b"", &plaintext));
        let sealed = aead::seal(&key, b"", &plaintext);
        measure(&format!("aes-256-gcm open, {len} B"), 1, len, || aead::open(&key, b"", &sealed).unwrap());
    }
    let plaintext = vec![7; 32 << 20];
    measure("stream seal, 32 MiB", 1, 32 << 20, || aead::seal_stream(&key, b"", &plaintext));
    measure("key commitment", 1, 0, || aead::key_commitment(&key));
    measure("shamir split 2 of 3", 1, 0, || shamir::split(key.expose(), 2, 3));
    let shares = shamir::split(key.expose(), 2, 3);
    measure("shamir combine 2", 1, 0, || shamir::combine(&shares[..2]).unwrap());
    measure("vsss-rs split 2 of 3", 1, 0, || {
        vsss_rs::Gf256::split_bytes(2, 3, key.expose(), rand::rng()).unwrap();
    });
}

fn public_keys() {
    let key = HpkePrivateKey::generate();
    let public = key.public();
    measure("x-wing key from seed", 1, 0, || HpkePrivateKey::from_seed(key.seed()));
    measure("hpke seal, 32 B", 1, 0, || hpke::seal(&public, b"info", b"", &[7; 32]).unwrap());
    let envelope = hpke::seal(&public, b"info", b"", &[7; 32]).unwrap();
    measure("hpke open, 32 B", 1, 0, || hpke::open(&key, b"info", b"", &envelope).unwrap());
    measure("link send", 1, 0, || hpke::link_send(&public, b"info").unwrap());
    measure("link receive", 1, 0, || hpke::link_receive(&key, &envelope.enc, b"info").unwrap());
}

fn main() {
    hashes();
    signatures();
    sealing();
    public_keys();
}
