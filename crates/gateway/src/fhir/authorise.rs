//! Whether it may: scopes, then the policies, then the shares. Ends in a [`Permit`], which alone can be
//! forwarded to the engine.

use super::ask::{Ask, What, reaches_other_types};
use super::narrow::Narrowing;
use super::principal::{App, Practitioner, Principal, System};
use crate::cases;
use crate::engine::{EnginePrincipal, Mode, Reach};
use crate::error::{Code, Error, Result};
use crate::shares::{Note, ShareReach};
use crate::smart::{Interaction, Scopes};
use crate::state::Gateway;
use salus_policy::{Action, Area, Circumstances, Relation, Request, Resource, Role, area_of, decide};
use salus_types::category::Purpose;

/// A decision in favour: what the engine may be told.
#[derive(Clone, Debug)]
pub(crate) struct Permit {
    principal: EnginePrincipal,
    /// Shares that are out of reach, and why.
    pub(crate) notes: Vec<Note>,
    /// Grants within reach.
    pub(crate) grants: Vec<salus_types::GrantId>,
    /// Whether queries must stay within their own type.
    pub(crate) narrow: bool,
    /// What is taken out of answers.
    pub(crate) narrowing: Option<Narrowing>,
}

impl Permit {
    /// What the engine is told.
    pub(crate) fn principal(&self) -> &EnginePrincipal {
        &self.principal
    }

    /// For what this node answers itself: the engine would show nothing.
    pub(crate) fn without_engine() -> Self {
        let principal = EnginePrincipal {
            id: "node".into(),
            read: Reach::None,
            write: Reach::None,
            shares: Vec::new(),
            hidden: Vec::new(),
            mode: Mode::Interactive,
        };
        Self { principal, notes: Vec::new(), grants: Vec::new(), narrow: true, narrowing: None }
    }

    /// The same for a writer that compares what it has with what is stored, and shows nobody what it read: storing goes on
    /// for a patient whose record's use is restricted.
    pub(crate) fn storing(mut self) -> Self {
        self.principal.hidden.clear();
        self
    }

    /// Checks a query, from the URL or the body of a `_search`.
    pub(crate) fn check_query(&self, query: &str) -> Result<()> {
        if self.narrowing.is_some() {
            Narrowing::check_query(query)?;
        }
        if self.narrow && reaches_other_types(query) {
            return Err(Error::new(
                Code::Scope,
                "includes and chained searches need a reach over all types, which this caller has not",
            ));
        }
        Ok(())
    }
}

/// Decides.
///
/// # Errors
/// The refusal, with the policies that decided.
pub(crate) async fn authorise(gateway: &Gateway, principal: &Principal, ask: &Ask) -> Result<Permit> {
    match principal {
        Principal::System(system) => {
            let hidden = cases::restricted(gateway)?;
            check_policy(system_request(system, ask, &hidden))?;
            Ok(of_system(gateway, system, ask, hidden))
        }
        Principal::Practitioner(who) => {
            let restricted =
                who.patient.as_ref().map(|patient| cases::is_restricted(gateway, patient)).transpose()?;
            check_policy(practitioner_request(who, ask, restricted == Some(true)))?;
            of_practitioner(gateway, who, ask).await
        }
        Principal::App(app) => {
            check_policy(app_request(app, ask, cases::is_restricted(gateway, &app.patient)?))?;
            of_app(app, ask)
        }
    }
}

/// Whether somebody may see the access log, as far as their token reaches.
///
/// # Errors
/// [`Code::Forbidden`] or [`Code::Scope`], with the policies that decided.
pub(crate) fn views_access_log(who: &Practitioner, ask: &Ask) -> Result<()> {
    if who.scopes.as_ref().is_some_and(|scopes| !scopes_allow(scopes, ask)) {
        return Err(Error::new(Code::Scope, "the token's scopes do not reach that far"));
    }
    check_policy(Request {
        action: Action::ViewAccessLog,
        resource: Resource::Node,
        ..practitioner_request(who, ask, false)
    })
}

