//! What an accounting of disclosures shows: `docs/protocol/accounting.md`.
//!
//! From the outside in: the member that signed, the log's head on the ledger, each entry's way to that head, the patient's
//! own numbers without a gap, and what the ledger has of every event and grant that is named.

use crate::access_log::Account;
use crate::entry::{Found, Subject};
use crate::file::{AccountingFile, EntryFile, Listed, ListedGrant, ProofFileError, Statement};
use crate::shown::{ShownError, shown};
use crate::validators::Validators;
use salus_crypto::merkle::{InclusionProof, ProofError};
use salus_types::access_log::{Access, Entry, Kind, Who, leaf, line_hash};
use salus_types::category::Purpose;
use salus_types::state::{AccessEntry, EmergencyEntry, LogEntry, key};
use salus_types::{
    AccessId, Digest, EmergencyId, GrantId, OrganisationId, PublicKey, decode_canonical, namespace,
};
use std::collections::{BTreeMap, BTreeSet};

/// How far the block that shows the organisation's key may be from when the file was made.
const KEY_WITHIN_MS: u64 = 60 * 60 * 1_000;

/// What a check of the file shows, as the file itself says it.
pub const PROVEN: [&str; 5] = [
    "The organisation named here signed this list with the key that it had in the network at that time, and nobody has changed it since.",
    "Every entry stands in the organisation's own log, whose seal is in the network's shared record: none can be changed or removed later without that showing.",
    "The patient's entries are numbered, and no number is missing between the first and the last one listed.",
    "Every reading under a permission that is listed left a lasting entry in the shared record before anything could be read, and all of them are listed.",
    "Every emergency whose entry names its event is in the shared record, with the organisation that declared it.",
];

/// What rests on the organisation's word, as the file itself says it.
pub const STATED: [&str; 5] = [
    "That everything that happened was noted in the log, by whom, and why.",
    "That the permissions listed are all that the organisation knows of.",
    "Which other files or papers left the organisation by other ways than this system: they are not in this list.",
    "Questions of systems that name no patient are not in this list.",
    "What a system or another organisation did with what it received.",
];

/// Why an accounting does not hold.
#[derive(Debug, thiserror::Error)]
pub enum AccountingError {
    /// A part of the file does not decode.
    #[error(transparent)]
    File(#[from] ProofFileError),
    /// What is said of the ledger does not hold.
    #[error(transparent)]
    Shown(#[from] ShownError),
    /// Of another network.
    #[error("the list is of another network")]
    Network,
    /// The key that is shown is not the organisation's.
    #[error("the key that is shown is not that of the organisation which the list names")]
    Member,
    /// The key is shown for another time.
    #[error("the organisation's key is not shown for the time at which the list was made")]
    KeyTime,
    /// Signed by somebody else, or changed.
    #[error("the organisation did not sign this: the list was changed, or somebody else made it")]
    Signature,
    /// The words about what is proven are others.
    #[error("what the list says of itself is not what a list of this kind may say")]
    Words,
    /// The anchor is not there.
    #[error("the head of the log is not on the ledger")]
    NoAnchor,
    /// An entry is none.
    #[error("entry {0} of the patient cannot be read")]
    Line(u64),
    /// An entry says something else than its line.
    #[error("what is said of entry {0} of the patient is not what its line says")]
    Says(u64),
    /// An entry of somebody else.
    #[error("entry {0} is about somebody else")]
    OtherPatient(u64),
    /// Entries are missing, or out of order.
    #[error("the patient's entry {expected} is missing: {found} stands in its place")]
    Gap {
        /// The number that must come.
        expected: u64,
        /// The number that comes.
        found: u64,
    },
    /// An entry is not in the log.
    #[error("entry {number} of the patient is not in the log whose head is on the ledger: {error}")]
    NotInLog {
        /// The patient's number.
        number: u64,
        /// Why.
        error: ProofError,
    },
    /// The end is missing.
    #[error("the list does not end where it must: its last entries are missing")]
    End,
    /// An event of the ledger is missing, or another.
    #[error("entry {0} of the patient names an event that the ledger does not have like that")]
    Event(u64),
    /// Readings of a grant are missing.
    #[error("the ledger counts {on_ledger} readings under the grant `{grant}`, and {listed} are listed")]
    Readings {
        /// The grant.
        grant: GrantId,
        /// As the ledger has it.
        on_ledger: u32,
        /// As the file has it.
        listed: usize,
    },
    /// A grant is not on the ledger, or a reading is not one under it.
    #[error("the grant `{0}`, or a reading under it, is not on the ledger")]
    Grant(GrantId),
}

/// A reading of what left the organisation under a grant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disclosed {
    /// The event.
    pub access: AccessId,
    /// The grant.
    pub grant: GrantId,
    /// Who received it.
    pub to: OrganisationId,
    /// For which purpose.
    pub purpose: Purpose,
    /// How many versions.
    pub count: u32,
    /// When, by the ledger's clock.
    pub time_ms: u64,
}

/// What an accounting that holds shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedAccounting {
    /// The entries, oldest first: the patient's number, time, and words.
    pub entries: Vec<(u64, u64, Account)>,
    /// What was read under the patient's grants.
    pub disclosed: Vec<Disclosed>,
    /// How many entries of the log the ledger vouches for.
    pub log_entries: u64,
    /// Height of the newest block that vouches for all of it.
    pub height: u64,
}

