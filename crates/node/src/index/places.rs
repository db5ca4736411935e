//! Where transactions are final: a table for each segment of heights, so that what is too old goes at once.

use super::Place;
use redb::{
    Database, ReadTransaction, ReadableDatabase as _, TableDefinition, TableError, TableHandle as _,
    WriteTransaction,
};
use salus_types::state::StateKey;
use salus_types::{Digest, TransactionId};
use std::collections::BTreeSet;

/// Heights of one table.
pub const SEGMENT_BLOCKS: u64 = 65_536;
const PREFIX: &str = "places-";

/// Transaction id -> height, position, entry.
type Table<'a> = TableDefinition<'a, &'static [u8; 32], (u64, u32, &'static [u8; 32])>;

fn name(segment: u64) -> String {
    format!("{PREFIX}{segment:016}")
}

/// The segments that there are.
pub(super) fn segments(database: &Database) -> Result<BTreeSet<u64>, redb::Error> {
    let transaction = database.begin_read()?;
    let number = |table: redb::UntypedTableHandle| table.name().strip_prefix(PREFIX)?.parse().ok();
    Ok(transaction.list_tables()?.filter_map(number).collect())
}

/// Writes places; gives the segments that they are in.
pub(super) fn insert(
    transaction: &WriteTransaction,
    places: &[(TransactionId, Place)],
) -> Result<BTreeSet<u64>, redb::Error> {
    let mut places: Vec<_> =
        places.iter().map(|(id, place)| (place.height / SEGMENT_BLOCKS, id, place)).collect();
    places.sort_unstable_by_key(|(segment, id, _)| (*segment, id.0));
    let mut written = BTreeSet::new();
    for chunk in places.chunk_by(|one, other| one.0 == other.0) {
        let segment = chunk[0].0;
        let mut table = transaction.open_table(Table::new(&name(segment)))?;
        for (_, id, place) in chunk {
            table.insert(&id.0.0, (place.height, place.position, &place.entry.0.0))?;
        }
        written.insert(segment);
    }
    Ok(written)
}

/// Looks a transaction up, in the newest segment first.
pub(super) fn get(
    transaction: &ReadTransaction,
    segments: &BTreeSet<u64>,
    id: &TransactionId,
) -> Result<Option<Place>, redb::Error> {
    for segment in segments.iter().rev() {
        let table = match transaction.open_table(Table::new(&name(*segment))) {
            Ok(table) => table,
            // It went in the meantime.
            Err(TableError::TableDoesNotExist(_)) => continue,
            Err(error) => return Err(error.into()),
        };
        if let Some(row) = table.get(&id.0.0)? {
            let (height, position, entry) = row.value();
            return Ok(Some(Place { height, position, entry: StateKey(Digest(*entry)) }));
        }
    }
    Ok(None)
}

/// Deletes the segments that lie below a height whole; gives them.
pub(super) fn prune(
    transaction: &WriteTransaction,
    segments: &BTreeSet<u64>,
    below: u64,
) -> Result<Vec<u64>, redb::Error> {
    let old: Vec<_> =
        segments.iter().copied().filter(|segment| (segment + 1) * SEGMENT_BLOCKS <= below).collect();
    for segment in &old {
        transaction.delete_table(Table::new(&name(*segment)))?;
    }
    Ok(old)
}
