//! Mutation of seeds without instrumentation: what a fuzzer does, blindly.

use crate::{Target, check, corpus};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use std::time::{Duration, Instant};

/// Longest input, in bytes.
pub const INPUT_BYTES_MAX: usize = 16 * 1024;
/// Most changes of one input.
const CHANGES_MAX: u32 = 6;

/// Values at which encodings tend to break: ends of integers, lengths that are not the shortest form, tags.
const EDGES: &[&[u8]] = &[
    &[0],
    &[1],
    &[0x7f],
    &[0x80],
    &[0xff],
    &[0x80, 0],
    &[0x80, 1],
    &[0xff, 0x7f],
    &[0xff, 0xff, 0xff, 0xff, 0x0f],
    &[0xff; 8],
    &[0; 8],
    &[0x80, 0, 0, 0, 0, 0, 0, 0],
    b"\"",
    b"{",
    b"[",
    b"null",
    b"-1",
    b"1e999",
    "\u{0}".as_bytes(),
    "\u{1F600}".as_bytes(),
];

/// Inputs made from seeds; the same ones for the same number.
pub struct Mutator {
    random: ChaCha8Rng,
    seeds: Vec<Vec<u8>>,
}

impl Mutator {
    /// Inputs for a target: its seeds, and what fuzzers found before.
    pub fn of(target: &Target, seed: u64) -> Self {
        let mut seeds = corpus::inputs(target);
        seeds.push(Vec::new());
        Self { random: ChaCha8Rng::seed_from_u64(seed), seeds }
    }

    fn below(&mut self, end: usize) -> usize {
        self.random.random_range(0..end.max(1))
    }

    /// The next input.
    pub fn input(&mut self) -> Vec<u8> {
        let at = self.below(self.seeds.len());
        let mut input = self.seeds[at].clone();
        for _ in 0..self.random.random_range(1..=CHANGES_MAX) {
            self.change(&mut input);
        }
        input.truncate(INPUT_BYTES_MAX);
        input
    }

    fn change(&mut self, input: &mut Vec<u8>) {
        let (from, to) = self.range(input.len());
        match self.random.random_range(0..7) {
            0 if from < input.len() => input[from] ^= 1 << self.random.random_range(0..8),
            1 if from < input.len() => input[from] = self.random.random(),
            2 => input.truncate(from),
            3 => drop(input.drain(from..to)),
            4 => {
                let copy = input[from..to].to_vec();
                let place = self.below(input.len() + 1);
                input.splice(place..place, copy);
            }
            5 => {
                // A part of another seed in place of a part of this one.
                let other = self.below(self.seeds.len());
                let (first, last) = self.range(self.seeds[other].len());
                let part = self.seeds[other][first..last].to_vec();
                input.splice(from..to, part);
            }
            _ => {
                let edge = EDGES[self.below(EDGES.len())];
                let end = if self.random.random() { from } else { input.len().min(from + edge.len()) };
                input.splice(from..end, edge.iter().copied());
            }
        }
    }

    /// A part of something of this length, mostly a short one.
    fn range(&mut self, length: usize) -> (usize, usize) {
        let from = self.below(length + 1);
        let most = if self.random.random() { 8 } else { length };
        (from, length.min(from + self.below(most + 1)))
    }
}

/// Runs a target on all its seeds, then on mutations, until it ran `runs` times. Gives the time it took.
///
/// # Panics
/// If something does not hold.
pub fn run(target: &Target, runs: u64, seed: u64) -> Duration {
    let began = Instant::now();
    let seeds = corpus::inputs(target);
    seeds.iter().for_each(|seed| check::run(target, seed));
    let mut mutator = Mutator::of(target, seed);
    for _ in seeds.len() as u64..runs {
        let input = mutator.input();
        let _told = Told { target, input: &input };
        check::run(target, &input);
    }
    began.elapsed()
}

/// Says at a panic which input it was.
struct Told<'a> {
    target: &'a Target,
    input: &'a [u8],
}

impl Drop for Told<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{} failed with the input {}", self.target.name, hex::encode(self.input));
        }
    }
}
