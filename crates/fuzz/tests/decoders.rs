//! Every decoder of the product has a target. The list of decoders comes from the sources.
//!
//! A decoder is: an `impl Read` or a declaration that makes one (`codec_struct!`, `record!`, `id!`, ...), an
//! `impl FromStr`, `Deserialize` or `TryFrom<&[u8]>` by hand, and a function named `decode`, `parse`, `from_bytes` or
//! `from_hex`, with or without more to its name. What serde derives is serde's; the bodies of all HTTP routes are tried
//! by `crates/gateway/src/tests/fuzz.rs`, which takes the routes from the router.

use salus_fuzz::{check, mutate, targets};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

const CRATES: [&str; 10] =
    ["crypto", "types", "verifier", "feeds", "policy", "ledger", "vault", "node", "gateway", "cli"];

/// Decoders that are tried in the tests of their own crate, where private items are seen; and in which file.
const ELSEWHERE: &[(&str, &str)] = &[
    ("gateway::Scopes from text", "gateway/src/tests/fuzz.rs"),
    ("gateway::Scopes from serde", "gateway/src/tests/fuzz.rs"),
    ("gateway::smart/scope::parse", "gateway/src/tests/fuzz.rs"),
    ("gateway::smart/scope::parse_letters", "gateway/src/tests/fuzz.rs"),
    ("gateway::log/query::parse", "gateway/src/tests/fuzz.rs"),
    ("gateway::body::decode", "gateway/src/tests/fuzz.rs"),
    ("gateway::fhir/ask::parse", "gateway/src/tests/fuzz.rs"),
    ("gateway::fhir/json::parse", "gateway/src/tests/fuzz.rs"),
    ("gateway::Object from serde", "gateway/src/tests/fuzz.rs"),
    ("gateway::ledger/read::parse", "gateway/src/tests/fuzz.rs"),
    ("gateway::bulk/export/ask::parse", "gateway/src/bulk/export/ask.rs"),
    ("gateway::fhir/subscription/topic::parse", "gateway/src/fhir/subscription/topic.rs"),
];

/// Functions that are named like decoders and are none, or read nothing from outside; and why.
const EXEMPT: &[(&str, &str)] = &[
    ("types::codec::decode_canonical", "is what the decoders of types are called by"),
    ("crypto::secret::from_bytes", "takes any array of 32 bytes"),
    ("vault::patient/mod::from_bytes", "takes any array of 32 bytes"),
    ("gateway::store::parse", "reads by serde what this node wrote"),
    ("policy::rules::parse", "reads the policies that are built in"),
    ("cli::patient/grants::parse_categories", "splits what a person typed into names, which `names` tries"),
];

/// The names of the decoders in the text of a source file.
fn decoders(of: &str, file: &str, text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut declaring = false;
    for line in text.lines() {
        let trimmed = line.trim_start();
        if line.starts_with("mod tests") || line.starts_with("#[cfg(test)]\nmod tests") {
            break;
        }
        declaring |=
            ["codec_struct! {", "codec_enum! {", "codec_sum! {", "record! {", "id!("].contains(&line);
        declaring &= line != "}" && line != ");";
        if declaring && let Some(name) = declared(trimmed) {
            found.insert(format!("{of}::{name}"));
        }
        if let Some(name) = line.strip_prefix("fixed_bytes!(").and_then(|rest| rest.split(',').next()) {
            found.insert(format!("{of}::{name}"));
        }
        for (what, suffix) in [
            ("Read for ", ""),
            ("FromStr for ", " from text"),
            ("Deserialize<'de> for ", " from serde"),
            ("TryFrom<&[u8]> for ", " from bytes"),
        ] {
            if trimmed.starts_with("impl")
                && let Some((_, name)) = trimmed.split_once(what)
                && !name.starts_with('$')
                && !["AsyncRead for", "rt::Read for"].iter().any(|other| trimmed.contains(other))
            {
                found.insert(format!("{of}::{}{suffix}", word(name)));
            }
        }
        if let Some(name) = decoding_function(trimmed) {
            found.insert(format!("{of}::{file}::{name}"));
        }
    }
    found
}

