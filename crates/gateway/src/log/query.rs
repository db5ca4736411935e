//! Reading the log: for patients, stewards and auditors.

use super::commit::{BY_PATIENT, ENTRIES, NODES, opened, stored_frontier};
use super::{AccessLog, Entry};
use crate::error::Error;
use crate::store::{ReadTransaction, StoreError};
use redb::{AccessGuard, ReadableTable as _, StorageError, TableError};
use salus_crypto::merkle::prove_from;
use salus_types::Digest;
use salus_types::access_log::line_hash;
use salus_verifier::Position;
use zeroize::Zeroizing;

/// A row of the entries' table: number, and the sealed line.
type Row<'a> = (AccessGuard<'a, u64>, AccessGuard<'a, &'static [u8]>);

/// Most entries on one page.
const PAGE_ENTRIES_MAX: usize = 1_000;

/// Which part of the log: the newest `limit` entries with numbers below `before`.
#[derive(Clone, Copy, Debug)]
pub struct Page {
    /// Only entries with a smaller number.
    pub before: u64,
    /// At most this many, and at most 1,000.
    pub limit: usize,
}

impl Default for Page {
    fn default() -> Self {
        Self { before: u64::MAX, limit: 200 }
    }
}

impl Page {
    fn limit(self) -> usize {
        self.limit.min(PAGE_ENTRIES_MAX)
    }
}

/// An entry with its exact line.
#[derive(Clone, Debug)]
pub struct Line {
    /// The entry.
    pub entry: Entry,
    /// The line.
    pub text: String,
}

impl AccessLog {
    /// Who looked at a patient's records, newest first: the patient's own view.
    ///
    /// # Errors
    /// A fault of the database.
    pub async fn of_patient(&self, patient: &str, page: Page) -> Result<Vec<Entry>, Error> {
        let lines = self.lines_of_patient(patient, page, u64::MAX).await?;
        Ok(lines.into_iter().map(|line| line.entry).collect())
    }

    /// The same with the exact lines, of those whose number in the patient's own log is below `before_own`.
    ///
    /// # Errors
    /// A fault of the database.
    pub(crate) async fn lines_of_patient(
        &self,
        patient: &str,
        page: Page,
        before_own: u64,
    ) -> Result<Vec<Line>, Error> {
        self.flush().await;
        let lines = self.store.read(|transaction| {
            let Some(table) = exists(transaction.open_table(BY_PATIENT))? else { return Ok(Vec::new()) };
            let mut numbers = Vec::new();
            for row in table.range((patient, 0)..(patient, page.before))?.rev() {
                let (at, own) = row?;
                if own.value() < before_own {
                    numbers.push(at.value().1);
                }
                if numbers.len() >= page.limit() {
                    break;
                }
            }
            numbers.into_iter().map(|number| line(transaction, number)).collect()
        })?;
        Ok(lines)
    }

    /// The newest entries, newest first: for stewards.
    ///
    /// # Errors
    /// A fault of the database.
    pub async fn newest(&self, page: Page) -> Result<Vec<Entry>, Error> {
        self.flush().await;
        let entries = self.store.read(|transaction| {
            let Some(table) = exists(transaction.open_table(ENTRIES))? else { return Ok(Vec::new()) };
            let rows = table.range(..page.before)?.rev().take(page.limit());
            rows.map(|row| parse(&opened_row(transaction, row)?)).collect()
        })?;
        Ok(entries)
    }

    /// The exact lines after an entry, oldest first, at most `limit`: the whole log, page by page.
    ///
    /// # Errors
    /// A fault of the database.
    pub async fn lines_after(&self, number: u64, limit: usize) -> Result<Vec<String>, Error> {
        self.flush().await;
        let lines = self.store.read(|transaction| {
            let Some(table) = exists(transaction.open_table(ENTRIES))? else { return Ok(Vec::new()) };
            let rows = table.range(number.saturating_add(1)..)?.take(limit);
            rows.map(|row| text(&opened_row(transaction, row)?)).collect()
        })?;
        Ok(lines)
    }

    /// The hashes that lead from an entry to the root over the first `entries` of the log.
    ///
    /// # Errors
    /// A fault of the database; an entry that is not among them.
    pub(crate) fn path(&self, number: u64, entries: u64) -> Result<Vec<Digest>, Error> {
        let proof = self.store.read(|transaction| {
            let nodes = transaction.open_table(NODES)?;
            prove_from(entries, number.saturating_sub(1), |level, index| {
                let hash = nodes.get((level, index))?.ok_or(StoreError::Row("log-nodes"))?;
                Ok::<_, StoreError>(Digest(*hash.value()))
            })
        })?;
        proof.map(|proof| proof.path).ok_or_else(|| Error::internal("the entry is not anchored"))
    }

    /// The head as it was after so many entries; `None` if there are not as many.
    ///
    /// # Errors
    /// A fault of the database.
    pub(crate) fn root(&self, entries: u64) -> Result<Option<Digest>, Error> {
        if entries == 0 || entries > self.committed.borrow().entries {
            return Ok(None);
        }
        let frontier = self.store.read(|transaction| stored_frontier(transaction, entries))?;
        Ok(Some(frontier.root()))
    }

    /// Checks the whole chain as it is on disk; returns the number of entries.
    ///
    /// # Errors
    /// A fault of the database, or the number of the first entry that does not fit.
    pub fn verify(&self) -> Result<u64, Error> {
        let mut position = Position::default();
        let broken = self.store.read(|transaction| {
            let Some(table) = exists(transaction.open_table(ENTRIES))? else { return Ok(None) };
            for row in table.iter()? {
                let (number, sealed) = row?;
                let line = opened(transaction.seal(), number.value(), sealed.value())?;
                let entry = parse(&line)?;
                if position.check(&entry).is_err() || number.value() != entry.number {
                    return Ok(Some(number.value()));
                }
                position.advance(&entry, line_hash(&line));
            }
            Ok(None)
        })?;
        match broken {
            None => Ok(position.number()),
            Some(number) => {
                Err(Error::internal(format_args!("entry {number} of the access log does not fit")))
            }
        }
    }
}

fn line(transaction: &ReadTransaction, number: u64) -> Result<Line, StoreError> {
    let table = transaction.open_table(ENTRIES)?;
    let sealed = table.get(number)?.ok_or(StoreError::Row("log-entries"))?;
    let line = opened(transaction.seal(), number, sealed.value())?;
    Ok(Line { entry: parse(&line)?, text: text(&line)? })
}

/// The line of a row that was come upon.
fn opened_row(
    transaction: &ReadTransaction,
    row: Result<Row<'_>, StorageError>,
) -> Result<Zeroizing<Vec<u8>>, StoreError> {
    let (number, sealed) = row?;
    opened(transaction.seal(), number.value(), sealed.value())
}

fn text(line: &[u8]) -> Result<String, StoreError> {
    String::from_utf8(line.to_vec()).map_err(|_| StoreError::Row("log-entries"))
}

fn parse(line: &[u8]) -> Result<Entry, StoreError> {
    serde_json::from_slice(line).map_err(|_| StoreError::Row("log-entries"))
}

fn exists<T>(table: Result<T, TableError>) -> Result<Option<T>, StoreError> {
    match table {
        Ok(table) => Ok(Some(table)),
        Err(TableError::TableDoesNotExist(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
