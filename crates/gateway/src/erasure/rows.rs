//! What is kept of an erasure: how far it is, and what its orders open to. No clinical data.

use super::{Kept, Named, Scope};
use crate::store::Rows;
use salus_types::erasure::ErasureGround;
use serde::{Deserialize, Serialize};

/// Works by the id of their case.
pub(crate) const WORKS: Rows<Work> = Rows::new("erasures");

/// How far a work is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Step {
    /// The resources leave the clinical store.
    Removing,
    /// Orders go on the ledger, and are carried out here.
    Ordering,
    /// Others carry them out.
    Ordered,
}

/// An erasure that a steward has decided on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Work {
    /// FHIR Patient id here.
    pub(crate) patient: String,
    /// On which ground.
    pub(crate) ground: ErasureGround,
    /// What was meant; works of earlier releases do not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) scope: Option<Scope>,
    /// How far it is.
    pub(crate) step: Step,
    /// What is to be erased, until it is ordered.
    pub(crate) resources: Vec<Named>,
    /// How many records are erased.
    pub(crate) records: u32,
    /// What is kept, and why.
    pub(crate) kept: Vec<Kept>,
    /// The orders.
    pub(crate) orders: Vec<Order>,
}

/// An order: what goes on the ledger, and what opens it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Order {
    /// The action, encoded, in hexadecimal digits.
    pub(super) action: String,
    /// The notice, encoded, in hexadecimal digits.
    pub(super) notice: String,
}

impl Work {
    /// A new work, if there is anything to erase.
    pub(crate) fn new(patient: String, ground: ErasureGround, scope: Scope, survey: super::Survey) -> Self {
        let resources: Vec<_> = survey.due.into_iter().map(|(named, _)| named).collect();
        Self {
            patient,
            ground,
            scope: Some(scope),
            step: Step::Removing,
            records: u32::try_from(resources.len()).unwrap_or(u32::MAX),
            resources,
            kept: survey.kept,
            orders: Vec::new(),
        }
    }
}