/// The type that a line of a declaration names.
fn declared(line: &str) -> Option<&str> {
    let keyword = ["struct ", "enum "].into_iter().find_map(|keyword| Some(line.split_once(keyword)?.1));
    let alone = line.chars().next().is_some_and(char::is_uppercase) && word(line) == line;
    match keyword {
        Some(rest) if line.starts_with("pub") => Some(word(rest)),
        _ => alone.then_some(line),
    }
}

fn word(text: &str) -> &str {
    text.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default()
}

fn decoding_function(line: &str) -> Option<&str> {
    let (before, rest) = line.split_once("fn ")?;
    let is_start =
        before.split_whitespace().all(|word| word.starts_with("pub") || ["const", "async"].contains(&word));
    let name = word(rest);
    let decodes = ["decode", "parse", "from_bytes", "from_hex", "vec_from_hex"];
    (is_start && decodes.iter().any(|verb| name == *verb || name.starts_with(&format!("{verb}_"))))
        .then_some(name)
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder of sources") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() && !["tests", "testing"].contains(&&*name) {
            files(&path, found);
        } else if name.ends_with(".rs")
            && !name.ends_with("tests.rs")
            && name != "testing.rs"
            && name != "fake.rs"
        {
            found.push(path);
        }
    }
}

fn crates() -> PathBuf {
    PathBuf::from("..")
}

fn all_decoders() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for name in CRATES {
        let (source, mut paths) = (crates().join(name).join("src"), Vec::new());
        files(&source, &mut paths);
        for path in paths {
            let stem = path.strip_prefix(&source).expect("below").with_extension("");
            let text = fs::read_to_string(&path).expect("a source");
            found.extend(decoders(name, &stem.to_string_lossy(), &text));
        }
    }
    found
}

fn with_a_target() -> BTreeSet<String> {
    let table = targets();
    let table = table.iter().flat_map(|target| target.decoders);
    let elsewhere = ELSEWHERE.iter().chain(EXEMPT).map(|(name, _)| name);
    table.chain(elsewhere).map(|name| (*name).to_owned()).collect()
}

#[test]
fn every_decoder_has_a_target_and_every_row_a_decoder() {
    let (decoders, rows) = (all_decoders(), with_a_target());
    let bare: Vec<_> = decoders.difference(&rows).collect();
    assert!(bare.is_empty(), "decoders without a target, see docs/howto/change-an-encoding.md: {bare:#?}");
    let idle: Vec<_> = rows.difference(&decoders).collect();
    assert!(idle.is_empty(), "rows for what is no decoder: {idle:#?}");
    assert!(decoders.len() > 100, "{}", decoders.len());
}

#[test]
fn what_is_tried_elsewhere_is_named_there() {
    for (name, file) in ELSEWHERE {
        let text = fs::read_to_string(crates().join(file)).expect(file);
        assert!(text.contains(&format!("\"{name}\"")), "{file} does not name `{name}`");
    }
}

