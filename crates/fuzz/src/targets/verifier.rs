//! What a light client reads: proofs, certificates, files.

use super::{Choice, chosen};
use crate::Target;
use crate::check::{decoded, same};
use crate::network::{self, GENESIS, STATE_VECTORS, VALIDATORS};
use commonware_codec::Encode as _;
use salus_types::proof::{AnchorProofs, CertifiedHeader, Handover, RecordProof};
use salus_types::{Bounded, Digest};
use salus_verifier::{
    AccountingFile, AnyProofFile, ApplicationFile, CertificateError, CheckpointFile, EntryFile, ErasureFile,
    GenesisFile, LogAudit, LogHead, ProofFile, Validators, verify_accounting, verify_anchors,
    verify_certified_header, verify_entry, verify_erasure, verify_record, verify_state,
};

fn utf8(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap_or_default()
}

/// Reading what was written of a file gives the same file.
fn settled<T: serde::Serialize>(file: &T, parse: impl Fn(&str) -> Option<T>) {
    let written = serde_json::to_string(file).expect("it is written");
    let again = parse(&written).expect("what was written is read");
    same("file", written.as_bytes(), serde_json::to_string(&again).expect("it is written").as_bytes());
}

fn proof_file(bytes: &[u8]) {
    match AnyProofFile::parse(utf8(bytes)) {
        Ok(AnyProofFile::Record(file)) => {
            settled(&*file, |text| ProofFile::parse(text).ok());
            let _ = file.handovers().map(|handovers| trust(&handovers));
            if let Ok(proof) = file.proof() {
                let _ = verify_record(&VALIDATORS, &proof, file.resource.as_deref());
            }
        }
        Ok(AnyProofFile::Entry(file)) => {
            settled(&file, |text| EntryFile::parse(text).ok());
            let _ = file.handovers().map(|handovers| trust(&handovers));
            if let (Ok(subject), Ok(proof)) = (file.subject(), file.proof()) {
                let _ = verify_entry(&VALIDATORS, &subject, &proof);
            }
        }
        Ok(AnyProofFile::Erasure(file)) => {
            settled(&file, |text| ErasureFile::parse(text).ok());
            for order in &file.orders {
                let _ = verify_erasure(&mut Validators::of_genesis(&GENESIS), order);
            }
        }
        Ok(AnyProofFile::Accounting(file)) => {
            settled(&*file, |text| AccountingFile::parse(text).ok());
            let genuine = verify_accounting(&mut Validators::of_genesis(&GENESIS), &file);
            assert!(genuine.is_err(), "nobody signed this list");
        }
        Err(error) => drop(error.to_string()),
    }
}

/// The head of an exported log in the first line, entries in all others.
fn access_log(bytes: &[u8]) {
    let mut lines = bytes.split(|byte| *byte == b'\n');
    let Some(Ok(head)) = lines.next().map(serde_json::from_slice::<LogHead>) else { return };
    let Ok(mut audit) = LogAudit::begin(&mut Validators::of_genesis(&GENESIS), &head) else { return };
    let _ = lines.try_for_each(|line| audit.line(line)).and_then(|()| audit.finish().map(|_| ()));
}

fn trust(handovers: &[Handover]) {
    let _ = Validators::of_genesis(&GENESIS).extend(handovers);
}

fn genesis_file(bytes: &[u8]) {
    if let Ok(genesis) = GenesisFile::parse(utf8(bytes)) {
        assert!(genesis.check().is_ok(), "a genesis that breaks a rule");
    }
}

fn checkpoint_file(bytes: &[u8]) {
    if let Ok(checkpoint) = CheckpointFile::parse(utf8(bytes)) {
        assert!(Validators::of_checkpoint(&checkpoint).is_ok(), "a checkpoint of no validators");
    }
}

fn application_file(bytes: &[u8]) {
    let _ = ApplicationFile::parse(utf8(bytes), &GENESIS.network());
}

const FILES: Choice = Choice(&[proof_file, genesis_file, checkpoint_file, application_file, access_log]);

fn files() -> Vec<Vec<u8>> {
    let proofs = network::proof_files().into_iter().map(|file| chosen(0, file.as_bytes()));
    let others = [
        network::genesis_file(),
        network::checkpoint_file(),
        network::application_file(),
        network::access_log(),
    ];
    let others = (1..).zip(others).map(|(place, file)| chosen(place, file.as_bytes()));
    proofs.chain(others).collect()
}

