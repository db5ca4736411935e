//! What of a FHIR request goes into the access log.

use super::ask::Ask;
use super::authorise::Permit;
use super::principal::Principal;
use crate::error::Result;
use crate::log::{Access, Kind, Receipt, Who};
use crate::state::Gateway;
use salus_policy::Action;
use salus_types::category::Purpose;

/// What kind of entry a request makes.
pub(crate) fn kind(ask: &Ask) -> Kind {
    match ask.what.action() {
        Action::Search => Kind::Search,
        Action::Write => Kind::Write,
        Action::Prove => Kind::Proof,
        Action::Export => Kind::Export,
        Action::Import => Kind::Write,
        _ if ask.is_of_copy() => Kind::ReRead,
        _ => Kind::Read,
    }
}

/// Writes the entry; nothing is answered without it.
///
/// # Errors
/// [`crate::error::Code::Away`] if the log takes no entries.
pub(crate) fn record(
    gateway: &Gateway,
    principal: &Principal,
    ask: &Ask,
    permit: &Permit,
    kind: Kind,
) -> Result<Receipt> {
    let (who, patient, purpose, reason) = match principal {
        Principal::System(system) => {
            (Who::System { id: system.client.clone() }, ask.patient.clone(), None, String::new())
        }
        Principal::App(app) => (
            Who::App { id: app.client.clone(), name: app.name.clone() },
            Some(app.patient.clone()),
            Some(Purpose::PatientRequest),
            String::new(),
        ),
        Principal::Practitioner(who) => (
            Who::from(who),
            who.patient.clone().or_else(|| ask.patient.clone()),
            Some(who.purpose),
            who.reason.clone(),
        ),
    };
    gateway.log.append(Access {
        who,
        kind,
        patient,
        purpose,
        reason,
        types: vec![ask.kind.clone()],
        count: None,
        grants: permit.grants.clone(),
        events: Vec::new(),
    })
}
