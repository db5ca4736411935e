//! Why a transaction is refused.

use salus_types::OrganisationId;
use salus_types::genesis::ParameterError;
use salus_types::membership::MembershipError;
use salus_types::organisation::Class;

/// Why a transaction is refused. A refused transaction changes nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// Signed for another network.
    #[error("the transaction was signed for another network")]
    Network,
    /// The signature does not verify.
    #[error("the signature does not verify")]
    Signature,
    /// A field has a value that no state could make valid.
    #[error("malformed action: {0}")]
    Malformed(&'static str),
    /// Past its last height.
    #[error("expired at height {valid_until}, the block has height {height}")]
    Expired {
        /// Last height at which it could have been included.
        valid_until: u64,
        /// Height of the block.
        height: u64,
    },
    /// Its last height is too far away.
    #[error("valid until height {valid_until}, at most {max} is allowed here")]
    TooLongLived {
        /// Last height asked for.
        valid_until: u64,
        /// Largest that this block accepts.
        max: u64,
    },
    /// The signer is not an organisation of the network.
    #[error("the signer is not an organisation of this network")]
    NotAnOrganisation,
    /// The action names an organisation that did not sign it.
    #[error("the action names `{0}`, which did not sign it")]
    OtherOrganisation(OrganisationId),
    /// The organisation's class may not do this.
    #[error("an organisation of class `{0}` may not do this")]
    Class(Class),
    /// The entry exists: the action was done before.
    #[error("{0} exists already")]
    Exists(&'static str),
    /// The entry does not exist.
    #[error("there is no such {0}")]
    Unknown(&'static str),
    /// The grant is signed by a key other than its own.
    #[error("only the key that made the grant may do this")]
    NotTheGrantor,
    /// The cancellation is signed by a key other than that of the recovery.
    #[error("only the key that the recovery is named after may cancel it")]
    NotTheCanceller,
    /// The appointment is another's.
    #[error("only who appointed, or is appointed, may end it")]
    NotConcerned,
    /// Another key than the one appointed acts.
    #[error("only the key that was appointed may act")]
    NotTheProxy,
    /// The appointment was ended.
    #[error("the appointment was ended at height {0}")]
    AppointmentEnded(u64),
    /// The appointment's time is over.
    #[error("the appointment has expired")]
    AppointmentExpired,
    /// The appointment's end lies in the past, too far away, or within a week.
    #[error("an appointment ends with a whole week, within five years")]
    AppointmentPeriod,
    /// The appointment does not allow it.
    #[error("the appointment does not reach as far")]
    OutsideAppointment,
    /// The grant is revoked.
    #[error("the grant was revoked at height {0}")]
    Revoked(u64),
    /// The grant has expired.
    #[error("the grant has expired")]
    GrantExpired,
    /// The grant's period is over or too long.
    #[error("the grant's end must lie between now and {0} ms from now")]
    GrantPeriod(u64),
    /// Organisation or purpose are not those of the grant.
    #[error("the grant is not for this organisation and purpose")]
    Scope,
    /// The practitioner is not registered by the signing organisation.
    #[error("the practitioner is not registered by the signing organisation")]
    Practitioner,
    /// Who broke the glass reviews it.
    #[error("who broke the glass may not review it")]
    OwnReview,
    /// The grant still stands, so nothing needs to be dropped.
    #[error("the grant still stands")]
    StillLive,
    /// The proposal is decided, or its time is over.
    #[error("no votes are taken on this proposal any more")]
    Closed,
    /// There is no room for more.
    #[error("there are too many {0}")]
    Full(&'static str),
    /// The organisation has not signed that it wants to be a member as described.
    #[error("the organisation has not accepted its own entry")]
    Acceptance,
    /// The votes do not contradict each other, or the accused did not sign both.
    #[error("the votes do not convict the validator")]
    Evidence,
    /// The rules that would be in force do not follow those that are.
    #[error("the rules in force are protocol {0}: only the next one can follow")]
    Protocol(u32),
    /// The members would not make a network.
    #[error(transparent)]
    Membership(MembershipError),
    /// A parameter lies outside its range.
    #[error(transparent)]
    Parameter(ParameterError),
    /// Custody would lose its holders.
    #[error("at least {0} custodians must stay")]
    Custodians(usize),
}
