//! What a letter or a notice must hold. Pure.

use crate::node::Node;
use salus_types::action::scope_commitment;
use salus_types::state::GrantEntry;
use salus_types::vault::{Consent, Letter, SourceNotice, Terms};
use salus_types::{GrantId, PublicKey};
use std::collections::BTreeSet;

/// What was in an envelope.
pub(super) enum Sent {
    Letter(Letter),
    Notice(SourceNotice),
}

/// The same, with the ledger's word for it.
pub(super) enum Checked {
    Letter(Letter),
    Notice(SourceNotice),
}

impl Sent {
    pub(super) fn is_notice(&self) -> bool {
        matches!(self, Self::Notice(_))
    }

    pub(super) fn grant(&self) -> GrantId {
        self.parts().0.grant
    }

    fn parts(&self) -> (&Terms, &[u8; 32], &Consent) {
        match self {
            Self::Letter(letter) => (&letter.terms, &letter.terms_salt, &letter.consent),
            Self::Notice(notice) => (&notice.terms, &notice.terms_salt, &notice.consent),
        }
    }
}

fn check(holds: bool, otherwise: &'static str) -> Result<(), &'static str> {
    if holds { Ok(()) } else { Err(otherwise) }
}

/// What needs no ledger.
pub(super) fn check_terms(sent: &Sent, node: &Node, sender: &PublicKey) -> Result<(), &'static str> {
    let (terms, _, consent) = sent.parts();
    check(terms.network == node.network, "it is for another network")?;
    // A grant that somebody makes for the patient has no key: the ledger says whose it is, and who appointed sends.
    let sent_by =
        consent.mandate.as_ref().map_or(terms.grant == GrantId::of(sender), |_| consent.key == *sender);
    check(sent_by, "its sender is not the grant's key")?;
    check(terms.not_before_ms < terms.expiry_ms, "it begins after it ends")?;
    check(!terms.compartments.is_empty(), "it grants nothing")?;
    let distinct: BTreeSet<_> = terms.compartments.iter().collect();
    check(distinct.len() == terms.compartments.len(), "it names a compartment twice")?;
    check(consent.is_by_owner(terms), "the owner's consent does not verify")?;
    match sent {
        Sent::Notice(_) => check(terms.source == node.organisation, "it is about another source"),
        Sent::Letter(letter) => {
            check(terms.grantee == node.organisation, "it is for another organisation")?;
            check(!letter.patient.as_str().is_empty(), "it names no patient here: register here first")?;
            let keys: BTreeSet<_> = letter.keys.iter().map(|key| &key.compartment).collect();
            check(keys.len() == letter.keys.len(), "it has a key twice")?;
            check(keys == distinct, "its keys are not those of its compartments")
        }
    }
}

/// That the ledger has this grant, and it stands.
pub(super) fn check_ledger(sent: &Sent, entry: &GrantEntry, now_ms: u64) -> Result<Checked, &'static str> {
    let (terms, salt, consent) = sent.parts();
    check(consent.is_as_granted(entry), "the ledger names another who granted")?;
    check(terms.commitment(salt) == entry.terms, "the terms are not those on the ledger")?;
    check(terms.expiry_ms == entry.expiry_ms, "it ends at another time than on the ledger")?;
    let scope = scope_commitment(&terms.grantee, terms.purpose, &terms.scope_salt);
    check(scope == entry.scope, "the scope is not the one on the ledger")?;
    check(entry.is_live(now_ms), "the grant has ended")?;
    Ok(match sent {
        Sent::Letter(letter) => Checked::Letter(letter.clone()),
        Sent::Notice(notice) => Checked::Notice(notice.clone()),
    })
}
