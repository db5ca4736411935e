//! A block of `salus-types` as the consensus sees it.

use bytes::BufMut;
use commonware_codec::{Buf, EncodeSize, Error, Read, Write};
use commonware_consensus::simplex::types::Context as SimplexContext;
use commonware_consensus::types::{Epoch, Height, Round, View};
use commonware_consensus::{Block as ConsensusBlock, BoundedBlock, CertifiableBlock, Heightable};
use commonware_cryptography::{Digestible, ed25519, sha256};
use commonware_storage::mmr::Location;
use commonware_storage::qmdb::sync::Target;
use commonware_utils::non_empty_range;
use salus_types::block::{Block, Header, list_root};
use salus_types::{Digest, TransactionId};
use std::sync::Arc;

/// Most bytes of transactions in a block.
pub const BLOCK_TRANSACTION_BYTES_MAX: usize = 2 * 1024 * 1024;

/// What the consensus tells a proposer, and what a header repeats.
pub type Context = SimplexContext<sha256::Digest, ed25519::PublicKey>;

/// A block with its leader's key decoded and its body checked against its header.
#[derive(Clone, Debug)]
pub struct NodeBlock {
    leader: ed25519::PublicKey,
    ids: Arc<[TransactionId]>,
    block: Arc<Block>,
}

/// Why a block is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BlockError {
    /// The body is not the one of the header.
    #[error("transactions do not match the header")]
    Body,
    /// The leader's key is not a curve point.
    #[error("the proposer's key is malformed")]
    Leader,
    /// The range of the operation log is empty.
    #[error("the range of the operation log is empty")]
    Range,
    /// Too many bytes of transactions.
    #[error("the block is too large")]
    Size,
}

impl NodeBlock {
    /// Checks what no context is needed for.
    ///
    /// # Errors
    /// The first rule that is broken.
    pub fn new(block: Block) -> Result<Self, BlockError> {
        let header = &block.header;
        let leader = crate::keys::public(&header.leader).ok_or(BlockError::Leader)?;
        if header.sync_start >= header.sync_end {
            return Err(BlockError::Range);
        }
        if block.transactions.len() != header.transactions as usize
            || list_root(&block.transactions) != header.transactions_root
        {
            return Err(BlockError::Body);
        }
        if block.transactions.encode_size() > BLOCK_TRANSACTION_BYTES_MAX {
            return Err(BlockError::Size);
        }
        let ids = block.transactions.iter().map(|transaction| transaction.id()).collect();
        Ok(Self { leader, ids, block: Arc::new(block) })
    }

    /// The header.
    pub fn header(&self) -> &Header {
        &self.block.header
    }

    /// The block.
    pub fn block(&self) -> &Arc<Block> {
        &self.block
    }

    /// Ids of the transactions, in order.
    pub fn ids(&self) -> &[TransactionId] {
        &self.ids
    }

    /// The target of state sync after this block.
    pub fn sync_target(&self) -> Target<commonware_storage::mmr::Family, sha256::Digest> {
        let header = self.header();
        let (start, end) = (Location::new(header.sync_start), Location::new(header.sync_end));
        Target::new(to_commonware(header.sync_root), non_empty_range!(start, end))
    }
}

/// A digest as commonware names it.
pub fn to_commonware(digest: Digest) -> sha256::Digest {
    sha256::Digest::from(digest.0)
}

/// A digest as Salus names it.
pub fn from_commonware(digest: sha256::Digest) -> Digest {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(digest.as_ref());
    Digest(bytes)
}

impl PartialEq for NodeBlock {
    fn eq(&self, other: &Self) -> bool {
        self.block == other.block
    }
}

impl Eq for NodeBlock {}

impl Write for NodeBlock {
    fn write(&self, buf: &mut impl BufMut) {
        self.block.write(buf);
    }
}

impl EncodeSize for NodeBlock {
    fn encode_size(&self) -> usize {
        self.block.encode_size()
    }
}

impl Read for NodeBlock {
    type Cfg = ();
    fn read_cfg(buf: &mut impl Buf, _: &()) -> Result<Self, Error> {
        let block = Block::read_cfg(buf, &())?;
        Self::new(block).map_err(|_| Error::Invalid("NodeBlock", "body and header do not match"))
    }
}

impl Digestible for NodeBlock {
    type Digest = sha256::Digest;
    fn digest(&self) -> sha256::Digest {
        to_commonware(self.header().digest())
    }
}

impl Heightable for NodeBlock {
    fn height(&self) -> Height {
        Height::new(self.header().height)
    }
}

impl ConsensusBlock for NodeBlock {
    fn parent(&self) -> sha256::Digest {
        to_commonware(self.header().parent)
    }
}

impl CertifiableBlock for NodeBlock {
    type Context = Context;
    fn context(&self) -> Context {
        let header = self.header();
        Context {
            round: Round::new(Epoch::new(header.epoch), View::new(header.view)),
            leader: self.leader.clone(),
            parent: (View::new(header.parent_view), self.parent()),
        }
    }
}

impl BoundedBlock for NodeBlock {
    fn max_encode_size(_: &()) -> usize {
        const COUNT: usize = 10;
        Header::LENGTH + COUNT + BLOCK_TRANSACTION_BYTES_MAX
    }
}
