//! Epochs: which heights belong together, and which validators sign them.
//!
//! Upon the last block of an epoch: what organisations voted for comes into force, and the header commits to the
//! validators of the next epoch. An epoch is known once the block before it is final here; until then nothing is
//! verified, proposed or fetched for it.

use crate::block::NodeBlock;
use crate::engine::NodeError;
use crate::index::Index;
use crate::keys;
use crate::runtime::Runtime;
use crate::state::{StateDb, database_key};
use crate::watched::{Follower, Watched};
use commonware_consensus::simplex::scheme::ed25519::Scheme;
use commonware_consensus::types::{Epoch, EpochInfo, Epocher, Height};
use commonware_cryptography::certificate::{Provider, Scoped};
use commonware_cryptography::ed25519;
use commonware_utils::TryCollect as _;
use commonware_utils::ordered::Set;
use commonware_utils::sync::RwLock;
use salus_types::genesis::{Genesis, Parameters};
use salus_types::membership::{Member, validator_keys};
use salus_types::state::{OrganisationEntry, ROSTER_PAGES, RosterPage, StateKey, key};
use salus_types::{Digest, PublicKey, decode_canonical, namespace};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What a node keeps of an epoch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EpochRecord {
    /// Its number, from 0.
    pub epoch: u64,
    /// Height of its first block; epoch 0 begins with genesis.
    pub first_height: u64,
    /// Number of its blocks.
    pub blocks: u64,
    /// Digest of the block before its first one; that of genesis for epoch 0.
    pub parent: Digest,
    /// Number of its members, with a seat or without.
    pub members: u32,
    /// Node keys of its validators, ascending.
    pub validators: Vec<PublicKey>,
}

impl EpochRecord {
    /// Height of its last block.
    pub fn last_height(&self) -> u64 {
        self.first_height.saturating_add(self.blocks - 1)
    }

    /// Whether it differs from the one before in more than its number.
    pub fn changes(&self, before: &Self) -> bool {
        self.validators != before.validators || self.blocks != before.blocks
    }
}

/// The running epoch, for everything else in the process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EpochView {
    /// Its number, from 0.
    pub epoch: u64,
    /// Height of its first block.
    pub first_height: u64,
    /// Height of its last block: what is accepted until then is in force afterwards.
    pub last_height: u64,
    /// The parameters in force.
    pub parameters: Parameters,
    /// The members, by their places.
    pub members: Vec<OrganisationEntry>,
}

struct Table {
    /// Epochs that changed something, and the newest, by number.
    records: BTreeMap<u64, EpochRecord>,
    /// From which epoch on who signs.
    schemes: BTreeMap<u64, Arc<Scheme>>,
    /// The first epoch in which this node votes.
    votes_from: u64,
}

struct Inner {
    namespace: String,
    key: ed25519::PrivateKey,
    table: RwLock<Table>,
    newest: Watched<u64>,
    view: Watched<Arc<EpochView>>,
}

/// All epochs that are known; cheap to clone.
#[derive(Clone)]
pub struct Epochs(Arc<Inner>);

/// A set of validators as the consensus wants it.
///
/// # Errors
/// [`NodeError::Keys`], if a key is malformed or appears twice.
pub fn validator_set(keys: &[PublicKey]) -> Result<Set<ed25519::PublicKey>, NodeError> {
    let keys: Option<Vec<_>> = keys.iter().map(keys::public).collect();
    keys.ok_or(NodeError::Keys)?.into_iter().try_collect().map_err(|_| NodeError::Keys)
}

impl Epochs {
    /// The epochs that an index holds, epoch 0 from the genesis in any case.
    ///
    /// # Errors
    /// [`NodeError::Keys`], if a validator's key is unusable.
    pub fn open(
        genesis: &Genesis,
        genesis_digest: Digest,
        key: ed25519::PrivateKey,
        index: &Index,
    ) -> Result<Self, NodeError> {
        let first = EpochRecord {
            epoch: 0,
            first_height: 0,
            blocks: genesis.parameters.epoch_blocks.into(),
            parent: genesis_digest,
            members: genesis.organisations.len() as u32,
            validators: validator_keys(&genesis.members()),
        };
        let entry = |(slot, organisation): (usize, &_)| OrganisationEntry {
            organisation: Clone::clone(organisation),
            slot: slot as u8,
            since: 0,
        };
        let members = genesis.organisations.iter().enumerate().map(entry).collect();
        let view = view_of(&first, genesis.parameters.clone(), members);
        let votes_from = index.joined().map_or(0, |epoch| epoch + 1);
        let table = Table { records: BTreeMap::new(), schemes: BTreeMap::new(), votes_from };
        let epochs = Self(Arc::new(Inner {
            namespace: namespace::consensus(&genesis.network()),
            key,
            table: RwLock::new(table),
            newest: Watched::new(0),
            view: Watched::new(Arc::new(view)),
        }));
        for record in std::iter::once(first).chain(index.epochs()) {
            epochs.begin(record)?;
        }
        Ok(epochs)
    }

