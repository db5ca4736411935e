//! Reading the log: for patients, stewards and auditors.

use super::AccessLog;
use super::commit::{BY_PATIENT, ENTRIES};
use super::entry::{Entry, Position, line_hash};
use crate::error::Error;
use crate::store::StoreError;
use redb::{ReadTransaction, ReadableTable as _, TableError};
use std::collections::HashMap;

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

impl AccessLog {
    /// Who looked at a patient's records, newest first: the patient's own view.
    ///
    /// # Errors
    /// A fault of the database.
    pub async fn of_patient(&self, patient: &str, page: Page) -> Result<Vec<Entry>, Error> {
        self.flush().await;
        let entries = self.store.read(|transaction| {
            let Some(table) = exists(transaction.open_table(BY_PATIENT))? else { return Ok(Vec::new()) };
            let range = table.range((patient, 0)..(patient, page.before))?.rev().take(page.limit());
            let numbers =
                range.map(|row| row.map(|(key, _)| key.value().1)).collect::<Result<Vec<_>, _>>()?;
            numbers.into_iter().map(|number| entry(transaction, number)).collect()
        })?;
        Ok(entries)
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
            rows.map(|row| parse(row?.1.value())).collect()
        })?;
        Ok(entries)
    }

    /// Checks the whole chain as it is on disk; returns the number of entries.
    ///
    /// # Errors
    /// A fault of the database, or the number of the first entry that does not fit.
    pub fn verify(&self) -> Result<u64, Error> {
        let mut position = Position::new(None, HashMap::new());
        let broken = self.store.read(|transaction| {
            let Some(table) = exists(transaction.open_table(ENTRIES))? else { return Ok(None) };
            for row in table.iter()? {
                let (number, line) = row?;
                let entry = parse(line.value())?;
                if !position.fits(&entry) || number.value() != entry.number {
                    return Ok(Some(number.value()));
                }
                position.advance(&entry, line_hash(line.value()));
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

fn entry(transaction: &ReadTransaction, number: u64) -> Result<Entry, StoreError> {
    let table = transaction.open_table(ENTRIES)?;
    let line = table.get(number)?.ok_or(StoreError::Row("log-entries"))?;
    parse(line.value())
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
