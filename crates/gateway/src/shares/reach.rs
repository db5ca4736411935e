//! Which share sets a practitioner may see in this request.

use super::Shares;
use super::live::GrantState;
use super::table::SetRow;
use crate::error::{Code, Error};
use crate::fhir::principal::Practitioner;
use crate::state::Gateway;
use crate::vault::{HeldGrant, VaultError};
use salus_policy::{Action, Circumstances, Principal, Request, Resource, ShareFacts, decide};
use salus_types::{GrantId, OrganisationId};

/// Something about a source that the reader should know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// Whose records.
    pub source: OrganisationId,
    /// What about them.
    pub code: Code,
    /// In words.
    pub text: String,
}

/// The answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ShareReach {
    /// Grants whose copies may be seen in this request.
    pub grants: Vec<GrantId>,
    /// What cannot be seen, and why.
    pub notes: Vec<Note>,
}

/// The verdict on one grant.
pub(crate) enum Verdict {
    /// Its copies may be seen.
    Open,
    /// Why not.
    Closed(Error),
}

impl Shares {
    /// Looks at one grant on behalf of a practitioner.
    pub(crate) async fn judge(
        &self,
        gateway: &Gateway,
        who: &Practitioner,
        grant: &HeldGrant,
    ) -> Result<Verdict, Error> {
        let state = self.live.state(gateway.chain(), grant.grant).await?;
        let state = if crate::clock::now_ms() >= grant.expiry_ms && state == GrantState::Live {
            GrantState::Expired
        } else {
            state
        };
        // By the ledger's time, as custodians count it.
        let begun = gateway.chain().head().time_ms >= grant.not_before_ms;
        let facts = ShareFacts {
            live: state == GrantState::Live && begun,
            purpose: grant.purpose,
            of_this_patient: who.patient.as_deref() == Some(grant.patient.as_str()),
            protected: grant.categories.iter().any(|category| category.is_protected()),
            names_principal: grant.practitioner.map(|named| named == who.commitment),
        };
        let decision = decide(&Request {
            principal: Principal::Practitioner { id: &who.id, role: who.role },
            action: Action::UseShare,
            resource: Resource::Share(facts),
            circumstances: circumstances(who, true),
        });
        if decision.allowed {
            return Ok(Verdict::Open);
        }
        let policies = decision.reasons.iter().map(|reason| reason.policy.clone()).collect();
        Ok(Verdict::Closed(refusal(state, begun, grant, who).by_policies(policies)))
    }
}

/// What the policies look at in a practitioner.
pub(crate) fn circumstances(who: &Practitioner, scopes_allow: bool) -> Circumstances {
    Circumstances {
        purpose: who.purpose,
        reason_given: !who.reason.trim().is_empty(),
        chart_open: who.patient.is_some(),
        relation: who.relation,
        scopes_allow,
        restricted: false,
    }
}

fn refusal(state: GrantState, begun: bool, grant: &HeldGrant, who: &Practitioner) -> Error {
    let source = &grant.source;
    match state {
        GrantState::Unknown => {
            Error::new(Code::NoGrant, format!("the ledger has no grant for these records of {source}"))
        }
        GrantState::Revoked => Error::new(
            Code::GrantRevoked,
            format!("the patient no longer shares records of {source} with this organisation"),
        ),
        GrantState::Expired => Error::new(
            Code::GrantExpired,
            format!("the time for which records of {source} were shared is over"),
        ),
        GrantState::Live if !begun => {
            Error::new(Code::NoGrant, format!("records of {source} are shared from a later time on"))
        }
        GrantState::Live if grant.purpose != who.purpose => Error::new(
            Code::WrongPurpose,
            format!("records of {source} are shared for {}, not for {}", grant.purpose, who.purpose),
        ),
        GrantState::Live => Error::new(
            Code::NoGrant,
            format!("the grant for records of {source} does not reach this request"),
        ),
    }
}

impl Note {
    pub(crate) fn refused(source: &OrganisationId, error: &Error) -> Self {
        Self { source: source.clone(), code: error.code(), text: error.message().to_owned() }
    }

    /// Part of what is shared did not come.
    pub(crate) fn incomplete(set: &SetRow) -> Option<Self> {
        let text = format!("some records of {} cannot be fetched for the moment", set.source);
        (set.missing > 0).then(|| Self { source: set.source.clone(), code: Code::Away, text })
    }

    pub(crate) fn failed(source: &OrganisationId, error: &VaultError) -> Self {
        let (code, why) = match error {
            VaultError::Unavailable(_) => (Code::Away, "cannot be fetched for the moment; try again later"),
            VaultError::Refused(_) => (Code::Forbidden, "were refused by the ledger or by the custodians"),
            VaultError::Fault(_) => (Code::Upstream, "came, but do not fit their anchors, and are not used"),
        };
        Self { source: source.clone(), code, text: format!("records of {source} {why}") }
    }
}