/// Whether an app may read a type of a patient's record, and nothing of the record is kept from it.
///
/// # Errors
/// [`Code::Forbidden`] or [`Code::Scope`].
pub(crate) fn reads_whole_record(gateway: &Gateway, app: &App, ask: &Ask) -> Result<()> {
    check_policy(app_request(app, ask, cases::is_restricted(gateway, &app.patient)?))?;
    if Narrowing::of(app.scopes.clone(), Some(&app.categories)).is_none() {
        return Ok(());
    }
    Err(Error::new(Code::Scope, "this needs a reach over the whole record, which this caller has not"))
}

/// What an import that a steward began may write now.
///
/// # Errors
/// [`Code::Forbidden`] for whoever is a steward no longer.
pub(crate) fn permit_steward_import(gateway: &Gateway, id: &str) -> Result<Permit> {
    let gone = || Error::new(Code::Forbidden, "whoever began the import works here no longer");
    let member = gateway.practitioners.find(id)?.ok_or_else(gone)?;
    crate::staff::decide(&member, Action::Import, Purpose::Operations, false, false)?;
    let principal = EnginePrincipal {
        id: member.id,
        read: Reach::All,
        write: Reach::All,
        shares: Vec::new(),
        hidden: Vec::new(),
        mode: gateway.config.system_writes,
    };
    Ok(Permit { principal, notes: Vec::new(), grants: Vec::new(), narrow: true, narrowing: None })
}

/// What reaches every type is clinical, whatever the path names.
fn resource(ask: &Ask) -> Resource<'_> {
    let area = if ask.what.every_type() { Area::Clinical } else { area_of(&ask.kind) };
    Resource::Records { kind: &ask.kind, area }
}

fn scopes_allow(scopes: &Scopes, ask: &Ask) -> bool {
    if matches!(ask.what, What::Export | What::Import) {
        // Of which types, the job finds out one by one; a group is read to know who is in it.
        let group = ask.what == What::Export && ask.kind == "Group";
        return scopes.allow_some(ask.what.interactions())
            && (!group || scopes.allow("Group", Interaction::Read));
    }
    ask.what.interactions().iter().all(|interaction| {
        if ask.what.every_type() {
            scopes.allow_all(*interaction)
        } else {
            scopes.allow(&ask.kind, *interaction)
        }
    })
}

fn system_request<'a>(system: &'a System, ask: &'a Ask, hidden: &[String]) -> Request<'a> {
    Request {
        principal: salus_policy::Principal::System { client: &system.client },
        action: ask.what.action(),
        resource: resource(ask),
        circumstances: Circumstances {
            purpose: Purpose::Operations,
            reason_given: false,
            chart_open: false,
            relation: Relation::None,
            scopes_allow: scopes_allow(&system.scopes, ask),
            // What names no patient is kept from them by the engine.
            restricted: ask.patient.as_ref().is_some_and(|patient| hidden.contains(patient)),
        },
    }
}

fn practitioner_request<'a>(who: &'a Practitioner, ask: &'a Ask, restricted: bool) -> Request<'a> {
    Request {
        principal: salus_policy::Principal::Practitioner { id: &who.id, role: who.role },
        action: ask.what.action(),
        resource: resource(ask),
        circumstances: Circumstances {
            restricted,
            ..crate::shares::circumstances(
                who,
                who.scopes.as_ref().is_none_or(|scopes| scopes_allow(scopes, ask)),
            )
        },
    }
}

fn app_request<'a>(app: &'a App, ask: &'a Ask, restricted: bool) -> Request<'a> {
    Request {
        principal: salus_policy::Principal::App { client: &app.client },
        action: ask.what.action(),
        resource: resource(ask),
        circumstances: Circumstances {
            purpose: Purpose::PatientRequest,
            reason_given: false,
            chart_open: false,
            relation: Relation::Patient,
            scopes_allow: scopes_allow(&app.scopes, ask),
            restricted,
        },
    }
}