/// Checks an accounting, and learns of the changes of validators that it shows.
///
/// # Errors
/// [`AccountingError`], naming the first check that fails.
pub fn verify_accounting(
    validators: &mut Validators,
    file: &AccountingFile,
) -> Result<VerifiedAccounting, AccountingError> {
    let statement = &file.statement;
    let mut ledger = Ledger { validators, height: 0 };
    check_signature(&mut ledger, file)?;
    if statement.proven != PROVEN || statement.stated != STATED {
        return Err(AccountingError::Words);
    }
    let at = key::log(&statement.organisation, statement.anchor.sequence);
    let anchor: LogEntry =
        ledger.entry(&statement.anchor.entry, Subject::Entry(at))?.ok_or(AccountingError::NoAnchor)?;
    let entries = check_entries(statement, &anchor)?;
    check_events(&mut ledger, statement, &entries)?;
    let mut disclosed = Vec::new();
    for grant in &statement.grants {
        disclosed.extend(readings(&mut ledger, grant)?);
    }
    disclosed.sort_by_key(|reading| reading.time_ms);
    let said = statement.entries.iter().map(|listed| (listed.number, listed.time_ms, listed.says.clone()));
    Ok(VerifiedAccounting {
        entries: said.collect(),
        disclosed,
        log_entries: anchor.entries,
        height: ledger.height,
    })
}

/// Whom the check believes, and the newest block that was needed.
struct Ledger<'a> {
    validators: &'a mut Validators,
    height: u64,
}

impl Ledger<'_> {
    fn found(&mut self, file: &EntryFile, subject: Subject) -> Result<(Found, u64), ShownError> {
        let verified = shown(self.validators, file, &subject)?;
        self.height = self.height.max(verified.height);
        Ok((verified.found, verified.time_ms))
    }

    fn entry<T: commonware_codec::Read<Cfg = ()> + commonware_codec::Encode>(
        &mut self,
        file: &EntryFile,
        subject: Subject,
    ) -> Result<Option<T>, ShownError> {
        let verified = shown(self.validators, file, &subject)?;
        self.height = self.height.max(verified.height);
        verified.entry()
    }
}

/// The organisation's key, as it was when the file was made, signed it.
fn check_signature(ledger: &mut Ledger<'_>, file: &AccountingFile) -> Result<(), AccountingError> {
    let statement = &file.statement;
    if statement.network != ledger.validators.network() {
        return Err(AccountingError::Network);
    }
    let subject = file.member.subject()?;
    let Subject::Member(node_key) = subject else { return Err(AccountingError::Member) };
    let (found, time_ms) = ledger.found(&file.member, subject)?;
    let Found::Member(member) = found else { return Err(AccountingError::Member) };
    let member = member.organisation;
    if member.id != statement.organisation || member.name.as_str() != statement.name {
        return Err(AccountingError::Member);
    }
    if time_ms.abs_diff(statement.made_ms) > KEY_WITHIN_MS {
        return Err(AccountingError::KeyTime);
    }
    let signature = file.signature()?;
    let key: PublicKey = node_key;
    let signed = key.verify(namespace::ACCOUNTING, &statement.signed_bytes(), &signature);
    signed.map_err(|_| AccountingError::Signature)
}

/// Every entry is this patient's, says what its line says, is in the log, and none is missing between two.
fn check_entries(statement: &Statement, anchor: &LogEntry) -> Result<Vec<Entry>, AccountingError> {
    let mut entries: Vec<Entry> = Vec::with_capacity(statement.entries.len());
    for listed in &statement.entries {
        let entry = check_entry(statement, anchor, listed)?;
        let expected = entries.last().and_then(|before| before.patient_number).map(|number| number + 1);
        if expected.is_some_and(|expected| expected != listed.number) {
            return Err(AccountingError::Gap {
                expected: expected.unwrap_or_default(),
                found: listed.number,
            });
        }
        if entries.last().is_some_and(|before| before.number >= entry.number) {
            return Err(AccountingError::Line(listed.number));
        }
        entries.push(entry);
    }
    let ends = match (entries.last(), statement.before) {
        (Some(last), None) => last.access.kind == Kind::Accounting,
        (Some(last), Some(before)) => last.patient_number.is_some_and(|number| number + 1 == before),
        (None, _) => false,
    };
    if ends { Ok(entries) } else { Err(AccountingError::End) }
}

