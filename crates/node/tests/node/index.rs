//! The index keeps every place, whichever way it has come.

use commonware_runtime::{Runner as _, Supervisor as _, tokio as runtime};
use salus_node::Place;
use salus_node::index::Index;
use salus_types::block::Receipt;
use salus_types::state::StateKey;
use salus_types::{Digest, TransactionId};
use std::path::Path;

const RECEIPTS: u32 = 60;

fn digest(height: u64, position: u32, kind: u8) -> Digest {
    salus_crypto::hash::hash("test", &[&[kind], &height.to_be_bytes(), &position.to_be_bytes()])
}

fn receipts(height: u64) -> Vec<Receipt> {
    let receipt = |position| Receipt {
        transaction: TransactionId(digest(height, position, 0)),
        entry: StateKey(digest(height, position, 1)),
    };
    (0..RECEIPTS).map(receipt).collect()
}

fn open(folder: &Path) -> Index {
    Index::open(Some(&folder.join("index.redb"))).unwrap()
}

fn check(index: &Index, heights: u64) {
    for height in 1..=heights {
        for (position, receipt) in (0..).zip(receipts(height)) {
            let expected = Place { height, position, entry: receipt.entry };
            assert_eq!(index.get(&receipt.transaction), Some(expected), "{position} of block {height}");
        }
    }
    assert_eq!(index.get(&TransactionId(digest(heights + 1, 0, 0))), None);
}

#[test]
fn every_place_is_found_after_every_block_and_after_every_restart() {
    let folder = tempfile::tempdir().unwrap();
    let storage = runtime::Config::new().with_storage_directory(folder.path().join("runtime"));
    runtime::Runner::new(storage).start(|context| async move {
        let mut index = open(folder.path());
        for height in 1..=100 {
            index.insert(height, &receipts(height));
            check(&index, height);
            index.commit(context.child("index")).await;
            check(&index, height);
            if [1, 2, 40, 41, 99].contains(&height) {
                drop(index);
                index = open(folder.path());
                check(&index, height);
                // A block whose processing was not noted before the crash comes again.
                index.insert(height, &receipts(height));
                index.commit(context.child("index")).await;
            }
        }
        drop(index);
        check(&open(folder.path()), 100);
    });
}
