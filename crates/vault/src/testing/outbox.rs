//! The engine's outbox.

use super::*;

/// The engine's outbox: it survives crashes of the vault.
#[derive(Default)]
pub(crate) struct FakeOutbox {
    rows: Mutex<Vec<OutboxRow>>,
    acked: AtomicU64,
    new: Notify,
}

impl FakeOutbox {
    pub(crate) fn push(
        &self,
        resource_type: &str,
        name: &str,
        version: &str,
        patient: Option<&str>,
        rest: &str,
    ) {
        let mut rows = self.rows.lock().expect("unpoisoned");
        let seq = rows.last().map_or(1, |row| row.seq + 2);
        rows.push(OutboxRow {
            seq,
            resource_type: resource_type.to_owned(),
            id: name.to_owned(),
            version: version.to_owned(),
            deleted: false,
            patient: patient.map(str::to_owned),
            resource: format!(r#"{{"resourceType":"{resource_type}","id":"{name}"{rest}}}"#),
        });
        drop(rows);
        self.new.notify_waiters();
    }

    pub(crate) fn push_deleted(&self, resource_type: &str, name: &str, version: &str, patient: &str) {
        self.push(resource_type, name, version, Some(patient), r#","note":"secret""#);
        self.rows.lock().expect("unpoisoned").last_mut().expect("pushed").deleted = true;
    }

    pub(crate) fn observations(&self, patient: &str, numbers: std::ops::Range<usize>) {
        for number in numbers {
            let rest =
                format!(r#","category":[{{"coding":[{{"code":"laboratory"}}]}}],"valueInteger":{number}"#);
            self.push("Observation", &format!("o{number}"), "1", Some(patient), &rest);
        }
    }

    pub(crate) fn rows(&self) -> Vec<OutboxRow> {
        self.rows.lock().expect("unpoisoned").clone()
    }

    pub(crate) fn last(&self) -> u64 {
        self.rows.lock().expect("unpoisoned").last().map_or(0, |row| row.seq)
    }

    pub(crate) fn acked(&self) -> u64 {
        self.acked.load(Ordering::Relaxed)
    }
}

#[async_trait]
impl Outbox for FakeOutbox {
    async fn next(&self, after: u64, limit: usize) -> Result<Vec<OutboxRow>, OutboxError> {
        let rows = self.rows.lock().expect("unpoisoned");
        Ok(rows.iter().filter(|row| row.seq > after).take(limit).cloned().collect())
    }

    async fn wait(&self, after: u64) {
        let new = self.new.notified();
        if self.last() <= after {
            new.await;
        }
    }

    async fn ack(&self, up_to: u64) -> Result<(), OutboxError> {
        self.acked.fetch_max(up_to, Ordering::Relaxed);
        Ok(())
    }
}
