//! What the ledger's state held after a final block, or did not: grants, access events, members.

use crate::certificate::CertificateError;
use crate::chain::verify_certified_header;
use crate::state::{StateError, verify_state};
use crate::validators::Validators;
use commonware_codec::{Encode, Read};
use salus_types::proof::CertifiedHeader;
use salus_types::state::{AccessEntry, GrantEntry, OrganisationEntry, StateKey, StateValue, key};
use salus_types::{AccessId, Digest, GrantId, PublicKey, decode_canonical};

/// What a proof of the state is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A grant.
    Grant(GrantId),
    /// An access event.
    Access(AccessId),
    /// The organisation with a node key.
    Member(PublicKey),
    /// Any entry, by its key.
    Entry(StateKey),
}

impl Subject {
    /// The subject that a proof file names by its kind and id; `None` for an unknown kind.
    pub fn new(kind: &str, id: Digest) -> Option<Self> {
        Some(match kind {
            "grant" => Self::Grant(GrantId(id)),
            "access" => Self::Access(AccessId(id)),
            "member" => Self::Member(PublicKey(id.0)),
            "entry" => Self::Entry(StateKey(id)),
            _ => return None,
        })
    }

    /// Its kind, as in a proof file.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Grant(_) => "grant",
            Self::Access(_) => "access",
            Self::Member(_) => "member",
            Self::Entry(_) => "entry",
        }
    }

    /// Its 32 bytes: a grant, an access event, a node key, a state key.
    pub fn id(&self) -> Digest {
        match self {
            Self::Grant(grant) => grant.0,
            Self::Access(access) => access.0,
            Self::Member(node_key) => Digest(node_key.0),
            Self::Entry(key) => key.0,
        }
    }

    /// The key of the state under which it stands.
    pub fn key(&self) -> StateKey {
        match self {
            Self::Grant(grant) => key::grant(grant),
            Self::Access(access) => key::access(access),
            Self::Member(node_key) => key::organisation(node_key),
            Self::Entry(key) => *key,
        }
    }
}

/// A proof of the state with the block after which that state was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryProof {
    /// The block.
    pub block: CertifiedHeader,
    /// The entry's encoding; `None` if nothing is there.
    pub value: Option<StateValue>,
    /// See `docs/protocol/state-proofs.md`.
    pub proof: Vec<u8>,
}

/// Why a proof of an entry fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EntryError {
    /// The block is not shown to be final.
    #[error(transparent)]
    Block(#[from] CertificateError),
    /// The state did not hold this.
    #[error(transparent)]
    State(#[from] StateError),
    /// The entry is not one of its kind.
    #[error("the entry is not what the proof says it is")]
    Entry,
}

/// What stood in the state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// Nothing.
    Nothing,
    /// A grant.
    Grant(GrantEntry),
    /// An access event.
    Access(AccessEntry),
    /// A member.
    Member(Box<OrganisationEntry>),
    /// The bytes of any entry.
    Entry(StateValue),
}

/// What a proof of an entry shows. `Display` says it in a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedEntry {
    /// What it is about.
    pub subject: Subject,
    /// What stood there after the block.
    pub found: Found,
    /// Height of the block.
    pub height: u64,
    /// Time of the block in milliseconds since 1970-01-01 UTC.
    pub time_ms: u64,
}

/// Checks what the state held of a subject after a block that the validators finalised.
///
/// # Errors
/// [`EntryError`], naming the first check that fails.
pub fn verify_entry(
    validators: &Validators,
    subject: &Subject,
    proof: &EntryProof,
) -> Result<VerifiedEntry, EntryError> {
    let header = verify_certified_header(validators, &proof.block)?;
    verify_state(&header.state_root, &subject.key(), proof.value.as_deref(), &proof.proof)?;
    let found = match &proof.value {
        Some(value) => read(subject, value).ok_or(EntryError::Entry)?,
        None => Found::Nothing,
    };
    Ok(VerifiedEntry { subject: *subject, found, height: header.height, time_ms: header.time_ms })
}

fn read(subject: &Subject, value: &StateValue) -> Option<Found> {
    fn decode<T: Read<Cfg = ()> + Encode>(value: &StateValue) -> Option<T> {
        decode_canonical(value).ok()
    }
    Some(match subject {
        Subject::Grant(_) => Found::Grant(decode(value)?),
        Subject::Access(_) => Found::Access(decode(value)?),
        Subject::Member(node_key) => {
            let entry: OrganisationEntry = decode(value)?;
            (entry.organisation.node_key == *node_key).then(|| Found::Member(Box::new(entry)))?
        }
        Subject::Entry(_) => Found::Entry(value.clone()),
    })
}