    /// Begins an epoch. One that was begun before is ignored.
    ///
    /// # Errors
    /// [`NodeError::Keys`], if a validator's key is unusable.
    pub fn begin(&self, record: EpochRecord) -> Result<(), NodeError> {
        let epoch = record.epoch;
        {
            let mut table = self.0.table.write();
            let before = table.records.last_key_value().map(|(_, newest)| newest.clone());
            if before.as_ref().is_some_and(|before| before.epoch >= epoch) {
                return Ok(());
            }
            let same = before.as_ref().is_some_and(|before| before.validators == record.validators);
            // Where votes begin the scheme differs, though the validators may not.
            if !same || before.is_some_and(|before| before.epoch < table.votes_from) {
                let scheme = self.scheme(&record, epoch >= table.votes_from)?;
                table.schemes.insert(epoch, Arc::new(scheme));
            }
            table.records.insert(epoch, record);
            forget_unchanged(&mut table.records);
        }
        self.0.newest.update(|newest| {
            *newest = epoch;
            true
        });
        Ok(())
    }

    /// Votes only in epochs after this one. For the first start: nothing has been voted on yet.
    ///
    /// # Errors
    /// [`NodeError::Keys`], if a validator's key is unusable.
    pub(crate) fn vote_after(&self, epoch: u64) -> Result<(), NodeError> {
        let mut table = self.0.table.write();
        table.votes_from = epoch + 1;
        let records: Vec<_> = table.records.values().cloned().collect();
        for record in records {
            table.schemes.insert(record.epoch, Arc::new(self.scheme(&record, record.epoch > epoch)?));
        }
        Ok(())
    }

    fn scheme(&self, record: &EpochRecord, votes: bool) -> Result<Scheme, NodeError> {
        let (namespace, set) = (self.0.namespace.as_bytes(), validator_set(&record.validators)?);
        let signer = votes.then(|| Scheme::signer(namespace, set.clone(), self.0.key.clone()));
        Ok(signer.flatten().unwrap_or_else(|| Scheme::verifier(namespace, set)))
    }

    /// The newest epoch that is known.
    pub fn newest(&self) -> EpochRecord {
        let table = self.0.table.read();
        let (_, newest) = table.records.last_key_value().expect("epoch 0 is always known");
        newest.clone()
    }

    /// Follows the number of the newest epoch.
    pub fn follow(&self) -> Follower<u64> {
        self.0.newest.follow()
    }

    /// The validators of each epoch that has others than the one before it, epoch 0 left out.
    pub fn changes(&self) -> Vec<EpochRecord> {
        let table = self.0.table.read();
        let pairs = table.records.values().zip(table.records.values().skip(1));
        let changed = pairs.filter(|(before, after)| before.validators != after.validators);
        changed.map(|(_, after)| after.clone()).collect()
    }

    /// The running epoch with its members.
    pub fn view(&self) -> Arc<EpochView> {
        self.0.view.get()
    }

    /// Follows the running epoch.
    pub fn follow_view(&self) -> Follower<Arc<EpochView>> {
        self.0.view.follow()
    }

    /// Shows the newest epoch, with the members that `state` holds. The state must be that after the block before it,
    /// or of any of its blocks but the last.
    pub async fn show<E: Runtime>(&self, state: &StateDb<E>) {
        let (parameters, members) = read_members(state).await;
        if let Some(parameters) = parameters {
            let view = Arc::new(view_of(&self.newest(), parameters, members));
            self.0.view.update(|shown| {
                *shown = view;
                true
            });
        }
    }

    /// Begins the next epoch, if a block is the last of the newest one; it may come twice. Says whether it did. The
    /// index has then to be committed.
    ///
    /// # Panics
    /// Never: a member's key is one, since it signed its acceptance.
    pub async fn end<E: Runtime>(&self, block: &NodeBlock, state: &StateDb<E>, index: &Index) -> bool {
        let header = block.header();
        if header.next_validators == Digest::ZERO || header.epoch != self.newest().epoch {
            return false;
        }
        let record = self.next(header.digest(), state).await;
        tracing::info!(epoch = record.epoch, validators = record.validators.len(), "an epoch begins");
        index.insert_epoch(record.clone());
        self.begin(record).expect("a member's key is one: it signed its acceptance");
        true
    }

