use super::*;
use commonware_codec::{Copying, DecodeExt as _, Encode as _};
use serde::{Deserialize, Serialize};

fn secret(n: u8) -> [u8; 32] {
    std::array::from_fn(|at| n.wrapping_mul(31).wrapping_add(at as u8 * 7))
}

/// Multiplication by hand, bit by bit: the oracle of the field.
fn slow_mul(a: u8, b: u8) -> u8 {
    let mut product = 0u16;
    for bit in 0..8 {
        if b >> bit & 1 == 1 {
            product ^= u16::from(a) << bit;
        }
    }
    for bit in (8..16).rev() {
        if product >> bit & 1 == 1 {
            product ^= 0x11b << (bit - 8);
        }
    }
    product as u8
}

#[test]
fn the_field_is_that_of_aes_and_3_generates_it() {
    for a in 0..=255u8 {
        for b in 0..=255u8 {
            assert_eq!((Gf256(a) * Gf256(b)).0, slow_mul(a, b));
            if b != 0 {
                assert_eq!((Gf256(a) / Gf256(b) * Gf256(b)).0, a);
            }
        }
    }
    let mut powers = std::collections::BTreeSet::new();
    let mut power = 1;
    for _ in 0..255 {
        powers.insert(power);
        power = slow_mul(power, 3);
    }
    assert_eq!((powers.len(), power), (255, 1));
}

/// All subsets of `shares` with `len` members.
fn subsets(shares: &[Share], len: u32) -> Vec<Vec<Share>> {
    (0u32..1 << shares.len())
        .filter(|mask| mask.count_ones() == len)
        .map(|mask| (0..shares.len()).filter(|at| mask >> at & 1 == 1).map(|at| shares[at].clone()).collect())
        .collect()
}

#[test]
fn any_t_or_more_shares_combine_and_fewer_do_not() {
    for n in 2..=7u8 {
        for t in 2..=n {
            let shares = split(&secret(n), t, n);
            assert_eq!(
                shares.iter().map(|share| share.index).collect::<Vec<_>>(),
                (1..=n).collect::<Vec<_>>()
            );
            for len in 2..=u32::from(n) {
                for mut subset in subsets(&shares, len) {
                    let enough = len >= u32::from(t);
                    assert_eq!(
                        combine(&subset).expect("valid").expose() == &secret(n),
                        enough,
                        "{t} of {n}: {len}"
                    );
                    subset.reverse();
                    assert_eq!(combine(&subset).expect("valid").expose() == &secret(n), enough);
                }
            }
        }
    }
}

#[test]
fn the_largest_sharing_works() {
    for t in [2, 128, 255] {
        let shares = split(&secret(1), t, 255);
        assert_eq!(combine(&shares[..usize::from(t)]).expect("valid").expose(), &secret(1));
        assert_eq!(combine(&shares[255 - usize::from(t)..]).expect("valid").expose(), &secret(1));
    }
}

#[test]
fn vsss_rs_combines_our_shares_and_we_combine_its() {
    for (t, n) in [(2, 3), (3, 5), (2, 2), (5, 9)] {
        let ours: Vec<Vec<u8>> =
            split(&secret(4), t, n).iter().map(|share| share.encode().to_vec()).collect();
        let combined = Gf256::combine_bytes(&ours[usize::from(n - t)..]).expect("combines");
        assert_eq!(combined, secret(4));

        let theirs = Gf256::split_bytes(t.into(), n.into(), secret(5), rand::rng()).expect("splits");
        let theirs: Vec<_> =
            theirs.iter().map(|share| Share::decode(Copying(&share[..])).expect("33 bytes")).collect();
        assert_eq!(combine(&theirs[..usize::from(t)]).expect("valid").expose(), &secret(5));
    }
}

#[test]
fn bad_sets_of_shares_are_rejected() {
    let shares = split(&secret(1), 2, 3);
    let zero = Share { index: 0, value: shares[0].value };
    for (set, expected) in [
        (vec![], ShamirError::TooFew),
        (vec![shares[0].clone()], ShamirError::TooFew),
        (vec![shares[0].clone(), zero.clone()], ShamirError::ZeroIndex),
        (
            vec![shares[2].clone(), shares[1].clone(), shares[2].clone()],
            ShamirError::DuplicateIndex { index: 3 },
        ),
    ] {
        assert_eq!(combine(&set), Err(expected));
    }
    assert!(Share::decode(Copying(&zero.encode()[..])).is_err());
    assert!(Share::decode(Copying(&shares[0].encode()[..32])).is_err());
}

#[test]
fn a_threshold_below_2_or_above_n_is_a_programmers_error() {
    for (t, n) in [(0, 3), (1, 3), (4, 3), (2, 1)] {
        assert!(std::panic::catch_unwind(|| split(&[0; 32], t, n)).is_err(), "{t} of {n}");
    }
}

/// Chi-squared of 256 counts against the uniform distribution.
fn chi_squared(counts: &[u32]) -> f64 {
    let expected = f64::from(counts.iter().sum::<u32>()) / counts.len() as f64;
    counts.iter().map(|count| (f64::from(*count) - expected).powi(2) / expected).sum()
}

/// For 255 degrees of freedom the statistic is 255 +- 22.6; outside this band the chance is below 1 in 10^9.
const CHI_SQUARED_BAND: std::ops::Range<f64> = 135.0..420.0;

