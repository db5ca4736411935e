//! The chain, its recovery, and that changes to it show.

use super::*;
use crate::store::Store;
use std::path::PathBuf;

struct Folder(tempfile::TempDir, Arc<Secret32>);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("folder"), Arc::new(Secret32::random()))
    }

    fn seal(&self) -> Seal {
        Seal::new(Arc::clone(&self.1))
    }

    /// A line as it lies in the journal.
    fn sealed(&self, line: &[u8]) -> Vec<u8> {
        format!("{}\n", STANDARD_NO_PAD.encode(self.seal().line(line))).into_bytes()
    }

    fn journal(&self) -> PathBuf {
        self.0.path().join("journal")
    }

    fn store(&self) -> Store {
        Store::open(&self.0.path().join("store.redb"), Arc::clone(&self.1)).expect("store")
    }

    fn log(&self) -> AccessLog {
        AccessLog::open(self.store(), &self.journal()).expect("log")
    }
}

fn access(who: &str, patient: &str) -> Access {
    Access {
        who: Who::System { id: who.into() },
        kind: Kind::Read,
        patient: Some(patient.into()),
        purpose: None,
        reason: String::new(),
        types: vec!["Observation".into()],
        count: None,
        grants: Vec::new(),
        events: Vec::new(),
    }
}

#[tokio::test]
async fn entries_are_numbered_without_gaps_in_the_log_and_for_everybody() {
    let folder = Folder::new();
    let log = folder.log();
    for (who, patient) in [("a", "p1"), ("b", "p1"), ("a", "p2"), ("a", "p1")] {
        log.append(access(who, patient)).expect("append");
    }
    let entries = log.of_patient("p1", Page::default()).await.expect("query");
    let numbers: Vec<_> =
        entries.iter().map(|entry| (entry.number, entry.own_number, entry.patient_number)).collect();
    assert_eq!(numbers, [(4, 3, Some(3)), (2, 1, Some(2)), (1, 1, Some(1))]);
    assert_eq!(log.newest(Page { before: 4, limit: 2 }).await.expect("query").len(), 2);
    assert_eq!(log.verify().expect("chain"), 4);
}

#[tokio::test]
async fn entries_for_which_nobody_waits_get_to_the_disk_all_the_same() {
    let folder = Folder::new();
    let log = folder.log();
    for _ in 0..3 {
        log.append(access("a", "p1")).expect("append");
    }
    let mut committed = log.committed.clone();
    let size = committed.wait_for(|committed| committed.entries == 3).await.expect("committer").entries;
    let stored = log.store.read(|transaction| Ok(transaction.open_table(commit::ENTRIES)?.len()?));
    assert_eq!(stored.expect("read"), size);
}

#[tokio::test]
async fn entries_of_one_patient_are_not_those_of_one_with_a_longer_name() {
    let folder = Folder::new();
    let log = folder.log();
    log.append(access("a", "p1")).expect("append");
    log.append(access("a", "p10")).expect("append");
    assert_eq!(log.of_patient("p1", Page::default()).await.expect("query").len(), 1);
}

#[tokio::test]
async fn what_the_journal_has_beyond_the_database_is_recovered_and_half_a_line_is_not() {
    let folder = Folder::new();
    let line = {
        // The process ends after the `write`, before the commit: only the journal has the entry.
        let position = Position::default();
        position.follow(access("a", "p1"), 1, Digest::ZERO).1
    };
    let mut bytes = folder.sealed(&line);
    let half = bytes.len() / 2;
    bytes.extend_from_within(..half);
    std::fs::write(folder.journal(), bytes).expect("journal");
    let log = folder.log();
    assert_eq!(log.verify().expect("chain"), 1);
    let receipt = log.append(access("a", "p1")).expect("append");
    assert_eq!(receipt.number, 2);
    receipt.durable().await.expect("durable");
    assert_eq!(log.verify().expect("chain"), 2);
}

