//! Every namespace under which something is signed. No signature is made under any other.

/// A ledger transaction.
pub const TRANSACTION: &str = "salus/transaction/v1";
/// The consensus of the validators; commonware derives its own suffixes from it.
pub const CONSENSUS: &str = "salus/consensus/v1";
/// A request of a patient's device to a custodian or source organisation.
pub const PATIENT_REQUEST: &str = "salus/patient-request/v1";
/// Proof that an enrolling person holds the pairwise key.
pub const ENROLMENT: &str = "salus/enrolment/v1";
/// What a person asks of an organisation about their own rights.
pub const CASE: &str = "salus/case/v1";
/// A list of who looked at a person's record, as its organisation states it.
pub const ACCOUNTING: &str = "salus/accounting/v1";
/// A share of the root that a person gives to an organisation.
pub const RECOVERY: &str = "salus/recovery/v1";
/// That a person's new keys take the place of the old ones.
pub const REKEY: &str = "salus/rekey/v1";
/// An envelope sealed to one recipient.
pub const ENVELOPE: &str = "salus/envelope/v1";
/// A batch of sealed packages on its way from a source to a custodian.
pub const CUSTODY_BATCH: &str = "salus/custody-batch/v1";
/// A source's request to a custodian for what it sealed itself.
pub const SOURCE_REQUEST: &str = "salus/source-request/v1";
/// A custodian's receipt for what it has destroyed.
pub const DESTROYED: &str = "salus/destroyed/v1";
/// A compartment's record: owner, wraps, predecessor.
pub const COMPARTMENT: &str = "salus/compartment/v1";
/// A link key offered by an organisation.
pub const LINK: &str = "salus/link/v1";
/// A patient's emergency summary, as its source states it.
pub const EMERGENCY: &str = "salus/emergency/v1";
/// An emergency access while the ledger could not be reached, before it is on the ledger.
pub const LOCAL_EMERGENCY: &str = "salus/local-emergency/v1";
/// A patient's consent to the terms of a grant, by the pairwise key.
pub const CONSENT: &str = "salus/consent/v1";
/// A mandate, by the pairwise key of the patient for whom somebody acts.
pub const MANDATE: &str = "salus/mandate/v1";
/// A request of who acts for a patient.
pub const PROXY_REQUEST: &str = "salus/proxy-request/v1";
/// A question whether another organisation keeps records of somebody.
pub const LOCATION_ASK: &str = "salus/location-ask/v1";
/// The answer to it.
pub const LOCATION_ANSWER: &str = "salus/location-answer/v1";
/// An organisation's acceptance of its own entry among the members.
pub const MEMBERSHIP: &str = "salus/membership/v1";
/// A checkpoint that a witness has seen.
pub const WITNESS: &str = "salus/witness/v1";

/// The consensus of one network, from which the namespaces of its votes are derived.
pub fn consensus(network: &crate::NetworkId) -> String {
    format!("{CONSENSUS}/{network}")
}