#[test]
fn one_share_of_two_is_uniform_whatever_the_secret_is() {
    for byte in [0, 1, 0x80, 0xff] {
        for holder in 0..3 {
            let mut counts = [0; 256];
            for _ in 0..20_000 {
                let share = &split(&[byte; 32], 2, 3)[holder];
                share.value.iter().for_each(|value| counts[usize::from(*value)] += 1);
            }
            let statistic = chi_squared(&counts);
            assert!(CHI_SQUARED_BAND.contains(&statistic), "secret {byte}, holder {holder}: {statistic}");
        }
    }
}

#[test]
fn two_shares_of_three_are_jointly_uniform() {
    // 3 of 5: the pair (share 2, share 4) over 65,536 cells, 16 expected in each.
    let mut counts = vec![0; 65_536];
    for _ in 0..32_768 {
        let shares = split(&[0x42; 32], 3, 5);
        for at in 0..32 {
            counts[usize::from(shares[1].value[at]) << 8 | usize::from(shares[3].value[at])] += 1;
        }
    }
    // 65,535 degrees of freedom: 65,535 +- 362; seven deviations either side.
    let statistic = chi_squared(&counts);
    assert!((63_000.0..68_100.0).contains(&statistic), "{statistic}");
}

#[test]
fn the_chi_squared_test_catches_a_sharing_without_zero_coefficients() {
    // The planted bug: vsss-rs before 6.0.1 never drew 0, so a share never equalled the secret.
    let mut counts = [0; 256];
    for _ in 0..20_000 * 32 {
        let coefficient = loop {
            let [byte] = crate::random::bytes();
            if byte != 0 {
                break byte;
            }
        };
        counts[usize::from(slow_mul(coefficient, 2) ^ 0x42)] += 1;
    }
    assert!(!CHI_SQUARED_BAND.contains(&chi_squared(&counts)));
}

#[test]
fn given_one_share_every_secret_is_equally_possible() {
    // Exhaustive over one byte: for each secret and each coefficient, what holder x sees.
    for x in [1, 2, 3, 255] {
        for s in 0..=255u8 {
            let mut seen: Vec<u8> = (0..=255).map(|a| slow_mul(a, x) ^ s).collect();
            seen.sort_unstable();
            assert_eq!(seen, (0..=255).collect::<Vec<_>>());
        }
    }
}

#[test]
fn a_commitment_binds_index_value_and_context() {
    let share = split(&secret(1), 2, 3).remove(0);
    let commitment = share.commitment(b"context");
    assert!(share.matches(&commitment, b"context"));
    assert!(!share.matches(&commitment, b"other"));
    assert!(!Share { index: 2, value: share.value }.matches(&commitment, b"context"));
    for at in 0..32 {
        let mut bad = share.clone();
        bad.value[at] ^= 1;
        assert!(!bad.matches(&commitment, b"context"));
    }
}

#[test]
fn a_share_is_not_printed() {
    assert_eq!(
        format!("{:?}", Share { index: 2, value: [0xab; 32] }),
        "Share { index: 2, value: [redacted] }"
    );
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Vectors {
    about: String,
    cases: Vec<Case>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    threshold: u8,
    secret: String,
    context: String,
    shares: Vec<VectorShare>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct VectorShare {
    index: u8,
    value: String,
    commitment: Digest,
}

const FILE: &str = "testdata/shamir.json";

#[test]
fn the_vector_file_combines() {
    let vectors: Vectors = serde_json::from_slice(&std::fs::read(FILE).expect("file")).expect("json");
    assert_eq!(vectors.cases.len(), 4);
    for case in vectors.cases {
        let shares: Vec<_> = case.shares.iter().map(read_share).collect();
        for (share, vector) in shares.iter().zip(&case.shares) {
            assert_eq!(share.commitment(case.context.as_bytes()), vector.commitment);
        }
        for subset in subsets(&shares, case.threshold.into()) {
            assert_eq!(hex::encode(combine(&subset).expect("valid").expose()), case.secret);
        }
    }
}

fn read_share(vector: &VectorShare) -> Share {
    let value = hex::decode(&vector.value).expect("hex").try_into().expect("32 bytes");
    Share { index: vector.index, value }
}

#[test]
#[ignore = "writes testdata/shamir.json anew; a change of bytes is a commit of its own"]
fn regenerate_the_vector_file() {
    let case = |(threshold, n, seed): (u8, u8, u8)| Case {
        threshold,
        secret: hex::encode(secret(seed)),
        context: "salus vector".into(),
        shares: split(&secret(seed), threshold, n).iter().map(vector_share).collect(),
    };
    let about = "GF(2^8) modulo 0x11b, generator 3; secret = XOR of value_i * prod x_j / (x_j ^ x_i); \
                 commitment = SHA-256(len u8 || 'salus/crypto/share/1' || three parts, each u64 BE length || bytes: \
                 index (1 byte), value, context)";
    let cases = [(2, 3, 1), (3, 5, 2), (2, 2, 3), (4, 6, 4)].map(case).into();
    let json = serde_json::to_string_pretty(&Vectors { about: about.into(), cases }).expect("json");
    std::fs::write(FILE, json + "\n").expect("written");
}

fn vector_share(share: &Share) -> VectorShare {
    VectorShare {
        index: share.index,
        value: hex::encode(share.value),
        commitment: share.commitment(b"salus vector"),
    }
}
