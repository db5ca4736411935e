//! The policies, parsed once, and the decision.

use crate::memory::Memory;
use crate::request::{Action, Principal, Request, Resource, Role};
use cedar_policy::{
    ActionConstraint, Authorizer, Context, Entities, Entity, EntityId, EntityTypeName, EntityUid, Policy,
    PolicyId, PolicySet, PrincipalConstraint, RestrictedExpression,
};
use std::collections::{HashMap, HashSet};
use std::str::FromStr as _;
use std::sync::LazyLock;

/// The schema, against which the tests check every policy.
#[cfg(test)]
pub(crate) const SCHEMA: &str = include_str!("../policies/salus.cedarschema");

/// Every policy file.
pub(crate) const FILES: &[(&str, &str)] = &[
    ("clinician.cedar", include_str!("../policies/clinician.cedar")),
    ("clerk.cedar", include_str!("../policies/clerk.cedar")),
    ("steward.cedar", include_str!("../policies/steward.cedar")),
    ("system.cedar", include_str!("../policies/system.cedar")),
    ("app.cedar", include_str!("../policies/app.cedar")),
    ("shares.cedar", include_str!("../policies/shares.cedar")),
    ("restriction.cedar", include_str!("../policies/restriction.cedar")),
    ("terminology.cedar", include_str!("../policies/terminology.cedar")),
];

/// A policy that decided, and its reason in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// The policy's id; `default` where no policy permits.
    pub policy: String,
    /// Its `@reason`, or why a policy that could have permitted did not (`@otherwise`).
    pub text: String,
}

/// The answer, with the policies that decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Whether it is allowed.
    pub allowed: bool,
    /// At least one reason.
    pub reasons: Vec<Reason>,
}

/// A policy file that does not parse, or a policy without id or reason. The tests make sure that the
/// embedded files have none; should it happen, everything is denied.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// The file does not parse.
    #[error("policy file `{file}`: {problem}")]
    Parse {
        /// The file.
        file: &'static str,
        /// What the parser says.
        problem: String,
    },
    /// An annotation is missing.
    #[error("a policy in `{file}` has no @{annotation}")]
    Annotation {
        /// The file.
        file: &'static str,
        /// Which one.
        annotation: &'static str,
    },
}

struct Rules {
    policies: PolicySet,
    reasons: HashMap<PolicyId, String>,
    /// What to say when nothing permits, by role (or `System`, `App`) and action.
    otherwise: HashMap<(&'static str, &'static str), Vec<Reason>>,
    names: Names,
}

struct Names {
    role: EntityTypeName,
    practitioner: EntityTypeName,
    system: EntityTypeName,
    app: EntityTypeName,
    records: EntityTypeName,
    share: EntityTypeName,
    node: EntityTypeName,
    actions: HashMap<Action, EntityUid>,
}

/// Cedar takes some 60 us for a decision, and most requests are like one before.
static MEMORY: LazyLock<Memory> = LazyLock::new(Memory::default);

static RULES: LazyLock<Result<Rules, Broken>> = LazyLock::new(Rules::parse);

/// The policies as they are embedded.
///
/// # Errors
/// [`Broken`].
pub fn policies() -> Result<&'static PolicySet, Broken> {
    RULES.as_ref().map(|rules| &rules.policies).map_err(Clone::clone)
}

/// Decides. Deny by default.
pub fn decide(request: &Request<'_>) -> Decision {
    MEMORY.recall(request, || decide_anew(request))
}

/// Decides by the policies, whatever was decided before.
pub(crate) fn decide_anew(request: &Request<'_>) -> Decision {
    match RULES.as_ref() {
        Ok(rules) => rules.decide(request),
        Err(broken) => deny(vec![Reason { policy: "broken".into(), text: broken.to_string() }]),
    }
}

fn deny(reasons: Vec<Reason>) -> Decision {
    Decision { allowed: false, reasons }
}

impl Rules {
    fn parse() -> Result<Self, Broken> {
        let mut policies = PolicySet::new();
        let mut reasons = HashMap::new();
        let names = Names::new()?;
        let mut otherwise: HashMap<_, Vec<Reason>> = HashMap::new();
        for &(file, text) in FILES {
            let problem = |problem: String| Broken::Parse { file, problem };
            for policy in PolicySet::from_str(text).map_err(|error| problem(error.to_string()))?.policies() {
                let annotation = |annotation: &'static str| {
                    policy.annotation(annotation).ok_or(Broken::Annotation { file, annotation })
                };
                let id = PolicyId::new(annotation("id")?);
                reasons.insert(id.clone(), annotation("reason")?.to_owned());
                if let Some(text) = policy.annotation("otherwise") {
                    for place in places(policy, &names) {
                        let reason = Reason { policy: id.to_string(), text: text.to_owned() };
                        otherwise.entry(place).or_default().push(reason);
                    }
                }
                policies.add(policy.new_id(id)).map_err(|error| problem(error.to_string()))?;
            }
        }
        Ok(Self { policies, reasons, otherwise, names })
    }

    fn decide(&self, request: &Request<'_>) -> Decision {
        let Some((query, entities)) = self.names.question(request) else {
            return deny(self.nothing_permits(request));
        };
        let response = Authorizer::new().is_authorized(&query, &self.policies, &entities);
        let mut reasons: Vec<Reason> = response.diagnostics().reason().map(|id| self.reason(id)).collect();
        reasons.sort_by(|a, b| a.policy.cmp(&b.policy));
        let allowed = response.decision() == cedar_policy::Decision::Allow;
        if reasons.is_empty() {
            reasons = self.nothing_permits(request);
        }
        Decision { allowed, reasons }
    }

    fn reason(&self, id: &PolicyId) -> Reason {
        Reason { policy: id.to_string(), text: self.reasons.get(id).cloned().unwrap_or_default() }
    }

    fn nothing_permits(&self, request: &Request<'_>) -> Vec<Reason> {
        let who = match request.principal {
            Principal::Practitioner { role, .. } => role.as_str(),
            Principal::System { .. } => "System",
            Principal::App { .. } => "App",
        };
        self.otherwise.get(&(who, request.action.as_str())).cloned().unwrap_or_else(|| {
            vec![Reason {
                policy: "default".into(),
                text: format!("no policy lets any {} do that", who.to_lowercase()),
            }]
        })
    }
}