#[tokio::test]
async fn neither_the_journal_nor_the_tables_hold_the_words_of_an_entry() {
    let folder = Folder::new();
    let log = folder.log();
    let reason = "a word of nobody else".to_owned();
    let receipt = log.append(Access { reason: reason.clone(), ..access("a", "p1") }).expect("append");
    receipt.durable().await.expect("durable");
    assert_eq!(log.of_patient("p1", Page::default()).await.expect("query")[0].access.reason, reason);
    for file in [folder.journal(), folder.0.path().join("store.redb")] {
        let bytes = std::fs::read(&file).expect("file");
        assert!(!bytes.is_empty() && !bytes.windows(6).any(|part| part == b"nobody"), "{}", file.display());
    }
}

#[tokio::test]
async fn a_line_that_another_key_sealed_is_no_entry() {
    let folder = Folder::new();
    let line = Position::default().follow(access("a", "p1"), 1, Digest::ZERO).1;
    std::fs::write(folder.journal(), Folder::new().sealed(&line)).expect("journal");
    assert_eq!(folder.log().verify().expect("chain"), 0);
}

#[tokio::test]
async fn a_journal_that_does_not_continue_the_database_is_refused() {
    let folder = Folder::new();
    let mut position = Position::default();
    let (entry, _, hash) = position.follow(access("a", "p1"), 1, Digest::ZERO);
    position.advance(&entry, hash);
    let second = position.follow(access("a", "p1"), 2, Digest::ZERO).1;
    std::fs::write(folder.journal(), folder.sealed(&second)).expect("journal");
    assert!(matches!(AccessLog::open(folder.store(), &folder.journal()), Err(OpenError::Log(_))));
}

#[tokio::test]
async fn the_log_goes_on_where_it_stopped() {
    let folder = Folder::new();
    let path = folder.0.path().join("store.redb");
    for round in 1..=3 {
        let store = (0..50)
            .find_map(|_| {
                // The committer's thread may still be closing the database of the round before.
                Store::open(&path, Arc::clone(&folder.1)).ok().or_else(|| {
                    std::thread::park_timeout(std::time::Duration::from_millis(20));
                    None
                })
            })
            .expect("store");
        let log = AccessLog::open(store, &folder.journal()).expect("log");
        log.append(access("a", "p1")).expect("append").durable().await.expect("durable");
        assert_eq!(log.verify().expect("chain"), round);
        let entries = log.of_patient("p1", Page::default()).await.expect("query");
        assert_eq!(entries[0].patient_number, Some(round), "counters are those on disk");
        let Committed { entries: size, head } = *log.committed.borrow();
        for line in log.lines_of_patient("p1", Page::default(), u64::MAX).await.expect("lines") {
            let number = line.entry.number;
            let path = log.path(number, size).expect("a path");
            let leaf = leaf(&line_hash(line.text.as_bytes()));
            InclusionProof { index: number - 1, size, path }.verify(&leaf, &head).expect("leads to the head");
        }
    }
}

#[tokio::test]
async fn a_changed_entry_shows() {
    let folder = Folder::new();
    let log = folder.log();
    for _ in 0..3 {
        log.append(access("a", "p1")).expect("append").durable().await.expect("durable");
    }
    let changed = log.store.write_blocking(|transaction| {
        let mut table = transaction.open_table(commit::ENTRIES).map_err(StoreError::from)?;
        let sealed = table.get(2).map_err(StoreError::from)?.expect("entry").value().to_vec();
        let line = commit::opened(transaction.seal(), 2, &sealed)?;
        let line = String::from_utf8(line.to_vec()).expect("text").replace("Observation", "Nothingatal");
        let sealed = commit::sealed(transaction.seal(), 2, line.as_bytes());
        table.insert(2, sealed.as_slice()).map_err(StoreError::from)?;
        Ok::<_, StoreError>(())
    });
    changed.expect("write");
    assert!(log.verify().is_err());
}

use crate::store::{Seal, StoreError};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use redb::{ReadableTable as _, ReadableTableMetadata as _};
use salus_crypto::Secret32;
use salus_crypto::merkle::InclusionProof;
use salus_types::access_log::{leaf, line_hash};
