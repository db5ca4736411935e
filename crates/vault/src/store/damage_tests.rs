//! Flipped bits in the tables: each is found, at the next start or by reading the rows, or changes nothing.

use super::{DAMAGED_FILE, Store, StoreError, open_tables};
use crate::store::tables::{COUNTERS, Mark, NONCES, Name, PATIENT_AT};
use crate::store::{ReadTx, Reads as _};
use salus_crypto::Secret32;
use salus_crypto::hash::hash;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

const ROWS: u64 = 2_000;
const FLIPS: usize = 300;

fn key() -> Secret32 {
    Secret32::from_bytes(&[9; 32])
}

/// A vault with rows in three tables, some of them removed again, so that there are free pages.
fn vault(folder: &Path) {
    let store = Store::open(folder, &key()).expect("opens");
    for round in 0..8 {
        let tx = store.write().expect("a writer");
        for number in (round * ROWS / 8)..((round + 1) * ROWS / 8) {
            let at = number.to_be_bytes();
            tx.put(&COUNTERS, &at, &number).expect("put");
            let name: Name = Name::new(format!("patient-{number}")).expect("a name");
            tx.put(&PATIENT_AT, &at, &name).expect("put");
            tx.put(&NONCES, &at, &crate::store::tables::MARK).expect("put");
            if number % 3 == 0 {
                tx.remove(&NONCES, &at).expect("removed");
            }
        }
        tx.commit().expect("committed");
    }
}

/// Counters, names, and how many marks there are.
type Found = (Vec<(Vec<u8>, u64)>, Vec<(Vec<u8>, String)>, usize);

/// Every row, as the program reads it.
fn rows(tx: &ReadTx) -> Result<Found, StoreError> {
    let names = tx.scan(&PATIENT_AT, &[], None, usize::MAX)?;
    let names = names.into_iter().map(|(at, name)| (at, name.as_str().to_owned())).collect();
    let marks: Vec<(Vec<u8>, Mark)> = tx.scan(&NONCES, &[], None, usize::MAX)?;
    Ok((tx.scan(&COUNTERS, &[], None, usize::MAX)?, names, marks.len()))
}

fn flipped(from: &Path, to: &Path, bit: usize) {
    let mut bytes = fs::read(from.join("vault.redb")).expect("the tables");
    bytes[bit / 8] ^= 1 << (bit % 8);
    let _ = fs::remove_dir_all(to);
    fs::create_dir_all(to).expect("a folder");
    fs::write(to.join("vault.redb"), bytes).expect("written");
}

#[test]
fn a_flipped_bit_in_the_tables_is_found_or_changes_nothing() {
    let home = tempfile::tempdir().expect("a folder");
    let (whole, copy) = (home.path().join("whole"), home.path().join("copy"));
    vault(&whole);
    let expected = {
        let store = Store::open(&whole, &key()).expect("opens");
        store.check_rows().expect("whole");
        rows(&store.read().expect("a view")).expect("rows")
    };
    let bits = 8 * fs::metadata(whole.join("vault.redb")).expect("tables").len() as usize;
    let seed: u64 = std::env::var("SALUS_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(7);
    println!("seed {seed}");
    let (mut at_start, mut by_rows) = (0, 0);
    for number in 0..FLIPS {
        let digest = hash("salus/test/flip", &[&seed.to_be_bytes(), &number.to_be_bytes()]);
        let bit = u64::from_be_bytes(*digest.0.first_chunk().expect("eight")) as usize % bits;
        // While a node runs, nothing looks at the pages: the rows alone.
        flipped(&whole, &copy, bit);
        let read = catch_unwind(AssertUnwindSafe(|| {
            let view = ReadTx(open_tables(&copy)?.begin_read()?);
            view.check_rows()?;
            Ok::<_, StoreError>(rows(&view)? == expected)
        }));
        match read {
            Ok(Ok(same)) => assert!(same, "bit {bit}: other rows, and nobody noticed"),
            _ => by_rows += 1,
        }
        // At a start.
        flipped(&whole, &copy, bit);
        match Store::open(&copy, &key()) {
            Ok(store) => {
                store.check_rows().expect("rows that are whole");
                assert!(rows(&store.read().expect("a view")).expect("rows") == expected, "bit {bit}");
            }
            Err(_) => at_start += 1,
        }
    }
    println!(
        "{FLIPS} flips: {at_start} found at a start, {by_rows} by the rows; the others lie where nothing is"
    );
    assert!(at_start > FLIPS / 20 && by_rows > FLIPS / 20);
}

#[test]
fn tables_that_were_found_damaged_are_not_opened_again() {
    let home = tempfile::tempdir().expect("a folder");
    let (whole, copy) = (home.path().join("whole"), home.path().join("copy"));
    vault(&whole);
    let bytes = fs::read(whole.join("vault.redb")).expect("the tables");
    let name = b"patient-1999";
    let at = memchr::memmem::rfind(&bytes, name).expect("a row");
    flipped(&whole, &copy, 8 * at + 3);
    for _ in 0..2 {
        assert!(matches!(Store::open(&copy, &key()), Err(StoreError::DamagedTables)));
        assert!(copy.join(DAMAGED_FILE).exists());
    }
    // A backup in their place.
    fs::copy(whole.join("vault.redb"), copy.join("vault.redb")).expect("restored");
    fs::remove_file(copy.join(DAMAGED_FILE)).expect("removed");
    Store::open(&copy, &key()).expect("opens").check_rows().expect("whole");
}