/// For whom and for which actions a permit could have spoken.
fn places(policy: &Policy, names: &Names) -> Vec<(&'static str, &'static str)> {
    let who = match policy.principal_constraint() {
        PrincipalConstraint::In(role) | PrincipalConstraint::Eq(role) => {
            Role::ALL.iter().find(|known| known.as_str() == role.id().unescaped()).map(|role| role.as_str())
        }
        PrincipalConstraint::Is(kind) if kind == names.system => Some("System"),
        PrincipalConstraint::Is(kind) if kind == names.app => Some("App"),
        _ => None,
    };
    let Some(who) = who else { return Vec::new() };
    let actions = match policy.action_constraint() {
        ActionConstraint::Any => Action::ALL.to_vec(),
        ActionConstraint::In(uids) => uids.iter().filter_map(|uid| names.action(uid)).collect(),
        ActionConstraint::Eq(uid) => names.action(&uid).into_iter().collect(),
    };
    actions.into_iter().map(|action| (who, action.as_str())).collect()
}

impl Names {
    fn new() -> Result<Self, Broken> {
        let name = |name: &str| {
            EntityTypeName::from_str(&format!("Salus::{name}"))
                .map_err(|error| Broken::Parse { file: "salus.cedarschema", problem: error.to_string() })
        };
        let action = name("Action")?;
        let uid =
            |known: &Action| EntityUid::from_type_name_and_id(action.clone(), EntityId::new(known.as_str()));
        Ok(Self {
            role: name("Role")?,
            practitioner: name("Practitioner")?,
            system: name("System")?,
            app: name("App")?,
            records: name("Records")?,
            share: name("Share")?,
            node: name("Node")?,
            actions: Action::ALL.iter().map(|known| (*known, uid(known))).collect(),
        })
    }

    fn action(&self, uid: &EntityUid) -> Option<Action> {
        self.actions.iter().find(|(_, known)| *known == uid).map(|(action, _)| *action)
    }

    /// The request in Cedar's terms. `None` cannot happen with the values of [`Request`]; it denies.
    fn question(&self, request: &Request<'_>) -> Option<(cedar_policy::Request, Entities)> {
        let principal = self.principal(request);
        let resource = self.resource(request)?;
        let action = self.actions.get(&request.action)?.clone();
        let context = Context::from_pairs(circumstances(request)).ok()?;
        let query =
            cedar_policy::Request::new(principal.uid(), action, resource.uid(), context, None).ok()?;
        let entities = Entities::from_entities([principal, resource], None).ok()?;
        Some((query, entities))
    }

    fn principal(&self, request: &Request<'_>) -> Entity {
        match request.principal {
            Principal::Practitioner { id, role } => Entity::new_no_attrs(
                uid(&self.practitioner, id),
                HashSet::from([uid(&self.role, role.as_str())]),
            ),
            Principal::System { client } => Entity::new_no_attrs(uid(&self.system, client), HashSet::new()),
            Principal::App { client } => Entity::new_no_attrs(uid(&self.app, client), HashSet::new()),
        }
    }

    fn resource(&self, request: &Request<'_>) -> Option<Entity> {
        match request.resource {
            Resource::Records { kind, area } => {
                let attributes = [("kind", string(kind)), ("area", string(area.as_str()))];
                entity(uid(&self.records, kind), attributes)
            }
            Resource::Share(share) => {
                let attributes = [
                    ("live", boolean(share.live)),
                    ("purpose", string(share.purpose.as_str())),
                    ("ofThisPatient", boolean(share.of_this_patient)),
                    ("protected", boolean(share.protected)),
                    ("named", boolean(share.names_principal.is_some())),
                    ("namesPrincipal", boolean(share.names_principal.unwrap_or(false))),
                ];
                entity(uid(&self.share, "share"), attributes)
            }
            Resource::Node => Some(Entity::new_no_attrs(uid(&self.node, "node"), HashSet::new())),
        }
    }
}

fn circumstances(request: &Request<'_>) -> [(String, RestrictedExpression); 6] {
    let given = &request.circumstances;
    [
        ("purpose".into(), string(given.purpose.as_str())),
        ("reasonGiven".into(), boolean(given.reason_given)),
        ("chartOpen".into(), boolean(given.chart_open)),
        ("relation".into(), string(given.relation.as_str())),
        ("scopesAllow".into(), boolean(given.scopes_allow)),
        ("restricted".into(), boolean(given.restricted)),
    ]
}

fn uid(kind: &EntityTypeName, id: &str) -> EntityUid {
    EntityUid::from_type_name_and_id(kind.clone(), EntityId::new(id))
}

fn entity<const N: usize>(uid: EntityUid, attributes: [(&str, RestrictedExpression); N]) -> Option<Entity> {
    let attributes = attributes.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    Entity::new(uid, attributes, HashSet::new()).ok()
}

fn string(text: &str) -> RestrictedExpression {
    RestrictedExpression::new_string(text.to_owned())
}

fn boolean(value: bool) -> RestrictedExpression {
    RestrictedExpression::new_bool(value)
}
