//! A checkpoint as a file: readable, and checked against its encoding, as [`crate::GenesisFile`].

use crate::validators::{KeysError, Validators};
use commonware_codec::Encode;
use salus_types::proof::Checkpoint;
use salus_types::{Digest, NetworkId, PublicKey, decode_canonical};
use serde::{Deserialize, Serialize};

/// Why a checkpoint file is refused.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointFileError {
    /// Not JSON, or not of this form.
    #[error("not a checkpoint file: {0}")]
    Json(#[from] serde_json::Error),
    /// The encoded checkpoint does not decode.
    #[error("the encoded checkpoint is malformed")]
    Encoding,
    /// The validators cannot be any.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// The readable part tells something else than the encoded part.
    #[error("the readable part of the checkpoint differs from the encoded part")]
    Differs,
}

/// The file's form.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CheckpointFile {
    /// Id of the network.
    pub network: NetworkId,
    /// Epoch of the block.
    pub epoch: u64,
    /// Height of the block.
    pub height: u64,
    /// Digest of the block's header.
    pub header: Digest,
    /// Node keys of the epoch's validators, ascending.
    pub validators: Vec<PublicKey>,
    /// The canonical encoding, in hexadecimal digits.
    pub encoded: String,
}

impl CheckpointFile {
    /// The file of a checkpoint.
    pub fn of(checkpoint: &Checkpoint) -> Self {
        Self {
            network: checkpoint.network,
            epoch: checkpoint.epoch,
            height: checkpoint.height,
            header: checkpoint.header,
            validators: checkpoint.validators.to_vec(),
            encoded: hex::encode(checkpoint.encode()),
        }
    }

    /// Reads and checks the text of a file.
    ///
    /// # Errors
    /// [`CheckpointFileError`].
    pub fn parse(text: &str) -> Result<Checkpoint, CheckpointFileError> {
        let file: Self = serde_json::from_str(text)?;
        let bytes = hex::decode(&file.encoded).map_err(|_| CheckpointFileError::Encoding)?;
        let checkpoint: Checkpoint = decode_canonical(&bytes).map_err(|_| CheckpointFileError::Encoding)?;
        Validators::of_checkpoint(&checkpoint)?;
        if Self::of(&checkpoint) != file {
            return Err(CheckpointFileError::Differs);
        }
        Ok(checkpoint)
    }
}
