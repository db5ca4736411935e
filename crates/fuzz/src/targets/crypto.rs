//! Decoders of `salus-crypto`, and its boxes, which open nothing that was not sealed.

use super::{Choice, chosen};
use crate::Target;
use crate::check::{canonical, canonical_with, decoded, same, text};
use commonware_codec::{Encode as _, RangeCfg};
use salus_crypto::hpke::Encapsulated;
use salus_crypto::merkle::InclusionProof;
use salus_crypto::{
    Digest, Envelope, HpkePrivateKey, HpkePublicKey, PublicKey, Secret32, Share, Signature, SignedEnvelope,
    aead, hpke, shamir,
};
use std::io::Read as _;
use std::sync::LazyLock;

/// Longest ciphertext in an envelope, here.
const CIPHERTEXT_BYTES_MAX: usize = 4_096;

static KEY: LazyLock<HpkePrivateKey> =
    LazyLock::new(|| HpkePrivateKey::from_seed(&Secret32::from_bytes(&[5; 32])));

fn bound() -> RangeCfg<usize> {
    RangeCfg::from(0..=CIPHERTEXT_BYTES_MAX)
}

fn path(bytes: &[u8]) {
    let Some(proof) = decoded::<InclusionProof>(bytes) else { return };
    let shown = proof.verify(&Digest::ZERO, &Digest::ZERO);
    assert!(shown.is_err(), "nobody finds a path to the root of zeros");
}

fn share(bytes: &[u8]) {
    let Some(share) = decoded::<Share>(bytes) else { return };
    let other = Share { index: share.index.wrapping_add(1), value: [1; 32] };
    let _ = (shamir::combine(&[share.clone(), other]), share.matches(&Digest::ZERO, b""));
}

fn split_envelope(bytes: &[u8]) {
    if let Ok(envelope) = Envelope::from_bytes(bytes) {
        same("Envelope", bytes, &envelope.to_bytes());
    }
}

fn opened_envelope(bytes: &[u8]) {
    if let Ok(envelope) = Envelope::from_bytes(bytes) {
        assert!(hpke::open(&KEY, b"fuzz", b"", &envelope).is_err(), "it opens what was not sealed");
    }
}

fn sealed(bytes: &[u8]) {
    let key = Secret32::from_bytes(&[5; 32]);
    assert!(aead::open(&key, b"", bytes).is_err(), "it opens what was not sealed");
    assert!(aead::open_committed(&key, b"", bytes).is_err(), "it opens what was not sealed");
    assert!(aead::open_stream(&key, b"", bytes).is_err(), "it opens what was not sealed");
    let mut opened = Vec::new();
    let read = aead::StreamReader::new(&key, b"", bytes).read_to_end(&mut opened);
    assert!(read.is_err() && opened.is_empty(), "it opens what was not sealed");
}

const CODECS: Choice = Choice(&[
    canonical::<Digest>,
    canonical::<PublicKey>,
    canonical::<Signature>,
    canonical::<HpkePublicKey>,
    canonical::<Encapsulated>,
    share,
    path,
    |bytes| canonical_with::<Envelope>(bytes, &bound()),
    |bytes| canonical_with::<SignedEnvelope>(bytes, &bound()),
    split_envelope,
    text::<Digest>,
    text::<Signature>,
    text::<HpkePublicKey>,
]);

fn codecs() -> Vec<Vec<u8>> {
    let path = InclusionProof { index: 3, size: 64, path: vec![Digest::ZERO; 6] };
    let envelope = Envelope { enc: Encapsulated([1; 1_120]), ct: vec![2; 40] };
    let signed = SignedEnvelope {
        enc: Encapsulated([1; 1_120]),
        ct: vec![2; 40],
        sender: PublicKey([3; 32]),
        signature: Signature([4; 64]),
    };
    vec![
        chosen(0, &[7; 32]),
        chosen(2, &[7; 64]),
        chosen(4, &[7; 1_120]),
        chosen(5, &[7; 33]),
        chosen(6, &path.encode()),
        chosen(7, &envelope.encode()),
        chosen(8, &signed.encode()),
        chosen(9, &envelope.to_bytes()),
        chosen(10, "ab".repeat(32).as_bytes()),
        chosen(11, "ab".repeat(64).as_bytes()),
    ]
}

const BOXES: Choice = Choice(&[sealed, opened_envelope]);

pub(super) const TARGETS: &[Target] = &[
    Target {
        name: "crypto",
        decoders: &[
            "crypto::Digest",
            "crypto::PublicKey",
            "crypto::Signature",
            "crypto::HpkePublicKey",
            "crypto::Encapsulated",
            "crypto::Share",
            "crypto::InclusionProof",
            "crypto::Envelope",
            "crypto::SignedEnvelope",
            "crypto::hpke::from_bytes",
            "crypto::bytes_type::from_hex",
            "crypto::bytes_type::vec_from_hex",
        ],
        weight: 4,
        instrumented: true,
        seeds: codecs,
        run: |input| CODECS.run(input),
    },
    Target {
        name: "boxes",
        decoders: &["crypto::StreamReader"],
        weight: 1,
        instrumented: true,
        seeds: || vec![chosen(0, &[7; 100]), chosen(1, &[7; 1_200])],
        run: |input| BOXES.run(input),
    },
];
