use super::*;
use commonware_codec::{Copying, DecodeExt as _, Encode as _};
use proptest::prelude::*;

/// RFC 9162 2.1.1, word for word: the oracle.
fn rfc_root(d: &[Digest]) -> Digest {
    match d.len() {
        0 => crate::hash::sha256([]),
        1 => d[0],
        n => {
            let k = n.next_power_of_two() / 2;
            node_hash(&rfc_root(&d[..k]), &rfc_root(&d[k..]))
        }
    }
}

/// RFC 9162 2.1.3.1, word for word.
fn rfc_path(m: usize, d: &[Digest]) -> Vec<Digest> {
    if d.len() == 1 {
        return Vec::new();
    }
    let k = d.len().next_power_of_two() / 2;
    let (mut path, last) = if m < k {
        (rfc_path(m, &d[..k]), rfc_root(&d[k..]))
    } else {
        (rfc_path(m - k, &d[k..]), rfc_root(&d[..k]))
    };
    path.push(last);
    path
}

fn leaves(n: u64) -> Vec<Digest> {
    (0..n).map(|i| leaf_hash(i.to_be_bytes())).collect()
}

#[test]
fn roots_are_those_of_the_certificate_transparency_test_tree() {
    let leaves =
        ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
            .map(|text| hex::decode(text).expect("hex"));
    for (size, expected) in [
        (0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        (1, "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"),
        (2, "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"),
        (3, "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77"),
        (7, "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c"),
        (8, "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"),
    ] {
        assert_eq!(root(&leaves[..size]).to_string(), expected);
    }
}

#[test]
fn every_index_of_every_tree_to_70_leaves_proves_and_equals_the_rfc() {
    for n in 0..=70 {
        let leaves = leaves(n);
        let tree = Tree::new(leaves.clone());
        assert_eq!(tree.root(), rfc_root(&leaves));
        assert_eq!(tree.root(), root_of_leaf_hashes(&leaves));
        assert_eq!((tree.size(), tree.proofs().count() as u64), (n, n));
        for (index, proof) in tree.proofs().enumerate() {
            assert_eq!(proof.path, rfc_path(index, &leaves));
            assert_eq!(prove(&leaves, index as u64).as_ref(), Some(&proof));
            assert_eq!(proof.verify(&leaves[index], &tree.root()), Ok(()));
        }
        assert_eq!(tree.prove(n), None);
        assert_eq!(tree.prove(u64::MAX), None);
    }
}

#[test]
fn a_proof_for_one_leaf_fits_no_other_leaf_index_or_size() {
    for n in 1..=20 {
        let leaves = leaves(n);
        let tree = Tree::new(leaves.clone());
        for proof in tree.proofs() {
            for (at, leaf) in leaves.iter().enumerate() {
                assert_eq!(proof.verify(leaf, &tree.root()).is_ok(), at as u64 == proof.index);
            }
            for index in (0..=n + 2).filter(|index| *index != proof.index) {
                let moved = InclusionProof { index, ..proof.clone() };
                assert!(moved.verify(&leaves[proof.index as usize], &tree.root()).is_err());
            }
        }
    }
}

#[test]
fn paths_too_long_or_too_short_are_rejected() {
    for n in 1..=70 {
        let leaves = leaves(n);
        let tree = Tree::new(leaves.clone());
        for proof in tree.proofs() {
            let leaf = leaves[proof.index as usize];
            let mut long = proof.clone();
            long.path.push(Digest::ZERO);
            assert_eq!(long.verify(&leaf, &tree.root()), Err(ProofError::PathLength));
            let mut short = proof.clone();
            if short.path.pop().is_some() {
                assert_eq!(short.verify(&leaf, &tree.root()), Err(ProofError::PathLength));
            }
        }
    }
}

#[test]
fn an_empty_tree_and_an_absurd_size_prove_nothing() {
    let root = root_of_leaf_hashes(&[]);
    let none = InclusionProof { index: 0, size: 0, path: vec![] };
    assert_eq!(none.verify(&root, &root), Err(ProofError::Index { index: 0, size: 0 }));
    let absurd = InclusionProof { index: u64::MAX - 1, size: u64::MAX, path: vec![Digest::ZERO; 64] };
    assert!(absurd.verify(&root, &root).is_err());
}

#[test]
fn every_mutated_byte_of_leaf_root_or_path_is_rejected() {
    for n in 1..=70 {
        let leaves = leaves(n);
        let tree = Tree::new(leaves.clone());
        let root = tree.root();
        for proof in tree.proofs().step_by(3) {
            let leaf = leaves[proof.index as usize];
            for byte in 0..32 {
                let flip = |digest: &Digest| {
                    let mut digest = *digest;
                    digest.0[byte] ^= 1 << (byte % 8);
                    digest
                };
                assert_eq!(proof.verify(&flip(&leaf), &root), Err(ProofError::Root));
                assert_eq!(proof.verify(&leaf, &flip(&root)), Err(ProofError::Root));
                for step in 0..proof.path.len() {
                    let mut bad = proof.clone();
                    bad.path[step] = flip(&bad.path[step]);
                    assert_eq!(bad.verify(&leaf, &root), Err(ProofError::Root));
                }
            }
        }
    }
}

#[test]
fn the_codec_and_json_are_strict() {
    let proof = prove(&leaves(70), 3).expect("in range");
    let encoded = proof.encode();
    assert_eq!(InclusionProof::decode(Copying(&encoded[..])).expect("decodes"), proof);
    let long = InclusionProof { path: vec![Digest::ZERO; 65], ..proof.clone() };
    assert!(InclusionProof::decode(Copying(&long.encode()[..])).is_err());

    let json = serde_json::to_string(&proof).expect("json");
    assert_eq!(serde_json::from_str::<InclusionProof>(&json).expect("json"), proof);
    assert!(
        serde_json::from_str::<InclusionProof>(&json.replace("\"index\"", "\"extra\":1,\"index\"")).is_err()
    );
}

proptest! {
    #[test]
    fn a_random_tree_proves_its_leaves(data in prop::collection::vec(any::<[u8; 5]>(), 1..300), pick: prop::sample::Index) {
        let hashes: Vec<_> = data.iter().map(leaf_hash).collect();
        let index = pick.index(hashes.len());
        let proof = prove(&hashes, index as u64).expect("in range");
        prop_assert_eq!(proof.verify(&hashes[index], &root(&data)), Ok(()));
        prop_assert_eq!(proof.path, rfc_path(index, &hashes));
    }

    #[test]
    fn decoding_random_bytes_never_panics(bytes: Vec<u8>) {
        let _ = InclusionProof::decode(Copying(&bytes[..]));
    }
}

#[test]
fn a_tree_that_grows_has_the_roots_and_proofs_of_one_that_is_built_at_once() {
    use std::collections::HashMap;
    let leaves: Vec<Digest> = (0_u64..70).map(|n| leaf_hash(n.to_be_bytes())).collect();
    let (mut frontier, mut nodes) = (Frontier::default(), HashMap::new());
    for size in 0..=leaves.len() {
        assert_eq!(frontier.root(), root_of_leaf_hashes(&leaves[..size]), "{size} leaves");
        let node = |level: u32, index: u64| nodes.get(&(level, index)).copied().ok_or((level, index));
        assert_eq!(Frontier::of(size as u64, node), Ok(frontier.clone()), "{size} leaves");
        let tree = Tree::new(leaves[..size].to_vec());
        for index in 0..=size as u64 {
            assert_eq!(prove_from(size as u64, index, node), Ok(tree.prove(index)), "{index} of {size}");
        }
        if let Some(leaf) = leaves.get(size) {
            nodes.extend(frontier.push(*leaf).into_iter().map(|node| ((node.level, node.index), node.hash)));
        }
    }
}