fn check_entry(statement: &Statement, anchor: &LogEntry, listed: &Listed) -> Result<Entry, AccountingError> {
    let number = listed.number;
    let entry: Entry = serde_json::from_str(&listed.line).map_err(|_| AccountingError::Line(number))?;
    if entry.access.patient.as_ref() != Some(&statement.patient) {
        return Err(AccountingError::OtherPatient(number));
    }
    let says = Account::of(&entry.access, &statement.organisation);
    let same = (entry.patient_number, entry.time_ms) == (Some(number), listed.time_ms) && says == listed.says;
    if !same {
        return Err(AccountingError::Says(number));
    }
    let index = entry.number.checked_sub(1).ok_or(AccountingError::Line(number))?;
    let proof = InclusionProof { index, size: anchor.entries, path: listed.path.clone() };
    let in_log = proof.verify(&leaf(&line_hash(listed.line.as_bytes())), &anchor.head);
    in_log.map_err(|error| AccountingError::NotInLog { number, error })?;
    Ok(entry)
}

/// What the ledger has of the events that entries name.
fn check_events(
    ledger: &mut Ledger<'_>,
    statement: &Statement,
    entries: &[Entry],
) -> Result<(), AccountingError> {
    let mut files: BTreeMap<Digest, &EntryFile> = BTreeMap::new();
    for file in &statement.events {
        files.insert(file.subject()?.id(), file);
    }
    for entry in entries {
        let number = entry.patient_number.unwrap_or_default();
        let missing = || AccountingError::Event(number);
        for access in &entry.access.events {
            let file = files.get(&access.0).ok_or_else(missing)?;
            if !is_own_reading(ledger, file, *access, &entry.access, &statement.organisation)? {
                return Err(missing());
            }
        }
        if let Who::Elsewhere { organisation, event: Some(event), .. } = &entry.access.who {
            let file = files.get(&key::emergency(event).0).ok_or_else(missing)?;
            if !is_emergency_of(ledger, file, event, organisation)? {
                return Err(missing());
            }
        }
    }
    Ok(())
}

fn is_own_reading(
    ledger: &mut Ledger<'_>,
    file: &EntryFile,
    id: AccessId,
    access: &Access,
    organisation: &OrganisationId,
) -> Result<bool, ShownError> {
    let (found, _) = ledger.found(file, Subject::Access(id))?;
    let Found::Access(event) = found else { return Ok(false) };
    Ok(access.grants.contains(&event.grant) && event.organisation == *organisation)
}

fn is_emergency_of(
    ledger: &mut Ledger<'_>,
    file: &EntryFile,
    id: &EmergencyId,
    organisation: &OrganisationId,
) -> Result<bool, ShownError> {
    let (found, _) = ledger.found(file, Subject::Entry(key::emergency(id)))?;
    let Found::Entry(value) = found else { return Ok(false) };
    Ok(decode_canonical::<EmergencyEntry>(&value).is_ok_and(|entry| entry.organisation == *organisation))
}

/// Everything that was read under a grant: as many readings as the ledger counts, each another.
fn readings(ledger: &mut Ledger<'_>, listed: &ListedGrant) -> Result<Vec<Disclosed>, AccountingError> {
    let grant = listed.grant;
    let (Found::Grant(entry), _) = ledger.found(&listed.entry, Subject::Grant(grant))? else {
        return Err(AccountingError::Grant(grant));
    };
    let (mut disclosed, mut seen) = (Vec::new(), BTreeSet::new());
    for file in &listed.readings {
        let subject = file.subject()?;
        let (Subject::Access(access), (Found::Access(event), _)) = (subject, ledger.found(file, subject)?)
        else {
            return Err(AccountingError::Grant(grant));
        };
        if event.grant != grant || !seen.insert(access) {
            return Err(AccountingError::Grant(grant));
        }
        let AccessEntry { organisation: to, purpose, count, time_ms, .. } = event;
        disclosed.push(Disclosed { access, grant, to, purpose, count, time_ms });
    }
    if disclosed.len() as u64 != u64::from(entry.accesses) {
        let (on_ledger, listed) = (entry.accesses, disclosed.len());
        return Err(AccountingError::Readings { grant, on_ledger, listed });
    }
    Ok(disclosed)
}