fn check_policy(request: Request<'_>) -> Result<()> {
    let decision = decide(&request);
    if decision.allowed {
        return Ok(());
    }
    let code = if request.circumstances.scopes_allow { Code::Forbidden } else { Code::Scope };
    let words: Vec<&str> = decision.reasons.iter().map(|reason| reason.text.as_str()).collect();
    let doing = match request.action {
        Action::Write => "writing",
        Action::Prove => "a proof of",
        Action::Export => "export of",
        Action::Import => "import of",
        _ => "reading",
    };
    // What stands in the place of a type may be anything: it is not repeated.
    let text = format!("{doing} records of this type is refused: {}", words.join("; "));
    Err(Error::new(code, text)
        .by_policies(decision.reasons.into_iter().map(|reason| reason.policy).collect()))
}

fn of_system(gateway: &Gateway, system: &System, ask: &Ask, hidden: Vec<String>) -> Permit {
    let principal = EnginePrincipal {
        id: system.client.clone(),
        read: Reach::All,
        write: match ask.what.action() {
            Action::Write | Action::Import => Reach::All,
            _ => Reach::None,
        },
        shares: Vec::new(),
        hidden,
        mode: gateway.config.system_writes,
    };
    Permit {
        principal,
        notes: Vec::new(),
        grants: Vec::new(),
        narrow: !system.scopes.allow_all(Interaction::Read),
        narrowing: None,
    }
}

/// The patient's own record alone, and of it what was chosen: the engine keeps to the patient, `narrow` to the choice.
fn of_app(app: &App, ask: &Ask) -> Result<Permit> {
    let narrowing = Narrowing::of(app.scopes.clone(), Some(&app.categories));
    if narrowing.is_some() {
        Narrowing::check_ask(ask)?;
    }
    let principal = EnginePrincipal {
        id: app.client.clone(),
        read: Reach::Patient(app.patient.clone()),
        write: Reach::None,
        shares: Vec::new(),
        hidden: Vec::new(),
        mode: Mode::Interactive,
    };
    let narrow = narrowing.is_some() || !app.scopes.allow_all(Interaction::Read);
    Ok(Permit { principal, notes: Vec::new(), grants: Vec::new(), narrow, narrowing })
}

async fn of_practitioner(gateway: &Gateway, who: &Practitioner, ask: &Ask) -> Result<Permit> {
    let clinician = who.role == Role::Clinician;
    let reach = match (&who.patient, clinician) {
        (Some(patient), true) => Reach::Patient(patient.clone()),
        // The policies let these through for demographics and directories only.
        _ => Reach::All,
    };
    let shares = if matches!(reach, Reach::Patient(_)) && wants_shares(ask) {
        gateway.shares.ensure(gateway, who).await?
    } else {
        ShareReach::default()
    };
    let narrowing = who.scopes.as_ref().and_then(|scopes| Narrowing::of(scopes.clone(), None));
    if narrowing.is_some() && ask.what.action() != Action::Write {
        Narrowing::check_ask(ask)?;
    }
    let narrow = reach == Reach::All || who.scopes.as_ref().is_some_and(|s| !s.allow_all(Interaction::Read));
    let principal = EnginePrincipal {
        id: who.id.clone(),
        write: if ask.what.action() == Action::Write { reach.clone() } else { Reach::None },
        read: reach,
        shares: shares.grants.iter().map(ToString::to_string).collect(),
        hidden: Vec::new(),
        mode: Mode::Interactive,
    };
    Ok(Permit { principal, notes: shares.notes, grants: shares.grants, narrow, narrowing })
}

fn wants_shares(ask: &Ask) -> bool {
    ask.what.action() != Action::Write && ask.what != What::Validate
}
