//! Granting and revoking.

use super::{OpenCompartment, Root};
use crate::envelope::{EnvelopeError, seal_envelope};
use commonware_codec::Encode as _;
use salus_crypto::sign::SigningKey;
use salus_types::action::{Grant, Revoke, scope_commitment};
use salus_types::category::Purpose;
use salus_types::organisation::Organisation;
use salus_types::transaction::Transaction;
use salus_types::vault::{CompartmentKey, Consent, Letter, SealedEnvelope, SourceNotice, Terms};
use salus_types::{Address, Bounded, Digest, GrantId, NetworkId, OrganisationId, Text, label};
use zeroize::Zeroizing;

/// Most compartments that terms name: the bound of [`Terms::compartments`] and of a letter's keys.
const COMPARTMENTS_NAMED_MAX: usize = 64;

/// What a person wants to grant.
pub struct GrantAsk<'a> {
    /// The network.
    pub network: NetworkId,
    /// Whose records.
    pub source: &'a Organisation,
    /// Who may read.
    pub grantee: &'a Organisation,
    /// Number of the grant at this source; no number is used twice.
    pub counter: u32,
    /// For which purpose.
    pub purpose: Purpose,
    /// From when, in milliseconds since 1970-01-01 UTC.
    pub not_before_ms: u64,
    /// Until when.
    pub expiry_ms: u64,
    /// Which compartments: all epochs of the categories chosen. If they are more than a letter holds, the newest epoch
    /// of each category is named, which reaches those before it (ADR 0007).
    pub compartments: &'a [OpenCompartment],
    /// Whether later records follow.
    pub future: bool,
    /// Only this practitioner, by commitment.
    pub practitioner: Option<Digest>,
    /// The person's own FHIR Patient id at the grantee: the person registers there before.
    pub patient: &'a str,
}

/// A grant on its way: the transaction first, then letter and notice.
pub struct NewGrant {
    /// Its name.
    pub grant: GrantId,
    /// Signs the grant and alone can revoke it; it can be derived again.
    pub one_time: SigningKey,
    /// For the ledger.
    pub action: Grant,
    /// The terms.
    pub terms: Terms,
    /// For the grantee's mailbox.
    pub letter: SealedEnvelope,
    /// For the source's mailbox.
    pub notice: SealedEnvelope,
}

/// Why a grant cannot be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GrantError {
    /// Nothing is granted.
    #[error("a grant names at least one category")]
    Empty,
    /// More than 64 categories, or an id that is too long.
    #[error("the grant is too large")]
    TooLarge,
    /// The person is not registered at the grantee.
    #[error("a grant names the person's own id at the grantee: register there first")]
    NoPatient,
    /// It ends before it begins.
    #[error("the grant ends before it begins")]
    Period,
    /// An organisation's key is none.
    #[error(transparent)]
    Envelope(#[from] EnvelopeError),
}

/// Makes a grant with everything that is sent for it.
///
/// # Errors
/// [`GrantError`].
pub fn make_grant(root: &Root, ask: &GrantAsk<'_>) -> Result<NewGrant, GrantError> {
    let source = &ask.source.id;
    let (pairwise, one_time) = (root.at(source), root.grant_key(source, ask.counter));
    let by = Grantor {
        grant: GrantId::of(&one_time.public()),
        sender: &one_time,
        owner: pairwise.address,
        terms_salt: root.terms_salt(source, ask.counter),
        scope_salt: root.scope_salt(source, ask.counter),
    };
    let made = make(&by, ask, |terms| Consent::sign(terms, &pairwise.signing))?;
    let Made { action, terms, letter, notice } = made;
    Ok(NewGrant { grant: terms.grant, action, letter, notice, terms, one_time })
}

/// Who makes a grant: the patient, or somebody for the patient.
pub(super) struct Grantor<'a> {
    pub(super) grant: GrantId,
    /// Signs letter and notice.
    pub(super) sender: &'a SigningKey,
    pub(super) owner: Address,
    pub(super) terms_salt: [u8; 32],
    pub(super) scope_salt: [u8; 32],
}

