//! A crash at a step: what the next process finds.

use super::*;
use crate::VaultError;
use crate::source::{SourceError, Step};
use std::path::Path;
use std::sync::atomic::AtomicBool;

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        if entry.file_type().expect("a type").is_dir() {
            copy(&entry.path(), &target);
        } else if let Err(error) = std::fs::copy(entry.path(), target) {
            assert_eq!(error.kind(), std::io::ErrorKind::NotFound, "a staging file may be renamed meanwhile");
        }
    }
}

/// Stops at the `nth` time of `step` as kill -9 would: the next process finds the files as they were right then.
pub(crate) async fn crash(world: &Arc<World>, step: Step, nth: usize) {
    let vault = world.open("hospital-a");
    let (from, to) = (world.path("hospital-a"), world.path("after-crash"));
    let (count, done) = (Mutex::new(0), AtomicBool::new(false));
    let custodian = vault.custodian.clone();
    *vault.source.as_ref().expect("a source").probe.lock().expect("unpoisoned") = Some(Arc::new(move |at| {
        if at == step && !done.load(Ordering::Relaxed) {
            let mut count = count.lock().expect("unpoisoned");
            *count += 1;
            if *count == nth {
                // The files as of one moment: no other writer while they are copied.
                let writer = (step != Step::PackWritten).then(|| custodian.store().write());
                copy(&from, &to);
                drop(writer);
                done.store(true, Ordering::Relaxed);
            }
        }
        done.load(Ordering::Relaxed)
    }));
    let stopped = tokio::time::timeout(Duration::from_secs(20), vault.run()).await;
    let stopped = stopped.unwrap_or_else(|_| panic!("{step:?} is never reached"));
    assert!(matches!(stopped, Err(VaultError::Source(SourceError::Interrupted))), "{step:?}");
    world.vaults.lock().expect("unpoisoned").remove(&id("hospital-a"));
}