#[test]
fn a_planted_decoder_is_found_whatever_its_form() {
    let planted = "
codec_struct! {
    /// A planted type.
    pub secret struct Planted {
        pub field: u8,
    }
}
record! {
    pub(crate) struct PlantedRow {
        field: u8,
    }
}
id!(
    /// A planted id.
    PlantedId
);
fixed_bytes!(PlantedBytes, 32);
impl<T: Read<Cfg = ()>> Read for PlantedList<T> {
impl FromStr for PlantedName {
impl<'de> serde::Deserialize<'de> for PlantedName {
impl TryFrom<&[u8]> for PlantedTag {
    pub(crate) fn decode_planted(bytes: &[u8]) -> Option<Self> {
    fn parse<T>(text: &str) -> Option<Self> {
    fn encode(&self) -> Vec<u8> {
    let call = decode_planted(bytes);
";
    let found = decoders("types", "planted", planted);
    let expected = [
        "types::Planted",
        "types::PlantedBytes",
        "types::PlantedId",
        "types::PlantedList",
        "types::PlantedName from serde",
        "types::PlantedName from text",
        "types::PlantedRow",
        "types::PlantedTag from bytes",
        "types::planted::decode_planted",
        "types::planted::parse",
    ];
    assert_eq!(found.iter().collect::<Vec<_>>(), expected.iter().collect::<Vec<_>>());
    assert!(found.is_disjoint(&with_a_target()), "none of them has a target");
}

/// Executions of each target in a plain run of the tests; `cargo xtask fuzz` does many more.
const RUNS: u64 = 2_000;

#[test]
fn every_target_bears_its_seeds_and_some_mutations() {
    let mut names = BTreeSet::new();
    for target in targets() {
        assert!(names.insert(target.name), "two targets are called `{}`", target.name);
        assert!(!(target.seeds)().is_empty(), "{} has no seeds", target.name);
        mutate::run(&target, RUNS, 1);
    }
}

#[test]
fn cargo_fuzz_knows_every_instrumented_target() {
    let manifest = fs::read_to_string(crates().join("../fuzz/Cargo.toml")).expect("fuzz/Cargo.toml");
    let bins = manifest.lines().filter_map(|line| line.strip_prefix("name = \"")?.strip_suffix('"'));
    let listed: BTreeSet<_> = bins.filter(|name| !["salus-fuzz-targets", "any"].contains(name)).collect();
    let table = targets();
    let expected = table.iter().filter(|target| target.instrumented).map(|target| target.name);
    assert_eq!(listed, expected.collect::<BTreeSet<_>>());
}

/// A target that does what must not be.
fn planted(run: fn(&[u8])) -> salus_fuzz::Target {
    salus_fuzz::Target {
        name: "planted",
        decoders: &[],
        weight: 1,
        instrumented: false,
        seeds: || vec![b"salus".to_vec()],
        run,
    }
}

/// Reads a number of any length; forgets that zeros at the end say nothing.
#[derive(Debug)]
struct Loose(Vec<u8>);

impl commonware_codec::Read for Loose {
    type Cfg = ();
    fn read_cfg(buf: &mut impl commonware_codec::Buf, _: &()) -> Result<Self, commonware_codec::Error> {
        let mut bytes = vec![0; buf.remaining()];
        buf.copy_to_slice(&mut bytes);
        while bytes.last() == Some(&0) {
            bytes.pop();
        }
        Ok(Self(bytes))
    }
}

impl commonware_codec::Write for Loose {
    fn write(&self, buf: &mut impl bytes::BufMut) {
        buf.put_slice(&self.0);
    }
}

impl commonware_codec::EncodeSize for Loose {
    fn encode_size(&self) -> usize {
        self.0.len()
    }
}

#[test]
#[should_panic(expected = "was taken for")]
fn a_planted_second_encoding_is_found() {
    mutate::run(&planted(check::canonical::<Loose>), 10_000, 1);
}

#[test]
#[should_panic(expected = "planted panic")]
fn a_planted_panic_is_found() {
    mutate::run(&planted(|bytes| assert!(bytes.first() != Some(&0xff), "planted panic")), 10_000, 1);
}

#[test]
#[should_panic(expected = "bytes of memory, more than")]
fn a_planted_list_that_believes_its_length_is_found() {
    let believes = |bytes: &[u8]| {
        let length = bytes.first_chunk().map_or(0, |length| u32::from_be_bytes(*length));
        drop(std::hint::black_box(Vec::<u8>::with_capacity(length as usize)));
    };
    mutate::run(&planted(believes), 10_000, 1);
}

#[test]
fn the_same_number_gives_the_same_inputs() {
    let target = targets()[0];
    let inputs = |seed| {
        let mut mutator = mutate::Mutator::of(&target, seed);
        (0..100).map(|_| mutator.input()).collect::<Vec<_>>()
    };
    assert_eq!(inputs(1), inputs(1));
    assert_ne!(inputs(1), inputs(2));
}
