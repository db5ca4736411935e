//! The reasons against a release.

/// Why nothing is released.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Refusal {
    /// For another network.
    #[error("the request is for another network")]
    Network,
    /// The terms name another grantee than who asks.
    #[error("the terms name another organisation than the one that asks")]
    NotTheGrantee,
    /// The ledger has no such grant.
    #[error("the ledger has no such grant")]
    NoSuchGrant,
    /// Terms and salt do not give the ledger's commitment.
    #[error("the terms do not open the grant's commitment")]
    TermsDoNotOpen,
    /// Grantee, purpose and salt do not give the ledger's commitment.
    #[error("the terms do not open the grant's scope")]
    ScopeDoesNotOpen,
    /// The owner has not consented.
    #[error("the owner's consent to the terms does not verify")]
    NoConsent,
    /// Revoked.
    #[error("the grant is revoked")]
    Revoked,
    /// Expired.
    #[error("the grant has expired")]
    Expired,
    /// Begins later.
    #[error("the grant has not begun")]
    NotYetValid,
    /// The ledger has no such access event.
    #[error("the ledger has no such access event")]
    NoSuchEvent,
    /// Not final on this node.
    #[error("the access event is not final here yet")]
    NotFinal,
    /// The event is another organisation's.
    #[error("the access event is of another organisation")]
    OtherOrganisation,
    /// The event relies on another grant.
    #[error("the access event relies on another grant")]
    OtherGrant,
    /// The event is for another purpose.
    #[error("the access event is for another purpose than the terms")]
    WrongPurpose,
    /// The terms name another practitioner.
    #[error("the terms name another practitioner")]
    WrongPractitioner,
    /// The versions asked for are not those of the event.
    #[error("the versions are not those of the access event")]
    RootMismatch,
    /// A version lies outside what the terms reach.
    #[error("a version lies outside the terms")]
    OutsideTerms,
    /// No version is known here.
    #[error("none of the versions is known here")]
    VersionUnknown,
    /// No version known here is anchored.
    #[error("none of the versions is anchored yet")]
    NotAnchored,
    /// A request for another organisation.
    #[error("the request is for another organisation")]
    Audience,
    /// A request from too long ago, or from the future.
    #[error("the request was not signed within the last five minutes")]
    Stale,
    /// A request that was answered before.
    #[error("the request was answered before")]
    Replayed,
    /// A signature that does not verify, or a key of a wrong length.
    #[error("the request's signature or key does not verify")]
    Signature,
    /// The compartment is another's, or of nobody enrolled.
    #[error("a version belongs to somebody else")]
    NotTheOwner,
    /// A source's request that another organisation hands in, or that is about another source's records.
    #[error("the request is not by the source itself, about its own records")]
    NotTheSource,
    /// A source's request for something else than where it was handed in, or that names versions it must not.
    #[error("the request asks for something else")]
    OtherAsk,
    /// A version is not of the batch that the request names.
    #[error("a version is of another batch")]
    OtherBatch,
    /// The emergency was about local records alone.
    #[error("the emergency was about local records alone")]
    LocalOnly,
    /// The four hours are over.
    #[error("the emergency is over")]
    EmergencyOver,
    /// The event is about another patient's summary.
    #[error("the event is about something else")]
    OtherTarget,
    /// No share of such a summary is held here.
    #[error("no share of such an emergency summary is held here")]
    NoShare,
    /// The ledger has no such appointment.
    #[error("the ledger has no such appointment")]
    NoSuchAppointment,
    /// The mandate does not give the ledger's commitment, or says something else than the ledger.
    #[error("the mandate is not the one on the ledger")]
    OtherMandate,
    /// The patient has not signed the mandate.
    #[error("the patient has not signed the mandate")]
    NoMandate,
    /// The appointment was ended.
    #[error("the appointment was ended")]
    AppointmentEnded,
    /// The ledger has no such act, or it is no reading.
    #[error("the ledger has no such reading")]
    NoSuchAct,
    /// What is asked for is the patient's alone.
    #[error("this is for the patient alone")]
    PatientsAlone,
    /// What is to be destroyed is still this organisation's to keep, and it has nothing newer in its place.
    #[error("this organisation is still to keep what it is asked to destroy")]
    StillDue,
}
