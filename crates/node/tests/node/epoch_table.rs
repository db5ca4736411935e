//! The table of epochs, and what the index keeps of it.

use commonware_consensus::types::{Epoch, Epocher as _, Height};
use commonware_cryptography::certificate::{Provider as _, Scoped};
use commonware_runtime::{Runner as _, Supervisor as _, deterministic};
use salus_node::epochs::{EpochRecord, Epochs};
use salus_node::index::Index;
use salus_node::{keys, testing};
use salus_types::Digest;

fn record(epoch: u64, first_height: u64, blocks: u64, seats: u8) -> EpochRecord {
    let mut validators: Vec<_> = (0..seats).map(|number| testing::signing_key(number).public()).collect();
    validators.sort_unstable();
    EpochRecord { epoch, first_height, blocks, parent: Digest::ZERO, members: seats.into(), validators }
}

fn epochs(index: &Index) -> Epochs {
    let addresses: Vec<_> = (0..4).map(|number| format!("127.0.0.1:{number}")).collect();
    let mut genesis = testing::genesis(0, &addresses);
    genesis.parameters.epoch_blocks = 10;
    Epochs::open(&genesis, Digest::ZERO, keys::private(&testing::signing_key(0)), index).unwrap()
}

/// Four epochs of ten blocks, then two of three blocks with a validator more.
fn history() -> Vec<EpochRecord> {
    let ten = (1..4).map(|epoch| record(epoch, epoch * 10, 10, 4));
    ten.chain([record(4, 40, 3, 5), record(5, 43, 3, 5)]).collect()
}

#[test]
fn heights_are_in_their_epochs_and_beyond_the_newest_in_none() {
    let epochs = epochs(&Index::open(None).unwrap());
    for record in history() {
        epochs.begin(record).unwrap();
    }
    for (height, expected) in [
        (0, Some((0, 0, 9))),
        (9, Some((0, 0, 9))),
        (10, Some((1, 10, 19))),
        (39, Some((3, 30, 39))),
        (40, Some((4, 40, 42))),
        (43, Some((5, 43, 45))),
        (45, Some((5, 43, 45))),
        (46, None),
    ] {
        let found = epochs.containing(Height::new(height));
        let found = found.map(|info| (info.epoch().get(), info.first().get(), info.last().get()));
        assert_eq!(found, expected, "height {height}");
    }
    for (epoch, bounds) in [(0, Some((0, 9))), (2, Some((20, 29))), (5, Some((43, 45))), (6, None)] {
        let (first, last) = (epochs.first(Epoch::new(epoch)), epochs.last(Epoch::new(epoch)));
        assert_eq!(first.zip(last).map(|(first, last)| (first.get(), last.get())), bounds);
        let seats = epochs.scoped(Epoch::new(epoch)).and_then(Scoped::into_scheme);
        let seats =
            seats.map(|scheme| commonware_cryptography::certificate::Scheme::participants(&*scheme).len());
        assert_eq!(seats, bounds.map(|_| if epoch < 4 { 4 } else { 5 }), "epoch {epoch}");
    }
    assert_eq!(epochs.changes(), [record(4, 40, 3, 5)]);
}

#[test]
fn an_index_gives_back_what_matters() {
    deterministic::Runner::default().start(|context| async move {
        let index = Index::open(None).unwrap();
        let told = epochs(&index);
        for record in history() {
            told.begin(record.clone()).unwrap();
            // A block may come twice.
            for _ in 0..2 {
                index.insert_epoch(record.clone());
                index.commit(context.child("index")).await;
            }
        }
        let again = epochs(&index);
        assert_eq!(again.newest(), told.newest());
        assert_eq!(again.changes(), told.changes());
        for height in 0..50 {
            assert_eq!(again.containing(Height::new(height)), told.containing(Height::new(height)));
        }
        assert!(index.epochs().len() <= 3, "epochs without a change are not kept");
    });
}
