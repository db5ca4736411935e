//! The table, one file for each crate whose decoders it lists.

mod crypto;
mod feeds;
#[cfg(feature = "services")]
mod services;
mod types;
mod verifier;

use crate::Target;

/// Every target.
pub fn targets() -> Vec<Target> {
    let all = [crypto::TARGETS, types::TARGETS, verifier::TARGETS, feeds::TARGETS];
    let all = all.into_iter().flatten().copied();
    #[cfg(feature = "services")]
    let all = all.chain(services::TARGETS.iter().copied());
    all.collect()
}

/// A target of several decoders: the first byte of an input says which is meant. Seeds are prefixed likewise.
#[derive(Clone, Copy)]
struct Choice(&'static [fn(&[u8])]);

impl Choice {
    fn run(self, input: &[u8]) {
        if let Some((choice, bytes)) = input.split_first() {
            (self.0[usize::from(*choice) % self.0.len()])(bytes);
        }
    }
}

/// A seed for the decoder in this place.
fn chosen(place: usize, seed: &[u8]) -> Vec<u8> {
    [&[u8::try_from(place).expect("few decoders")], seed].concat()
}

/// A target of types that are decoded without a configuration; `$seeds` gives those of a type by its name.
macro_rules! codecs {
    ($name:literal, $weight:literal, $instrumented:literal, $krate:literal, $seeds:path, [$($type:ident),* $(,)?]) => {
        crate::Target {
            name: $name,
            decoders: &[$(concat!($krate, "::", stringify!($type))),*],
            weight: $weight,
            instrumented: $instrumented,
            seeds: || {
                let names = [$(stringify!($type)),*];
                let seeds = names.iter().enumerate().flat_map(|(place, name)| {
                    $seeds(name).into_iter().map(move |seed| crate::targets::chosen(place, &seed))
                });
                seeds.collect()
            },
            run: |input| crate::targets::Choice(&[$(crate::check::canonical::<$type>),*]).run(input),
        }
    };
}

use codecs;