    /// The epoch after the newest one, as the state after its last block has it.
    async fn next<E: Runtime>(&self, parent: Digest, state: &StateDb<E>) -> EpochRecord {
        let newest = self.newest();
        let (parameters, members) = read_members(state).await;
        let members: Vec<_> = members.iter().map(|entry| Member::from(&entry.organisation)).collect();
        EpochRecord {
            epoch: newest.epoch + 1,
            first_height: newest.last_height() + 1,
            blocks: parameters.map_or(newest.blocks, |parameters| parameters.epoch_blocks.into()),
            parent,
            members: members.len() as u32,
            validators: validator_keys(&members),
        }
    }

    /// Whether a height is the last of its epoch; waits until the epoch is known.
    pub async fn ends(&self, height: u64) -> bool {
        let known = || self.newest().last_height() >= height;
        if !known() {
            self.follow().wait_for(|_| known()).await;
        }
        self.containing(Height::new(height)).is_some_and(|epoch| epoch.last().get() == height)
    }
}

fn view_of(record: &EpochRecord, parameters: Parameters, members: Vec<OrganisationEntry>) -> EpochView {
    let (epoch, first_height, last_height) = (record.epoch, record.first_height, record.last_height());
    EpochView { epoch, first_height, last_height, parameters, members }
}

/// Drops the epoch before the newest one, if it changed nothing.
fn forget_unchanged(records: &mut BTreeMap<u64, EpochRecord>) {
    let mut newest_first = records.values().rev().skip(1);
    if let (Some(before), Some(earlier)) = (newest_first.next(), newest_first.next())
        && !before.changes(earlier)
    {
        let epoch = before.epoch;
        records.remove(&epoch);
    }
}

async fn read<E: Runtime, T>(state: &StateDb<E>, key: StateKey) -> Option<T>
where
    T: commonware_codec::Read<Cfg = ()> + commonware_codec::Encode,
{
    let value = state.get(&database_key(&key)).await.expect("reading the state failed; restart to recover");
    decode_canonical(&value?).ok()
}

async fn read_members<E: Runtime>(state: &StateDb<E>) -> (Option<Parameters>, Vec<OrganisationEntry>) {
    let mut members = Vec::new();
    for page in 0..ROSTER_PAGES {
        let Some(page): Option<RosterPage> = read(state, key::roster(page)).await else { continue };
        for member in page.slots.iter().flatten() {
            members.extend(read::<E, OrganisationEntry>(state, key::organisation(&member.node_key)).await);
        }
    }
    (read(state, key::parameters()).await, members)
}

impl Provider for Epochs {
    type Scope = Epoch;
    type Scheme = Scheme;

    fn scoped(&self, epoch: Epoch) -> Option<Scoped<Scheme>> {
        let table = self.0.table.read();
        let (newest, _) = table.records.last_key_value()?;
        if epoch.get() > *newest {
            return None;
        }
        let (_, scheme) = table.schemes.range(..=epoch.get()).next_back()?;
        Some(Scoped::scheme(Arc::clone(scheme)))
    }
}

impl Table {
    /// The epoch with a number, if it is known.
    fn epoch(&self, epoch: u64) -> Option<(u64, u64)> {
        let (newest, _) = self.records.last_key_value()?;
        let (_, record) = self.records.range(..=epoch).next_back()?;
        let first = record.first_height.checked_add((epoch - record.epoch).checked_mul(record.blocks)?)?;
        (epoch <= *newest).then_some((first, first + (record.blocks - 1)))
    }
}

impl Epocher for Epochs {
    fn containing(&self, height: Height) -> Option<EpochInfo> {
        let table = self.0.table.read();
        let record = table.records.values().rev().find(|record| record.first_height <= height.get())?;
        let epoch = record.epoch + (height.get() - record.first_height) / record.blocks;
        let (first, last) = table.epoch(epoch)?;
        Some(EpochInfo::new(Epoch::new(epoch), height, Height::new(first), Height::new(last)))
    }

    fn first(&self, epoch: Epoch) -> Option<Height> {
        self.0.table.read().epoch(epoch.get()).map(|(first, _)| Height::new(first))
    }

    fn last(&self, epoch: Epoch) -> Option<Height> {
        self.0.table.read().epoch(epoch.get()).map(|(_, last)| Height::new(last))
    }
}
