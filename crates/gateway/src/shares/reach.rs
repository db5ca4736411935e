//! Which share sets a practitioner may see in this request.

use super::Shares;
use super::live::GrantState;
use super::table::SetRow;
use crate::error::{Code, Error};
use crate::fhir::principal::Practitioner;
use crate::state::Gateway;
use crate::vault::{HeldGrant, VaultError};
use salus_policy::{Action, Circumstances, Decision, Principal, Request, Resource, ShareFacts, decide};
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
        let (state, begun) = self.state_now(gateway, grant).await?;
        let facts = facts(who, grant, state == GrantState::Live && begun);
        let decision = may_use(who, facts);
        if decision.allowed {
            return Ok(Verdict::Open);
        }
        let policies = decision.reasons.iter().map(|reason| reason.policy.clone()).collect();
        Ok(Verdict::Closed(refusal(state, begun, grant, who).by_policies(policies)))
    }
}

/// How a grant stands, and whether it is any business of who asks.
pub(crate) struct Standing {
    /// As the ledger has it now; live only once it has begun.
    pub(crate) state: GrantState,
    /// Whether the policies would let them use it if it were live.
    pub(crate) concerns: bool,
}

impl Shares {
    /// What somebody who treats the patient may know of a grant.
    pub(crate) async fn standing(
        &self,
        gateway: &Gateway,
        who: &Practitioner,
        grant: &HeldGrant,
    ) -> Result<Standing, Error> {
        let standing = self.state_of(gateway, grant).await?;
        Ok(Standing { concerns: may_use(who, facts(who, grant, true)).allowed, ..standing })
    }

    /// How a grant to this organisation stands, for the patient.
    pub(crate) async fn state_of(&self, gateway: &Gateway, grant: &HeldGrant) -> Result<Standing, Error> {
        let (state, begun) = self.state_now(gateway, grant).await?;
        let state = if state == GrantState::Live && !begun { GrantState::Unknown } else { state };
        Ok(Standing { state, concerns: true })
    }

    /// What the ledger has of any grant.
    pub(crate) async fn ledger_state(&self, gateway: &Gateway, grant: GrantId) -> Result<GrantState, Error> {
        Ok(self.live.state(gateway.chain(), grant).await?)
    }

    /// The state of a grant now, and whether it has begun: by the ledger's time, as custodians count it.
    async fn state_now(&self, gateway: &Gateway, grant: &HeldGrant) -> Result<(GrantState, bool), Error> {
        let state = self.live.state(gateway.chain(), grant.grant).await?;
        let over = crate::clock::now_ms() >= grant.expiry_ms && state == GrantState::Live;
        let begun = gateway.chain().head().time_ms >= grant.not_before_ms;
        Ok((if over { GrantState::Expired } else { state }, begun))
    }
}

fn facts(who: &Practitioner, grant: &HeldGrant, live: bool) -> ShareFacts {
    ShareFacts {
        live,
        purpose: grant.purpose,
        of_this_patient: who.patient.as_deref() == Some(grant.patient.as_str()),
        protected: grant.categories.iter().any(|category| category.is_protected()),
        names_principal: grant.practitioner.map(|named| named == who.commitment),
    }
}

fn may_use(who: &Practitioner, facts: ShareFacts) -> Decision {
    decide(&Request {
        principal: Principal::Practitioner { id: &who.id, role: who.role },
        action: Action::UseShare,
        resource: Resource::Share(facts),
        circumstances: circumstances(who, true),
    })
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