/// The block is right, the certificate is what comes.
pub(super) fn certificate(bytes: &[u8]) -> Option<Result<(), CertificateError>> {
    let mut block = network::CERTIFIED[0].clone();
    let genuine = block.certificate.to_vec();
    block.certificate = Bounded::new(bytes.to_vec()).ok()?;
    let verdict = verify_certified_header(&VALIDATORS, &block).map(|_| ());
    assert!(verdict.is_err() || genuine == bytes, "nobody signed this certificate: {}", hex::encode(bytes));
    Some(verdict)
}

fn certificate_bytes(bytes: &[u8]) {
    let _ = certificate(bytes);
}

fn certified_header(bytes: &[u8]) {
    let Some(block) = decoded::<CertifiedHeader>(bytes) else { return };
    let verified = verify_certified_header(&VALIDATORS, &block).is_ok();
    let genuine = network::CERTIFIED.contains(&block);
    assert!(!verified || genuine, "nobody signed this block: {}", hex::encode(bytes));
}

fn handovers(bytes: &[u8]) {
    if let Some(handovers) = decoded::<Bounded<Handover, 16>>(bytes) {
        trust(&handovers);
    }
}

fn record(bytes: &[u8]) {
    if let Some(proof) = decoded::<RecordProof>(bytes) {
        let _ = verify_record(&VALIDATORS, &proof, Some("{}"));
    }
}

fn anchors(bytes: &[u8]) {
    if let Some(proofs) = decoded::<AnchorProofs>(bytes) {
        let _ = verify_anchors(&VALIDATORS, &proofs);
    }
}

const PROOFS: Choice = Choice(&[certificate_bytes, certified_header, handovers, record, anchors]);

fn proofs() -> Vec<Vec<u8>> {
    let blocks = &*network::CERTIFIED;
    let handovers: Bounded<Handover, 16> = Bounded::new(vec![network::handover()]).expect("few");
    let record = network::record_proof();
    let anchors = Bounded::new(vec![record.anchor.clone(), record.anchor.clone()]).expect("few");
    let anchors = AnchorProofs { anchors, block: record.block.clone() };
    let mut seeds = vec![
        chosen(0, &blocks[0].certificate),
        chosen(2, &handovers.encode()),
        chosen(3, &record.encode()),
        chosen(4, &anchors.encode()),
    ];
    seeds.extend(blocks.iter().map(|block| chosen(1, &block.encode())));
    seeds
}

/// A vector, its value if that is shown, and the proof.
type Shown<'a> = (&'static network::StateVector, Option<&'static [u8]>, &'a [u8]);

/// The first byte chooses the root and key of a proof that a node made, the second whether its value is shown.
pub(super) fn state(input: &[u8]) -> Option<Shown<'_>> {
    let ([which, shown], proof) = input.split_first_chunk()?;
    let vector = &STATE_VECTORS[usize::from(*which) % STATE_VECTORS.len()];
    let value = vector.value.as_deref().filter(|_| shown & 1 == 1);
    Some((vector, value, proof))
}

fn state_proof(input: &[u8]) {
    let Some((vector, value, proof)) = state(input) else { return };
    let holds = |root: &Digest| verify_state(root, &vector.key, value, proof).is_ok();
    assert!(!holds(&Digest::ZERO), "a proof of a state that never was");
    let genuine = value == vector.value.as_deref() && proof == vector.proof;
    assert!(!holds(&vector.root) || genuine, "a second proof: {}", hex::encode(proof));
}

fn state_proofs() -> Vec<Vec<u8>> {
    let seed = |(at, vector): (usize, &network::StateVector)| {
        [&[u8::try_from(at % 256).expect("a byte"), u8::from(vector.value.is_some())], &vector.proof[..]]
            .concat()
    };
    STATE_VECTORS.iter().enumerate().take(48).map(seed).collect()
}

pub(super) const TARGETS: &[Target] = &[
    Target {
        name: "files",
        decoders: &[
            "verifier::file/mod::parse",
            "verifier::file/accounting::parse",
            "verifier::file/record::parse",
            "verifier::file/entry::parse",
            "verifier::file/erasure::parse",
            "verifier::file/parts::decode",
            "verifier::genesis_file::parse",
            "verifier::checkpoint_file::parse",
            "verifier::application_file::parse",
            "verifier::entry::decode",
        ],
        weight: 4,
        instrumented: true,
        seeds: files,
        run: |input| FILES.run(input),
    },
    Target {
        name: "light_client",
        decoders: &["verifier::certificate::parse"],
        weight: 4,
        instrumented: true,
        seeds: proofs,
        run: |input| PROOFS.run(input),
    },
    Target {
        name: "state_proofs",
        decoders: &[],
        weight: 4,
        instrumented: true,
        seeds: state_proofs,
        run: state_proof,
    },
];
