//! Decisions that were made before. A decision depends on its request and on nothing else (the crate is pure, and the
//! policies are embedded), so one that is remembered is the one that would be made again; there is nothing to invalidate.

use crate::request::{Principal, Request, Resource};
use crate::rules::Decision;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// Decisions that are remembered. When there are more, all are forgotten: a node has some dozen kinds of them for each of
/// those who use it at the time.
const DECISIONS_MAX: usize = 4_096;
/// Longest request that is remembered, in bytes: what stands in the place of a type may be anything.
const KEY_BYTES_MAX: usize = 256;

/// Remembered decisions.
#[derive(Default)]
pub(crate) struct Memory(Mutex<HashMap<Vec<u8>, Decision>>);

impl Memory {
    /// The decision on a request, made by `decide` unless it was made before.
    pub(crate) fn recall(&self, request: &Request<'_>, decide: impl FnOnce() -> Decision) -> Decision {
        let key = key(request);
        if key.len() > KEY_BYTES_MAX {
            return decide();
        }
        if let Some(decision) = self.decisions().get(&key) {
            return decision.clone();
        }
        let decision = decide();
        let mut decisions = self.decisions();
        if decisions.len() >= DECISIONS_MAX {
            decisions.clear();
        }
        decisions.insert(key, decision.clone());
        decision
    }

    fn decisions(&self) -> std::sync::MutexGuard<'_, HashMap<Vec<u8>, Decision>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.decisions().len()
    }
}

/// Everything that a request says, so that no two have the same key. Every field is named, so that a new one is not
/// forgotten here.
fn key(request: &Request<'_>) -> Vec<u8> {
    let Request { principal, action, resource, circumstances } = request;
    let mut key = Vec::with_capacity(96);
    match principal {
        Principal::Practitioner { id, role } => {
            text(&mut key, "practitioner");
            text(&mut key, role.as_str());
            text(&mut key, id);
        }
        Principal::System { client } => {
            text(&mut key, "system");
            text(&mut key, client);
        }
        Principal::App { client } => {
            text(&mut key, "app");
            text(&mut key, client);
        }
    }
    text(&mut key, action.as_str());
    match resource {
        Resource::Records { kind, area } => {
            text(&mut key, "records");
            text(&mut key, area.as_str());
            text(&mut key, kind);
        }
        Resource::Share(share) => {
            let crate::ShareFacts { live, purpose, of_this_patient, protected, names_principal } = share;
            text(&mut key, "share");
            text(&mut key, purpose.as_str());
            let named = [names_principal.is_some(), *names_principal == Some(true)];
            key.extend([*live, *of_this_patient, *protected].into_iter().chain(named).map(u8::from));
        }
        Resource::Node => text(&mut key, "node"),
    }
    let crate::Circumstances { purpose, reason_given, chart_open, relation, scopes_allow, restricted } =
        circumstances;
    text(&mut key, purpose.as_str());
    text(&mut key, relation.as_str());
    key.extend([*reason_given, *chart_open, *scopes_allow, *restricted].map(u8::from));
    key
}

/// A text with its length before it.
fn text(key: &mut Vec<u8>, text: &str) {
    key.extend((text.len() as u64).to_le_bytes());
    key.extend(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Action, Area, Circumstances, Relation, Role, ShareFacts, decide_anew};
    use salus_types::category::Purpose;
    use std::collections::HashSet;

    fn request<'a>() -> Request<'a> {
        Request {
            principal: Principal::System { client: "lab" },
            action: Action::Read,
            resource: Resource::Records { kind: "Observation", area: Area::Clinical },
            circumstances: Circumstances {
                purpose: Purpose::Operations,
                reason_given: false,
                chart_open: false,
                relation: Relation::None,
                scopes_allow: true,
                restricted: false,
            },
        }
    }

    /// Requests that differ from the first in one thing each.
    fn variants<'a>() -> Vec<Request<'a>> {
        let base = request();
        let share = ShareFacts {
            live: true,
            purpose: Purpose::Treatment,
            of_this_patient: true,
            protected: false,
            names_principal: None,
        };
        let of = |principal| Request { principal, ..base };
        let on = |resource| Request { resource, ..base };
        let given = |circumstances| Request { circumstances, ..base };
        let given_base = base.circumstances;
        vec![
            base,
            of(Principal::System { client: "lab2" }),
            of(Principal::App { client: "lab" }),
            of(Principal::Practitioner { id: "lab", role: Role::Clinician }),
            of(Principal::Practitioner { id: "lab", role: Role::Clerk }),
            Request { action: Action::Search, ..base },
            on(Resource::Records { kind: "Patient", area: Area::Clinical }),
            on(Resource::Records { kind: "Observation", area: Area::Demographics }),
            on(Resource::Node),
            on(Resource::Share(share)),
            on(Resource::Share(ShareFacts { live: false, ..share })),
            on(Resource::Share(ShareFacts { of_this_patient: false, ..share })),
            on(Resource::Share(ShareFacts { protected: true, ..share })),
            on(Resource::Share(ShareFacts { purpose: Purpose::Research, ..share })),
            on(Resource::Share(ShareFacts { names_principal: Some(false), ..share })),
            on(Resource::Share(ShareFacts { names_principal: Some(true), ..share })),
            given(Circumstances { purpose: Purpose::Research, ..given_base }),
            given(Circumstances { reason_given: true, ..given_base }),
            given(Circumstances { chart_open: true, ..given_base }),
            given(Circumstances { relation: Relation::Chart, ..given_base }),
            given(Circumstances { scopes_allow: false, ..given_base }),
            given(Circumstances { restricted: true, ..given_base }),
        ]
    }

    #[test]
    fn requests_that_differ_in_anything_are_remembered_apart() {
        let keys: HashSet<Vec<u8>> = variants().iter().map(key).collect();
        assert_eq!(keys.len(), variants().len());
    }

    #[test]
    fn what_is_remembered_is_what_would_be_decided_again() {
        let memory = Memory::default();
        for request in variants().into_iter().chain(variants()) {
            assert_eq!(
                memory.recall(&request, || decide_anew(&request)),
                decide_anew(&request),
                "{request:?}"
            );
        }
        assert_eq!(memory.len(), variants().len());
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let memory = Memory::default();
        let ids: Vec<String> = (0..=DECISIONS_MAX).map(|number| number.to_string()).collect();
        let decision = decide_anew(&request());
        for id in &ids {
            let request = Request { principal: Principal::System { client: id }, ..request() };
            memory.recall(&request, || decision.clone());
        }
        assert!(memory.len() <= DECISIONS_MAX);
        let long = "x".repeat(KEY_BYTES_MAX);
        let before = memory.len();
        let request =
            Request { resource: Resource::Records { kind: &long, area: Area::Clinical }, ..request() };
        memory.recall(&request, || decision.clone());
        assert_eq!(memory.len(), before);
    }
}