/// What both of them send.
pub(super) struct Made {
    pub(super) action: Grant,
    pub(super) terms: Terms,
    pub(super) letter: SealedEnvelope,
    pub(super) notice: SealedEnvelope,
}

/// Terms, letter and notice.
pub(super) fn make(
    by: &Grantor<'_>,
    ask: &GrantAsk<'_>,
    consent: impl Fn(&Terms) -> Consent,
) -> Result<Made, GrantError> {
    if ask.compartments.is_empty() {
        return Err(GrantError::Empty);
    }
    if ask.patient.is_empty() {
        return Err(GrantError::NoPatient);
    }
    if ask.not_before_ms >= ask.expiry_ms {
        return Err(GrantError::Period);
    }
    let named = named(ask.compartments);
    let terms = Terms {
        network: ask.network,
        grant: by.grant,
        source: ask.source.id.clone(),
        grantee: ask.grantee.id.clone(),
        owner: by.owner,
        purpose: ask.purpose,
        not_before_ms: ask.not_before_ms,
        expiry_ms: ask.expiry_ms,
        compartments: bounded(named.iter().map(|opened| opened.compartment).collect())?,
        future: ask.future,
        practitioner: ask.practitioner,
        scope_salt: by.scope_salt,
    };
    let terms_salt = by.terms_salt;
    let action = Grant {
        terms: terms.commitment(&terms_salt),
        scope: scope_commitment(&terms.grantee, terms.purpose, &terms.scope_salt),
        expiry_ms: terms.expiry_ms,
    };
    let consent = consent(&terms);
    let key = |opened: &&OpenCompartment| CompartmentKey {
        compartment: opened.compartment,
        category: opened.category,
        key: *opened.key.expose(),
    };
    let letter = Letter {
        terms: terms.clone(),
        terms_salt,
        consent: consent.clone(),
        keys: bounded(named.iter().map(key).collect())?,
        patient: Text::new(ask.patient).map_err(|_| GrantError::TooLarge)?,
    };
    let notice = SourceNotice { terms: terms.clone(), terms_salt, consent };
    let seal = |to: &Organisation, label, plain: Zeroizing<Vec<u8>>| {
        seal_envelope(by.sender, &to.kem_key, label, &ask.network, &plain)
    };
    Ok(Made {
        action,
        letter: seal(ask.grantee, label::HPKE_LETTER, Zeroizing::new(letter.encode().to_vec()))?,
        notice: seal(ask.source, label::HPKE_SOURCE_NOTICE, Zeroizing::new(notice.encode().to_vec()))?,
        terms,
    })
}

/// The compartments that the terms name: all, or the newest epoch of each category.
fn named(compartments: &[OpenCompartment]) -> Vec<&OpenCompartment> {
    if compartments.len() <= COMPARTMENTS_NAMED_MAX {
        return compartments.iter().collect();
    }
    let newest = |one: &&OpenCompartment| {
        let mut same = compartments.iter().filter(|other| other.category == one.category);
        same.all(|other| other.epoch <= one.epoch)
    };
    compartments.iter().filter(newest).collect()
}

impl NewGrant {
    /// The grant's transaction.
    pub fn transaction(&self, network: NetworkId, valid_until: u64) -> Transaction {
        Transaction::sign(network, &self.one_time, valid_until, self.action.clone())
    }
}

/// The transaction that revokes grant number `counter` over the records of `source`.
pub fn revoke(
    root: &Root,
    network: NetworkId,
    source: &OrganisationId,
    counter: u32,
    valid_until: u64,
) -> Transaction {
    let one_time = root.grant_key(source, counter);
    let grant = GrantId::of(&one_time.public());
    Transaction::sign(network, &one_time, valid_until, Revoke { grant })
}

fn bounded<T, const MAX: usize>(items: Vec<T>) -> Result<Bounded<T, MAX>, GrantError> {
    Bounded::new(items).map_err(|_| GrantError::TooLarge)
}
