//! Places of the newest blocks, on their way into the table in which they are looked up.
//!
//! Ids are random, so every entry of a block belongs on a page of its own, and writing a block's entries one page each
//! costs more than executing it. Upon each block: its places are written as one row, in order of height, which is cheap
//! and durable; and a part of what has gathered, a contiguous range of ids, goes into the table, where it now shares
//! pages. After [`PARTS`] blocks every range has had its turn, and the block's row goes.
//!
//! What has not gone into the table yet is in memory, at most [`PARTS`] blocks, and is read from the rows at the start.

use crate::index::Place;
use commonware_utils::sync::Mutex;
use redb::{Database, ReadableTable as _, TableDefinition, WriteTransaction};
use salus_types::state::StateKey;
use salus_types::{Digest, TransactionId};
use std::collections::{HashMap, VecDeque};

/// Ranges of ids, and blocks after which each has had its turn.
const PARTS: usize = 32;
/// Height -> for each transaction in order: id, entry.
const ROWS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("recent_blocks");

struct State {
    /// Not in the table yet, by range.
    parts: [HashMap<TransactionId, Place>; PARTS],
    /// Blocks that have no row yet.
    fresh: Vec<(u64, Vec<u8>)>,
    /// Heights of rows, each with the number of the turn in which it was written.
    rows: VecDeque<(u64, u64)>,
    turn: u64,
}

/// The journal.
pub(crate) struct Journal(Mutex<State>);

/// What a transaction that is not committed yet has written.
pub(crate) struct Saved {
    rows: Vec<u64>,
    part: Vec<(TransactionId, Place)>,
    gone: usize,
}

impl Saved {
    /// What has to be in the table once the transaction is committed, in ascending order of ids.
    pub(crate) fn part(&self) -> &[(TransactionId, Place)] {
        &self.part
    }
}

impl State {
    fn insert(&mut self, id: TransactionId, place: Place) {
        self.parts[part_of(&id)].insert(id, place);
    }

    /// The range whose turn it is.
    fn part(&self) -> usize {
        (self.turn % PARTS as u64) as usize
    }
}

fn part_of(id: &TransactionId) -> usize {
    usize::from(id.0.0[0]) * PARTS / 256
}

impl Journal {
    /// Reads the rows that there are.
    pub(crate) fn open(database: &Database) -> Result<Self, redb::Error> {
        let parts = std::array::from_fn(|_| HashMap::new());
        let mut state = State { parts, fresh: Vec::new(), rows: VecDeque::new(), turn: 0 };
        let transaction = database.begin_write()?;
        {
            let table = transaction.open_table(ROWS)?;
            for row in table.iter()? {
                let (height, bytes) = row?;
                let height = height.value();
                let (halves, _) = bytes.value().as_chunks::<32>();
                for (position, pair) in (0..).zip(halves.chunks_exact(2)) {
                    let place = Place { height, position, entry: StateKey(Digest(pair[1])) };
                    state.insert(TransactionId(Digest(pair[0])), place);
                }
                state.rows.push_back((height, state.turn));
            }
        }
        transaction.commit()?;
        Ok(Self(Mutex::new(state)))
    }

    /// Notes the places of a block: id and entry of each transaction, in order. A block may come twice.
    pub(crate) fn note(&self, height: u64, entries: impl Iterator<Item = (TransactionId, StateKey)>) {
        let mut state = self.0.lock();
        let mut bytes = Vec::new();
        for (position, (id, entry)) in (0..).zip(entries) {
            state.insert(id, Place { height, position, entry });
            bytes.extend_from_slice(&id.0.0);
            bytes.extend_from_slice(&entry.0.0);
        }
        if !bytes.is_empty() {
            state.fresh.push((height, bytes));
        }
    }

    /// Whether everything noted is durable.
    pub(crate) fn is_saved(&self) -> bool {
        self.0.lock().fresh.is_empty()
    }

    /// The place of a transaction that is not in the table yet.
    pub(crate) fn get(&self, id: &TransactionId) -> Option<Place> {
        self.0.lock().parts[part_of(id)].get(id).copied()
    }

    /// Writes rows for what is new, and deletes those whose places are all in the table, with [`Saved::part`] in it.
    pub(crate) fn save(&self, transaction: &WriteTransaction) -> Result<Saved, redb::Error> {
        let state = self.0.lock();
        let mut table = transaction.open_table(ROWS)?;
        for (height, bytes) in &state.fresh {
            table.insert(height, bytes.as_slice())?;
        }
        let old = |turn: u64| turn + PARTS as u64 <= state.turn;
        let gone = state.rows.iter().take_while(|(_, turn)| old(*turn)).count();
        for (height, _) in state.rows.iter().take(gone) {
            // A block that came twice has a row again.
            if state.fresh.iter().all(|(fresh, _)| fresh != height) {
                table.remove(height)?;
            }
        }
        let due = state.parts[state.part()].iter();
        let mut part: Vec<_> = due.map(|(id, place)| (*id, *place)).collect();
        part.sort_unstable_by_key(|(id, _)| *id);
        let rows = state.fresh.iter().map(|(height, _)| *height).collect();
        Ok(Saved { rows, part, gone })
    }

    /// Forgets what the committed transaction holds.
    pub(crate) fn committed(&self, saved: Saved) {
        let mut state = self.0.lock();
        state.rows.drain(..saved.gone);
        state.fresh.drain(..saved.rows.len());
        let turn = state.turn;
        state.rows.extend(saved.rows.into_iter().map(|height| (height, turn)));
        let part = state.part();
        for (id, _) in saved.part {
            state.parts[part].remove(&id);
        }
        state.turn += 1;
    }
}
